//go:build unix

package artifactfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/countersign-ci/countersign/internal/artifactfs"
)

func TestQuarantineMode(t *testing.T) {
	dir := t.TempDir()
	mode := func(name string) os.FileMode {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		return info.Mode().Perm()
	}
	recovered(t, filepath.Join(dir, "new"))
	wantSame(t, mode("new"), 0o700)
	for before, after := range map[os.FileMode]os.FileMode{0o755: 0o700, 0o750: 0o700, 0o711: 0o700, 0o700: 0o700, 0o777: 0, 0o770: 0, 0o702: 0} {
		name := before.String()
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		must(t, os.Chmod(filepath.Join(dir, name), before))
		q, err := artifactfs.OpenQuarantine(filepath.Join(dir, name))
		if after == 0 {
			wantPlace(t, err, "can be written to by others")
			wantSame(t, mode(name), before)
			continue
		}
		must(t, err)
		q.Close()
		wantSame(t, mode(name), after)
	}
}

func TestQuarantineOfAnother(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "quarantine")
	must(t, os.Mkdir(dir, 0o700))
	if err := os.Chown(dir, 12345, -1); err != nil {
		t.Skip("folders cannot be given away here: ", err)
	}
	_, err := artifactfs.OpenQuarantine(dir)
	wantPlace(t, err, "belongs to another user")
}

// A pipe is moved without being opened; between file systems it stays.
func TestTakePipe(t *testing.T) {
	dir := t.TempDir()
	root, quarantine := filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")
	must(t, os.Mkdir(root, 0o755))
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o644); err != nil {
		t.Skip("pipes cannot be made here: ", err)
	}
	q := openQuarantine(t, quarantine)
	artifactfs.AtStep(t, otherDevice)
	_, err := q.Take(root, failed("pipe"))
	if !errors.Is(err, artifactfs.ErrLeft) || !strings.Contains(err.Error(), "a named pipe") {
		t.Error(err)
	}
	want := map[string]int{os.ModeNamedPipe.String(): 1}
	wantSame(t, exist(t, root, quarantine), want)
	wantNothingOnTheWay(t, quarantine)
	artifactfs.SetStep(anyStep)
	stored, err := q.Take(root, failed("pipe"))
	must(t, err)
	wantSame(t, stored, "path-"+sha256Of("pipe"))
	wantSame(t, exist(t, root, quarantine), want)
	wantSame(t, files(t, root), map[string]string{})
}

// On one file system a file is renamed, and between two it gets a mode that nobody
// else may use.
func TestTakeRenames(t *testing.T) {
	dir := put(t, map[string]string{"root/a": "a", "root/b": "b"})
	root, quarantine := filepath.Join(dir, "root"), filepath.Join(dir, "quarantine")
	must(t, os.Chmod(filepath.Join(root, "b"), 0o4755))
	before, err := os.Stat(filepath.Join(root, "a"))
	must(t, err)
	q := openQuarantine(t, quarantine)
	stored, err := q.Take(root, failed("a"))
	must(t, err)
	after, err := os.Stat(filepath.Join(quarantine, stored))
	must(t, err)
	if !os.SameFile(before, after) {
		t.Error("it was copied")
	}
	artifactfs.AtStep(t, otherDevice)
	stored, err = q.Take(root, failed("b"))
	must(t, err)
	after, err = os.Stat(filepath.Join(quarantine, stored))
	must(t, err)
	wantSame(t, after.Mode(), 0o600)
}
