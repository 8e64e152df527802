package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/artifactfs"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/oidctest"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// A runToken is the token of a run, for its artifacts too.
func (a *artifactTest) runToken() []string {
	a.t.Helper()
	a.signed(runspec.Token, nil)
	return []string{"--check", "token,artifacts", "--expect", "actor=octocat"}
}

// TestVerifyArtifactsOnce uses a token up last: what fails before leaves it.
func TestVerifyArtifactsOnce(t *testing.T) {
	a := newArtifactTest(t)
	if err := os.Mkdir(a.path("ledger"), 0o700); err != nil {
		t.Fatal(err)
	}
	once := append(a.runToken(), "--single-use", "--ledger", "dir:"+a.path("ledger"), "--promote", a.path("verified"))
	a.put("root/app.tgz", "APP")
	a.wantCheck([]string{"artifact-changed app.tgz"}, once...)
	a.wantTree("ledger", map[string]string{})
	a.wantTree("verified", map[string]string{})
	a.put("root/app.tgz", "app")
	if runtime.GOOS == "linux" {
		// A folder that cannot be made: the copies come before.
		a.fails(exitUsage, "/proc/countersign", a.verifying(append(slices.Clone(once), "--promote", "/proc/countersign")...)...)
		a.wantTree("ledger", map[string]string{})
	}
	a.wantCheck(nil, once...)
	a.wantTree("verified", built)
	a.wantCheck([]string{"replayed"}, append(once, "--promote", a.path("again"))...)
	a.wantTree("again", map[string]string{})
	if left, err := filepath.Glob(a.path(".countersign-*")); len(left) > 0 || err != nil {
		t.Errorf("what was copied for nothing is left: %q %v", left, err)
	}
}

// TestVerifyArtifactsBesideWarnings checks the files whatever is warned of beside them:
// a token that holds lists them.
func TestVerifyArtifactsBesideWarnings(t *testing.T) {
	l := newLedgerTest(t)
	l.write(map[string]string{workflow: uses("acme/widgets@v4.2.2")})
	a := newArtifactTest(t)
	a.signed(runspec.Token, func(s *runspec.Spec, _ *jose.Claims) { s.SHA = l.program.env["GITHUB_SHA"] })
	a.spoil()
	a.env, a.client = l.program.env, l.program.client
	for _, mode := range []string{"block", "warn"} {
		args := []string{"verify", "--check", "token,pins,artifacts", "--key", a.path("k.pub.jwk"), "--token-file", a.path("m"), "--root", a.path("root"), "--on-invalid", mode}
		r, _ := a.check(args...)
		var rules []string
		for _, f := range r.Findings {
			if f.Status != report.Pass {
				rules = append(rules, f.Rule)
			}
		}
		if rules = slices.Compact(rules); !slices.Equal(rules, []string{"artifact-changed", "artifact-missing", "artifact-unlisted", "unpinned"}) {
			t.Errorf("with --on-invalid %s it fails with %q", mode, rules)
		}
	}
}

// TestExecArtifacts executes a command only where all files hold.
func TestExecArtifacts(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no sh")
	}
	a := newArtifactTest(t)
	a.sign()
	args := append(a.verifying()[1:], "--promote", a.path("verified"))
	a.put("root/evil", "evil")
	code, stdout, stderr := a.run(slices.Concat([]string{"exec"}, args, []string{"--json", "--", "sh", "-c", "exit 9"})...)
	if code != exitRefused || !strings.Contains(stdout, `"failure":"artifact-unlisted"`) || !strings.Contains(stderr, "artifact-unlisted") {
		t.Errorf("it ended with %d: %s", code, stderr)
	}
	a.wantTree("verified", map[string]string{})
}

// TestVerifyPromoteChanged has a file change between the check and the copy.
func TestVerifyPromoteChanged(t *testing.T) {
	a := newArtifactTest(t)
	a.signed(runspec.Manifest, nil)
	app := &app{Env: Env{Stderr: &strings.Builder{}, Now: func() time.Time { return a.now }}, Getenv: func(string) string { return "" }}
	f := newVerifyFlags()
	f.json, f.onInvalid = true, "block"
	f.artifacts = checkArtifactFlags{root: a.path("root"), promote: a.path("verified"), quarantine: a.path("quarantine")}
	manifest := allBuilt()
	verified := &policy.Verified{Spec: &runspec.Spec{Version: 1, Artifacts: manifest}, Token: &jose.Token{ID: "x"}}
	k := &checked{report: report.New(nil, nil), verified: verified}
	c, err := app.verifyArtifacts(t.Context(), f, verified, k)
	if err != nil || !k.report.OK {
		t.Fatal(err, k.report)
	}
	a.put("root/lib/a.so", "LIBRARY A")
	if staged, err := c.stage(t.Context(), k); err != nil || staged != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range k.report.Findings {
		got = append(got, string(f.Status)+" "+f.Rule)
	}
	if want := []string{"fail artifact-changed", "pass artifact-missing", "pass artifact-unlisted", "pass unsafe-path"}; !slices.Equal(got, want) || k.report.OK || k.verified != nil {
		t.Errorf("findings are %q, want %q", got, want)
	}
	var statuses []string
	for _, artifact := range k.report.Artifacts {
		statuses = append(statuses, artifact.Path+" "+artifact.Status)
	}
	if want := []string{"app.tgz verified", "lib/a.so changed", "lib/b.so verified"}; !slices.Equal(statuses, want) {
		t.Errorf("artifacts are %q, want %q", statuses, want)
	}
	a.wantTree("verified", map[string]string{})
	if moved := a.tree("quarantine"); moved[listed("", "LIBRARY A").SHA256] != "LIBRARY A" {
		t.Errorf("in quarantine are %q", moved)
	}
}

// TestKeylessManifest signs with the identity of a job, also a list that is larger than
// any token of a run.
func TestKeylessManifest(t *testing.T) {
	a := newArtifactTest(t)
	provider := oidctest.New(t, oidctest.Options{Now: func() time.Time { return a.now }})
	a.client = provider.Client()
	a.onRunner("build.yml")
	a.env["ACTIONS_ID_TOKEN_REQUEST_URL"], a.env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = provider.RequestURL(), provider.RequestToken()
	sign := []string{"sign", "--keyless", "--kind", "artifacts", "--root", a.path("root"), "--artifacts", "**", "--out", a.path("m")}
	verify := []string{
		"verify", "--check", "artifacts", "--keyless", "--trusted-issuer", provider.Issuer(), "--trusted-identity", "repository=acme/widgets",
		"--token-file", a.path("m"), "--root", a.path("root"), "--expect", expectWidgets,
	}
	for _, files := range []int{0, 800} {
		for i := range files {
			a.put("root/many/"+time.Unix(int64(i), 0).UTC().Format("150405"), "")
		}
		if code, stdout, stderr := a.run(sign...); code != exitOK || stdout != "" {
			t.Fatalf("sign ended with %d: %q %s", code, stdout, stderr)
		}
		if large := len(a.read("m")) > runspec.Token.MaxSize; large != (files > 0) {
			t.Errorf("the token has %d bytes", len(a.read("m")))
		}
		a.now = a.now.Add(365 * 24 * time.Hour)
		if r, stderr := a.check(verify...); !r.OK || len(r.Artifacts) != 3+files {
			t.Errorf("of %d files more it failed with %q: %s", files, r.Failure, stderr)
		}
		if r, _ := a.check(append(verify, "--trusted-identity", "repository=acme/gadgets", "--trusted-identity", "ref=x")...); r.Failure != "untrusted-identity" {
			t.Errorf("for others it failed with %q", r.Failure)
		}
		if r, _ := a.check(append(verify, "--check", "token,artifacts", "--expect", "actor=octocat")...); r.OK || r.Failure == "" {
			t.Errorf("as the token of a run the report is %+v", r)
		}
		typ, claims, spec := a.inspected("--token-file", a.path("m"))
		if typ != "" || claims["typ"] != "artifacts+jwt" || len(spec.Artifacts) != 3+files {
			t.Errorf("it is shown as %q %v", typ, claims["typ"])
		}
		a.now = a.now.Add(-365 * 24 * time.Hour)
	}
	a.put("root/app.tgz", "APP")
	if r, _ := a.check(verify...); r.Failure != "artifact-changed" {
		t.Errorf("it failed with %q", r.Failure)
	}
}

// TestInspectManifest shows a manifest that is larger than any token of a run.
func TestInspectManifest(t *testing.T) {
	a := newArtifactTest(t)
	want := 800
	a.signed(runspec.Manifest, func(s *runspec.Spec, _ *jose.Claims) {
		s.Artifacts = nil
		for i := range want {
			s.Artifacts = append(s.Artifacts, listed(time.Unix(int64(i), 0).UTC().Format("150405"), ""))
		}
	})
	if typ, _, spec := a.inspected("--token-file", a.path("m")); typ != "artifacts+jwt" || len(spec.Artifacts) != want {
		t.Errorf("it is a %s with %d artifacts", typ, len(spec.Artifacts))
	}
}

// TestMaskManifest masks what may be the token of a run, and no manifest that is larger.
func TestMaskManifest(t *testing.T) {
	a := newArtifactTest(t)
	a.onRunner("build.yml")
	for size, want := range map[int]bool{100: true, int(maxTokenFile): true, int(maxTokenFile) + 2: false} {
		a.put("m", strings.Repeat("x", size))
		if _, stderr := a.check(a.verifying()...); strings.HasPrefix(stderr, addMask) != want {
			t.Errorf("of %d bytes it says %.200q", size, stderr)
		}
	}
}

// A place that is no good is used wrongly; what the disk does decides nothing.
func TestDiskError(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{&artifactfs.PlaceError{Path: "x", Reason: "is a file"}, exitUsage},
		{&artifactfs.Error{Path: "x", Doing: "cannot be opened", Cause: os.ErrNotExist}, exitUsage},
		{&artifactfs.Error{Path: "x", Doing: "cannot be read", Cause: os.ErrPermission}, exitUndecided},
		{os.ErrClosed, exitUndecided},
	} {
		if code := (&app{Env: Env{Stderr: &strings.Builder{}}, Getenv: func(string) string { return "" }}).end(diskError(test.err)); code != test.want {
			t.Errorf("%v ends with %d, want %d", test.err, code, test.want)
		}
	}
	if err := diskError(nil); err != nil {
		t.Error(err)
	}
}

// TestExecLargeManifest leaves out what no command can get as a variable.
func TestExecLargeManifest(t *testing.T) {
	said := &strings.Builder{}
	a := &app{Env: Env{Stderr: said}, Getenv: func(string) string { return "" }}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, large := range []bool{false, true} {
		spec := &runspec.Spec{Version: 1, Repository: "acme/widgets", Artifacts: allBuilt()}
		if large {
			spec.Artifacts = slices.Repeat(spec.Artifacts, 1000)
		}
		p, err := a.prepare([]string{self}, &policy.Verified{Spec: spec})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, variable := range p.variables {
			name, _, _ := strings.Cut(variable, "=")
			names = append(names, strings.TrimPrefix(name, verifiedPrefix))
		}
		want := []string{"ARTIFACTS", "REPOSITORY", "SPEC", "VERSION"}
		if large {
			want = []string{"REPOSITORY", "VERSION"}
		}
		if !slices.Equal(names, want) || strings.Contains(said.String(), "note: COUNTERSIGN_VERIFIED_SPEC is left out") != large {
			t.Errorf("large is %t: the variables are %q, and it says %q", large, names, said)
		}
	}
}

// TestSpecOutput leaves a spec out that is too large for an output.
func TestSpecOutput(t *testing.T) {
	for _, test := range []struct {
		files, path int
		want        bool
	}{{1, 1, true}, {5000, 2, true}, {2000, 1000, false}, {6000, 2, false}} {
		spec := &runspec.Spec{Version: 1, Artifacts: slices.Repeat([]runspec.Artifact{listed(strings.Repeat("x", test.path), "")}, test.files)}
		text, err := specOutput(spec, &policy.Verified{Spec: spec})
		if err != nil || (text != "") != test.want || len(text) > maxOutput {
			t.Errorf("of %+v the output has %d bytes, %v", test, len(text), err)
		}
	}
}
