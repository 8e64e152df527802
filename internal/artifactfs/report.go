package artifactfs

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"time"
	"unicode/utf8"

	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// A note is what lies beside a file in the quarantine.
type note struct {
	Path string `json:"path"`
	// PathBytes is the path where it is not UTF-8, for JSON cannot hold it.
	PathBytes []byte   `json:"path_bytes,omitempty"`
	Expected  *measure `json:"expected"`
	Found     *measure `json:"found"`
	TokenID   string   `json:"token_id"`
	Time      string   `json:"time"` // RFC 3339, UTC, whole seconds
	Rule      string   `json:"rule"`
}

// A measure is what an artifact has besides its path.
type measure struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// A pending note lies in the quarantine while its file is on the way there. Root is
// the absolute path of the folder that the file comes from.
type pending struct {
	Root string `json:"root"`
	Note note   `json:"report"`
}

func newNote(f Failed) note {
	n := note{
		Path:     f.Path,
		Expected: measureOf(f.Expected),
		Found:    measureOf(f.Found),
		TokenID:  f.TokenID,
		Time:     f.Time.UTC().Format(time.RFC3339),
		Rule:     f.Rule,
	}
	if !utf8.ValidString(f.Path) {
		n.PathBytes = []byte(f.Path)
	}
	return n
}

func measureOf(a *runspec.Artifact) *measure {
	if a == nil {
		return nil
	}
	return &measure{a.Size, a.SHA256}
}

// source is the path in the root, byte by byte.
func (n *note) source() string {
	if n.PathBytes != nil {
		return string(n.PathBytes)
	}
	return n.Path
}

// text returns a note as one line that is safe in a log.
func text(v any) ([]byte, error) { return report.JSON(v) }

// maxNote bounds a note that is read, in bytes: there are two paths of 4096 bytes in
// it, each byte written as up to six.
const maxNote = 128 << 10

var errNote = errors.New("it is not a note that was written to its end")

// parsePending reads a pending note. One that is cut off is none.
func parsePending(b []byte) (pending, error) {
	var p pending
	if len(b) > maxNote || !bytes.HasSuffix(b, []byte("\n")) {
		return p, errNote
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return pending{}, errNote
	}
	if !filepath.IsAbs(p.Root) || p.Note.Path == "" {
		return pending{}, errNote
	}
	return p, nil
}
