//go:build unix

package artifactfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/countersign-ci/countersign/internal/artifactfs"
)

func TestOpen(t *testing.T) {
	dir := putKinds(t)
	must(t, os.Symlink("..", filepath.Join(dir, "folder", "up")))
	for path, want := range map[string]string{
		"file":            "",
		"folder/file":     "",
		"link":            "a symbolic link",
		"link-outside":    "a symbolic link",
		"link-to-folder":  "a symbolic link",
		"link-to-nothing": "a symbolic link",
		"loop":            "a symbolic link",
		"folder":          "a folder",
		"pipe":            "a named pipe",
		"socket":          "a socket",

		"link-to-folder/file": "below a symbolic link",
		"link-outside/passwd": "below a symbolic link",
		"folder/up/file":      "below a symbolic link",
		"loop/file":           "below a symbolic link",

		"":                   "a path that does not lead below the root",
		"/etc/passwd":        "a path that does not lead below the root",
		"../file":            "a path that does not lead below the root",
		"folder/../file":     "a path that does not lead below the root",
		"./file":             "a path that does not lead below the root",
		"folder//file":       "a path that does not lead below the root",
		"folder/":            "a path that does not lead below the root",
		"link-to-folder/../": "a path that does not lead below the root",
		"file\x00":           "a path that does not lead below the root",

		"nothing":                          "missing",
		"nothing/file":                     "missing",
		"file/below":                       "missing",
		"pipe/below":                       "missing",
		"folder\\file":                     "missing",
		strings.Repeat("n", 300):           "missing",
		strings.Repeat("n/", 5000):         "a path that does not lead below the root",
		strings.Repeat("n", 300) + "/file": "missing",
	} {
		if got := tryOpen(t, dir, path); got != want {
			t.Errorf("%.40q: %q, want %q", path, got, want)
		}
	}
}

// tryOpen opens a file and returns why that was not done, "missing" included.
func tryOpen(t *testing.T, dir, path string) string {
	t.Helper()
	root, err := os.OpenRoot(dir)
	must(t, err)
	defer root.Close()
	f, info, problem, err := artifactfs.Open(root, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "missing"
	case err != nil:
		return err.Error()
	case problem != "":
		if f != nil || info != nil {
			t.Errorf("%q has a problem and was opened", path)
		}
		return problem
	}
	defer f.Close()
	if now, err := os.Stat(filepath.Join(dir, path)); err != nil || !os.SameFile(now, info) {
		t.Errorf("%q: another file was opened", path)
	}
	if _, err := io.ReadAll(f); err != nil {
		t.Error(err)
	}
	return ""
}

func TestOpenOfADevice(t *testing.T) {
	if got := tryOpen(t, "/dev", "null"); got != "a device" {
		t.Errorf("%q", got)
	}
}

// What lies there now has got the number of what lay there before.
func TestOpenOfAPipeWithTheFilesNumber(t *testing.T) {
	dir := put(t, map[string]string{"file": ""})
	file := filepath.Join(dir, "file")
	before, err := os.Stat(file)
	must(t, err)
	artifactfs.AtOpen(t, func(string) {
		must(t, os.Remove(file))
		must(t, syscall.Mkfifo(file, 0o600))
	})
	if got, want := tryOpen(t, dir, "file"), "it was replaced while it was opened"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if after, err := os.Lstat(file); err != nil || !os.SameFile(before, after) {
		t.Skip("this file system does not give a number again at once")
	}
}

// What lay there when it was looked at is another thing when it is opened.
func TestOpenWhileItIsReplaced(t *testing.T) {
	const swapped = "it was replaced while it was opened"
	replacements := map[string]struct {
		at   func(t *testing.T, dir, path string)
		want string
	}{
		"by a link inside": {func(t *testing.T, dir, path string) {
			must(t, os.Symlink(filepath.Join(strings.Repeat("../", strings.Count(path, "/")), "other", filepath.Base(path)), filepath.Join(dir, path)))
		}, swapped},
		"by a link outside": {func(t *testing.T, dir, path string) { must(t, os.Symlink("/etc", filepath.Join(dir, path))) }, swapped},
		"by a loop": {func(t *testing.T, dir, path string) {
			must(t, os.Symlink(filepath.Base(path), filepath.Join(dir, path)))
		}, swapped},
		"by a file": {func(t *testing.T, dir, path string) { write(t, filepath.Join(dir, path), "content") }, swapped},
		"by a folder": {func(t *testing.T, dir, path string) {
			write(t, filepath.Join(dir, path, "file"), "content")
		}, swapped},
		"by a pipe":   {func(t *testing.T, dir, path string) { must(t, syscall.Mkfifo(filepath.Join(dir, path), 0o600)) }, swapped},
		"by nothing":  {func(*testing.T, string, string) {}, "missing"},
		"by a device": {func(t *testing.T, dir, path string) { must(t, os.Symlink("/dev/null", filepath.Join(dir, path))) }, swapped},
	}
	for _, path := range []string{"top", "a/b/leaf", "a/b", "a"} {
		for name, r := range replacements {
			t.Run(path+" "+name, func(t *testing.T) {
				dir := put(t, map[string]string{
					"top": "content", "a/b/leaf": "content",
					"other/top": "content", "other/leaf": "content", "other/b/leaf": "content", "other/a/b/leaf": "content",
				})
				artifactfs.AtOpen(t, func(name string) {
					if name != filepath.Base(path) {
						return
					}
					must(t, os.Rename(filepath.Join(dir, path), filepath.Join(t.TempDir(), "away")))
					r.at(t, dir, path)
				})
				file := "a/b/leaf"
				if path == "top" {
					file = path
				}
				if got := tryOpen(t, dir, file); got != r.want {
					t.Errorf("%q, want %q", got, r.want)
				}
			})
		}
	}
}
