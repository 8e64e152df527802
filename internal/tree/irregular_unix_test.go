//go:build unix && !aix && !solaris

package tree_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/countersign-ci/countersign/internal/tree"
)

// Whoever opens a pipe waits for its other end: here nobody does.
func TestPipe(t *testing.T) {
	const text = "is not a regular file"
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe.yml")
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Skip("pipes cannot be made here: ", err)
	}
	link(t, "pipe.yml", filepath.Join(dir, "link.yaml"))
	write(t, dir, files{"a.md": ""})
	tr := openElsewhere(t, dir)
	for _, pattern := range []string{"*.yml", "pipe.yml", "*.yaml", "link.yaml"} {
		_, err := tr.Named([]string{pattern})
		wantError(t, err, text, false)
		_, err = tr.Tracked([]string{pattern})
		wantError(t, err, text, false)
	}
	_, err := tr.Read("pipe.yml")
	wantError(t, err, text, false)
	err = tr.Each([]string{"pipe.yml"}, func(int, string, []byte) error { return nil })
	wantError(t, err, text, false)
	err = tr.Replace([]tree.Change{{Name: "link.yaml", New: []byte("x")}})
	wantError(t, err, text, false)
	got, err := tr.Tracked([]string{"*.md"})
	wantNames(t, got, err, "a.md")
}

func TestPipeInPlace(t *testing.T) {
	dir := checkout(t, files{"a.yml": ""})
	path := filepath.Join(dir, "a.yml")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Skip("pipes cannot be made here: ", err)
	}
	_, err := open(t, dir).Tracked([]string{"*.yml"})
	wantError(t, err, "is not a regular file", false)
}

func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read and write everything")
	}
	dir := t.TempDir()
	write(t, dir, files{"a.yml": "a", "b.yml": "b", "sub/c.yml": "c"})
	tr := openElsewhere(t, dir)
	for path, mode := range map[string]os.FileMode{"a.yml": 0, "sub": 0, ".": 0o555} {
		if err := os.Chmod(filepath.Join(dir, path), mode); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(filepath.Join(dir, path), 0o755) })
	}
	err := tr.Each([]string{"b.yml", "a.yml"}, func(int, string, []byte) error { return nil })
	wantError(t, err, `"a.yml" cannot be read`, false)
	_, err = tr.Tracked([]string{"**"})
	wantError(t, err, `"sub" cannot be read`, false)
	err = tr.Replace([]tree.Change{{Name: "b.yml", Old: []byte("b"), New: []byte("new")}})
	wantError(t, err, `"b.yml" cannot be written`, false)
}
