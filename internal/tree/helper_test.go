package tree_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/countersign-ci/countersign/internal/tree"
)

// files are contents by name.
type files map[string]string

// write writes files below a folder.
func write(t testing.TB, dir string, all files) {
	t.Helper()
	for name, content := range all {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// link makes a link that holds the target as it is.
func link(t testing.TB, target, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Skip("links cannot be made here: ", err)
	}
}

// contents returns all regular files below a folder but git's own.
func contents(t testing.TB, dir string) files {
	t.Helper()
	all := files{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".git" {
			return filepath.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		all[filepath.ToSlash(name)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func open(t testing.TB, dir string) *tree.Tree {
	t.Helper()
	tr, err := tree.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// openElsewhere opens a folder that is in no checkout, wherever it lies.
func openElsewhere(t testing.TB, dir string) *tree.Tree {
	t.Helper()
	t.Setenv("PATH", "")
	return open(t, dir)
}

// git runs git in a folder and returns what it prints. It reads no configuration
// but the repository's.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{
		"-c", "user.name=octocat", "-c", "user.email=octocat@example.com", "-c", "protocol.file.allow=always",
	}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_") }),
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// checkout makes a repository with one commit of the files, without any
// configuration of the user.
func checkout(t testing.TB, all files) string {
	t.Helper()
	noConfig(t)
	dir := t.TempDir()
	git(t, dir, "init", "--quiet", "--initial-branch=main")
	write(t, dir, all)
	commit(t, dir)
	return dir
}

func commit(t testing.TB, dir string) {
	t.Helper()
	git(t, dir, "add", "--all", ".")
	git(t, dir, "commit", "--quiet", "--allow-empty", "--message=change")
}

// noConfig hides the configuration of the user.
func noConfig(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
}

// wantNames checks what a listing has returned.
func wantNames(t *testing.T, got []string, err error, want ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// wantError checks that an error is of the package's type, says what it should,
// and is one about patterns or not.
func wantError(t *testing.T, err error, text string, pattern bool) {
	t.Helper()
	var e *tree.Error
	switch {
	case err == nil:
		t.Errorf("no error, want one that says %q", text)
	case !errors.As(err, &e):
		t.Errorf("error %v is a %T", err, err)
	case !strings.Contains(err.Error(), text):
		t.Errorf("error %q, want one that says %q", err, text)
	case errors.Is(err, tree.ErrPattern) != pattern:
		t.Errorf("error %q is about a pattern: %t, want %t", err, !pattern, pattern)
	}
}

// wantContents checks all files below a folder.
func wantContents(t *testing.T, dir string, want files) {
	t.Helper()
	if diff := cmp.Diff(want, contents(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// with returns files with some replaced.
func (f files) with(other files) files {
	all := maps.Clone(f)
	maps.Copy(all, other)
	return all
}
