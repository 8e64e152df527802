package artifactfs

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Problems that are seen when a path is opened; see also [irregular].
const (
	problemPath    = "a path that does not lead below the root"
	problemBelow   = "below a symbolic link"
	problemSwapped = "it was replaced while it was opened"
)

// errNoFolder says that something else lies where a path has a folder. Nothing
// lies below that.
var errNoFolder = fmt.Errorf("no folder lies there: %w", fs.ErrNotExist)

// atOpen is called between the look at a file or folder and its opening. Tests
// swap things there.
var atOpen = func(name string) {}

// open opens the regular file at a path below the root. It follows no link and
// does not wait for the other end of a pipe. Where something else lies there,
// problem says what, such as "a symbolic link", and file and info are nil. An
// error is an [Error]; it wraps [fs.ErrNotExist] where nothing lies there.
//
//	file, info, problem, err := open(root, path)
//	switch {
//	case errors.Is(err, fs.ErrNotExist): // missing
//	case err != nil: // the disk: undecided
//	case problem != "": // refused
//	}
//	defer file.Close()
//
// info is of the opened file itself, for [os.SameFile] later on. Whoever opens
// many files, or is to rename or remove one, uses an [opener].
func open(root *os.Root, path string) (file *os.File, info fs.FileInfo, problem string, err error) {
	o := &opener{root: root}
	defer o.close()
	return o.open(path)
}

// An opener opens files below a root. It keeps the folders open that led to the
// last one, so paths go fast when they are sorted. One goroutine may use it at a
// time; several openers may share a root.
type opener struct {
	root  *os.Root
	names []string   // the folders on the way to the last path
	roots []*os.Root // the same, opened
}

// close closes the folders, not the root.
func (o *opener) close() { o.up(0) }

// up closes all folders but the first n.
func (o *opener) up(n int) {
	for _, folder := range o.roots[n:] {
		folder.Close()
	}
	o.names, o.roots = o.names[:n], o.roots[:n]
}

// open is [open] with the folders kept.
func (o *opener) open(path string) (*os.File, fs.FileInfo, string, error) {
	folder, name, problem, err := o.folder(path)
	if problem != "" || err != nil {
		return nil, nil, problem, err
	}
	file, info, problem, err := openIn(folder, name)
	if err != nil {
		err = unreadable(path, err)
	}
	return file, info, problem, err
}

// folder opens the folder that a path lies in, and returns the path's last part.
// Lstat, Rename and Remove of the folder take that name without going through a
// link. Problem and err are as with [open], but what lies at the path itself is
// not looked at. The folder belongs to the opener and is open until the next call.
func (o *opener) folder(path string) (folder *os.Root, name, problem string, err error) {
	parts := strings.Split(path, "/")
	for _, part := range parts {
		if !validPart(part) {
			return nil, "", problemPath, nil
		}
	}
	last := len(parts) - 1
	kept := 0
	for kept < min(last, len(o.names)) && o.names[kept] == parts[kept] {
		kept++
	}
	o.up(kept)
	folder = o.root
	if kept > 0 {
		folder = o.roots[kept-1]
	}
	for i, part := range parts[kept:last] {
		below, problem, err := enter(folder, part)
		if err != nil {
			return nil, "", "", unreadable(strings.Join(parts[:kept+i+1], "/"), err)
		}
		if problem != "" {
			return nil, "", problem, nil
		}
		o.names, o.roots = append(o.names, part), append(o.roots, below)
		folder = below
	}
	return folder, parts[last], "", nil
}

// enter opens a folder in another one. An [os.Root] follows links that stay
// inside of it, so what was opened is compared with what lay there.
func enter(folder *os.Root, name string) (*os.Root, string, error) {
	seen, err := lstat(folder, name)
	switch {
	case err != nil:
		return nil, "", err
	case seen.Mode()&fs.ModeSymlink != 0:
		return nil, problemBelow, nil
	case !seen.IsDir():
		return nil, "", errNoFolder
	}
	atOpen(name)
	// The dot has the system open a folder or nothing: to open a pipe would wait.
	below, err := folder.OpenRoot(name + "/.")
	if err != nil {
		problem, err := unopened(folder, name, seen, err)
		return nil, problem, err
	}
	opened, err := below.Stat(".")
	if err == nil && os.SameFile(seen, opened) {
		return below, "", nil
	}
	below.Close()
	if err != nil {
		return nil, "", err
	}
	return nil, problemSwapped, nil
}

// openIn opens a regular file in a folder.
func openIn(folder *os.Root, name string) (*os.File, fs.FileInfo, string, error) {
	seen, err := lstat(folder, name)
	if err != nil {
		return nil, nil, "", err
	}
	if problem := irregular(seen.Mode()); problem != "" {
		return nil, nil, problem, nil
	}
	atOpen(name)
	file, err := folder.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		problem, err := unopened(folder, name, seen, err)
		return nil, nil, problem, err
	}
	info, err := file.Stat()
	if err == nil && info.Mode().IsRegular() && os.SameFile(seen, info) {
		return file, info, "", nil
	}
	file.Close()
	if err != nil {
		return nil, nil, "", err
	}
	return nil, nil, problemSwapped, nil
}

// unopened tells why something could not be opened after it was seen: because it
// was taken away or replaced meanwhile, or because of the disk.
func unopened(folder *os.Root, name string, seen fs.FileInfo, cause error) (problem string, err error) {
	now, err := lstat(folder, name)
	switch {
	case err != nil:
		return "", err
	case !os.SameFile(seen, now):
		return problemSwapped, nil
	}
	return "", cause
}

// lstat looks at a name in a folder. A name that the disk cannot have is one that
// does not exist.
func lstat(folder *os.Root, name string) (fs.FileInfo, error) {
	info, err := folder.Lstat(name)
	if err != nil && impossible(err) {
		return nil, fs.ErrNotExist
	}
	return info, err
}

// irregular says what something is that is no regular file, or "".
func irregular(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return ""
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "no regular file"
}
