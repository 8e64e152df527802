package artifactfs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/artifactfs"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// Of two that promote to one folder at once each publishes what it has copied, or
// nothing: what is there is whole.
func TestPromoteTwice(t *testing.T) {
	dir := put(t, map[string]string{"root/a": "a", "root/b": "b"})
	root, out := filepath.Join(dir, "root"), filepath.Join(dir, "out")
	listed := []runspec.Artifact{artifactOf("a", "a"), artifactOf("b", "b")}
	for n := 1; ; n++ {
		must(t, os.RemoveAll(out))
		steps := 0
		artifactfs.AtStep(t, func(name string) error {
			if steps++; steps == n && name != "sync" { // then it is in place
				n := steps
				steps = 1 << 20 // not in the other one
				_, err := artifactfs.Promote(t.Context(), root, out, listed, artifactfs.Options{Workers: 1})
				if err != nil {
					t.Errorf("before step %d: %v", n, err)
				}
				steps = n
			}
			return nil
		})
		_, err := artifactfs.Promote(t.Context(), root, out, listed, artifactfs.Options{Workers: 1})
		wantSame(t, files(t, out), map[string]string{"a": "a", "b": "b"})
		wantNothingStaged(t, out)
		if n > steps {
			must(t, err)
			return
		}
	}
}

// Where one is about to publish while another stands still at any of its steps, half
// of what either has copied is never published: copies are not removed under their
// name, and no two use one name for them.
func TestPromoteBetween(t *testing.T) {
	dir := put(t, map[string]string{"root/a": "a", "root/b": "b"})
	root, out := filepath.Join(dir, "root"), filepath.Join(dir, "out")
	run := func() error {
		_, err := artifactfs.Promote(t.Context(), root, out, []runspec.Artifact{artifactOf("a", "a"), artifactOf("b", "b")}, artifactfs.Options{Workers: 1})
		return err
	}
	wantWhole := func() {
		if _, err := os.Lstat(out); err == nil {
			wantSame(t, files(t, out), map[string]string{"a": "a", "b": "b"})
		}
	}
	for n := 1; ; n++ {
		must(t, os.RemoveAll(out))
		steps := 0 // of the other one, while it runs
		running := false
		still, goOn, ended := make(chan bool, 2), make(chan bool), make(chan bool)
		artifactfs.AtStep(t, func(name string) error {
			if gone, ok := strings.CutPrefix(name, "remove "); ok {
				if _, err := os.Lstat(filepath.Join(dir, gone)); err == nil {
					t.Errorf("%s is removed under its name", gone)
				}
			}
			switch {
			case running:
				if steps++; steps == n {
					still <- true
					<-goOn
				}
			case name == "publish" && steps == 0:
				running = true
				go func() {
					_ = run()
					still <- false
					close(ended)
				}()
				<-still
				running = false
			}
			return nil
		})
		_ = run()
		wantWhole()
		close(goOn)
		<-ended
		wantWhole()
		wantNothingStaged(t, out)
		if n > steps {
			return
		}
	}
}
