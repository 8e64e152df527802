//go:build unix

package ledger_test

import (
	"path/filepath"
	"syscall"
	"testing"
)

// A pipe in the place of an entry would make the reader wait for ever.
func TestDirPipe(t *testing.T) {
	path := t.TempDir()
	mkdir(t, path, day)
	if err := syscall.Mkfifo(filepath.Join(path, day, key), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, dirUse(t, path, use("")), "used", "", "")
	want(t, dirUse(t, path, attempt("", 2)), "unknown", "no file", "of its own")
}
