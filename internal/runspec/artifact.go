package runspec

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/gowebpki/jcs"

	"github.com/countersign-ci/countersign/internal/jose"
)

// maxSize is the largest integer that RFC 8785 writes as it is: numbers are
// doubles there, so beyond it two sizes would have one canonical form.
const maxSize = 1<<53 - 1

// malformed returns what keeps an artifact out of a spec, or nothing. Whether a path
// is safe is for package artifact to say.
func (a Artifact) malformed() string {
	switch {
	case a.Path == "":
		return "has no path"
	case a.Size < 0 || a.Size > maxSize:
		return "has a size that is none, or of 2^53 or more"
	case !IsSHA256(a.SHA256):
		return "has a SHA-256 that is not 64 lower-case hex digits"
	}
	return ""
}

// IsSHA256 tells whether s is a SHA-256 as a spec has it: 64 hex digits in small letters.
func IsSHA256(s string) bool {
	for _, c := range []byte(s) {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return len(s) == 64
}

// parseArtifacts reads a manifest, in which each path stands once.
func parseArtifacts(v jose.Value) ([]Artifact, error) {
	artifacts := make([]Artifact, 0, v.Len())
	paths := make(map[string]struct{}, v.Len())
	err := elements(v, jose.Array, func(m jose.Member) error {
		a, err := parseArtifact(m.Value)
		if err != nil {
			return err
		}
		artifacts = append(artifacts, a)
		if paths[a.Path] = struct{}{}; len(paths) < len(artifacts) {
			return errors.New("lists a path twice")
		}
		return nil
	})
	return artifacts, err
}

func parseArtifact(v jose.Value) (a Artifact, err error) {
	err = elements(v, jose.Object, func(m jose.Member) (err error) {
		switch m.Name {
		case "path":
			return setText(&a.Path, m.Value)
		case "sha256":
			return setText(&a.SHA256, m.Value)
		case "size":
			a.Size, err = m.Value.Int()
			return err
		}
		return errors.New("has an element with a field that is not known here")
	})
	switch {
	case err != nil:
		return a, err
	case len(v.Members) != 3:
		return a, errors.New("has an element that is not a path, a size and a sha256")
	}
	if reason := a.malformed(); reason != "" {
		err = fmt.Errorf("has an element that %s", reason)
	}
	return a, err
}

// MarshalJSON returns the spec in the form of RFC 8785.
func (s *Spec) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	for _, a := range s.Artifacts {
		text.Grow(len(a.Path) + len(a.SHA256) + 48)
	}
	err := s.WriteCanonical(&text)
	return text.Bytes(), err
}

// Digest returns the digest of the spec, as [Digest] of its canonical form is.
func (s *Spec) Digest() (string, error) {
	h := sha256.New()
	err := s.WriteCanonical(h)
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), err
}

// WriteCanonical writes the spec in the form of RFC 8785, its artifacts one by one,
// for the trees of a transformation take many times the memory of a long manifest.
func (s *Spec) WriteCanonical(w io.Writer) error {
	type fields Spec // without these methods
	short := fields(*s)
	if len(s.Artifacts) > 0 {
		short.Artifacts = []Artifact{}
	}
	text, err := json.Marshal(&short)
	if err != nil {
		return err
	}
	if text, err = jcs.Transform(text); err != nil {
		return err
	}
	// No other value of that name is an array, and in a text its quotes are escaped.
	before, after, _ := bytes.Cut(text, []byte(`"artifacts":[]`))
	if len(s.Artifacts) == 0 {
		before, after = text, nil
	} else {
		before = append(bytes.Clone(before), `"artifacts":[`...)
		after = append([]byte("]"), after...)
	}
	if _, err := w.Write(before); err != nil {
		return err
	}
	var line []byte
	for i, a := range s.Artifacts {
		line = line[:0]
		if i > 0 {
			line = append(line, ',')
		}
		line = jose.AppendString(append(line, `{"path":`...), a.Path)
		line = jose.AppendString(append(line, `,"sha256":`...), a.SHA256)
		line = append(strconv.AppendInt(append(line, `,"size":`...), a.Size, 10), '}')
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	_, err = w.Write(after)
	return err
}
