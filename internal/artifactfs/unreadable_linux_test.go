package artifactfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/countersign-ci/countersign/internal/artifactfs"
)

// A file of the system that nobody can read the start of.
func TestHashOfAnUnreadableFile(t *testing.T) {
	for _, workers := range []int{1, 2} {
		found, err := artifactfs.Hash(t.Context(), "/proc/self", []string{"mem", "mem"}, artifactfs.Options{Workers: workers})
		var e *artifactfs.Error
		if !errors.As(err, &e) || found != nil {
			t.Fatalf("found %v, error %v", found, err)
		}
		if e.Path != "mem" || !strings.HasPrefix(e.Error(), `"mem" cannot be read: `) || e.Hint() == "" {
			t.Errorf("error %q, hint %q", e, e.Hint())
		}
	}
}

// A file of the system that says it is empty and is not.
func TestHashOfAFileThatHidesItsSize(t *testing.T) {
	if f := mustHash(t, "/proc/self", "status")[0]; f.Problem != "it changed while it was read" || f.SHA256 != "" {
		t.Errorf("found %+v", f)
	}
}

func TestNoPermission(t *testing.T) {
	dir := put(t, map[string]string{"file": "", "folder/file": ""})
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	must(t, os.Chmod(filepath.Join(dir, "file"), 0))
	must(t, os.Chmod(filepath.Join(dir, "folder"), 0))
	t.Cleanup(func() { os.Chmod(filepath.Join(dir, "folder"), 0o755) })
	asNobody(t, func() {
		for path, denied := range map[string]string{"file": "file", "folder/file": "folder"} {
			if got, want := tryOpen(t, dir, path), fmt.Sprintf("%q cannot be read: permission denied", denied); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		entries, err := artifactfs.List(dir, nil)
		var e *artifactfs.Error
		if !errors.As(err, &e) || e.Path != "folder" || !errors.Is(err, fs.ErrPermission) || entries != nil {
			t.Fatalf("listed %v, error %v", entries, err)
		}
		if !strings.Contains(e.Hint(), "read") {
			t.Errorf("hint %q", e.Hint())
		}
	})
}

// asNobody calls f with the rights on files of a user other than root. The system
// keeps them by thread.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		f()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	set := func(uid uintptr) { syscall.RawSyscall(syscall.SYS_SETFSUID, uid, 0, 0) }
	set(65534)
	defer set(0)
	f()
}
