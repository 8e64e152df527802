package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/ledger"
)

// dirUse uses the token in a directory.
func dirUse(t *testing.T, path string, u ledger.Use) error {
	t.Helper()
	return ledger.New(inDir(t, path)).Use(t.Context(), u)
}

func mkdir(t *testing.T, path ...string) string {
	t.Helper()
	dir := filepath.Join(path...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("this user may make no links")
		}
		t.Fatal(err)
	}
}

// What a process left that ended half way counts as used, for reruns too.
func TestDirHalfWritten(t *testing.T) {
	whole := ledger.NewRecord(use("")).Text()
	for _, content := range []string{"", whole[:1], whole[:len(whole)-1], strings.Repeat("\x00", len(whole)), whole + whole, strings.Repeat(" ", 1<<20)} {
		path := t.TempDir()
		mkdir(t, path, day)
		write(t, filepath.Join(path, day, key), content)
		want(t, dirUse(t, path, use("")), "used", "", "")
		want(t, dirUse(t, path, attempt("", 2)), "used", "", "")
		if got, err := os.ReadFile(filepath.Join(path, day, key)); err != nil || string(got) != content {
			t.Errorf("%.50q became %.50q, %v", content, got, err)
		}
	}
}

// What fails once the entry is made refuses, and the token counts as used.
func TestDirSteps(t *testing.T) {
	steps := []string{"created", "written", "synced", "closed", "folder synced", "root synced"}
	for _, last := range steps {
		d := inDir(t, t.TempDir())
		var done []string
		d.SetStep(func(step string) error {
			done = append(done, step)
			if step == last {
				return errors.New("no space left on device")
			}
			return nil
		})
		l := ledger.New(d)
		want(t, l.Use(t.Context(), use("")), "unknown", "no space left", "may count as used")
		if diff := cmp.Diff(steps[:slices.Index(steps, last)+1], done); diff != "" {
			t.Error(diff)
		}
		want(t, l.Use(t.Context(), use("")), "used", "", "")
	}
}

// Links are refused: what they lead to may be forgotten, or be another's.
func TestDirLinks(t *testing.T) {
	for name, test := range map[string]struct {
		make func(t *testing.T, path string)
		want string
	}{
		"day that stays inside": {func(t *testing.T, path string) {
			mkdir(t, path, "elsewhere")
			symlink(t, "elsewhere", filepath.Join(path, day))
		}, "unknown"},
		"day that leads out": {func(t *testing.T, path string) { symlink(t, t.TempDir(), filepath.Join(path, day)) }, "unknown"},
		"day that leads nowhere": {func(t *testing.T, path string) {
			symlink(t, "nowhere", filepath.Join(path, day))
		}, "unknown"},
		"day is a file": {func(t *testing.T, path string) { write(t, filepath.Join(path, day), "") }, "unknown"},
		"entry that leads nowhere": {func(t *testing.T, path string) {
			mkdir(t, path, day)
			symlink(t, "nowhere", filepath.Join(path, day, key))
		}, "used"},
		"entry that leads to a record": {func(t *testing.T, path string) {
			mkdir(t, path, day)
			write(t, filepath.Join(path, day, "other"), ledger.NewRecord(use("")).Text())
			symlink(t, "other", filepath.Join(path, day, key))
		}, "used"},
		"entry is a folder": {func(t *testing.T, path string) { mkdir(t, path, day, key) }, "used"},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			test.make(t, path)
			want(t, dirUse(t, path, use("")), test.want, "", "")
			// A rerun reads the entry, and finds none.
			want(t, dirUse(t, path, attempt("", 2)), "unknown", "", "")
			for _, made := range []string{"nowhere", filepath.Join("elsewhere", key), filepath.Join(day, "nowhere"), filepath.Join(day, key+"-2")} {
				if _, err := os.Lstat(filepath.Join(path, made)); err == nil {
					t.Errorf("%s was made", made)
				}
			}
		})
	}
}

// The directory is not made: what was mounted there would be forgotten.
func TestDirGone(t *testing.T) {
	path := mkdir(t, t.TempDir(), "ledger")
	d := inDir(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l := ledger.New(d)
	want(t, l.Use(t.Context(), use("")), "unknown", "cannot be opened", "not created")
	if _, err := l.Prune(t.Context(), expires); err == nil {
		t.Error("nothing was pruned, without an error")
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("it was made")
	}
	write(t, path, "")
	_, err := ledger.OpenDir(path)
	want(t, err, "unknown", "", "")
}

func TestDirModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes are another system's")
	}
	path := t.TempDir()
	want(t, dirUse(t, path, use("")), "passed", "", "")
	for name, mode := range map[string]os.FileMode{day: os.ModeDir | 0o700, filepath.Join(day, key): 0o600} {
		if info, err := os.Lstat(filepath.Join(path, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	if err := os.Chmod(filepath.Join(path, day), 0o500); err != nil {
		t.Fatal(err)
	}
	other := use("")
	other.ID += "A"
	want(t, dirUse(t, path, other), "unknown", "", "write to it")
}
