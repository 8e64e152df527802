package artifactfs_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/artifact"
	"github.com/countersign-ci/countersign/internal/artifactfs"
	"github.com/countersign-ci/countersign/internal/runspec"
)

func promote(t *testing.T, root, dir string, listed ...runspec.Artifact) ([]artifact.Result, error) {
	t.Helper()
	return artifactfs.Promote(t.Context(), root, dir, listed, artifactfs.Options{})
}

// wantChanged checks that nothing was promoted, for the reasons given by path.
func wantChanged(t *testing.T, dir string, results []artifact.Result, err error, want map[string]string) {
	t.Helper()
	must(t, err)
	got := map[string]string{}
	for _, r := range results {
		got[r.Path] = r.Rule
	}
	wantSame(t, got, want)
	wantAbsent(t, dir)
}

// wantAbsent checks that there is neither the folder nor anything on its way there.
func wantAbsent(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there: %v", dir, err)
	}
	wantNothingStaged(t, dir)
}

func wantNothingStaged(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(dir))
	must(t, err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".countersign-") {
			t.Errorf("%s is left", e.Name())
		}
	}
}

func TestPromote(t *testing.T) {
	dir := put(t, map[string]string{"root/dist/a/b": large("a"), "root/dist/run": "#!", "root/unlisted": "u"})
	root, out := filepath.Join(dir, "root"), filepath.Join(dir, "out")
	must(t, os.Chmod(filepath.Join(root, "dist/run"), 0o750))
	var read int64
	changed, err := artifactfs.Promote(t.Context(), root, out, []runspec.Artifact{
		artifactOf("dist/a/b", large("a")),
		artifactOf("dist/run", "#!"),
		{Path: "oci://ghcr.io/acme/widgets", SHA256: sha256Of("image")},
	}, artifactfs.Options{Workers: 1, Progress: func(n int64) { read += n }})
	wantSame(t, changed, nil)
	must(t, err)
	wantSame(t, files(t, out), map[string]string{"dist/a/b": large("a"), "dist/run": "#!"})
	wantSame(t, files(t, root), map[string]string{"dist/a/b": large("a"), "dist/run": "#!", "unlisted": "u"})
	wantSame(t, read, int64(len(large("a"))+2))
	wantNothingStaged(t, out)
	for path, executable := range map[string]bool{"dist/a/b": false, "dist/run": true} {
		info, err := os.Stat(filepath.Join(out, path))
		must(t, err)
		if got := info.Mode()&0o111 != 0; got != executable && runtime.GOOS != "windows" {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
}

// All or nothing: one file that is not as listed keeps all from being promoted.
func TestPromoteChanged(t *testing.T) {
	dir := put(t, map[string]string{"root/ok": "ok", "root/changed": "xx", "root/longer": "longer", "root/shorter": "s", "root/folder/a": ""})
	root, out := filepath.Join(dir, "root"), filepath.Join(dir, "out")
	symlink(t, "ok", filepath.Join(root, "link"))
	for path, rule := range map[string]string{
		"changed":  "artifact-changed",
		"longer":   "artifact-changed",
		"shorter":  "artifact-changed",
		"missing":  "artifact-missing",
		"link":     "unsafe-path",
		"folder":   "unsafe-path",
		"../root":  "unsafe-path",
		"ok/below": "artifact-missing",
	} {
		changed, err := promote(t, root, out, artifactOf("ok", "ok"), artifactOf(path, "ok"))
		wantChanged(t, out, changed, err, map[string]string{path: rule})
	}
	changed, err := promote(t, root, out, artifactOf("ok", "ok"), artifactOf("longer", "ok"), artifactOf("shorter", "ok"))
	wantChanged(t, out, changed, err, map[string]string{"longer": "artifact-changed", "shorter": "artifact-changed"})
	found := artifactOf("longer", "longer")
	wantSame(t, changed[0].Found, &found)
}

// A file that is swapped between the check and the use is not used (issue 8,
// acceptance 2): either the verified bytes are promoted, or nothing is.
func TestPromoteSwapped(t *testing.T) {
	const verified, other = "verified bytes", "replaced bytes"
	listed := artifactOf("app", verified)
	swap := func(t *testing.T, root string) {
		write(t, filepath.Join(root, "new"), other)
		must(t, os.Rename(filepath.Join(root, "new"), filepath.Join(root, "app")))
	}
	overwrite := func(t *testing.T, root string) { write(t, filepath.Join(root, "app"), other) }
	for name, test := range map[string]struct {
		at     string // the step before which it happens; empty: before all
		change func(t *testing.T, root string)
		holds  bool
	}{
		"swapped before":            {"", swap, false},
		"written to before":         {"", overwrite, false},
		"swapped when opened":       {"create app", swap, true},
		"written to when opened":    {"create app", overwrite, false},
		"swapped when read":         {"write on", swap, true},
		"written to when read":      {"write on", overwrite, true},
		"swapped when copied":       {"sync app", swap, true},
		"written to when copied":    {"sync app", overwrite, true},
		"swapped when published":    {"publish", swap, true},
		"written to when published": {"publish", overwrite, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := put(t, map[string]string{"root/app": verified})
			root, out := filepath.Join(dir, "root"), filepath.Join(dir, "out")
			wantSame(t, mustHash(t, root, "app"), []artifact.Found{holds("app", verified)})
			changed := false
			at := func(step string) error {
				if step == test.at && !changed {
					changed = true
					test.change(t, root)
				}
				return nil
			}
			_ = at("")
			artifactfs.AtStep(t, at)
			results, err := promote(t, root, out, listed)
			if !changed || files(t, root)["app"] != other {
				t.Fatal("nothing was changed")
			}
			if !test.holds {
				wantChanged(t, out, results, err, map[string]string{"app": "artifact-changed"})
				return
			}
			must(t, err)
			wantSame(t, results, nil)
			wantSame(t, files(t, out), map[string]string{"app": verified})
		})
	}
}

// Who has the source open writes to the source alone.
func TestPromoteHeldOpen(t *testing.T) {
	dir := put(t, map[string]string{"root/app": "verified"})
	root, out := filepath.Join(dir, "root"), filepath.Join(dir, "out")
	held, err := os.OpenFile(filepath.Join(root, "app"), os.O_RDWR, 0)
	must(t, err)
	defer held.Close()
	must(t, os.Link(filepath.Join(root, "app"), filepath.Join(dir, "another name")))
	changed, err := promote(t, root, out, artifactOf("app", "verified"))
	must(t, err)
	wantSame(t, changed, nil)
	for range 2 {
		_, err = held.WriteString("mallory was here")
		must(t, err)
		_, err = held.Seek(0, io.SeekStart)
		must(t, err)
		write(t, filepath.Join(dir, "another name"), "and here")
	}
	wantSame(t, files(t, out), map[string]string{"app": "verified"})
}

// A file that grows all the time comes to an end.
func TestPromoteGrows(t *testing.T) {
	dir := put(t, map[string]string{"root/app": large("a")})
	root, out := filepath.Join(dir, "root"), filepath.Join(dir, "out")
	source, err := os.OpenFile(filepath.Join(root, "app"), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	defer source.Close()
	parts := 0
	artifactfs.AtStep(t, func(step string) error {
		if step == "write on" {
			parts++
			_, err := source.WriteString(large("a"))
			must(t, err)
		}
		return nil
	})
	changed, err := promote(t, root, out, artifactOf("app", large("a")))
	if parts > 6 {
		t.Errorf("%d parts were read", parts)
	}
	wantChanged(t, out, changed, err, map[string]string{"app": "unsafe-path"})
}

// Whatever fails, nothing is promoted and nothing is left.
func TestPromoteFails(t *testing.T) {
	full := errors.New("no space left on device")
	for n := 1; ; n++ {
		dir := put(t, map[string]string{"root/a/b": "ab", "root/c": "c"})
		root, out := filepath.Join(dir, "root"), filepath.Join(dir, "out")
		steps, last := 0, ""
		artifactfs.AtStep(t, func(name string) error {
			if steps++; steps == n {
				last = name
				return full
			}
			return nil
		})
		_, err := artifactfs.Promote(t.Context(), root, out, []runspec.Artifact{artifactOf("a/b", "ab"), artifactOf("c", "c")}, artifactfs.Options{Workers: 1})
		if n > steps {
			must(t, err)
			return
		}
		if last == "sync" { // it is in place by then
			must(t, err)
			wantSame(t, files(t, out), map[string]string{"a/b": "ab", "c": "c"})
			continue
		}
		var disk *artifactfs.Error
		if !errors.As(err, &disk) || !errors.Is(err, full) {
			t.Errorf("step %d, %q: %v", n, last, err)
		}
		wantAbsent(t, out)
	}
}

func TestPromoteCancelled(t *testing.T) {
	dir := put(t, map[string]string{"root/a": large("a")})
	root, out := filepath.Join(dir, "root"), filepath.Join(dir, "out")
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	parts := 0
	artifactfs.AtStep(t, func(name string) error {
		if name == "write on" {
			parts++
			cancel(stop)
		}
		return nil
	})
	_, err := artifactfs.Promote(ctx, root, out, []runspec.Artifact{artifactOf("a", large("a"))}, artifactfs.Options{})
	if !errors.Is(err, stop) || parts != 1 {
		t.Error(err, parts)
	}
	wantAbsent(t, out)
}

func TestPromoteRefused(t *testing.T) {
	dir := put(t, map[string]string{"up/root/a": "a", "full/x": "x", "file": "x"})
	root := filepath.Join(dir, "up", "root")
	symlink(t, "nowhere", filepath.Join(dir, "dangling"))
	must(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	symlink(t, "empty", filepath.Join(dir, "link"))
	for name, reason := range map[string]string{
		"up/root": "is the root or lies above it",
		"up":      "is the root or lies above it",
		"full":    "is not empty",
		"file":    "is a file",
		"link":    "is a symbolic link",
	} {
		out := filepath.Join(dir, filepath.FromSlash(name))
		_, err := promote(t, root, out, artifactOf("a", "a"))
		wantPlace(t, err, reason)
		wantPlace(t, artifactfs.PreparePromote(root, out), reason)
	}
	var disk *artifactfs.Error
	for _, name := range []string{"none/out", "dangling"} {
		_, err := promote(t, root, filepath.Join(dir, name), artifactOf("a", "a"))
		if !errors.As(err, &disk) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantSame(t, files(t, filepath.Join(dir, "empty")), map[string]string{})
}

// Inside the root it goes too, and whatever else is called like copies stays there.
func TestPromoteInside(t *testing.T) {
	root := put(t, map[string]string{"a": "a", ".countersign-out-0123456789abcdef/old": "o", ".countersign-out/x": "mine", ".countersign-out-0123456789abcdeg/x": "mine"})
	out := filepath.Join(root, "out")
	must(t, artifactfs.PreparePromote(root, out))
	want := map[string]string{"a": "a", ".countersign-out-0123456789abcdef/old": "o", ".countersign-out/x": "mine", ".countersign-out-0123456789abcdeg/x": "mine"}
	wantSame(t, files(t, root), want)
	changed, err := promote(t, root, out, artifactOf("a", "a"))
	must(t, err)
	wantSame(t, changed, nil)
	want["out/a"] = "a"
	wantSame(t, files(t, root), want)
}

// What another process takes away of the copies, before they have their name, is not
// passed over: the folder is not made.
func TestPromoteTakenApart(t *testing.T) {
	root := put(t, map[string]string{"a": "a", "b": "b"})
	parent := t.TempDir()
	out := filepath.Join(parent, "out")
	artifactfs.AtStep(t, func(name string) error {
		if name == "publish" {
			staged, err := filepath.Glob(filepath.Join(parent, ".countersign-out-*", "a"))
			must(t, err)
			must(t, os.Remove(staged[0]))
		}
		return nil
	})
	changed, err := promote(t, root, out, artifactOf("a", "a"), artifactOf("b", "b"))
	var disk *artifactfs.Error
	if changed != nil || !errors.As(err, &disk) || !strings.Contains(err.Error(), "was changed while it was put in place") {
		t.Errorf("%v %v", changed, err)
	}
	wantSame(t, files(t, parent), map[string]string{})
}
