//go:build unix

package worker

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLinks bounds the symbolic links on the way to a file, as Linux does.
const maxLinks = 40

func openTrusted(path string) (*os.File, error) {
	at, info, err := resolve(path, path)
	if err != nil {
		return nil, err
	}
	return open(path, at, info, os.O_RDONLY)
}

// openTrustedLog opens a file for appending, and makes it where it does not exist.
// A link in its place is refused: what appends names the file itself.
func openTrustedLog(path string) (*os.File, error) {
	dir, name := filepath.Split(path)
	if name == "" || name == "." || name == ".." {
		return nil, irregular(path, path)
	}
	at, info, err := resolve(path, dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, noFolder(path, at)
	}
	at = filepath.Join(at, name)
	info, err = os.Lstat(at)
	if err != nil && !os.IsNotExist(err) {
		return nil, unreadable(path, at, err)
	}
	return open(path, at, info, os.O_RDWR|os.O_APPEND|os.O_CREATE)
}

// open opens the file at a path that resolve returned, which info tells of, or nil
// where it is to be made.
func open(file, at string, info fs.FileInfo, flag int) (*os.File, error) {
	if info != nil && !info.Mode().IsRegular() {
		// A device is not even opened: that may do something.
		return nil, irregular(file, at)
	}
	f, err := os.OpenFile(at, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, unreadable(file, at, err)
	}
	info, err = opened(file, f, info)
	if err == nil {
		err = check(file, at, info, false)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func checkTrustedDir(path string) error {
	at, info, err := resolve(path, path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return noFolder(path, at)
	}
	return check(path, at, info, false)
}

// resolve walks from / to what path, a file or its folder, names, and returns its real path and what
// Lstat says of it, which is a folder that was checked or something else that was
// not. Where the walk has come to nobody else can change anything, so paths will
// do: what was looked at is there still when it is used.
func resolve(file, path string) (string, fs.FileInfo, error) {
	if !filepath.IsAbs(path) {
		return "", nil, &TrustError{file, file, "is not an absolute path", "write the path from / on", nil}
	}
	at, links := "/", 0
	rest := append([]string{"."}, components(path)...) // / itself is looked at too
	for {
		next := filepath.Join(at, rest[0]) // at is real, so .. is its parent
		rest = rest[1:]
		info, err := os.Lstat(next)
		if err != nil {
			return "", nil, unreadable(file, next, err)
		}
		switch mode := info.Mode(); {
		case mode&fs.ModeSymlink != 0:
			if err := check(file, next, info, false); err != nil {
				return "", nil, err
			}
			if links++; links > maxLinks {
				reason := fmt.Sprintf("lies behind more than %d links", maxLinks)
				return "", nil, &TrustError{file, next, reason, "check the links for a loop", nil}
			}
			target, err := os.Readlink(next)
			if err != nil {
				return "", nil, unreadable(file, next, err)
			}
			if filepath.IsAbs(target) {
				at = "/"
			}
			rest = append(components(target), rest...)
			if len(rest) == 0 {
				rest = []string{"."} // the link leads to /, or to its folder
			}
			continue
		case mode.IsDir():
			if err := check(file, next, info, true); err != nil {
				return "", nil, err
			}
		case len(rest) > 0:
			return "", nil, noFolder(file, next)
		}
		if len(rest) == 0 {
			return next, info, nil
		}
		at = next
	}
}

func components(path string) []string {
	var list []string
	for name := range strings.SplitSeq(path, "/") {
		if name != "" && name != "." {
			list = append(list, name)
		}
	}
	return list
}

// check tells whether somebody else than root and this process's user may change
// what lies at a path. A sticky folder may be open to all if sticky is set.
func check(file, path string, info fs.FileInfo, sticky bool) error {
	mode, user := info.Mode(), os.Geteuid()
	if owner := int(info.Sys().(*syscall.Stat_t).Uid); owner != 0 && owner != user {
		reason := fmt.Sprintf("belongs to user %d, not to root", owner)
		chown := "chown root "
		if user != 0 {
			reason += fmt.Sprintf(" or to user %d, who runs this", user)
		}
		if mode&fs.ModeSymlink != 0 {
			chown = "chown -h root "
		}
		return &TrustError{file, path, reason, "run `" + chown + word(path) + "`, or use a place that belongs to root", nil}
	}
	if mode&fs.ModeSymlink != 0 {
		return nil // its mode means nothing
	}
	if mode.Perm()&0o022 != 0 && !(sticky && mode&fs.ModeSticky != 0) {
		reason := fmt.Sprintf("may be written by others than its owner (mode %s)", mode)
		return &TrustError{file, path, reason, "run `chmod go-w " + word(path) + "`", nil}
	}
	return nil
}

// word writes a path as one word for a shell.
func word(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+", r)
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
