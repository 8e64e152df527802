//go:build unix

package jwks_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A file counts only if nobody else can have written it.
func TestCacheTrust(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, path string){
		"group writes":        func(t *testing.T, path string) { must(t, os.Chmod(path, 0o620)) },
		"others write":        func(t *testing.T, path string) { must(t, os.Chmod(path, 0o602)) },
		"others write beside": func(t *testing.T, path string) { must(t, os.Chmod(filepath.Dir(path), 0o777)) },
		"fifo": func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, syscall.Mkfifo(path, 0o600))
		},
		"folder": func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, os.Mkdir(path, 0o700))
		},
		"foreign": func(t *testing.T, path string) {
			if os.Geteuid() != 0 {
				t.Skip("only root may give a file away")
			}
			must(t, os.Chown(path, 65534, 65534))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := newCache(t)
			put(t, c, issuer, keySet, time.Hour)
			wantKept(t, c, issuer, keySet)
			change(t, file(c, issuer))
			wantKept(t, c, issuer, "")
		})
	}
}

func TestCacheMode(t *testing.T) {
	c, _ := newCache(t)
	// Nothing is written through a link that lies where the file belongs.
	elsewhere := filepath.Join(filepath.Dir(c.Dir), "elsewhere")
	must(t, os.WriteFile(elsewhere, []byte("text"), 0o644))
	must(t, os.Mkdir(c.Dir, 0o700))
	must(t, os.Symlink(elsewhere, file(c, issuer)))
	put(t, c, issuer, keySet, time.Hour)
	wantKept(t, c, issuer, keySet)
	if text, err := os.ReadFile(elsewhere); err != nil || string(text) != "text" {
		t.Errorf("what the link leads to has %q, %v", text, err)
	}
	info, err := os.Lstat(file(c, issuer))
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("the file's mode is %v", info.Mode())
	}
	must(t, os.RemoveAll(c.Dir))
	put(t, c, issuer, keySet, time.Hour)
	if info, err = os.Stat(c.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder's mode is %v, %v", info.Mode(), err)
	}
}
