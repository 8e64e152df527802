package cli

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// errTooLarge is wrapped by an error about a file that is larger than it may be.
var errTooLarge = errors.New("is too large")

// readFile reads a file of at most max bytes, or standard input for "-". With
// [errTooLarge] it returns the beginning.
func (a *app) readFile(what, path string, max int64) ([]byte, error) {
	from := a.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, unreadable(what, err)
		}
		defer f.Close()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, max+1))
	switch {
	case err != nil:
		return nil, unreadable(what, err)
	case int64(len(text)) > max:
		return text, usage("", "%s %w: it may have %d bytes", what, errTooLarge, max)
	}
	return text, nil
}

// unreadable returns the error for a file that was named and cannot be read. It
// leaves the path out: a variable that should hold a path may hold a secret.
func unreadable(what string, err error) error {
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	return usage("check the path and who may read the file", "%s cannot be read: %w", what, err)
}

// dropLineEnd drops the one line end that a file or a command's output ends with.
func dropLineEnd(b []byte) []byte {
	line, ended := bytes.CutSuffix(b, []byte("\n"))
	if !ended {
		return b
	}
	return bytes.TrimSuffix(line, []byte("\r"))
}

// writeFile writes a file as a whole or not at all.
func writeFile(path string, text []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".countersign-*")
	if err != nil {
		return unwritable(err)
	}
	defer os.Remove(f.Name()) // gone already where all went well
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return unwritable(err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return unwritable(err)
	}
	return nil
}

func unwritable(err error) error {
	return undecided("check the path and who may write there", "a file cannot be written: %w", err)
}
