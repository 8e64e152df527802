package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// errTooLarge is wrapped by an error about a file that is larger than it may be.
var errTooLarge = errors.New("is too large")

// readFile reads a file of at most max bytes, or standard input for "-". With
// [errTooLarge] it returns the beginning.
func (a *app) readFile(what, path string, max int64) ([]byte, error) {
	text, err := a.readText(what, path, max)
	return []byte(text), err
}

// readText is readFile for what may be large: the text is in memory once.
func (a *app) readText(what, path string, max int64) (string, error) {
	var text strings.Builder
	from := a.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", unreadable(what, err)
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			text.Grow(int(min(info.Size(), max+1)))
		}
		from = f
	}
	switch n, err := io.Copy(&text, io.LimitReader(from, max+1)); {
	case err != nil:
		return "", unreadable(what, err)
	case n > max:
		return text.String(), usage("", "%s %w: it may have %d bytes", what, errTooLarge, max)
	}
	return text.String(), nil
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
func dropLineEnd[T string | []byte](text T) T {
	n := len(text)
	if n == 0 || text[n-1] != '\n' {
		return text
	}
	if n--; n > 0 && text[n-1] == '\r' {
		n--
	}
	return text[:n]
}

// writeFile writes a file as a whole or not at all.
func writeFile(path string, mode fs.FileMode, text ...string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".countersign-*")
	if err != nil {
		return unwritable(err)
	}
	defer os.Remove(f.Name()) // gone already where all went well
	for _, part := range text {
		if _, err = f.WriteString(part); err != nil {
			break
		}
	}
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
