package cli

import (
	"encoding/json"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
	"github.com/countersign-ci/countersign/internal/worker"
)

const widgetsRepository = "https://github.com/acme/widgets"

// built are the files of a build.
var built = map[string]string{"app.tgz": "app", "lib/a.so": "library a", "lib/b.so": "library b"}

// An artifactTest is a build in the folder root, with keys, and a clock that stands.
type artifactTest struct {
	t      *testing.T
	folder string
	env    map[string]string
	client *http.Client
	now    time.Time
}

func newArtifactTest(t *testing.T) *artifactTest {
	t.Helper()
	a := &artifactTest{t: t, folder: t.TempDir(), env: map[string]string{}, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	if code, _, stderr := a.run("keygen", "--private", a.path("k.jwk"), "--public", a.path("k.pub.jwk")); code != exitOK {
		t.Fatal(stderr)
	}
	for name, text := range built {
		a.put("root/"+name, text)
	}
	return a
}

func (a *artifactTest) path(name string) string {
	return filepath.Join(a.folder, filepath.FromSlash(name))
}

// put writes a file and the folders above it.
func (a *artifactTest) put(name, text string) {
	a.t.Helper()
	if err := os.MkdirAll(filepath.Dir(a.path(name)), 0o755); err != nil {
		a.t.Fatal(err)
	}
	if err := os.WriteFile(a.path(name), []byte(text), 0o644); err != nil {
		a.t.Fatal(err)
	}
}

func (a *artifactTest) remove(name string) {
	a.t.Helper()
	if err := os.Remove(a.path(name)); err != nil {
		a.t.Fatal(err)
	}
}

func (a *artifactTest) read(name string) string {
	a.t.Helper()
	text, err := os.ReadFile(a.path(name))
	if err != nil {
		a.t.Fatal(err)
	}
	return string(text)
}

// tree returns the files below a folder with their texts, and what is none with its
// type. A folder that is not there has none.
func (a *artifactTest) tree(name string) map[string]string {
	a.t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(a.path(name), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(a.path(name), path)
		if err != nil {
			return err
		}
		if e.Type() != 0 { // to open a pipe would wait
			files[filepath.ToSlash(rel)] = e.Type().String()
			return nil
		}
		text, err := os.ReadFile(path)
		files[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		a.t.Fatal(err)
	}
	return files
}

// wantTree checks the files below a folder.
func (a *artifactTest) wantTree(name string, want map[string]string) {
	a.t.Helper()
	if diff := cmp.Diff(want, a.tree(name)); diff != "" {
		a.t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// with returns files with others; one without a text is taken out.
func with(files map[string]string, others ...string) map[string]string {
	files = maps.Clone(files)
	for i := 0; i < len(others); i += 2 {
		if files[others[i]] = others[i+1]; others[i+1] == "" {
			delete(files, others[i])
		}
	}
	return files
}

// run runs the program. What fails comes with a hint, and nothing that is said has a
// token in it.
func (a *artifactTest) run(args ...string) (code int, stdout, stderr string) {
	a.t.Helper()
	code, stdout, stderr = program{a.env, a.client}.runIn(Env{
		Now: func() time.Time { return a.now }, Clearenv: func() {}, Sleep: func(time.Duration) {},
		EndRunner: func(string) (int, error) { return 0, worker.ErrNoRunner },
	}, args...)
	if code != exitOK && (!strings.Contains(stderr, "error: ") || !strings.Contains(stderr, "hint: ")) {
		a.t.Errorf("%.300q ended with %d and says %q", args, code, stderr)
	}
	if code > exitRefused && stdout != "" {
		a.t.Errorf("%.300q ended with %d and printed %q", args, code, stdout)
	}
	for line := range strings.Lines(stderr) {
		if strings.Contains(line, "eyJ") && !strings.HasPrefix(line, addMask) {
			a.t.Errorf("%.300q shows a token: %q", args, line)
		}
	}
	return code, stdout, stderr
}

// fails runs a command that ends with a code and says why.
func (a *artifactTest) fails(code int, says string, args ...string) (stderr string) {
	a.t.Helper()
	got, _, stderr := a.run(args...)
	if got != code || !strings.Contains(stderr, says) {
		a.t.Errorf("%.300q ended with %d, want %d and %q: %s", args, got, code, says, stderr)
	}
	return stderr
}

// away are facts that a machine away from GitHub has to be told.
func (a *artifactTest) away() []string {
	return []string{"--repository", "acme/widgets", "--sha", otherSHA, "--issuer", widgetsRepository}
}

// signing are arguments to sign all of the root as a manifest.
func (a *artifactTest) signing(args ...string) []string {
	return slices.Concat([]string{"sign", "--kind", "artifacts", "--key", a.path("k.jwk"), "--root", a.path("root"), "--artifacts", "**"}, a.away(), args)
}

// sign writes the manifest of the root to the file m.
func (a *artifactTest) sign(args ...string) {
	a.t.Helper()
	code, stdout, stderr := a.run(a.signing(append([]string{"--out", a.path("m")}, args...)...)...)
	if code != exitOK || stdout != "" {
		a.t.Fatalf("sign %q ended with %d: %q and %s", args, code, stdout, stderr)
	}
}

// signed writes what a careless signer may sign to the file m.
func (a *artifactTest) signed(form jose.Form, change func(*runspec.Spec, *jose.Claims)) {
	a.t.Helper()
	key, err := jose.ParseSigningKey([]byte(a.read("k.jwk")), "")
	if err != nil {
		a.t.Fatal(err)
	}
	spec := &runspec.Spec{Version: 1, Repository: "acme/widgets", SHA: otherSHA, Actor: "octocat"}
	for _, name := range slices.Sorted(maps.Keys(built)) {
		spec.Artifacts = append(spec.Artifacts, listed(name, built[name]))
	}
	claims := jose.Claims{
		Issuer: widgetsRepository, Audience: widgetsRepository, ID: "m9BnEr4qTTqoxd0WyHh8Zw",
		IssuedAt: a.now, NotBefore: a.now, Expires: a.now.Add(10 * time.Minute), Private: map[string]any{"spec": spec},
	}
	if change != nil {
		change(spec, &claims)
	}
	claims.Subject = spec.Subject()
	token, err := jose.Sign(form, key, claims)
	if err != nil {
		a.t.Fatal(err)
	}
	a.put("m", token)
}

func listed(path, text string) runspec.Artifact {
	return runspec.Artifact{Path: path, Size: int64(len(text)), SHA256: strings.TrimPrefix(runspec.Digest([]byte(text)), "sha256:")}
}

const expectWidgets = "repository=acme/widgets,sha=" + otherSHA

// verifying are arguments to check the root with the manifest m.
func (a *artifactTest) verifying(args ...string) []string {
	return slices.Concat([]string{
		"verify", "--check", "artifacts", "--key", a.path("k.pub.jwk"), "--token-file", a.path("m"), "--root", a.path("root"), "--expect", expectWidgets,
	}, args)
}

// An artifactReport is what --json prints.
type artifactReport struct {
	OK        bool
	Failure   string
	Findings  []report.Finding
	Spec      json.RawMessage
	Artifacts []report.Artifact
}

// check runs a check whose exit code is 0 or 1, which the report, the exit code and the
// output `verified` must tell alike.
func (a *artifactTest) check(args ...string) (r artifactReport, stderr string) {
	a.t.Helper()
	output := a.path("output")
	_ = os.Remove(output)
	a.env["GITHUB_OUTPUT"] = output
	defer delete(a.env, "GITHUB_OUTPUT")
	code, stdout, stderr := a.run(append(args, "--json")...)
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		a.t.Fatalf("%.300q ended with %d: %q %s", args, code, stdout, stderr)
	}
	blocks := slices.ContainsFunc(r.Findings, func(f report.Finding) bool { return f.Status == report.Fail })
	if blocks != (code == exitRefused) || !blocks && code != exitOK || r.OK != (r.Failure == "") || r.OK == (string(r.Spec) == "null") {
		a.t.Errorf("%.300q ended with %d and %s", args, code, stdout)
	}
	if text := a.read("output"); strings.Contains(text, "\ntrue\n") != r.OK || !strings.Contains(text, "\n"+r.Failure+"\n") {
		a.t.Errorf("%.300q, failure %q, has the outputs %s", args, r.Failure, text)
	}
	return r, stderr
}

// wantCheck checks which rules a check of the root fails with, each with its file.
func (a *artifactTest) wantCheck(want []string, args ...string) (artifactReport, string) {
	a.t.Helper()
	r, stderr := a.check(a.verifying(args...)...)
	got := []string{}
	for _, f := range r.Findings {
		if f.Status != report.Pass {
			got = append(got, strings.TrimSuffix(f.Rule+" "+strings.TrimPrefix(f.File, filepath.ToSlash(a.path("root"))+"/"), " "))
		}
	}
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		a.t.Errorf("%.300q fails with (-want +got):\n%s%s", args, diff, stderr)
	}
	return r, stderr
}

// inspected returns the type and the claims of a token, and its spec.
func (a *artifactTest) inspected(args ...string) (typ string, claims map[string]any, spec *runspec.Spec) {
	a.t.Helper()
	code, stdout, stderr := a.run(append([]string{"inspect"}, args...)...)
	if code != exitOK {
		a.t.Fatal(stderr)
	}
	var shown struct {
		Header struct{ Typ string }
		Claims map[string]any
	}
	if err := json.Unmarshal([]byte(stdout), &shown); err != nil {
		a.t.Fatal(err)
	}
	v, err := jose.ParseJSON(stdout)
	if err != nil {
		a.t.Fatal(err)
	}
	all, _ := v.Get("claims")
	member, _ := all.Get("spec")
	if spec, err = runspec.Parse(member); err != nil {
		a.t.Fatal(err)
	}
	return shown.Header.Typ, shown.Claims, spec
}

// onRunner makes it a run of acme/widgets at the commit.
func (a *artifactTest) onRunner(workflow string) {
	maps.Copy(a.env, map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/widgets", "GITHUB_REPOSITORY_ID": "456789", "GITHUB_REPOSITORY_OWNER_ID": "123456",
		"GITHUB_SHA": otherSHA, "GITHUB_REF": "refs/heads/main", "GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "1",
		"GITHUB_ACTOR": "octocat", "GITHUB_ACTOR_ID": "583231", "GITHUB_TRIGGERING_ACTOR": "octocat", "GITHUB_EVENT_NAME": "push",
		"GITHUB_WORKFLOW_REF": "acme/widgets/.github/workflows/" + workflow + "@refs/heads/main",
	})
}
