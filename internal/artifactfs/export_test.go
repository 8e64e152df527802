package artifactfs

import (
	"io/fs"
	"os"
	"testing"
)

// AtOpen has f called between the look at a file or folder and its opening, until
// the test ends.
func AtOpen(t *testing.T, f func(name string)) {
	before := atOpen
	atOpen = f
	t.Cleanup(func() { atOpen = before })
}

// AtRead has f called after each part of a file that is read, until the test ends.
func AtRead(t *testing.T, f func(read int64)) {
	before := atRead
	atRead = f
	t.Cleanup(func() { atRead = before })
}

const BufferSize = bufferSize

// Open opens one file.
func Open(root *os.Root, path string) (*os.File, fs.FileInfo, string, error) { return open(root, path) }
