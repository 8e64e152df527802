package tree

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"strings"
)

// A Head is what is checked out.
type Head struct {
	Commit string // the full digest
	Branch string // without refs/heads/; empty where no branch is checked out
	Folder string // of the tree in the checkout, with a slash at its end; empty at the top
}

// findGit sets the program if the root lies in the work tree of a checkout.
func (t *Tree) findGit(ctx context.Context) error {
	program, err := exec.LookPath("git")
	if err != nil {
		return nil
	}
	t.program = program
	out, err := t.git(ctx, "rev-parse", "--is-inside-work-tree")
	var e *gitError
	switch {
	case errors.As(err, &e) && strings.HasPrefix(e.stderr, "fatal: not a git repository (or any"):
		t.program = ""
	case err != nil:
		return err
	case line(out) != "true": // in a bare repository, or in .git
		t.program = ""
	}
	return nil
}

// Head returns what is checked out. A branch without a commit is an error.
func (t *Tree) Head(ctx context.Context) (Head, error) {
	commit, err := t.git(ctx, "rev-parse", "--quiet", "--verify", "HEAD^{commit}")
	if exitCode(err) == 1 {
		return Head{}, &Error{Reason: "the checkout has no commit yet", Advice: "make a first commit"}
	}
	if err != nil {
		return Head{}, err
	}
	ref, err := t.git(ctx, "symbolic-ref", "--quiet", "HEAD")
	if err != nil && exitCode(err) != 1 { // 1: HEAD is detached
		return Head{}, err
	}
	branch, ok := strings.CutPrefix(line(ref), "refs/heads/")
	if !ok {
		branch = ""
	}
	folder, err := t.git(ctx, "rev-parse", "--show-prefix")
	if err != nil {
		return Head{}, err
	}
	return Head{Commit: line(commit), Branch: branch, Folder: strings.TrimSuffix(string(folder), "\n")}, nil
}

// Origin returns the URL of the remote origin as git would use it, or "" where
// there is none, or no checkout. Credentials in an http URL are left out.
func (t *Tree) Origin(ctx context.Context) (string, error) {
	if t.program == "" {
		return "", nil
	}
	out, err := t.git(ctx, "remote", "get-url", "origin")
	if exitCode(err) == 2 { // git-remote(1), "Exit status": no such remote
		return "", nil
	}
	if err != nil {
		return "", err
	}
	origin := line(out)
	if !strings.HasPrefix(strings.ToLower(origin), "http") {
		return origin, nil
	}
	u, err := url.Parse(origin)
	if err != nil {
		// The parser's own error quotes the URL.
		return "", &Error{Reason: "the URL of the remote origin is malformed", Advice: "see `git remote get-url origin`"}
	}
	u.User = nil
	return u.String(), nil
}

// git runs git in the root and returns what it prints.
func (t *Tree) git(ctx context.Context, args ...string) ([]byte, error) {
	if t.program == "" {
		return nil, &Error{Reason: "this needs a git checkout, and git on PATH", Advice: "check the repository out, as actions/checkout does, and run there"}
	}
	cmd := exec.CommandContext(ctx, t.program, append([]string{
		"--no-pager",
		"-c", "core.fsmonitor=false",
		"-c", "core.hooksPath=" + os.DevNull,
	}, args...)...)
	cmd.Dir = t.root
	cmd.Env = environment(os.Environ())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err == nil {
		return stdout.Bytes(), nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return stdout.Bytes(), failure(args[0], err, strings.TrimSpace(stderr.String()))
}

// A gitError is how git ended, and what it said about it.
type gitError struct {
	err    error
	stderr string
}

func (e *gitError) Error() string {
	if e.stderr == "" {
		return e.err.Error()
	}
	return strings.TrimPrefix(line([]byte(e.stderr)), "fatal: ")
}

func (e *gitError) Unwrap() error { return e.err }

func failure(command string, err error, stderr string) error {
	advice := "see what `git " + command + "` says in the folder"
	// git prints the command that would make it trust the checkout, quoted for a
	// shell (git-config(1), "safe.directory").
	if _, command, ok := strings.Cut(stderr, "git config --global --add safe.directory "); ok {
		advice = "the checkout belongs to another user; if you trust what is in it, run: git config --global --add safe.directory " + line([]byte(command))
	}
	return &Error{Reason: "git " + command + " failed", Advice: advice, Cause: &gitError{err, stderr}}
}

// exitCode returns the status with which git ended, or -1.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// environment returns the variables for git: none of its own but those set here.
func environment(all []string) []string {
	var out []string
	for _, v := range all {
		if !strings.HasPrefix(strings.ToUpper(v), "GIT_") {
			out = append(out, v)
		}
	}
	return append(out,
		"LC_ALL=C",
		"GIT_OPTIONAL_LOCKS=0",
		// What a partial clone lacks would be fetched by a program that its
		// configuration names. Older versions of git know the second only.
		"GIT_NO_LAZY_FETCH=1",
		"GIT_ALLOW_PROTOCOL=none",
		// A replaced commit is one that the server does not have.
		"GIT_NO_REPLACE_OBJECTS=1",
	)
}

// line returns the first line of a command's output.
func line(out []byte) string {
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSuffix(first, "\r")
}
