//go:build unix

package artifactfs

import (
	"errors"
	"strings"
	"syscall"
)

// openFlags keep the opening of a pipe or a device from waiting, and of a
// terminal from becoming that of this process.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY

// validPart tells whether a part of a path can be the name of a file.
func validPart(part string) bool {
	return part != "" && part != "." && part != ".." && !strings.Contains(part, "\x00")
}

// impossible tells whether an error means that no file can be called so. Apple's
// file systems take no name that is not UTF-8.
func impossible(err error) bool {
	return errors.Is(err, syscall.ENAMETOOLONG) || errors.Is(err, syscall.EILSEQ)
}
