package tree

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
)

// real returns the real name of what a name stands for. It fails with an error
// for which [missing] holds where there is nothing of that name.
func (t *Tree) real(name string) (string, error) {
	if !valid(name) {
		return "", &Error{Name: name, Reason: "is not the name of a file in the folder"}
	}
	if _, err := os.Lstat(t.path(name)); err != nil {
		return "", unreadable(name, err)
	}
	target, err := filepath.EvalSymlinks(t.path(name))
	if errors.Is(err, fs.ErrPermission) {
		return "", unreadable(name, err)
	}
	if err != nil {
		// As there is something of that name, the link leads nowhere or in a circle.
		return "", &Error{Name: name, Reason: "is a link that leads to no file", Advice: adviceLink}
	}
	real, ok := t.name(target)
	switch {
	case !ok:
		return "", &Error{Name: name, Reason: "is a link that leads out of the folder", Advice: adviceLink}
	case inGit(real):
		return "", &Error{Name: name, Reason: "is a link that leads into .git", Advice: adviceLink}
	}
	return real, nil
}

// checkAbove returns an error where a folder is not found, or is not where it seems
// to be, because it or one above it is a link that leads nowhere or out.
func (t *Tree) checkAbove(folder string) error {
	for ; folder != "."; folder = path.Dir(folder) {
		if _, err := t.real(folder); !missing(err) {
			return err
		}
	}
	return nil
}

// stat returns what a name stands for: its real name and what that is.
func (t *Tree) stat(name string) (string, fs.FileInfo, error) {
	real, err := t.real(name)
	if err != nil {
		return "", nil, err
	}
	info, err := os.Lstat(t.path(real))
	if err != nil {
		return "", nil, unreadable(name, err)
	}
	return real, info, nil
}

// regular returns the real name of the regular file that a name stands for, and
// what it is.
func (t *Tree) regular(name string) (string, fs.FileInfo, error) {
	real, info, err := t.stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = irregular(name)
	}
	return real, info, err
}

// folders remembers which folders are real ones, so that the files in one do not
// each cost a look at all the folders above. The zero value is ready for use.
type folders struct {
	mu   sync.Mutex
	real map[string]bool
}

// isReal tells whether a folder and all above are folders, and none a link. The
// error is that of a folder that cannot be looked at.
func (f *folders) isReal(t *Tree, name string) (bool, error) {
	if name == "." {
		return true, nil
	}
	f.mu.Lock()
	real, ok := f.real[name]
	f.mu.Unlock()
	if ok {
		return real, nil
	}
	real, err := f.isReal(t, path.Dir(name))
	if real {
		var info fs.FileInfo
		if info, err = os.Lstat(t.path(name)); err == nil {
			real = info.IsDir()
		}
	}
	if err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.real == nil {
		f.real = map[string]bool{}
	}
	f.real[name] = real
	return real, nil
}
