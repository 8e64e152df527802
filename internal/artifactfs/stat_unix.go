//go:build unix

package artifactfs

import (
	"io/fs"
	"os"
	"syscall"
)

// A fileID tells files apart that exist at the same time.
type fileID struct{ device, number uint64 }

func identify(_ *os.File, info fs.FileInfo) (fileID, error) {
	s := info.Sys().(*syscall.Stat_t)
	return fileID{uint64(s.Dev), uint64(s.Ino)}, nil
}

// statusChanged tells whether the time of the last change differs that the system
// keeps of a file and that nobody can set back.
func statusChanged(before, after fs.FileInfo) bool {
	return changeTime(before.Sys().(*syscall.Stat_t)) != changeTime(after.Sys().(*syscall.Stat_t))
}
