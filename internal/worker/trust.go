package worker

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// A TrustError says why a file cannot be trusted or read.
type TrustError struct {
	File   string // as it was asked for
	Path   string // what is at fault: File, a folder or a link on the way to it
	Reason string
	Advice string
	Cause  error // what the system said, or nil; wraps fs.ErrNotExist where Path is missing
}

func (e *TrustError) Error() string {
	text := fmt.Sprintf("%q ", e.Path) + e.Reason
	if e.Path != e.File {
		text = fmt.Sprintf("%q cannot be trusted: ", e.File) + text
	}
	if e.Cause != nil && !errors.Is(e.Cause, fs.ErrNotExist) {
		text += ": " + bare(e.Cause).Error()
	}
	return text
}

// Hint returns what to do about the error.
func (e *TrustError) Hint() string { return e.Advice }

func (e *TrustError) Unwrap() error { return e.Cause }

// bare takes the operation and the path off an error: the path is told already.
func bare(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}

// ReadTrusted returns what is in a trusted file of at most max bytes. An error is
// a *TrustError.
func ReadTrusted(path string, max int64) ([]byte, error) {
	f, err := openTrusted(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, unreadable(path, path, err)
	}
	if int64(len(b)) > max {
		reason := fmt.Sprintf("is larger than %d bytes", max)
		return nil, &TrustError{path, path, reason, "check that this is the file that is meant", nil}
	}
	return b, nil
}

// CheckTrustedDir tells whether a folder can hold what is to be trusted: as the
// folders on the way to a trusted file, but that it may not be sticky and open to
// all, for there anybody could have made what is found in it. An error is a
// *TrustError.
func CheckTrustedDir(path string) error { return checkTrustedDir(path) }

func unreadable(file, path string, cause error) error {
	if errors.Is(cause, fs.ErrNotExist) {
		return &TrustError{file, path, "does not exist", "check the path", cause}
	}
	return &TrustError{file, path, "cannot be opened", "check that the user of this process may open it", cause}
}

func irregular(file, path string) error {
	return &TrustError{file, path, "is not a regular file", "put a regular file in its place", nil}
}

func noFolder(file, path string) error {
	return &TrustError{file, path, "is not a folder", "check the path", nil}
}

func replaced(file, path string) error {
	return &TrustError{file, path, "was replaced while it was opened", "run again", nil}
}

// opened returns f if it is the regular file that was looked at before, and closes
// it otherwise. A nil before stands for a file that was not there then.
func opened(file string, f *os.File, before fs.FileInfo) (fs.FileInfo, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, unreadable(file, f.Name(), err)
	case before != nil && !os.SameFile(before, info):
		return nil, replaced(file, f.Name())
	case !info.Mode().IsRegular():
		return nil, irregular(file, f.Name())
	}
	return info, nil
}
