// Package artifactfs owns artifact files on the disk: which there are below a
// folder, what is in them, and where those go that fail or hold.
//
// A path is relative to that folder and slash-separated, whatever bytes it is
// made of, such as dist/app.tgz. No link is followed, neither where a path ends
// nor on the way there; the folder itself may be named by way of links. What is
// no regular file is never opened, and has a problem in place of a digest:
//
//	dist/app.tgz     a regular file
//	dist/latest.tgz  "a symbolic link"
//	current/app.tgz  "below a symbolic link"
//	run/agent        "a socket"
package artifactfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// An Error says which file or folder the disk has failed at. It wraps
// [fs.ErrNotExist] where there is none. Nothing is decided about an artifact then.
type Error struct {
	Path  string
	Doing string // such as "cannot be read"
	Cause error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%q %s: %v", e.Path, e.Doing, bare(e.Cause))
}

func (e *Error) Unwrap() error { return e.Cause }

// Hint returns what to do about the error.
func (e *Error) Hint() string {
	switch {
	case errors.Is(e.Cause, fs.ErrNotExist):
		return "check the path, and run again: nothing was accepted"
	case errors.Is(e.Cause, fs.ErrPermission):
		return "let the user who runs this read the file and the folders above it"
	}
	return "see to the disk, and run again: nothing was accepted"
}

// unreadable returns the error for a file or folder that cannot be read.
func unreadable(path string, cause error) error {
	return &Error{path, "cannot be read", cause}
}

// bare takes the operation and the path off an error: the path is told already,
// and a part of it is all that an [os.Root] tells.
func bare(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	var call *os.SyscallError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	case errors.As(err, &call):
		return call.Err
	}
	return err
}
