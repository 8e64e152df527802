package artifactfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/countersign-ci/countersign/internal/artifactfs"
)

// memory returns a folder on a file system of its own, of the size, or skips.
func memory(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("nothing can be mounted here: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Two real file systems.
func TestTakeToMount(t *testing.T) {
	mount := memory(t, "4m")
	dir := killWorld(t)
	root, quarantine := filepath.Join(dir, "root"), filepath.Join(mount, "quarantine")
	q := openQuarantine(t, quarantine)
	for _, path := range failing {
		_, err := q.Take(root, failed(path))
		must(t, err)
	}
	must(t, q.Close())
	wantSame(t, exist(t, root, quarantine), killContents)
	wantSame(t, files(t, root), map[string]string{"ok": "ok"})
	wantNothingOnTheWay(t, quarantine)
}

// A quarantine on a disk that is full takes nothing and loses nothing.
func TestTakeDiskFull(t *testing.T) {
	mount := memory(t, "128k")
	dir := killWorld(t)
	root, quarantine := filepath.Join(dir, "root"), filepath.Join(mount, "quarantine")
	q := openQuarantine(t, quarantine)
	before := files(t, root)
	_, err := q.Take(root, failed("dist/a.tgz"))
	var disk *artifactfs.Error
	if !errors.As(err, &disk) || !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	wantSame(t, files(t, root), before)
	wantSame(t, files(t, quarantine), map[string]string{})
	_, err = q.Take(root, failed("empty")) // there is room again
	must(t, err)
	must(t, q.Close())
}

func TestPromoteDiskFull(t *testing.T) {
	mount := memory(t, "128k")
	dir := killWorld(t)
	out := filepath.Join(mount, "out")
	_, err := promote(t, filepath.Join(dir, "root"), out, promoted...)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	wantAbsent(t, out)
}

// Nothing can be put in place of what is mounted.
func TestPromoteToMount(t *testing.T) {
	mount := memory(t, "4m")
	dir := killWorld(t)
	_, err := promote(t, filepath.Join(dir, "root"), mount, promoted...)
	var disk *artifactfs.Error
	if !errors.As(err, &disk) {
		t.Error(err)
	}
	wantNothingStaged(t, mount)
	if entries, err := os.ReadDir(mount); err != nil || len(entries) > 0 {
		t.Error(entries, err)
	}
}

// One folder may have several paths without any link.
func TestBelowMount(t *testing.T) {
	dir := put(t, map[string]string{"root/a": "a"})
	root, again := filepath.Join(dir, "root"), filepath.Join(dir, "again")
	must(t, os.Mkdir(again, 0o755))
	if err := syscall.Mount(root, again, "", syscall.MS_BIND, ""); err != nil {
		t.Skip("nothing can be mounted here: ", err)
	}
	defer syscall.Unmount(again, 0)
	rel, ok, err := artifactfs.Below(root, filepath.Join(again, "out"))
	if rel != "out" || !ok || err != nil {
		t.Error(rel, ok, err)
	}
}
