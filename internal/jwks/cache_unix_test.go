//go:build unix

package jwks_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/jwks"
	"github.com/countersign-ci/countersign/internal/worker"
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

// What nobody would read is not written, so that somebody is told.
func TestCacheOpenFolder(t *testing.T) {
	c, _ := newCache(t)
	must(t, os.Mkdir(c.Dir, 0o700))
	must(t, os.Chmod(c.Dir, 0o770))
	err := c.Put(issuer, jwks.Keys{Set: []byte(keySet), Keep: time.Hour})
	if trust := (*worker.TrustError)(nil); !errors.As(err, &trust) || trust.Hint() == "" {
		t.Errorf("Put in an open folder: %v, want a TrustError with a hint", err)
	}
	if files, err := os.ReadDir(c.Dir); err != nil || len(files) != 0 {
		t.Errorf("the folder has %v, %v", files, err)
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

// Several processes may keep keys at once; a reader gets those of one or the other.
func TestCacheTogether(t *testing.T) {
	c, _ := newCache(t)
	sets := []string{`{"keys":[]}`, `{"keys":[` + strings.Repeat(" ", 100_000) + `]}`}
	put(t, c, issuer, sets[0], time.Hour)
	var all sync.WaitGroup
	for _, set := range sets {
		all.Go(func() {
			for range 20 {
				if err := c.Put(issuer, jwks.Keys{Set: []byte(set), Keep: time.Hour}); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 50 {
				// A file that is replaced while it is opened counts as none.
				if got, ok := c.Get(issuer); ok && string(got) != sets[0] && string(got) != sets[1] {
					t.Errorf("%d bytes were read", len(got))
				}
			}
		})
	}
	all.Wait()
	if files, err := os.ReadDir(c.Dir); err != nil || len(files) != 1 {
		t.Errorf("the folder has %v, %v", files, err)
	}
}
