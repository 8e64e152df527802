//go:build !unix || aix || solaris

package tree

import "os"

type file = *os.File

// open opens a regular file and returns its size. What is none is not opened, for
// opening a pipe waits for its other end.
func open(path string) (file, int64, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errIrregular
	}
	f, err := os.Open(path)
	return f, info.Size(), err
}
