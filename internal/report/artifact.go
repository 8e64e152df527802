package report

import (
	"bufio"
	"bytes"
	"io"
)

// An Artifact is what became of one file, or image, of a check of artifacts:
//
//	{"path": "dist/app.tgz", "status": "changed",
//	 "expected": {"size": 10240, "sha256": "<64 hex>"},
//	 "found": {"size": 10240, "sha256": "<64 hex>"},
//	 "quarantine": "quarantine/<64 hex>"}
type Artifact struct {
	Path       string  `json:"path"`
	Status     string  `json:"status"`     // verified, recorded, missing, changed, unlisted or unsafe
	Expected   *Digest `json:"expected"`   // null for what the manifest does not list
	Found      *Digest `json:"found"`      // null for what is not there or was not read
	Quarantine string  `json:"quarantine"` // where it lies now, or empty
}

// A Digest is the content of a file by its size, in bytes, and its SHA-256, 64 hex
// digits.
type Digest struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// WriteJSON writes a report as [JSON] has it. Artifacts go one by one, for there may be
// 100,000.
func (r *Report) WriteJSON(w io.Writer) error {
	head := *r
	head.Artifacts = nil
	text, err := JSON(&head)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	if r.Artifacts == nil {
		b.Write(text)
		return b.Flush()
	}
	b.Write(bytes.TrimSuffix(text, []byte("}\n")))
	b.WriteString(`,"artifacts":[`)
	for i, a := range r.Artifacts {
		if text, err = JSON(a); err != nil {
			return err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(bytes.TrimSuffix(text, []byte("\n")))
	}
	b.WriteString("]}\n")
	return b.Flush() // a failure to write stays
}
