package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/report"
)

const (
	// jobToken is what Digger's backend knows a job by.
	jobToken = "cli:0a1b2c3d-0000-4444-8888-0123456789ab"
	// jobSpec has what is read of a spec, and what a change of its form would show in.
	jobSpec = `
{
 "job_id": "abc123",   "run_name": "digger plan staging By: octocat",
 "job": {"commands": ["digger plan"], "commit": "` + otherSHA + `", "branch": "main", "requestedBy": "octocat",
         "backend_job_token": "` + jobToken + `", "pullRequestNumber": 7.0e0, "projectName": "st\u00e4ging <&>"},
 "vcs": {"actor": "octocat", "repo_owner": "acme", "repo_name": "widgets", "workflow_file": "digger_workflow.yml"},
 "from_a_newer_orchestrator": [null, 1.50, {}, true]
}
`
)

// A diggerTest is a run of acme/widgets by octocat, with keys, and a clock that
// stands.
type diggerTest struct {
	*ledgerTest
	folder, summary, stdin string
}

func newDiggerTest(t *testing.T) *diggerTest {
	t.Helper()
	folder := t.TempDir()
	keys, err := filepath.Abs(filepath.Join("..", "..", "testdata", "keys"))
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(folder, name) }
	l := &ledgerTest{
		pinTest: &pinTest{t: t}, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		key: filepath.Join(keys, "ed25519.pem"), public: filepath.Join(keys, "ed25519.pub.pem"), dir: file("ledger"), out: file("out"),
	}
	if err := os.Mkdir(l.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l.program.env = map[string]string{
		"GITHUB_OUTPUT": l.out, "GITHUB_STEP_SUMMARY": file("summary"), "GITHUB_REPOSITORY": "acme/widgets", "GITHUB_ACTOR": "octocat",
		"GITHUB_SHA": otherSHA, "GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_NAME": "push", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1",
	}
	return &diggerTest{ledgerTest: l, folder: folder, summary: file("summary")}
}

// away takes the run away.
func (d *diggerTest) away() *diggerTest {
	for name := range d.program.env {
		if strings.HasPrefix(name, "GITHUB_") && name != "GITHUB_OUTPUT" && name != "GITHUB_STEP_SUMMARY" {
			delete(d.program.env, name)
		}
	}
	return d
}

// with returns the test with other variables too.
func (d *diggerTest) with(env map[string]string) *diggerTest {
	l, p := *d.ledgerTest, *d.pinTest
	l.pinTest, p.program.env = &p, maps.Clone(p.program.env)
	maps.Copy(p.program.env, env)
	other := *d
	other.ledgerTest = &l
	return &other
}

// file writes a file and returns its path.
func (d *diggerTest) file(name, text string) string {
	d.t.Helper()
	path := filepath.Join(d.folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

func (d *diggerTest) read(path string) string {
	d.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.t.Fatal(err)
	}
	return string(text)
}

// run runs a command with outputs and a summary of its own. What is secret is only in
// the commands that mask it, which come first, and in what was asked for.
func (d *diggerTest) run(args ...string) (code int, stdout, stderr string) {
	d.t.Helper()
	d.file("out", "")
	d.file("summary", "")
	var out, log bytes.Buffer
	var environ []string
	for name, value := range d.program.env {
		environ = append(environ, name+"="+value)
	}
	code = Main(args, Env{
		Stdin: strings.NewReader(d.stdin), Stdout: &out, Stderr: &log, Environ: environ, HTTP: d.program.client,
		Now: func() time.Time { return d.now },
	})
	stdout, stderr = out.String(), log.String()
	if code != exitOK && (!strings.Contains(stderr, "error: ") || !strings.Contains(stderr, "hint: ")) {
		d.t.Errorf("%.300q ended with %d and says %q", args, code, stderr)
	}
	said := stderr
	for line, rest, more := strings.Cut(said, "\n"); more && strings.HasPrefix(line, addMask); line, rest, more = strings.Cut(said, "\n") {
		said = rest
	}
	for _, secret := range []string{jobToken[4:12], "eyJ", "eyI", "leaked"} { // Markdown would escape what is around it
		if strings.Contains(said, secret) || strings.Contains(d.read(d.summary), secret) || code > exitRefused && strings.Contains(stdout+d.read(d.out), secret) {
			d.t.Errorf("%.300q shows a secret: %q and the summary %q", args, said, d.read(d.summary))
		}
	}
	return code, stdout, stderr
}

// signed returns what is printed for a spec: an envelope, or with --detached a
// signature.
func (d *diggerTest) signed(spec string, args ...string) string {
	d.t.Helper()
	args = append([]string{"sign", "--format", "digger", "--spec", d.file("unsigned.json", spec)}, args...)
	if !slices.Contains(args, "--secret-file") && d.program.env["COUNTERSIGN_SECRET"] == "" && !slices.Contains(args, "--key") {
		args = append(args, "--key", d.key)
	}
	code, stdout, stderr := d.run(args...)
	if code != exitOK {
		d.t.Fatalf("%.300q ended with %d: %s", args, code, stderr)
	}
	return strings.TrimSuffix(stdout, "\n")
}

// envelope returns arguments with the envelope of a spec.
func (d *diggerTest) envelope(spec string) []string {
	d.t.Helper()
	return []string{"--spec", d.file("envelope.json", d.signed(spec))}
}

// detached returns arguments with a spec and its signature.
func (d *diggerTest) detached(spec string) []string {
	d.t.Helper()
	return []string{"--token", d.signed(spec, "--detached"), "--spec", d.file("detached.json", spec)}
}

// forms are both ways to hand a signed spec over.
func (d *diggerTest) forms(spec string) map[string][]string {
	d.t.Helper()
	return map[string][]string{"envelope": d.envelope(spec), "detached": d.detached(spec)}
}

// A jobCheck is what a check that ends with 0 or 1 says.
type jobCheck struct {
	report struct {
		OK       bool
		Failure  string
		Findings []report.Finding
		Spec     json.RawMessage
	}
	outputs map[string]string
	stderr  string
}

// failures are the rules of the findings with a status, each once.
func (c jobCheck) failures(status report.Status) []string {
	rules := []string{}
	for _, f := range c.report.Findings {
		if f.Status == status && !slices.Contains(rules, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	return rules
}

// verify checks a signed spec, and that the exit code, the report, the outputs and
// Digger's own error tell the same.
func (d *diggerTest) verify(args ...string) (c jobCheck) {
	d.t.Helper()
	all := append([]string{"verify", "--format", "digger", "--json"}, args...)
	if d.program.env["COUNTERSIGN_SECRET"] == "" && !slices.Contains(args, "--key") {
		all = append(all, "--key", d.public)
	}
	code, stdout, stderr := d.run(all...)
	if err := json.Unmarshal([]byte(stdout), &c.report); err != nil {
		d.t.Fatalf("%.300q ended with %d: %q %s", args, code, stdout, stderr)
	}
	c.outputs, c.stderr = d.outputs(), stderr
	r := c.report
	blocks := len(c.failures(report.Fail)) > 0
	if blocks != (code == exitRefused) || !blocks && code != exitOK || r.OK != (len(c.failures(report.Fail))+len(c.failures(report.Warn)) == 0) {
		d.t.Errorf("%.300q ended with %d and %s", args, code, stdout)
	}
	says := "error: signatureCerificationFailed: " + r.Failure + "\n"
	if strings.Contains(stderr, says) != blocks || strings.Contains(stderr, "signatureCer") != blocks {
		d.t.Errorf("%.300q ended with %d and says %q, where Digger documents %q", args, code, stderr, says)
	}
	want := map[string]string{"verified": "false", "failure": r.Failure, "pins-changed": "false"}
	for _, name := range []string{"spec", "repository", "actor", "ref", "sha", "commands", "pull-request-url"} {
		want[name] = ""
	}
	if r.OK {
		want["verified"], want["commands"] = "true", "[]"
		for _, name := range []string{"spec", "repository", "actor", "sha"} {
			want[name] = c.outputs[name]
		}
	}
	if diff := cmp.Diff(want, c.outputs); diff != "" || r.OK != (c.outputs["spec"] != "") || r.OK != (string(r.Spec) != "null") {
		d.t.Errorf("%.300q has the outputs (-want +got):\n%s\nand the report %s", args, diff, stdout)
	}
	return c
}

// want checks which rules refuse a signed spec; none: it holds.
func (d *diggerTest) want(rules []string, args ...string) (c jobCheck) {
	d.t.Helper()
	c = d.verify(args...)
	if diff := cmp.Diff(append([]string{}, rules...), c.failures(report.Fail)); diff != "" {
		d.t.Errorf("%.300q is refused by (-want +got):\n%s\n%s", args, diff, c.stderr)
	}
	return c
}

// wantUsage checks that the program was used wrongly, and what it says to that.
func (d *diggerTest) wantUsage(says string, args ...string) {
	d.t.Helper()
	code, stdout, stderr := d.run(args...)
	if code != exitUsage || stdout != "" || !strings.Contains(stderr, says) {
		d.t.Errorf("%.300q ended with %d and printed %q and %q, want %q", args, code, stdout, stderr, says)
	}
	if args[0] == "verify" && (d.outputs()["verified"] == "true" || d.outputs()["spec"] != "") || strings.Contains(stderr, "signatureCer") {
		d.t.Errorf("%.300q has the outputs %q and says %q", args, d.outputs(), stderr)
	}
}

// changed returns a text with one place of it changed.
func changed(t *testing.T, text, old, replacement string) string {
	t.Helper()
	if strings.Count(text, old) == 0 {
		t.Fatalf("there is no %q in %.300s", old, text)
	}
	return strings.Replace(text, old, replacement, 1)
}
