package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// spoil changes, removes and adds files of the root.
func (a *artifactTest) spoil() (want []string) {
	a.t.Helper()
	a.put("root/app.tgz", "APP")
	a.put("root/lib/a.so", "library a and more")
	a.remove("root/lib/b.so")
	a.put("root/lib/evil.so", "evil")
	return []string{"artifact-changed app.tgz", "artifact-changed lib/a.so", "artifact-missing lib/b.so", "artifact-unlisted lib/evil.so"}
}

func TestVerifyArtifacts(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(a *artifactTest)
		want   []string
	}{
		{"as built", func(*artifactTest) {}, nil},
		{"empty folders", func(a *artifactTest) { a.put("root/x/y/z", ""); a.remove("root/x/y/z") }, nil},
		{"other content", func(a *artifactTest) { a.put("root/app.tgz", "apq") }, []string{"artifact-changed app.tgz"}},
		{"other size", func(a *artifactTest) { a.put("root/app.tgz", "app\n") }, []string{"artifact-changed app.tgz"}},
		{"emptied", func(a *artifactTest) { a.put("root/app.tgz", "") }, []string{"artifact-changed app.tgz"}},
		{"removed", func(a *artifactTest) { a.remove("root/lib/a.so") }, []string{"artifact-missing lib/a.so"}},
		{"added", func(a *artifactTest) { a.put("root/lib/c.so", "x") }, []string{"artifact-unlisted lib/c.so"}},
		{"added and hidden", func(a *artifactTest) { a.put("root/.git/hooks/x", "x") }, []string{"artifact-unlisted .git/hooks/x"}},
		{"renamed", func(a *artifactTest) { a.remove("root/app.tgz"); a.put("root/new.tgz", "app") }, []string{"artifact-missing app.tgz", "artifact-unlisted new.tgz"}},
		{"swapped", func(a *artifactTest) { a.put("root/lib/a.so", "library b"); a.put("root/lib/b.so", "library a") }, []string{"artifact-changed lib/a.so", "artifact-changed lib/b.so"}},
		{"a folder in its place", func(a *artifactTest) { a.remove("root/app.tgz"); a.put("root/app.tgz/x", "app") }, []string{"artifact-unlisted app.tgz/x", "unsafe-path app.tgz"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newArtifactTest(t)
			a.sign()
			test.change(a)
			before := a.tree("root")
			a.wantCheck(test.want)
			// Warnings are about the same, and move nothing.
			code, _, _ := a.run(a.verifying("--on-invalid", "warn", "--quarantine", a.path("quarantine"), "--promote", a.path("verified"))...)
			if code != exitOK {
				t.Errorf("with warnings it ended with %d", code)
			}
			r, _ := a.check(a.verifying("--on-invalid", "warn", "--quarantine", a.path("quarantine"))...)
			if r.OK != (len(test.want) == 0) || r.OK && r.Failure != "" {
				t.Errorf("with warnings the report is %+v", r)
			}
			a.wantTree("root", before)
			a.wantTree("quarantine", map[string]string{})
			if promoted := a.tree("verified"); (len(promoted) > 0) != r.OK {
				t.Errorf("promoted is %q", promoted)
			}
		})
	}
}

// TestVerifyArtifactsReport lists every file with what was expected and found.
func TestVerifyArtifactsReport(t *testing.T) {
	a := newArtifactTest(t)
	a.sign("--image", "ghcr.io/acme/widgets@sha256:"+strings.Repeat("0123456789abcdef", 4))
	digest := func(text string) *report.Digest {
		return &report.Digest{Size: int64(len(text)), SHA256: listed("", text).SHA256}
	}
	image := report.Artifact{Path: "oci://ghcr.io/acme/widgets", Status: "recorded", Expected: &report.Digest{SHA256: strings.Repeat("0123456789abcdef", 4)}}
	r, _ := a.wantCheck(nil)
	want := []report.Artifact{
		{Path: "app.tgz", Status: "verified", Expected: digest("app"), Found: digest("app")},
		{Path: "lib/a.so", Status: "verified", Expected: digest("library a"), Found: digest("library a")},
		{Path: "lib/b.so", Status: "verified", Expected: digest("library b"), Found: digest("library b")}, image,
	}
	if diff := cmp.Diff(want, r.Artifacts); diff != "" {
		t.Errorf("artifacts (-want +got):\n%s", diff)
	}
	failures := a.spoil()
	r, stderr := a.wantCheck(failures, "--quarantine", a.path("quarantine"))
	at := func(text string) string { return filepath.ToSlash(a.path("quarantine/" + listed("", text).SHA256)) }
	want = []report.Artifact{
		{Path: "app.tgz", Status: "changed", Expected: digest("app"), Found: digest("APP"), Quarantine: at("APP")},
		{Path: "lib/a.so", Status: "changed", Expected: digest("library a"), Found: digest("library a and more"), Quarantine: at("library a and more")},
		{Path: "lib/b.so", Status: "missing", Expected: digest("library b")},
		{Path: "lib/evil.so", Status: "unlisted", Quarantine: at("evil")}, image,
	}
	if diff := cmp.Diff(want, r.Artifacts); diff != "" {
		t.Errorf("artifacts (-want +got):\n%s", diff)
	}
	for _, f := range r.Findings {
		if f.Status == report.Fail && (strings.Contains(f.Message, "it is in the quarantine now") != (f.Rule != report.ArtifactMissing)) {
			t.Errorf("finding %+v", f)
		}
	}
	if !strings.Contains(stderr, "error: artifact-changed: 2 places\n") || !strings.Contains(stderr, filepath.ToSlash(a.path("root"))+"/lib/evil.so\n") {
		t.Errorf("it says %s", stderr)
	}
	// All that failed is gone, and a second check finds it missing.
	a.wantTree("root", map[string]string{})
	a.wantCheck([]string{"artifact-missing app.tgz", "artifact-missing lib/a.so", "artifact-missing lib/b.so"}, "--quarantine", a.path("quarantine"))
}

// TestVerifyQuarantine sets aside what fails and leaves what holds.
func TestVerifyQuarantine(t *testing.T) {
	for _, where := range []string{"quarantine", "root/quarantine", "root/lib/q"} {
		t.Run(where, func(t *testing.T) {
			a := newArtifactTest(t)
			a.sign("--out", a.path("root/dist.countersign"))
			token := []string{"--token-file", a.path("root/dist.countersign"), "--quarantine", a.path(where)}
			a.wantCheck(nil, token...)
			if _, err := os.Stat(a.path(where)); err == nil {
				t.Error("a quarantine was made for nothing")
			}
			a.put("root/app.tgz", "APP")
			a.put("root/evil", "evil")
			a.wantCheck([]string{"artifact-changed app.tgz", "artifact-unlisted evil"}, token...)
			moved := a.tree(where)
			evil := listed("", "evil").SHA256
			if moved[evil] != "evil" || moved[listed("", "APP").SHA256] != "APP" || moved[listed("", "APP").SHA256+".json"] == "" {
				t.Errorf("in quarantine are %q", moved)
			}
			var why struct {
				Path, Rule, Time string
				TokenID          string `json:"token_id"`
			}
			if err := json.Unmarshal([]byte(moved[evil+".json"]), &why); err != nil || why.Path != "evil" || why.Rule != "artifact-unlisted" || why.TokenID == "" || why.Time != "2026-11-22T12:00:00Z" {
				t.Errorf("the report is %s %v", moved[evil+".json"], err)
			}
			for _, name := range []string{"lib/a.so", "lib/b.so"} {
				if a.read("root/"+name) != built[name] {
					t.Errorf("%s was changed", name)
				}
			}
			// Once it is there again all holds, with the quarantine where it is.
			a.put("root/app.tgz", "app")
			a.wantCheck(nil, token...)
			a.put("root/evil", "evil")
			a.wantCheck([]string{"artifact-unlisted evil"}, token...)
			if a.tree(where)[evil+"-2"] != "evil" {
				t.Errorf("in quarantine are %q", a.tree(where))
			}
		})
	}
}

// TestVerifyQuarantineFails tells what failed where it cannot be set aside.
func TestVerifyQuarantineFails(t *testing.T) {
	a := newArtifactTest(t)
	a.sign()
	a.spoil()
	before := a.tree("root")
	a.put("file", "")
	for dir, code := range map[string]int{"file": exitUsage, "none/q": exitUsage} {
		stderr := a.fails(code, "error: artifact-changed: 2 places", a.verifying("--quarantine", a.path(dir))...)
		if !strings.Contains(stderr, filepath.ToSlash(a.path(dir))) {
			t.Errorf("it says %s", stderr)
		}
	}
	for _, flags := range [][]string{
		{"--quarantine", a.path("root")}, {"--quarantine", a.folder}, {"--promote", a.path("root")}, {"--promote", a.folder},
		{"--quarantine", a.path("x"), "--promote", a.path("x")}, {"--quarantine", a.path("x"), "--promote", a.path("x/y")},
		{"--quarantine", a.path("x/y"), "--promote", a.path("x")}, {"--promote", a.path("file")}, {"--promote", a.path("none/x")},
		{"--root", a.path("none")}, {"--allow-unlisted", "/x"}, {"--allow-unlisted", "a["},
	} {
		a.fails(exitUsage, "error: ", a.verifying(flags...)...)
	}
	a.fails(exitUndecided, "cannot be opened as a folder", a.verifying("--root", a.path("file"))...)
	a.wantTree("root", before)
}

func TestVerifyAllowUnlisted(t *testing.T) {
	a := newArtifactTest(t)
	a.sign()
	a.put("root/logs/1.log", "x")
	a.put("root/notes", "x")
	a.wantCheck([]string{"artifact-unlisted logs/1.log", "artifact-unlisted notes"})
	a.wantCheck([]string{"artifact-unlisted notes"}, "--allow-unlisted", "logs/**")
	a.wantCheck(nil, "--allow-unlisted", "logs/**", "--allow-unlisted", "notes")
	a.put("root/app.tgz", "APP") // what is listed has to hold all the same
	a.wantCheck([]string{"artifact-changed app.tgz"}, "--allow-unlisted", "**")
}

// TestVerifyRootToken has the token's file be no artifact, and no other file.
func TestVerifyRootToken(t *testing.T) {
	a := newArtifactTest(t)
	a.sign("--out", a.path("root/lib/dist.countersign"))
	token := []string{"--token-file", a.path("root/lib/dist.countersign")}
	a.wantCheck(nil, token...)
	a.put("m", a.read("root/lib/dist.countersign"))
	a.wantCheck([]string{"artifact-unlisted lib/dist.countersign"})
	a.put("root/dist.countersign", "x")
	a.wantCheck([]string{"artifact-unlisted dist.countersign"}, token...)
}

func TestVerifyPromote(t *testing.T) {
	for _, where := range []string{"verified", "root/verified"} {
		t.Run(where, func(t *testing.T) {
			a := newArtifactTest(t)
			if err := os.Chmod(a.path("root/app.tgz"), 0o750); err != nil {
				t.Fatal(err)
			}
			a.sign()
			promote := []string{"--promote", a.path(where)}
			a.put("root/evil", "evil")
			a.wantCheck([]string{"artifact-unlisted evil"}, promote...)
			a.wantTree(where, map[string]string{})
			a.remove("root/evil")
			a.fails(exitRefused, "unknown-key", a.verifying(append(slices.Clone(promote), "--key", otherKey(t))...)...)
			a.wantTree(where, map[string]string{})
			a.wantCheck(nil, promote...)
			a.wantTree(where, built)
			if info, err := os.Stat(a.path(where + "/app.tgz")); err != nil || info.Mode()&0o111 == 0 && runtime.GOOS != "windows" {
				t.Errorf("the executable bit is gone: %v %v", info.Mode(), err)
			}
			// What is there already might be anything, and is left alone.
			a.fails(exitUsage, "is not empty", a.verifying(promote...)...)
			a.wantTree(where, built)
			if where == "verified" {
				a.wantCheck(nil)
				a.wantCheck(nil, "--root", a.path(where))
			} else {
				a.wantCheck(nil, "--allow-unlisted", "verified/**")
				if err := os.RemoveAll(a.path(where)); err != nil {
					t.Fatal(err)
				}
				a.wantCheck(nil, promote...)
			}
		})
	}
}

// otherKey makes the file of a key that signed nothing.
func otherKey(t *testing.T) string {
	t.Helper()
	_, public, _, err := jose.Generate("EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(file, public, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// builtElsewhere is another commit.
var builtElsewhere = strings.Repeat("a", 40)

// TestVerifyManifestFacts compares a manifest with what is expected, or with the run.
func TestVerifyManifestFacts(t *testing.T) {
	signed := newArtifactTest(t)
	signed.onRunner("build.yml")
	signed.sign("--environment", "production")
	clear(signed.env)
	const production = ",environment=production"
	for _, test := range []struct {
		name     string
		workflow string // of the run; empty: away from GitHub
		expect   string
		args     []string
		env      map[string]string
		want     []string
		usage    string
	}{
		{name: "away", expect: expectWidgets},
		{name: "away, and the rest", expect: expectWidgets + production + ",workflow=.github/workflows/build.yml,ref=refs/heads/main"},
		{name: "another environment", expect: expectWidgets + ",environment=staging", want: []string{"wrong-environment"}},
		{name: "another repository", expect: "repository=acme/gadgets,sha=" + otherSHA, want: []string{"wrong-audience", "wrong-repository"}},
		{name: "another commit", expect: "repository=acme/widgets,sha=" + builtElsewhere, want: []string{"wrong-commit"}},
		{name: "another workflow", expect: expectWidgets + ",workflow=.github/workflows/other.yml", want: []string{"wrong-workflow"}},
		{name: "another ref", expect: expectWidgets + ",ref=refs/heads/x", want: []string{"wrong-ref"}},
		{name: "what is not signed", expect: expectWidgets + ",actor=octocat", want: []string{"unbound"}},
		{name: "another issuer", expect: expectWidgets, args: []string{"--issuer", "https://github.com/acme/gadgets"}, want: []string{"wrong-issuer"}},
		{name: "the issuer", expect: expectWidgets, args: []string{"--issuer", widgetsRepository}},
		{name: "another audience", expect: expectWidgets, args: []string{"--audience", "x"}, want: []string{"wrong-audience"}},
		{name: "required", expect: expectWidgets + production, args: []string{"--require", "environment"}},
		{name: "required and not there", expect: expectWidgets + ",stack=blue", args: []string{"--require", "stack"}, want: []string{"unbound"}},
		{name: "required and not expected", expect: expectWidgets, args: []string{"--require", "environment"}, usage: "environment that a token must have is to be expected too"},
		{name: "away, and nothing expected", usage: "there is no run to compare the token with"},
		{name: "away, and no commit", expect: "repository=acme/widgets", usage: "sha that a token must have is to be expected too"},
		{name: "away, and no repository", expect: "sha=" + otherSHA, usage: "repository that a token must have is to be expected too"},
		{name: "the run", workflow: "build.yml", args: []string{"--require", "repository"}, want: []string{"wrong-environment"}},
		{name: "the run, and the environment", workflow: "build.yml", expect: expectWidgets + production},
		{name: "another run, and expected", workflow: "build.yml", expect: expectWidgets, env: map[string]string{"GITHUB_REPOSITORY": "acme/gadgets", "GITHUB_SHA": builtElsewhere, "GITHUB_ACTOR": "mallory"}},
		{name: "on a runner, and no commit", workflow: "build.yml", expect: "repository=acme/widgets", usage: "hint: with --expect a manifest is compared with what that says alone"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := *signed
			a.t, a.env = t, map[string]string{}
			if test.workflow != "" {
				a.onRunner(test.workflow)
			}
			for name, value := range test.env {
				a.env[name] = value
			}
			args := a.verifying(test.args...)
			i := slices.Index(args, "--expect")
			if args = slices.Delete(args, i, i+2); test.expect != "" {
				args = append(args, "--expect", test.expect)
			}
			if test.usage != "" {
				a.fails(exitUsage, test.usage, args...)
				return
			}
			r, stderr := a.check(args...)
			got := []string{}
			for _, f := range r.Findings {
				if f.Status == report.Fail {
					got = append(got, f.Rule)
				}
			}
			if diff := cmp.Diff(append([]string{}, test.want...), got); diff != "" {
				t.Errorf("failing (-want +got):\n%s%s", diff, stderr)
			}
			if (len(r.Artifacts) > 0) != r.OK {
				t.Errorf("artifacts are %v", r.Artifacts)
			}
		})
	}
}

// TestVerifyManifestOfRun compares a manifest with the run, whose attempt, event and
// actor do not count.
func TestVerifyManifestOfRun(t *testing.T) {
	a := newArtifactTest(t)
	a.onRunner("build.yml")
	a.sign()
	args := a.verifying()
	i := slices.Index(args, "--expect")
	args = slices.Delete(args, i, i+2)
	for _, test := range []struct{ name, value, rule string }{
		{"GITHUB_RUN_ATTEMPT", "2", ""},
		{"GITHUB_RUN_ID", "43", ""},
		{"GITHUB_ACTOR", "mallory", ""},
		{"GITHUB_TRIGGERING_ACTOR", "mallory", ""},
		{"GITHUB_EVENT_NAME", "schedule", ""},
		{"GITHUB_WORKFLOW_REF", "acme/widgets/.github/workflows/deploy.yml@refs/heads/main", "wrong-workflow"},
		{"GITHUB_REPOSITORY", "acme/gadgets", "wrong-audience"},
		{"GITHUB_REPOSITORY_ID", "1", "wrong-repository"},
		{"GITHUB_SHA", builtElsewhere, "wrong-commit"},
		{"GITHUB_REF", "refs/heads/x", "wrong-ref"},
	} {
		a.onRunner("build.yml")
		a.env[test.name] = test.value
		if r, stderr := a.check(args...); r.Failure != test.rule {
			t.Errorf("with %s=%s it failed with %q, want %q: %s", test.name, test.value, r.Failure, test.rule, stderr)
		}
	}
}

// TestVerifyManifestToken refuses tokens, and then looks at no file.
func TestVerifyManifestToken(t *testing.T) {
	image := runspec.Artifact{Path: "oci://ghcr.io/acme/widgets", SHA256: listed("", "").SHA256}
	only := func(artifacts ...runspec.Artifact) func(*runspec.Spec, *jose.Claims) {
		return func(s *runspec.Spec, _ *jose.Claims) { s.Artifacts = artifacts }
	}
	for _, test := range []struct {
		name   string
		form   jose.Form
		change func(*runspec.Spec, *jose.Claims)
		args   []string
		want   []string
	}{
		{"a manifest", runspec.Manifest, nil, nil, nil},
		{"for years", runspec.Manifest, func(_ *runspec.Spec, c *jose.Claims) { c.Expires = forever }, nil, nil},
		{"a run's token", runspec.Token, nil, nil, []string{"wrong-type"}},
		{"a manifest as a run's token", runspec.Manifest, nil, []string{"--check", "token,artifacts", "--expect", "actor=octocat"}, []string{"wrong-type"}},
		{"a manifest as a run's token alone", runspec.Manifest, nil, []string{"--check", "token", "--root", ".", "--quarantine", "", "--promote", "", "--expect", "actor=octocat"}, []string{"wrong-type"}},
		{"no artifacts", runspec.Manifest, only(), nil, []string{"unbound"}},
		{"no artifacts in a run's token", runspec.Token, only(), []string{"--check", "token,artifacts", "--expect", "actor=octocat"}, []string{"unbound"}},
		{"expired", runspec.Manifest, func(_ *runspec.Spec, c *jose.Claims) { c.Expires = c.IssuedAt.Add(-2 * time.Minute) }, nil, []string{"expired"}},
		{"of tomorrow", runspec.Manifest, func(_ *runspec.Spec, c *jose.Claims) { c.NotBefore = c.IssuedAt.Add(time.Hour) }, nil, []string{"not-yet-valid"}},
		{"another's", runspec.Manifest, func(_ *runspec.Spec, c *jose.Claims) { c.Audience = "https://github.com/acme/gadgets" }, nil, []string{"wrong-audience"}},
		{"no repository", runspec.Manifest, func(s *runspec.Spec, _ *jose.Claims) { s.Repository = "" }, nil, []string{"unbound"}},
		{"no commit", runspec.Manifest, func(s *runspec.Spec, _ *jose.Claims) { s.SHA = "" }, nil, []string{"unbound"}},
		{"a path twice", runspec.Manifest, only(listed("app.tgz", "app"), listed("app.tgz", "app")), nil, []string{"malformed-token"}},
		{"another key", runspec.Manifest, nil, []string{"--key", "other"}, []string{"unknown-key"}},
		{"an image alone", runspec.Manifest, only(image), []string{"--allow-unlisted", "**"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newArtifactTest(t)
			a.signed(test.form, test.change)
			if i := slices.Index(test.args, "other"); i >= 0 {
				test.args[i] = otherKey(t)
			}
			evil := test.want != nil // which is not looked at
			if evil {
				a.put("root/evil", "evil")
			}
			before := a.tree("root")
			r, _ := a.wantCheck(test.want, append([]string{"--quarantine", a.path("quarantine"), "--promote", a.path("verified")}, test.args...)...)
			if r.OK == evil || evil && r.Artifacts != nil {
				t.Errorf("the report is %+v", r)
			}
			a.wantTree("root", before)
			a.wantTree("quarantine", map[string]string{})
			if evil {
				a.wantTree("verified", map[string]string{})
			}
		})
	}
	a := newArtifactTest(t)
	a.put("root/evil", "evil")
	a.put("m", "\n")
	before := a.tree("root")
	a.wantCheck([]string{"missing-token"}, "--quarantine", a.path("quarantine"))
	if code, _, _ := a.run(a.verifying("--quarantine", a.path("quarantine"), "--on-missing", "warn")...); code != exitOK {
		t.Errorf("with a warning it ended with %d", code)
	}
	a.sign()
	text := a.read("m")
	i := strings.LastIndexByte(text, '.')
	a.put("m", text[:i+1]+strings.Repeat("A", 86))
	a.wantCheck([]string{"bad-signature"}, "--quarantine", a.path("quarantine"))
	if r, _ := a.check(a.verifying("--quarantine", a.path("quarantine"), "--promote", a.path("verified"), "--on-invalid", "warn")...); r.OK || r.Failure != "bad-signature" || r.Artifacts != nil {
		t.Errorf("with a warning the report is %+v", r)
	}
	a.put("m", strings.Repeat("x", 3<<20))
	a.wantCheck([]string{"malformed-token"}, "--quarantine", a.path("quarantine"))
	a.wantTree("root", before)
	a.wantTree("quarantine", map[string]string{})
	a.wantTree("verified", map[string]string{})
}

// TestVerifyUnsafePaths has a careless signer list paths that no manifest may have.
func TestVerifyUnsafePaths(t *testing.T) {
	a := newArtifactTest(t)
	a.put("outside", "outside")
	paths := []string{"../outside", "/etc/hostname", "lib/../app.tgz", "lib//a.so", "./app.tgz", "c:/x", `lib\a.so`, "u\u0308", "a\x00b", strings.Repeat("x/", 2500) + "x", "oci://../x"}
	var want []string
	a.signed(runspec.Manifest, func(s *runspec.Spec, _ *jose.Claims) {
		for _, path := range paths {
			s.Artifacts = append(s.Artifacts, listed(path, "outside"))
			want = append(want, "unsafe-path "+path)
		}
	})
	slices.Sort(want)
	before := a.tree("root")
	r, stderr := a.wantCheck(want, "--quarantine", a.path("quarantine"), "--promote", a.path("verified"))
	for _, artifact := range r.Artifacts {
		if safe := slices.Contains(paths, artifact.Path); safe == (artifact.Status == "verified") || artifact.Quarantine != "" {
			t.Errorf("artifact %+v", artifact)
		}
	}
	if strings.ContainsRune(stderr, 0) {
		t.Errorf("it says %q", stderr)
	}
	a.wantTree("root", before)
	a.wantTree("verified", map[string]string{})
	if a.read("outside") != "outside" {
		t.Error("a file outside was moved")
	}
}

// TestVerifyArtifactFlags refuses flags that mean nothing.
func TestVerifyArtifactFlags(t *testing.T) {
	a := newArtifactTest(t)
	a.sign()
	for _, flags := range [][]string{{"--root", "x"}, {"--allow-unlisted", "x"}, {"--quarantine", "x"}, {"--promote", "x"}} {
		a.fails(exitUsage, "hint: add `artifacts` to --check", append([]string{"verify", "--key", a.path("k.pub.jwk"), "--token-file", a.path("m"), "--expect", "actor=octocat," + expectWidgets}, flags...)...)
	}
	a.fails(exitUsage, "hint: add `token` to --check", a.verifying("--single-use")...)
	a.fails(exitUsage, "hint: add `token` to --check", a.verifying("--format", "spacelift")...)
}

// TestVerifyAnnotations writes no more annotations than are shown, and lists all.
func TestVerifyAnnotations(t *testing.T) {
	a := newArtifactTest(t)
	a.sign()
	for _, name := range strings.Split("abcdefghijklmnopqrst", "") {
		a.put("root/"+name, name)
	}
	a.onRunner("build.yml")
	r, stderr := a.check(a.verifying()...)
	if n := strings.Count(stderr, "::error "); n != 10 || !strings.Contains(stderr, "::11 findings more; the log lists them all\n") {
		t.Errorf("there are %d annotations: %s", n, stderr)
	}
	if !strings.Contains(stderr, "error: artifact-unlisted: 20 places") || len(r.Artifacts) != 23 {
		t.Errorf("it says %s", stderr)
	}
	t.Chdir(a.folder)
	if _, stderr = a.check(a.verifying("--root", "./root/")...); !strings.Contains(stderr, "::error file=root/a,title=Countersign%3A artifact-unlisted::") {
		t.Errorf("it says %s", stderr)
	}
	t.Chdir(a.path("root"))
	if _, stderr = a.check(a.verifying("--root", ".")...); !strings.Contains(stderr, "::error file=a,title=") {
		t.Errorf("it says %s", stderr)
	}
}
