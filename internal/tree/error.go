package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// ErrPattern is wrapped by an error about a pattern that cannot be used: one that
// is malformed, leads out of the root, or names a file that does not exist.
var ErrPattern = errors.New("a pattern that cannot be used")

// An Error says what is wrong with a file, a pattern, or the checkout. All errors
// of this package but those of a caller's function are of this type.
type Error struct {
	Name   string // the name or pattern; empty where the error is about the checkout
	Reason string // what is wrong
	Advice string // what to do, or empty
	Cause  error  // what the system said, ErrPattern, or nil
}

func (e *Error) Error() string {
	text := e.Reason
	if e.Name != "" {
		text = fmt.Sprintf("%q %s", e.Name, e.Reason)
	}
	if e.Cause == nil || e.Cause == ErrPattern {
		return text
	}
	return text + ": " + bare(e.Cause).Error()
}

// Hint returns what to do about the error.
func (e *Error) Hint() string { return e.Advice }

func (e *Error) Unwrap() error { return e.Cause }

// bare takes the operation and the path off an error: the name is told already.
func bare(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

const (
	adviceLink    = "a link may stand for a file inside the folder that is checked; replace it by the file, or leave it out of the patterns"
	adviceRegular = "only regular files are read; leave it out of the patterns"
	adviceRead    = "check who may read the file"
	adviceWrite   = "nothing was changed; check who may write to the folder"
	adviceAgain   = "nothing was changed; run again"
)

func unreadable(name string, cause error) error {
	return &Error{Name: name, Reason: "cannot be read", Advice: adviceRead, Cause: cause}
}

func irregular(name string) error {
	return &Error{Name: name, Reason: "is not a regular file", Advice: adviceRegular}
}

func badPattern(pattern, reason, advice string) error {
	return &Error{Name: pattern, Reason: reason, Advice: advice, Cause: ErrPattern}
}

// missing tells whether an error means that there is no such file: it, or a folder
// on the way, does not exist or is a file.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
