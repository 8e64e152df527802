package artifactfs

import (
	"context"

	"github.com/countersign-ci/countersign/internal/artifact"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// PreparePromote checks that Promote may make the folder dir: it is not there or
// empty, what it lies in is there, and it is not the root nor above it. It removes
// what an earlier process left, so it is to be called before the root is listed.
// An error is a [PlaceError] or an [Error].
func PreparePromote(root, dir string) error {
	t, err := openTarget(root, dir)
	if err != nil {
		return err
	}
	defer t.parent.Close()
	return t.clear()
}

// Promote copies the files of a manifest from below the folder root to the folder
// dir, which it makes. It hashes what it writes, so what is there in the end is what
// the manifest lists, whoever changes the source or holds it open. Where a file is
// other than listed it returns the result of each such file, and dir is not made: all
// or nothing. Images of the manifest are passed over.
//
// The copies go to a folder beside dir, .countersign-<name of dir>-<16 hex>, are
// synced, and that folder is renamed to dir: interrupted at any point, dir is as it
// was or complete, and the next call removes the other folder. A file keeps its
// executable bit; its mode is 0755 or 0644, that of folders 0755, less the umask.
// It has no other link and belongs to who runs this.
//
// An error is a [PlaceError], an [Error], or the cause of the end of ctx; with one
// nothing was promoted. At least eight files are copied at once unless o has Workers,
// for syncing one mostly waits.
func Promote(ctx context.Context, root, dir string, files []runspec.Artifact, o Options) ([]artifact.Result, error) {
	t, err := openTarget(root, dir)
	if err != nil {
		return nil, err
	}
	defer t.parent.Close()
	if err := t.clear(); err != nil {
		return nil, err
	}
	from, err := openRoot(root)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	stage, err := t.stage()
	if err != nil {
		return nil, err
	}
	defer stage.Close()
	p := &promotion{from: from, to: stage, files: files, options: o}
	changed, err := p.copyAll(ctx)
	if err == nil && len(changed) == 0 {
		err = p.syncFolders()
	}
	if err != nil || len(changed) > 0 {
		t.discard()
		return changed, err
	}
	_ = stage.Close() // Windows renames no folder that is open
	if err := t.publish(); err != nil {
		t.discard()
		return nil, err
	}
	return nil, nil
}
