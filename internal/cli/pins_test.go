package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// A pinTest is a tree in the current folder and a server that has acme/widgets,
// with v4 and v4.2.2 on its default branch, and the plugin docker.
type pinTest struct {
	t              *testing.T
	server         *githubtest.Server
	program        program
	widgets        *githubtest.Repo
	v422, docker32 string
}

const workflow = ".github/workflows/ci.yml"

// uses is a workflow with steps that use these refs.
func uses(refs ...string) string {
	return "jobs:\n  a:\n    steps:\n      - uses: " + strings.Join(refs, "\n      - uses: ") + "\n"
}

func newPinTest(t *testing.T, files map[string]string) *pinTest {
	t.Helper()
	p := &pinTest{t: t, server: githubtest.New(t)}
	p.server.SetToken("api-token")
	p.widgets = p.server.Repo("acme/widgets")
	p.v422 = p.widgets.Commit("main", "4.2.2")
	p.widgets.AnnotatedTag("v4.2.2", p.v422)
	p.widgets.Tag("v4", p.v422)
	docker := p.server.Repo("buildkite-plugins/docker-buildkite-plugin")
	p.docker32 = docker.Commit("main", "3.2.0")
	docker.Tag("v3.2.0", p.docker32)
	p.program = program{env: map[string]string{
		"GITHUB_API_URL": p.server.URL(), "GITHUB_GRAPHQL_URL": p.server.GraphQLURL(), "COUNTERSIGN_GITHUB_TOKEN": "api-token",
	}}
	t.Chdir(t.TempDir())
	p.write(files)
	return p
}

func (p *pinTest) write(files map[string]string) {
	p.t.Helper()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			p.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
}

// verify runs `verify --check pins` with further arguments, and returns what it
// printed.
func (p *pinTest) verify(code int, args ...string) (stdout, stderr string) {
	p.t.Helper()
	got, stdout, stderr := p.program.run(append([]string{"verify", "--check", "pins"}, args...)...)
	if got != code {
		p.t.Fatalf("verify %q ended with %d, want %d:\n%s", args, got, code, stderr)
	}
	if code > exitRefused && (!strings.Contains(stderr, "error: ") || !strings.Contains(stderr, "hint: ") || stdout != "") {
		p.t.Errorf("verify %q printed %q and %q", args, stdout, stderr)
	}
	return stdout, stderr
}

// files returns the files of the tree.
func (p *pinTest) files() map[string]string {
	p.t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(".", func(name string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(name, ".git"+string(filepath.Separator)) {
			return err
		}
		text, err := os.ReadFile(name)
		files[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return files
}

// want compares the files of the tree.
func (p *pinTest) want(files map[string]string) {
	p.t.Helper()
	if diff := cmp.Diff(files, p.files()); diff != "" {
		p.t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestPinsStyles(t *testing.T) {
	const readme = "Use it:\n\n```yml\nsteps:\n  - plugins:\n      - docker#v3.2.0:\n          image: node # 22\n```\n"
	const pipeline = "steps:\n  - command: make\n    plugins:\n    - docker#v3.2.0: ~\n    - ./vendored\n"
	for style, pinned := range map[string]func(string, string) string{
		"commit": func(s, docker string) string {
			s = strings.Replace(s, "docker#v3.2.0:\n", "docker#"+docker+": # v3.2.0\n", 1)
			return strings.Replace(s, "docker#v3.2.0: ~\n", "docker#"+docker+": ~ # v3.2.0\n", 1)
		},
		"git-sha1": func(s, docker string) string {
			return strings.Replace(s, "docker#v3.2.0", "docker#v3.2.0@git-sha1:"+docker, 1)
		},
	} {
		t.Run(style, func(t *testing.T) {
			files := map[string]string{"README.md": readme, ".buildkite/pipeline.yml": pipeline}
			p := newPinTest(t, files)
			_, stderr := p.verify(exitRefused, "--style", style)
			if !strings.Contains(stderr, "error: unpinned: 2 places") {
				t.Errorf("it says %q", stderr)
			}
			p.want(files)
			p.verify(exitOK, "--write", "--style", style)
			want := map[string]string{"README.md": pinned(readme, p.docker32), ".buildkite/pipeline.yml": pinned(pipeline, p.docker32)}
			p.want(want)

			// The second run changes nothing, and a pin keeps its style.
			for _, again := range []string{"commit", "git-sha1"} {
				p.verify(exitOK, "--write", "--style", again)
				p.want(want)
			}
			lowered, _ := p.verify(exitOK, "--lower", ".buildkite/pipeline.yml")
			if strings.Contains(lowered, "@git-sha1:") || !strings.Contains(lowered, "docker#"+p.docker32+": ~") || !strings.HasSuffix(lowered, "./vendored\n") {
				t.Errorf("lowered to %q", lowered)
			}
		})
	}
}

// A file that is not checked, or that fails, is not lowered.
func TestPinsLowerRefuses(t *testing.T) {
	p := newPinTest(t, map[string]string{"p.yml": "steps:\n- plugins: [docker#v3.2.0@git-sha1:" + strings.Repeat("0", 40) + "]\n"})
	if stdout, _ := p.verify(exitRefused, "--lower", "p.yml"); stdout != "" {
		t.Errorf("it printed %q", stdout)
	}
	p.verify(exitUsage, "--lower", "p.yml", "--write")
	p.verify(exitUsage, "--lower", "p.yml", "--files", "p.yml")
	p.verify(exitUsage, "--lower", "p.yml", "--json")
	p.verify(exitUsage, "--lower", "nothing.yml")
	p.server.Fault(func(int, *http.Request, []byte) *githubtest.Fault { return &githubtest.Fault{Status: 401} })
	p.verify(exitUndecided, "--lower", "p.yml")
}

func TestPinsMovedTag(t *testing.T) {
	p := newPinTest(t, nil)
	before := p.v422
	p.widgets.Tag("v4.2.2", p.widgets.Commit("main", "other"))
	files := map[string]string{workflow: uses("acme/widgets@"+before+" # v4.2.2", "acme/widgets@v4")}
	p.write(files)
	for _, args := range [][]string{{"--write"}, {}, {"--write", "--update", "latest"}, {"--dry-run"}} {
		if stdout, stderr := p.verify(exitRefused, args...); !strings.Contains(stderr, "digest-mismatch") || stdout != "" {
			t.Errorf("%q: it says %q, %q", args, stdout, stderr)
		}
		p.want(files)
	}
}

func TestPinsHolders(t *testing.T) {
	p := newPinTest(t, nil)
	byTag := p.widgets.CommitOn(p.v422, "detached")
	object := p.widgets.AnnotatedTag("v5.0.0", byTag)
	for _, test := range []struct {
		ref, rule string
		code      int
		args      []string
	}{
		{"acme/widgets@" + p.widgets.ForkCommit(p.v422), "impostor-commit", exitRefused, nil},
		{"acme/widgets@" + p.widgets.ForkCommit(p.v422) + " # v4.2.2", "digest-mismatch", exitRefused, nil},
		{"acme/widgets@" + byTag + " # v5.0.0", "impostor-commit", exitOK, nil},
		{"acme/widgets@" + byTag, "impostor-commit", exitOK, nil},
		{"acme/widgets@" + byTag + " # v5.0.0", "impostor-commit", exitRefused, []string{"--require-branch"}},
		{"acme/widgets@" + object + " # v5.0.0", "digest-mismatch", exitRefused, nil},
		{"acme/widgets@" + object, "impostor-commit", exitRefused, nil},
		{"acme/widgets@" + p.v422, "", exitOK, []string{"--require-branch"}},
	} {
		p.write(map[string]string{workflow: uses(test.ref)})
		stdout, _ := p.verify(test.code, append(test.args, "--json")...)
		var r struct{ Failure string }
		if err := json.Unmarshal([]byte(stdout), &r); err != nil || r.Failure != test.rule {
			t.Errorf("%s %q fails by %q, %v, want %q", test.ref, test.args, r.Failure, err, test.rule)
		}
	}
}

// With anything that the server leaves open nothing is written; a branch is left
// alone and the rest is.
func TestPinsUnresolved(t *testing.T) {
	p := newPinTest(t, nil)
	p.server.Private("acme/secret")
	for ref, rule := range map[string]string{
		"acme/widgets@v9": "unknown-ref", "acme/nothing@v1": "unknown-repository", "acme/secret@v1": "unknown-repository",
		"acme/widgets@abcdef1": "short-digest", "acme/widgets@" + strings.ToUpper(p.v422): "malformed-digest",
	} {
		files := map[string]string{workflow: uses("acme/widgets@v4", ref)}
		p.write(files)
		if _, stderr := p.verify(exitRefused, "--write"); !strings.Contains(stderr, rule) {
			t.Errorf("%s: it says %q, want %s", ref, stderr, rule)
		}
		p.want(files)
	}
	p.write(map[string]string{workflow: uses("acme/widgets@main", "acme/widgets@v4")})
	p.verify(exitRefused, "--write")
	p.want(map[string]string{workflow: uses("acme/widgets@main", "acme/widgets@"+p.v422+" # v4.2.2")})
}

// What the API fails with leaves everything undecided and unchanged.
func TestPinsUndecided(t *testing.T) {
	p := newPinTest(t, map[string]string{workflow: uses("acme/widgets@v4"), "README.md": "`docker#v3.2.0`\n"})
	files := p.files()
	long := http.Header{"Retry-After": {"3600"}}
	for name, fault := range map[string]*githubtest.Fault{
		"rate limit":         {Status: 403, Header: http.Header{"X-Ratelimit-Remaining": {"0"}, "Retry-After": {"3600"}}},
		"too many":           {Status: 429, Header: long},
		"unavailable":        {Status: 503, Header: long},
		"no JSON":            {Status: 200, Body: "<html>"},
		"unauthorized":       {Status: 401},
		"RATE_LIMITED":       {GraphQLErrors: `[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]`, Header: long},
		"SAML":               {Null: map[string]string{"*": "FORBIDDEN"}},
		"no answer to a ref": {Null: map[string]string{"*/*": "SERVICE_UNAVAILABLE"}},
	} {
		p.server.Fault(func(int, *http.Request, []byte) *githubtest.Fault { return fault })
		_, stderr := p.verify(exitUndecided, "--write")
		if strings.Contains(stderr, "api-token") {
			t.Errorf("%s: the token stands in %q", name, stderr)
		}
		p.want(files)
	}
}

func TestPinsUnreadable(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside.yml")
	if err := os.WriteFile(outside, []byte("steps: []\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func() error{
		"not UTF-8":            func() error { return os.WriteFile("README.fr.md", []byte("caf\xe9\n"), 0o644) },
		"no YAML":              func() error { return os.WriteFile(".github/workflows/b.yml", []byte("a: [\n"), 0o644) },
		"a link out":           func() error { return os.Symlink(outside, "README.out.md") },
		"a link to nothing":    func() error { return os.Symlink("nothing", "README.out.md") },
		"a lockfile in pieces": func() error { return os.WriteFile(".github/workflows/actions.lock", []byte("version: v9\n"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPinTest(t, map[string]string{workflow: uses("acme/widgets@v4")})
			if err := make(); err != nil {
				t.Fatal(err)
			}
			p.verify(exitUndecided, "--write")
			if got := p.files()[workflow]; got != uses("acme/widgets@v4") {
				t.Errorf("it wrote %q", got)
			}
			if len(p.server.Requests()) != 0 {
				t.Error("it asked the server")
			}
		})
	}
}

func TestPinsUsage(t *testing.T) {
	p := newPinTest(t, map[string]string{workflow: uses("acme/widgets@v4")})
	files := p.files()
	for _, args := range [][]string{
		{"--files", "nothing.yml"}, {"--files", "[", "--write"}, {"--files", "../x"}, {"--files", ""},
		{"--style", "sha"}, {"--update", "newest"}, {"--min-age", "soon"}, {"--min-age", "-1h"}, {"--publish", "push"},
		{"--publish", "commit"}, {"--write", "--dry-run"}, {"--check", "pin"},
	} {
		p.verify(exitUsage, args...)
	}
	for _, name := range []string{"GITHUB_API_URL", "GITHUB_GRAPHQL_URL", "GITHUB_SERVER_URL"} {
		env := maps.Clone(p.program.env)
		p.program.env[name] = "http://api.example"
		if name == "GITHUB_SERVER_URL" {
			p.program.env[name] = "github"
		}
		p.verify(exitUsage)
		p.program.env = env
	}
	p.want(files)
	if len(p.server.Requests()) != 0 {
		t.Error("it asked the server")
	}
}

func TestPinsNothingMatches(t *testing.T) {
	p := newPinTest(t, map[string]string{"main.go": "package main\n"})
	if _, stderr := p.verify(exitOK); !strings.Contains(stderr, "note: no file matches") {
		t.Errorf("it says %q", stderr)
	}
	if len(p.server.Requests()) != 0 {
		t.Error("it asked the server")
	}
}

// In a checkout the default files are those that git tracks.
func TestPinsTracked(t *testing.T) {
	p := newPinTest(t, map[string]string{workflow: uses("acme/widgets@v4")})
	if out, err := exec.Command("git", "init", "-q").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, stderr := p.verify(exitOK); !strings.Contains(stderr, "no file matches") {
		t.Errorf("it says %q", stderr)
	}
	if out, err := exec.Command("git", "add", ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p.verify(exitRefused)
}

func TestPinsJSON(t *testing.T) {
	p := newPinTest(t, map[string]string{workflow: uses("acme/widgets@v4", "./local", "docker://alpine:3")})
	stdout, _ := p.verify(exitRefused, "--json")
	var got struct {
		OK   bool
		Spec *struct{}
		Pins []map[string]any
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	at := func(line int, rest map[string]any) map[string]any {
		all := map[string]any{
			"file": workflow, "line": float64(line), "column": 15.0,
			"repository": "", "version": "", "commit": "", "replacement": "",
		}
		maps.Copy(all, rest)
		return all
	}
	want := []map[string]any{
		at(4, map[string]any{"text": "acme/widgets@v4", "kind": "action", "repository": "acme/widgets", "version": "v4.2.2", "commit": p.v422, "status": "unpinned", "replacement": "acme/widgets@" + p.v422}),
		at(5, map[string]any{"text": "./local", "kind": "local", "status": "local"}),
		at(6, map[string]any{"text": "docker://alpine:3", "kind": "image", "status": "unpinned"}),
	}
	if diff := cmp.Diff(want, got.Pins); diff != "" || got.OK || got.Spec != nil {
		t.Errorf("pins (-want +got), ok %v, spec %v:\n%s", got.OK, got.Spec, diff)
	}
}

func TestPinsDryRunAndSARIF(t *testing.T) {
	p := newPinTest(t, map[string]string{workflow: uses("acme/widgets@v4", "acme/widgets@main")})
	files := p.files()
	stdout, _ := p.verify(exitRefused, "--dry-run", "--sarif", filepath.Join(t.TempDir(), "pins.sarif"))
	for _, line := range []string{"--- a/" + workflow, "-      - uses: acme/widgets@v4", "+      - uses: acme/widgets@" + p.v422 + " # v4.2.2"} {
		if !slices.Contains(strings.Split(stdout, "\n"), line) {
			t.Errorf("the diff has no line %q:\n%s", line, stdout)
		}
	}
	p.want(files)
	p.verify(exitRefused, "--sarif", "pins.sarif")
	text := p.files()["pins.sarif"]
	var sarif struct {
		Version string
		Runs    []struct{ Results []struct{ RuleID string } }
	}
	if err := json.Unmarshal([]byte(text), &sarif); err != nil || sarif.Version != "2.1.0" || len(sarif.Runs) != 1 || len(sarif.Runs[0].Results) != 2 {
		t.Errorf("SARIF %v: %s", err, text)
	}
	p.verify(exitUndecided, "--sarif", "no/such/folder/pins.sarif")
}

// The token for the API is asked for by names in order; in the Action only the
// input counts.
func TestPinsAPIToken(t *testing.T) {
	p := newPinTest(t, map[string]string{workflow: uses("acme/widgets@v4")})
	env := p.program.env
	for _, test := range []struct {
		set  map[string]string
		want string
	}{
		{map[string]string{"COUNTERSIGN_GITHUB_TOKEN": "a", "GITHUB_TOKEN": "b", "GH_TOKEN": "c"}, "a"},
		{map[string]string{"GITHUB_TOKEN": "b", "GH_TOKEN": "c"}, "b"},
		{map[string]string{"GH_TOKEN": "c\n"}, "c"},
		{map[string]string{"INPUT_MODE": "verify", "INPUT_CHECK": "pins", "INPUT_GITHUB_TOKEN": "d", "GITHUB_TOKEN": "b", "COUNTERSIGN_GITHUB_TOKEN": "a"}, "d"},
	} {
		p.program.env = maps.Clone(env)
		delete(p.program.env, "COUNTERSIGN_GITHUB_TOKEN")
		maps.Copy(p.program.env, test.set)
		p.server.SetToken(test.want)
		args := []string{"verify", "--check", "pins"}
		if test.want == "d" {
			args = []string{"verify"}
		}
		if code, _, stderr := p.program.run(args...); code != exitRefused {
			t.Errorf("%v ended with %d: %s", test.set, code, stderr)
		}
	}
}

// Both checks are one report: where the token fails nothing is pinned.
func TestPinsAfterToken(t *testing.T) {
	p := newPinTest(t, map[string]string{workflow: uses("acme/widgets@v4")})
	files := p.files()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(strings.Repeat("s", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	const facts = "repository=acme/app,actor=octocat,sha=0123456789abcdef0123456789abcdef01234567"
	code, token, stderr := p.program.run("sign", "--secret-file", secret, "--issuer", "https://github.com/acme/app",
		"--repository", "acme/app", "--actor", "octocat", "--sha", "0123456789abcdef0123456789abcdef01234567")
	if code != exitOK {
		t.Fatal(stderr)
	}
	both := func(expect string) []string {
		return []string{"--check", "token", "--secret-file", secret, "--token", token, "--expect", expect, "--write"}
	}
	p.verify(exitRefused, both(strings.Replace(facts, "octocat", "hubot", 1))...)
	p.want(files)
	if len(p.server.Requests()) != 0 {
		t.Error("it asked the server")
	}
	stdout, _ := p.verify(exitOK, append(both(facts), "--json")...)
	if !strings.Contains(stdout, `"spec":{`) || !strings.Contains(stdout, `"rule":"unpinned","status":"pass"`) || !strings.Contains(stdout, `"rule":"wrong-actor","status":"pass"`) {
		t.Errorf("the report is %s", stdout)
	}
	p.want(map[string]string{workflow: uses("acme/widgets@" + p.v422 + " # v4.2.2")})
}

// What a run that was killed between two renames has left, the next one brings
// to an end.
func TestPinsResume(t *testing.T) {
	p := newPinTest(t, nil)
	pinned := uses("acme/widgets@" + p.v422 + " # v4.2.2")
	p.write(map[string]string{
		".github/workflows/a.yml": pinned, ".github/workflows/b.yml": uses("acme/widgets@v4"),
		".github/workflows/.b.yml.countersign": pinned[:10],
	})
	p.verify(exitOK, "--write")
	p.want(map[string]string{".github/workflows/a.yml": pinned, ".github/workflows/b.yml": pinned})
}

// A workflow that GitHub's lockfile pins is left alone, and the lock is checked.
func TestPinsLockfile(t *testing.T) {
	p := newPinTest(t, nil)
	lock := func(commit string) string {
		return fmt.Sprintf(`version: 'v0.0.2'
workflows:
    '.github/workflows/ci.yml':
        - 'acme/widgets@v4'
dependencies:
    'acme/widgets@v4':
        ref: 'v4'
        commit: 'sha1-%s'
        owner_id: %d
        repo_id: %d
`, commit, p.widgets.OwnerID(), p.widgets.ID())
	}
	files := map[string]string{workflow: uses("acme/widgets@v4", "$/.github/actions/own"), ".github/workflows/actions.lock": lock(p.v422)}
	p.write(files)
	p.verify(exitOK, "--write", "--update", "latest")
	p.want(files)
	p.write(map[string]string{".github/workflows/actions.lock": lock(p.widgets.Commit("main", "other"))})
	if _, stderr := p.verify(exitRefused, "--write"); !strings.Contains(stderr, "actions.lock:6:6: acme/widgets@v4") || !strings.Contains(stderr, "digest-mismatch") {
		t.Errorf("it says %q", stderr)
	}
}
