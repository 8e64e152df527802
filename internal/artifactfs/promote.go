package artifactfs

import (
	"context"
	"errors"
	"slices"

	"github.com/countersign-ci/countersign/internal/artifact"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// PreparePromote checks that Promote may make the folder dir: it is not there or
// empty, what it lies in is there, and it is not the root nor above it. An error is a
// [PlaceError] or an [Error].
func PreparePromote(root, dir string) error {
	t, err := openTarget(root, dir)
	if err != nil {
		return err
	}
	return t.parent.Close()
}

// A Staged is a folder of copies that was checked and has not its name yet.
type Staged struct {
	t     *target
	files []runspec.Artifact
}

// Stage copies the files of a manifest from below the folder root to where Publish
// makes them the folder dir. It hashes what it writes, so what is there in the end is
// what the manifest lists, whoever changes the source or holds it open. Where a file
// is other than listed it returns the result of each such file, and nothing is staged:
// all or nothing. Images of the manifest are passed over.
//
// The copies go to a folder beside dir, .countersign-<name of dir>-<16 hex>, and are
// synced. Interrupted at any point, dir is as it was or complete, and that other folder
// may be left; nothing removes it, for nobody can tell who made it. A file keeps its
// executable bit; its mode is 0755 or 0644, that of folders 0755, less the umask. It has
// no other link and belongs to who runs this.
//
// An error is a [PlaceError], an [Error], or the cause of the end of ctx; with one
// nothing is staged. At least eight files are copied at once unless o has Workers, for
// syncing one mostly waits.
func Stage(ctx context.Context, root, dir string, files []runspec.Artifact, o Options) (*Staged, []artifact.Result, error) {
	t, err := openTarget(root, dir)
	if err != nil {
		return nil, nil, err
	}
	s := &Staged{t, files}
	changed, err := s.copy(ctx, root, o)
	if err != nil || len(changed) > 0 {
		s.Discard()
		return nil, changed, err
	}
	return s, nil, nil
}

func (s *Staged) copy(ctx context.Context, root string, o Options) ([]artifact.Result, error) {
	from, err := openRoot(root)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	to, err := s.t.stage()
	if err != nil {
		return nil, err
	}
	defer to.Close() // Windows renames no folder that is open
	p := &promotion{from: from, to: to, files: s.files, options: o}
	changed, err := p.copyAll(ctx)
	if err == nil && len(changed) == 0 {
		err = p.syncFolders()
	}
	return changed, err
}

// Publish gives the copies their name. With an error, an [Error], they are gone.
func (s *Staged) Publish() error {
	err := s.t.publish()
	if err == nil {
		if err = s.whole(); err == nil {
			return s.t.parent.Close()
		}
		// It was taken apart while it was no more than a folder beside others.
		s.t.staged = s.t.name
	}
	s.Discard()
	return err
}

// whole returns an error unless what was published is all that was copied.
func (s *Staged) whole() error {
	entries, err := List(s.t.path, nil)
	if err != nil {
		return err
	}
	paths := artifact.Files(s.files)
	slices.Sort(paths)
	there := make([]string, len(entries))
	for i, e := range entries {
		there[i] = e.Path
	}
	if !slices.Equal(paths, there) {
		return &Error{s.t.path, "was changed while it was put in place", errors.New("another process has moved its files")}
	}
	return nil
}

// Discard removes the copies that are not published.
func (s *Staged) Discard() {
	if s.t.staged != "" {
		s.t.discard()
	}
	_ = s.t.parent.Close()
}
