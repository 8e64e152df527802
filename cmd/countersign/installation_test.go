package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/cli"
)

// A pinned is a copy of this project whose scripts/checksums.txt names one
// asset: that of this machine, as scripts/build makes it.
type pinned struct {
	tree  string
	name  string // of the asset
	asset []byte
	path  string // where it is downloaded from
	place string // where the binary belongs, below the tool cache
}

func newPinned(t *testing.T) pinned {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the scripts run in git-bash there")
	}
	r := pinned{tree: copyOfSources(t), name: fmt.Sprintf("countersign_%s_%s_%s", cli.Version, runtime.GOOS, runtime.GOARCH)}
	file := filepath.Join(t.TempDir(), "asset")
	command(t, r.tree, "scripts/build", file)
	r.path = "/countersign-ci/countersign/releases/download/v" + cli.Version + "/" + r.name
	r.pin(t, fileText(t, file))
	return r
}

// copyOfSources copies what the program is built and installed from.
func copyOfSources(t *testing.T) string {
	t.Helper()
	root, tree := projectRoot(t), t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "action.yml", "cmd", "internal", "scripts"} {
		err := filepath.WalkDir(filepath.Join(root, name), func(path string, d fs.DirEntry, err error) error {
			relative, _ := filepath.Rel(root, path)
			switch {
			case err != nil:
				return err
			case d.IsDir() && d.Name() == "testdata":
				return fs.SkipDir
			case d.IsDir():
				return os.MkdirAll(filepath.Join(tree, relative), 0o755)
			case strings.HasSuffix(path, "_test.go"):
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(tree, relative), text, 0o755)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

// pin makes these bytes the asset: it writes their sum, and that of the sources as
// they are now.
func (r *pinned) pin(t *testing.T, asset []byte) {
	t.Helper()
	r.asset = asset
	r.place = fmt.Sprintf("countersign/%s-%x/countersign", cli.Version, sha256.Sum256(asset))
	writeFile(t, filepath.Join(r.tree, "scripts", "checksums.txt"), fmt.Sprintf("# A release.\n# sources sha256:%s%x  %s\n%064d  %s_other\n",
		command(t, r.tree, "scripts/sources"), sha256.Sum256(asset), r.name, 0, r.name))
}

func (r pinned) serve(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write(r.asset)
}

func fileText(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// A releaseServer answers as it is told and remembers what it was asked.
type releaseServer struct {
	*httptest.Server
	mu    sync.Mutex
	paths []string
	leaks []string // headers that carry a secret
}

// asked returns the paths that were asked for since it was last called, and the
// secrets that came along.
func (s *releaseServer) asked() (paths, leaks []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	paths, leaks = s.paths, s.leaks
	s.paths, s.leaks = nil, nil
	return paths, leaks
}

func newReleaseServer(t *testing.T, answer http.HandlerFunc) *releaseServer {
	t.Helper()
	s := &releaseServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.paths = append(s.paths, r.URL.Path)
		for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
			if value := r.Header.Get(name); value != "" {
				s.leaks = append(s.leaks, name+": "+value)
			}
		}
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(func() {
		s.CloseClientConnections() // whoever still waits
		s.Close()
	})
	return s
}

// An installation is a machine on which scripts/install.sh runs.
type installation struct {
	cache string
	env   []string // the last of a name counts
}

// newInstallation makes a machine with the tools that the script may need, but
// those named, and with settings of an earlier step in the home folder.
func newInstallation(t *testing.T, lacks ...string) installation {
	t.Helper()
	bin, home := t.TempDir(), t.TempDir()
	for _, name := range strings.Fields("bash env dirname find xargs sha256sum shasum perl sort sed cut uname mkdir mktemp rm mv chmod cat head wc grep tr timeout curl wget go") {
		if path, err := exec.LookPath(name); err == nil && !slices.Contains(lacks, name) {
			if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	writeFile(t, filepath.Join(bin, "sleep"), "#!/bin/sh\n")
	writeFile(t, filepath.Join(home, ".curlrc"), "location\nuser = \"mallory:secret\"\nheader = \"Cookie: a=b\"\noutput = /dev/null\n")
	writeFile(t, filepath.Join(home, ".wgetrc"), "header = Authorization: Basic c2VjcmV0\nmax_redirect = 20\n")
	writeFile(t, filepath.Join(home, ".netrc"), "machine 127.0.0.1 login mallory password secret\n")
	m := installation{cache: t.TempDir()}
	m.env = []string{
		"PATH=" + bin, "HOME=" + home, "TMPDIR=" + t.TempDir(), "RUNNER_TOOL_CACHE=" + m.cache,
		"http_proxy=http://127.0.0.1:1", // not for this machine itself
		"GOFLAGS=-mod=mod", "GOTOOLCHAIN=local",
	}
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
		m.env = append(m.env, name+"="+strings.TrimSpace(command(t, ".", "go", "env", name)))
	}
	return m
}

// An installed is how the script ended.
type installed struct {
	code           int
	stdout, stderr string
	output         string   // what it wrote to GITHUB_OUTPUT
	kept           []string // the files and the empty folders in the tool cache
}

// install runs the script of a tree.
func (m installation) install(t *testing.T, tree string, env ...string) installed {
	t.Helper()
	// It bounds its waits; this is for the day on which it does not.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	output := filepath.Join(t.TempDir(), "output")
	c := exec.CommandContext(ctx, filepath.Join(tree, "scripts", "install.sh"))
	c.Dir = t.TempDir()
	c.Env = append(append(slices.Clone(m.env), "GITHUB_OUTPUT="+output), env...)
	c.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	text, err := os.ReadFile(output)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return installed{c.ProcessState.ExitCode(), stdout.String(), stderr.String(), string(text), m.kept(t)}
}

// kept lists the tool cache, without the folder that all is in.
func (m installation) kept(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(m.cache, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(m.cache, path)
		if d.IsDir() {
			if entries, _ := os.ReadDir(path); len(entries) > 0 || relative == "." || relative == "countersign" {
				return err
			}
		}
		files = append(files, relative)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// check compares with an installation that put the binary at a place below the
// tool cache, or with one that failed and has to have left nothing.
func (i installed) check(t *testing.T, m installation, code int, stderr, place string) {
	t.Helper()
	if i.code != code || !strings.Contains(i.stderr, stderr) {
		t.Errorf("it ended with %d, want %d and %q:\n%s", i.code, code, stderr, i.stderr)
	}
	if code != 0 {
		if i.stdout != "" || i.output != "" {
			t.Errorf("it failed and yet gives %q, and as output %q", i.stdout, i.output)
		}
		if !strings.Contains(i.stderr, "\nhint: ") {
			t.Errorf("there is no hint:\n%s", i.stderr)
		}
		if len(i.kept) > 0 && place == "" {
			t.Errorf("it left %q", i.kept)
		}
		return
	}
	path := filepath.Join(m.cache, place)
	if i.stdout != path+"\n" || i.output != "path="+path+"\n" {
		t.Errorf("it gives %q, and as output %q, want %s", i.stdout, i.output, path)
	}
	if diff := cmp.Diff([]string{place}, i.kept); diff != "" {
		t.Errorf("in the tool cache (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the binary is %v: %v", info, err)
	}
}
