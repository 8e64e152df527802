package artifact

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxPath is the length of the longest path, in bytes: PATH_MAX of Linux.
const maxPath = 4096

// A PathError is why no manifest may have a path, alone or beside another.
type PathError struct {
	Path   string
	Reason string // such as "is absolute"
}

func (e *PathError) Error() string { return fmt.Sprintf("the path %.300q %s", e.Path, e.Reason) }

// Hint returns what to do about the error.
func (e *PathError) Hint() string {
	return "a path is relative to --root, with slashes, in Unicode's form NFC, and one file on every disk; rename the file, or leave it out"
}

// CheckPath tells why no manifest may have a path: an error is a *[PathError].
func CheckPath(path string) error {
	if reason := unsafe(path); reason != "" {
		return &PathError{path, reason}
	}
	return nil
}

// unsafe returns why a path is not safe, or nothing. A control character is, for
// a file may have it in its name; only it is never shown as it is.
func unsafe(path string) string {
	first, _, _ := strings.Cut(path, "/")
	switch {
	case path == "":
		return "is empty"
	case len(path) > maxPath:
		return fmt.Sprintf("has more than %d bytes", maxPath)
	case !utf8.ValidString(path):
		return "is not UTF-8"
	case !norm.NFC.IsNormalString(path):
		return "is not in Unicode's form NFC"
	case strings.Contains(path, "\x00"):
		return "has a zero byte"
	case strings.Contains(path, `\`):
		return "has a backslash, which parts folders on Windows"
	case path[0] == '/':
		return "is absolute"
	case strings.Contains(first, ":"):
		return "begins with a drive or a scheme"
	}
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "":
			return "has an empty part"
		case ".", "..":
			return "has the part " + part
		}
	}
	return ""
}

// CheckSet tells why no manifest may have these paths of files: each one by
// [CheckPath], and no two that would be one file, or a file and its folder, on a
// disk that does not tell letter case. An error is a *[PathError].
func CheckSet(paths []string) error {
	for _, path := range paths {
		if err := CheckPath(path); err != nil {
			return err
		}
	}
	for _, e := range collisions(paths) {
		return e
	}
	return nil
}

// collisions returns what stands in the way of another path, in order: a path
// that is there again, the same in other letters, or below what is a file.
func collisions(paths []string) []*PathError {
	// As folded, so that what is one on some disk is one here.
	type entry struct{ folded, path string }
	entries := make([]entry, len(paths))
	for i, path := range paths {
		entries[i] = entry{fold(path), path}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(compare(a.folded, b.folded), strings.Compare(a.path, b.path))
	})
	var errs []*PathError
	for i, e := range entries {
		if i == 0 {
			continue
		}
		before := entries[i-1]
		switch rest, below := strings.CutPrefix(e.folded, before.folded); {
		case e.path == before.path:
			errs = append(errs, &PathError{e.path, "stands twice"})
		case e.folded == before.folded:
			errs = append(errs, &PathError{e.path, fmt.Sprintf("is the same as %.300q where letter case does not count", before.path)})
		case below && rest[0] == '/':
			errs = append(errs, &PathError{e.path, fmt.Sprintf("lies below %.300q, which is a file", before.path)})
			entries[i] = before // what comes next may lie below it too
		}
	}
	return errs
}

// compare orders paths so that what lies below a path comes right after it.
func compare(a, b string) int {
	for i := range min(len(a), len(b)) {
		switch x, y := a[i], b[i]; {
		case x == y:
		case x == '/':
			return -1
		case y == '/':
			return 1
		default:
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}

// fold returns a path in which letter case does not count: each character as the
// first that simple case folding makes equal to it (Unicode, section 5.18), and
// that in NFC again, for another letter may compose with what follows it.
func fold(path string) string {
	return norm.NFC.String(strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			return unicode.ToLower(r)
		}
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return unicode.ToLower(least)
	}, path))
}
