package artifactfs

import (
	"context"
	"testing"

	"github.com/countersign-ci/countersign/internal/artifact"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// AtStep has f called before each step that changes the disk, which fails with its
// error, until the test ends.
func AtStep(t testing.TB, f func(name string) error) {
	before := step
	step = f
	t.Cleanup(func() { step = before })
}

// SetStep is AtStep for a process of its own.
func SetStep(f func(name string) error) { step = f }

// ErrOtherDevice is why a rename fails that would go to another file system.
const ErrOtherDevice = errOtherDevice

// PendingSource returns the root and the path of a note about a file on its way.
func PendingSource(b []byte) (root, path string, err error) {
	p, err := parsePending(b)
	return p.Root, p.Note.source(), err
}

// PendingText is the note about a file on its way.
func PendingText(root string, f Failed) ([]byte, error) {
	return text(pending{root, newNote(f)})
}

// Promote stages and publishes.
func Promote(ctx context.Context, root, dir string, files []runspec.Artifact, o Options) ([]artifact.Result, error) {
	s, changed, err := Stage(ctx, root, dir, files, o)
	if s == nil {
		return changed, err
	}
	return nil, s.Publish()
}
