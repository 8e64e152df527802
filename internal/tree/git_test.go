package tree_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/tree"
)

func TestHead(t *testing.T) {
	ctx := context.Background()
	noConfig(t)
	dir := t.TempDir()
	git(t, dir, "init", "--quiet", "--initial-branch=feature/x")
	tr := open(t, dir)
	_, err := tr.Head(ctx)
	wantError(t, err, "no commit yet", false)

	commit(t, dir)
	want := tree.Head{Commit: git(t, dir, "rev-parse", "HEAD"), Branch: "feature/x"}
	check := func(want tree.Head) {
		t.Helper()
		got, err := tr.Head(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("head (-want +got):\n%s", diff)
		}
	}
	check(want)
	git(t, dir, "tag", "HEAD") // another thing of that name
	check(want)
	git(t, dir, "checkout", "--quiet", "--detach")
	want.Branch = ""
	check(want)

	write(t, dir, files{"sub/new\nline/x": ""})
	tr = open(t, filepath.Join(dir, "sub/new\nline"))
	want.Folder = "sub/new\nline/"
	check(want)

	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := tr.Head(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestOrigin(t *testing.T) {
	dir := checkout(t, nil)
	tr := open(t, dir)
	got, err := tr.Origin(t.Context())
	if got != "" || err != nil {
		t.Errorf("Origin = %q, %v", got, err)
	}
	git(t, dir, "remote", "add", "origin", "x")
	for given, want := range map[string]string{
		"https://github.com/acme/widgets":                         "https://github.com/acme/widgets",
		"https://octocat:password@github.com:8443/acme/widgets":   "https://github.com:8443/acme/widgets",
		"HTTPS://x-access-token:password@github.com/acme/widgets": "https://github.com/acme/widgets",
		"git@github.com:acme/widgets.git":                         "git@github.com:acme/widgets.git",
		"ssh://git@github.com/acme/widgets.git":                   "ssh://git@github.com/acme/widgets.git",
		"gh:acme/widgets":                                         "https://github.com/acme/widgets",
		"https://octocat:password%@github.com/acme/widgets":       "",
		"https://octocat:password@github.com:port/acme":           "",
	} {
		git(t, dir, "remote", "set-url", "origin", given)
		git(t, dir, "config", "url.https://github.com/.insteadOf", "gh:")
		got, err := tr.Origin(t.Context())
		if got != want || (err != nil) != (want == "") {
			t.Errorf("Origin of %q = %q, %v, want %q", given, got, err, want)
		}
		if strings.Contains(fmt.Sprint(err), "password") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestClean(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			noConfig(t)
			dir := t.TempDir()
			git(t, dir, "init", "--quiet", "--object-format="+format)
			write(t, dir, files{"a.yml": "a\n", "sub/b.yml": "b\r\n", "empty": "", "c.yml": "c\n"})
			link(t, "sub/b.yml", filepath.Join(dir, "link.yml"))
			commit(t, dir)
			tr := open(t, dir)
			names := []string{"a.yml", "sub/b.yml", "empty", "link.yml", "c.yml"}
			if err := tr.Clean(t.Context(), names); err != nil {
				t.Fatal(err)
			}
			write(t, dir, files{"c.yml": "changed\n", "sub/b.yml": "b\n", "new": ""})
			err := tr.Clean(t.Context(), names)
			wantError(t, err, `"sub/b.yml" differs from the commit`, false)
			// What is staged is not committed.
			git(t, dir, "add", "--all")
			err = tr.Clean(t.Context(), []string{"a.yml", "c.yml", "sub/b.yml"})
			wantError(t, err, `"c.yml" differs from the commit`, false)
			err = tr.Clean(t.Context(), []string{"a.yml", "new"})
			wantError(t, err, `"new" is not in the commit`, false)
			err = tr.Clean(t.Context(), []string{"a.yml", "nothing"})
			wantError(t, err, `"nothing" cannot be read`, false)
			if err := tr.Clean(t.Context(), []string{"a.yml", "empty"}); err != nil {
				t.Error(err)
			}
		})
	}
}

// What git would convert on the way into a commit is a change all the same: the
// API takes the bytes as they are.
func TestCleanConverted(t *testing.T) {
	dir := checkout(t, files{"a.yml": "a\n", ".gitattributes": "*.yml text eol=crlf\n"})
	if err := os.Remove(filepath.Join(dir, "a.yml")); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "checkout", "--", "a.yml")
	wantContents(t, dir, files{"a.yml": "a\r\n", ".gitattributes": "*.yml text eol=crlf\n"})
	if status := git(t, dir, "status", "--porcelain"); status != "" {
		t.Fatalf("git sees a change: %s", status)
	}
	err := open(t, dir).Clean(t.Context(), []string{"a.yml"})
	wantError(t, err, "differs", false)
}

// git keeps a link as a file that holds the target.
func TestCleanLink(t *testing.T) {
	dir := checkout(t, files{"b.yml": "b"})
	link(t, "b.yml", filepath.Join(dir, "a.yml"))
	commit(t, dir)
	if err := os.Remove(filepath.Join(dir, "a.yml")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, files{"a.yml": "b.yml"})
	err := open(t, dir).Clean(t.Context(), []string{"a.yml"})
	wantError(t, err, "is not in the commit", false)
}

func TestCleanReplacedCommit(t *testing.T) {
	dir := checkout(t, files{"a.yml": "honest\n"})
	honest := git(t, dir, "rev-parse", "HEAD")
	write(t, dir, files{"a.yml": "other\n"})
	commit(t, dir)
	other := git(t, dir, "rev-parse", "HEAD")
	git(t, dir, "reset", "--quiet", "--soft", honest)
	git(t, dir, "replace", honest, other)
	err := open(t, dir).Clean(t.Context(), []string{"a.yml"})
	wantError(t, err, "differs", false)
}

func TestWithoutCheckout(t *testing.T) {
	noConfig(t)
	dir := t.TempDir()
	write(t, dir, files{"a.yml": ""})
	ctx := context.Background()
	for name, tr := range map[string]*tree.Tree{"no checkout": open(t, dir), "no git": openElsewhere(t, dir)} {
		t.Run(name, func(t *testing.T) {
			const text = "needs a git checkout"
			_, err := tr.Head(ctx)
			wantError(t, err, text, false)
			if origin, err := tr.Origin(ctx); origin != "" || err != nil {
				t.Errorf("the origin is %q, %v, want none", origin, err)
			}
			wantError(t, tr.Clean(ctx, []string{"a.yml"}), text, false)
			got, err := tr.Tracked([]string{"*.yml"})
			wantNames(t, got, err, "a.yml")
		})
	}
}

// A variable of an earlier step does not change what is checked.
func TestEnvironment(t *testing.T) {
	other := checkout(t, files{"other.yml": "other"})
	dir := checkout(t, files{"a.yml": "a"})
	for name, value := range map[string]string{
		"GIT_DIR":               filepath.Join(other, ".git"),
		"GIT_WORK_TREE":         other,
		"GIT_INDEX_FILE":        filepath.Join(other, ".git", "index"),
		"GIT_OBJECT_DIRECTORY":  filepath.Join(other, ".git", "objects"),
		"GIT_CONFIG_COUNT":      "1",
		"GIT_CONFIG_KEY_0":      "core.worktree",
		"GIT_CONFIG_VALUE_0":    other,
		"GIT_LITERAL_PATHSPECS": "no boolean, so git would fail",
		"GIT_TRACE":             filepath.Join(dir, "trace"),
	} {
		t.Setenv(name, value)
	}
	tr := open(t, dir)
	got, err := tr.Named([]string{"**"})
	wantNames(t, got, err, "a.yml")
	head, err := tr.Head(t.Context())
	if want := git(t, dir, "rev-parse", "HEAD"); head.Commit != want || err != nil {
		t.Errorf("Head = %+v, %v, want %s", head, err, want)
	}
	if err := tr.Clean(t.Context(), []string{"a.yml"}); err != nil {
		t.Error(err)
	}
	t.Setenv("GIT_CEILING_DIRECTORIES", dir)
	write(t, dir, files{"sub/b.yml": ""})
	got, err = open(t, filepath.Join(dir, "sub")).Tracked([]string{"*"})
	wantNames(t, got, err)
}

// The configuration of a repository can name programs; none of them is run.
func TestHostileRepository(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs are shell scripts")
	}
	dir := checkout(t, files{"a.yml": "a\n", "sub/b.yml": "b\n", ".gitattributes": "* filter=x diff=x\n"})
	object := git(t, dir, "rev-parse", "HEAD:sub")
	hooks := t.TempDir()
	marker := filepath.Join(hooks, "marker")
	program := filepath.Join(hooks, "program")
	script := "#!/bin/sh\necho \"$0 $*\" >>'" + marker + "'\n"
	for _, name := range []string{"program", "post-index-change", "reference-transaction", "post-checkout"} {
		if err := os.WriteFile(filepath.Join(hooks, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for key, value := range map[string]string{
		"core.hooksPath":         hooks,
		"core.pager":             program,
		"core.editor":            program,
		"core.sshCommand":        program,
		"core.gitProxy":          program,
		"core.askPass":           program,
		"pager.ls-files":         program,
		"filter.x.clean":         program,
		"filter.x.smudge":        program,
		"filter.x.process":       program,
		"filter.x.required":      "true",
		"diff.x.command":         program,
		"diff.x.textconv":        program,
		"diff.external":          program,
		"alias.ls-files":         "!" + program,
		"credential.helper":      program,
		"gpg.program":            program,
		"protocol.allow":         "always",
		"protocol.ext.allow":     "always",
		"remote.origin.url":      "ext::" + program,
		"remote.origin.promisor": "true",
		// Read last by git's own commands above.
		"core.fsmonitor": program,
	} {
		config := filepath.Join(dir, ".git", "config")
		git(t, hooks, "config", "--file", config, key, value)
	}
	tr := open(t, dir)
	if _, err := tr.Tracked([]string{"**"}); err != nil {
		t.Error(err)
	}
	if _, err := tr.Named([]string{"**"}); err != nil {
		t.Error(err)
	}
	if _, err := tr.Head(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := tr.Origin(t.Context()); err != nil {
		t.Error(err)
	}
	if err := tr.Clean(t.Context(), []string{"a.yml", "sub/b.yml"}); err != nil {
		t.Error(err)
	}
	// A partial clone fetches what it lacks.
	git(t, hooks, "config", "--file", filepath.Join(dir, ".git", "config"), "core.repositoryFormatVersion", "1")
	git(t, hooks, "config", "--file", filepath.Join(dir, ".git", "config"), "extensions.partialClone", "origin")
	if err := os.Remove(filepath.Join(dir, ".git", "objects", object[:2], object[2:])); err != nil {
		t.Fatal(err)
	}
	wantError(t, tr.Clean(t.Context(), []string{"a.yml"}), "git ls-tree failed", false)
	if ran, err := os.ReadFile(marker); err == nil {
		t.Errorf("programs of the repository were run:\n%s", ran)
	}
}

func TestBrokenCheckout(t *testing.T) {
	noConfig(t)
	dir := t.TempDir()
	write(t, dir, files{".git": "gitdir: /nothing/here\n", "a.yml": ""})
	_, err := tree.Open(t.Context(), dir)
	wantError(t, err, "git rev-parse failed: not a git repository: /nothing/here", false)
}

// A checkout that belongs to somebody else is neither read nor taken for none.
func TestSomebodyElsesCheckout(t *testing.T) {
	dir := checkout(t, files{"a.yml": ""})
	want := "git config --global --add safe.directory " + dir
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, 12345, -1); err != nil {
			t.Skip("the folder cannot be given away: ", err)
		}
	} else {
		standIn(t, dir)
	}
	_, err := tree.Open(t.Context(), dir)
	wantError(t, err, "dubious ownership", false)
	var e *tree.Error
	if errors.As(err, &e) && !strings.HasSuffix(e.Hint(), want) {
		t.Errorf("hint %q, want one that ends with %q", e.Hint(), want)
	}
}

// standIn puts a program on PATH that says what git 2.39 says about a folder of
// another user, which only root can make.
func standIn(t *testing.T, dir string) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no shell")
	}
	bin := t.TempDir()
	script := "#!/bin/sh\nprintf \"fatal: detected dubious ownership in repository at '%s'\\n" +
		"To add an exception for this directory, call:\\n\\n\\tgit config --global --add safe.directory %s\\n\" '" +
		dir + "' '" + dir + "' >&2\nexit 128\n"
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}
