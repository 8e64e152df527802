package artifactfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// A target is a folder that is to be made.
type target struct {
	path         string
	parent       *os.Root
	name, staged string // in parent; staged is empty before there is one
}

func openTarget(root, dir string) (*target, error) {
	if err := CheckPlaces(root, "", dir); err != nil {
		return nil, err
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, &Error{dir, "has no absolute path", err}
	}
	parent, err := openRoot(filepath.Dir(absolute))
	if err != nil {
		return nil, err
	}
	t := &target{path: dir, parent: parent, name: filepath.Base(absolute)}
	if err := t.empty(); err != nil {
		_ = parent.Close()
		return nil, err
	}
	return t, nil
}

// empty returns an error unless nothing lies in the target, for that would look as if
// it had been verified.
func (t *target) empty() error {
	const advice = "name a folder that is not there yet, or an empty one"
	info, err := t.parent.Lstat(t.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return unreadable(t.path, err)
	case !info.IsDir():
		return &PlaceError{t.path, "is " + irregularOr(info.Mode(), "a file"), advice}
	}
	folder, problem, err := enter(t.parent, t.name)
	if err != nil {
		return unreadable(t.path, err)
	}
	if problem != "" {
		return &PlaceError{t.path, "was replaced while it was opened", advice}
	}
	defer folder.Close()
	f, err := folder.Open(".")
	if err != nil {
		return unreadable(t.path, err)
	}
	defer f.Close()
	switch _, err := f.ReadDir(1); {
	case err == nil:
		return &PlaceError{t.path, "is not empty", advice}
	case !errors.Is(err, io.EOF):
		return unreadable(t.path, err)
	}
	return nil
}

// prefix begins the names of what is promoted to this target.
func (t *target) prefix() string { return temporary + t.name + "-" }

// remove removes a folder of copies. It is renamed first: a process that is still
// about to publish it then fails, and does not publish what is half removed.
func (t *target) remove(name string) error {
	gone := t.prefix() + newID()
	if err := step("set aside " + name); err != nil {
		return err
	}
	err := t.parent.Rename(name, gone)
	if err == nil {
		err = step("remove " + name)
	}
	if err == nil {
		err = t.parent.RemoveAll(gone)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// discard removes the copies.
func (t *target) discard() { _ = t.remove(t.staged) }

// stage makes the folder for the copies.
func (t *target) stage() (*os.Root, error) {
	name := t.prefix() + newID()
	err := step("make the folder")
	if err == nil {
		err = t.parent.Mkdir(name, 0o755)
	}
	if err != nil {
		return nil, &Error{t.path, "cannot be made", err}
	}
	t.staged = name
	stage, problem, err := enter(t.parent, name)
	if err == nil && problem != "" {
		err = errors.New(problem)
	}
	if err != nil {
		t.discard()
		return nil, &Error{t.path, "cannot be made", err}
	}
	return stage, nil
}

// publish gives the copies the name of the target. Where an empty folder has it, the
// rename of the system replaces that, and fails if it is not empty by now.
func (t *target) publish() error {
	err := step("publish")
	if err == nil && runtime.GOOS == "windows" { // its rename replaces no folder
		if err = t.parent.Remove(t.name); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		// Rename of an os.Root refuses every folder that is there.
		err = renameBetween(t.parent, t.staged, t.parent, t.name)
	}
	if err != nil {
		return &Error{t.path, "cannot be put in place (nothing may be mounted there)", err}
	}
	_ = step("sync")
	_ = syncFolder(t.parent) // it is there and whole, whether or not the name lasts
	return nil
}
