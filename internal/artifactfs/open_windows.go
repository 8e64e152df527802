package artifactfs

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
)

const openFlags = 0

// validPart tells whether a part of a path can be the name of a file, and of
// nothing else: no device such as NUL, no stream of another file (a:b).
func validPart(part string) bool {
	return part != "." && !strings.ContainsAny(part, "\\:\x00") && filepath.IsLocal(part)
}

// impossible tells whether an error means that no file can be called so
// (ERROR_INVALID_NAME, ERROR_BAD_PATHNAME, ERROR_FILENAME_EXCED_RANGE).
func impossible(err error) bool {
	return errors.Is(err, syscall.Errno(123)) || errors.Is(err, syscall.Errno(161)) || errors.Is(err, syscall.Errno(206))
}
