package tree

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// Clean returns an error about the first of the names whose content is not that
// of HEAD, byte for byte: who publishes the file would take along what else
// changed in it, line ends that git converts included. It compares digests of
// the bytes as they are, for git's own comparison runs the filters that the
// repository's configuration names.
func (t *Tree) Clean(ctx context.Context, names []string) error {
	// The form of a line is "<mode> <type> <digest>\t<name>" (git-ls-tree(1)).
	out, err := t.git(ctx, "ls-tree", "-r", "-z", "HEAD")
	if err != nil {
		return err
	}
	digests := map[string]string{}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		about, name, _ := strings.Cut(entry, "\t")
		if f := strings.Fields(about); len(f) == 3 && strings.HasPrefix(f[0], "100") {
			digests[name] = f[2]
		}
	}
	for _, name := range names {
		real, err := t.real(name)
		if err != nil {
			return err
		}
		want, ok := digests[real]
		if !ok {
			return &Error{Name: name, Reason: "is not in the commit that is checked out", Advice: "commit the file first"}
		}
		content, err := t.Read(real)
		if err != nil {
			return err
		}
		if blobDigest(content, len(want)) != want {
			return &Error{
				Name: name, Reason: "differs from the commit that is checked out",
				Advice: "commit or undo what changed in it, line ends too, and run again: publishing would take it along",
			}
		}
	}
	return nil
}

// blobDigest returns git's name for a content in as many hex digits as given:
// the digest of "blob <length>\x00<content>" by SHA-1 or SHA-256.
func blobDigest(content []byte, digits int) string {
	var h hash.Hash = sha1.New()
	if digits == hex.EncodedLen(sha256.Size) {
		h = sha256.New()
	}
	fmt.Fprintf(h, "blob %d\x00", len(content))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}
