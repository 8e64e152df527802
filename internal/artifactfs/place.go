package artifactfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A PlaceError says why a folder cannot be the quarantine or be promoted to: the
// program was used wrongly, and nothing was done.
type PlaceError struct {
	Path, Reason, Advice string
}

func (e *PlaceError) Error() string { return fmt.Sprintf("%q %s", e.Path, e.Reason) }

// Hint returns what to do about the error.
func (e *PlaceError) Hint() string { return e.Advice }

// Below tells where a file or folder lies below the folder dir: its path with
// slashes, or "." for dir itself. ok is false where it lies elsewhere. Links are
// followed, and neither has to be there. It tells a caller which paths to leave
// out of [List].
func Below(dir, path string) (rel string, ok bool, err error) {
	if dir, err = realPath(dir); err != nil {
		return "", false, err
	}
	if path, err = realPath(path); err != nil {
		return "", false, err
	}
	top, err := os.Stat(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false, unreadable(dir, err)
	}
	for at := path; ; at = filepath.Dir(at) {
		// A disk that does not tell letter case has several spellings of one folder.
		here, err := os.Stat(at)
		if at == dir || err == nil && top != nil && os.SameFile(here, top) {
			rel, err := filepath.Rel(at, path)
			return filepath.ToSlash(rel), err == nil, err
		}
		if at == filepath.Dir(at) {
			return "", false, nil
		}
	}
}

// realPath returns the absolute path without links. The last parts may not exist.
func realPath(path string) (string, error) {
	at, err := filepath.Abs(path)
	if err != nil {
		return "", &Error{path, "has no absolute path", err}
	}
	for rest := ""; ; {
		real, err := filepath.EvalSymlinks(at)
		if err == nil {
			return filepath.Join(real, rest), nil
		}
		_, seen := os.Lstat(at)
		if at == filepath.Dir(at) || seen == nil || !errors.Is(seen, fs.ErrNotExist) {
			return "", unreadable(path, err) // such as a link that leads nowhere
		}
		at, rest = filepath.Dir(at), filepath.Join(filepath.Base(at), rest)
	}
}

// CheckPlaces returns a [PlaceError] where the root, the quarantine and the folder
// that is promoted to cannot go together. The latter two may lie inside the root,
// but not the other way round, and neither in the other. An empty one is not used.
func CheckPlaces(root, quarantine, promote string) error {
	const advice = "name a folder of its own, beside the root or inside it"
	for _, pair := range []struct{ outer, inner, reason string }{
		{quarantine, root, "is the root or lies above it, and cannot be the quarantine"},
		{promote, root, "is the root or lies above it, and cannot be promoted to"},
		{quarantine, promote, "is the quarantine, and holds what is to be promoted"},
		{promote, quarantine, "is to be promoted to, and holds the quarantine"},
	} {
		if pair.outer == "" || pair.inner == "" {
			continue
		}
		_, inside, err := Below(pair.outer, pair.inner)
		if err != nil {
			return err
		}
		if inside {
			return &PlaceError{pair.outer, pair.reason, advice}
		}
	}
	return nil
}
