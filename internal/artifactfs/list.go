package artifactfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// An Entry is something that lies below a folder.
type Entry struct {
	Path    string
	Problem string // why it is no file that can be trusted; empty for a regular file
}

const (
	// maxPath bounds the path of a folder that is looked into, in bytes: it is the
	// longest that a manifest may have.
	maxPath = 4096
	// chunk is how many names are read at once, for a folder may have any number.
	chunk = 1024
)

// List returns everything below the folder dir that is no folder, sorted by path.
// No link is followed. Links, pipes, sockets and devices have a problem, and so
// has a path that is not UTF-8; its bytes stand in Path as they are, so it has to
// be escaped where it is shown. A folder that holds nothing is passed over. What
// lies deeper than any manifest can say is one entry with a problem.
//
// skip is asked about every path, a folder's before anything in it; where it says
// yes neither the path nor what lies below is listed. It may be nil. All errors
// are of type [Error].
func List(dir string, skip func(path string) bool) ([]Entry, error) {
	root, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	l := &listing{skip: skip}
	if err := l.folder(root, ""); err != nil {
		return nil, err
	}
	slices.SortFunc(l.entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return l.entries, nil
}

// openRoot opens the folder that paths are relative to.
func openRoot(dir string) (*os.Root, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, &Error{dir, "cannot be opened as a folder", err}
	}
	return root, nil
}

type listing struct {
	skip    func(string) bool
	entries []Entry
}

// folder lists what lies in an open folder. above is its path with a slash at the
// end, or empty for the root.
func (l *listing) folder(folder *os.Root, above string) error {
	path := strings.TrimSuffix(above, "/")
	if path == "" {
		path = "."
	}
	f, err := folder.Open(".")
	if err != nil {
		return unreadable(path, err)
	}
	defer f.Close()
	var below []string
	for {
		entries, err := f.ReadDir(chunk)
		for _, e := range entries {
			path := above + e.Name()
			switch {
			case l.skip != nil && l.skip(path):
			case e.IsDir():
				below = append(below, e.Name())
			default:
				l.add(path, irregular(e.Type()))
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return unreadable(path, err)
		}
	}
	f.Close()
	for _, name := range below {
		if err := l.enter(folder, name, above+name); err != nil {
			return err
		}
	}
	return nil
}

// enter lists what lies in a folder of another one.
func (l *listing) enter(folder *os.Root, name, path string) error {
	if len(path) > maxPath {
		l.add(path, "a path of more than 4096 bytes")
		return nil
	}
	opened, problem, err := enter(folder, name)
	switch {
	case problem != "" || errors.Is(err, errNoFolder): // it was one a moment ago
		l.add(path, problemSwapped)
		return nil
	case errors.Is(err, fs.ErrNotExist): // taken away meanwhile
		return nil
	case err != nil:
		return unreadable(path, err)
	}
	defer opened.Close()
	return l.folder(opened, path+"/")
}

func (l *listing) add(path, problem string) {
	if problem == "" && !utf8.ValidString(path) {
		problem = problemUTF8
	}
	l.entries = append(l.entries, Entry{path, problem})
}

const problemUTF8 = "a path that is not UTF-8"
