package cli

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/report"
)

const widgetsURL = "https://github.com/acme/widgets.git"

// plainPipeline has two command steps, one of them in a group.
const plainPipeline = `env:
  REGION: eu
steps:
  - key: test
    command: make test
    env: {LEVEL: step}
  - wait
  - group: deploy
    steps:
      - label: deploy it
        command: make deploy
        agents: {queue: prod}
`

// A pipelineTest is a folder with keys, and a pipeline that they signed.
type pipelineTest struct {
	t      *testing.T
	env    map[string]string
	folder string
}

func newPipelineTest(t *testing.T) *pipelineTest {
	t.Helper()
	p := &pipelineTest{t: t, env: map[string]string{}, folder: t.TempDir()}
	p.keygen("k", "EdDSA")
	p.write("plain.yml", plainPipeline)
	p.write("signed.yml", p.sign("plain.yml"))
	return p
}

func (p *pipelineTest) path(name string) string { return filepath.Join(p.folder, name) }

func (p *pipelineTest) write(name, text string) string {
	p.t.Helper()
	if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return p.path(name)
}

func (p *pipelineTest) read(name string) string {
	p.t.Helper()
	text, err := os.ReadFile(p.path(name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// change writes a copy of a file with one place of it changed.
func (p *pipelineTest) change(from, to, old, replacement string) string {
	p.t.Helper()
	text := p.read(from)
	if !strings.Contains(text, old) {
		p.t.Fatalf("there is no %q in %s", old, text)
	}
	p.write(to, strings.Replace(text, old, replacement, 1))
	return to
}

func (p *pipelineTest) keygen(name, algorithm string) {
	p.t.Helper()
	if code, stderr := p.fails("keygen", "--alg", algorithm, "--private", p.path(name+".jwk"), "--public", p.path(name+".pub.jwk")); code != exitOK {
		p.t.Fatal(stderr)
	}
}

// run runs the program. An error comes with a hint, and with 2 or 3 nothing is
// printed.
func (p *pipelineTest) run(args ...string) (code int, stdout, stderr string) {
	p.t.Helper()
	code, stdout, stderr = program{p.env, http.DefaultClient}.run(args...)
	if code != exitOK && (!strings.Contains(stderr, "error: ") || !strings.Contains(stderr, "hint: ")) {
		p.t.Errorf("%q ended with %d and says %q", args, code, stderr)
	}
	if code > exitRefused && stdout != "" {
		p.t.Errorf("%q ended with %d and prints %q", args, code, stdout)
	}
	return code, stdout, stderr
}

// fails is run for what prints nothing.
func (p *pipelineTest) fails(args ...string) (code int, stderr string) {
	p.t.Helper()
	code, stdout, stderr := p.run(args...)
	if stdout != "" {
		p.t.Errorf("%q prints %q", args, stdout)
	}
	return code, stderr
}

// wantFails checks the exit code of a run, and what it says.
func (p *pipelineTest) wantFails(want int, says string, args ...string) {
	p.t.Helper()
	if code, stderr := p.fails(args...); code != want || !strings.Contains(stderr, says) {
		p.t.Errorf("%q ended with %d, want %d and %q: %s", args, code, want, says, stderr)
	}
}

// signing are arguments to sign a file with k.
func (p *pipelineTest) signing(name string, args ...string) []string {
	return append([]string{
		"sign", "--format", "buildkite", "--key", p.path("k.jwk"), "--pipeline", p.path(name), "--repository-url", widgetsURL,
	}, args...)
}

func (p *pipelineTest) sign(name string, args ...string) string {
	p.t.Helper()
	code, stdout, stderr := p.run(p.signing(name, args...)...)
	if code != exitOK || stderr != "" {
		p.t.Fatalf("sign %s: %d %s", name, code, stderr)
	}
	return stdout
}

// verifying are arguments to check with k.
func (p *pipelineTest) verifying(args ...string) []string {
	return append([]string{"verify", "--check", "pipeline", "--key", p.path("k.pub.jwk")}, args...)
}

func (p *pipelineTest) verifyingFile(name string, args ...string) []string {
	return p.verifying(append([]string{"--pipeline", p.path(name), "--repository-url", widgetsURL}, args...)...)
}

// A pipelineReport is what --json prints.
type pipelineReport struct {
	OK       bool
	Failure  string
	Findings []report.Finding
}

// failures are the findings that did not pass.
func (r pipelineReport) failures() []report.Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f report.Finding) bool { return f.Status == report.Pass })
}

// check runs a check whose exit code is 0 or 1, which the report, the exit code and
// the output `verified` must tell alike.
func (p *pipelineTest) check(args ...string) (r pipelineReport, stderr string) {
	p.t.Helper()
	output := p.write("output", "")
	env := map[string]string{"GITHUB_OUTPUT": output}
	maps.Copy(env, p.env)
	code, stdout, stderr := program{env, http.DefaultClient}.run(append(args, "--json")...)
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		p.t.Fatalf("%q ended with %d: %q %s", args, code, stdout, stderr)
	}
	blocks := slices.ContainsFunc(r.Findings, func(f report.Finding) bool { return f.Status == report.Fail })
	if blocks != (code == exitRefused) || !blocks && code != exitOK || r.OK != (r.Failure == "") || r.OK != (len(r.failures()) == 0) || len(r.Findings) == 0 {
		p.t.Errorf("%q ended with %d and %s", args, code, stdout)
	}
	verified := "\nfalse\n"
	if r.OK {
		verified = "\ntrue\n"
	}
	if text := p.read("output"); !strings.Contains(text, verified) || !strings.Contains(text, "failure<<") || !strings.Contains(text, "\n"+r.Failure+"\n") {
		p.t.Errorf("%q, failure %q, has the outputs %s", args, r.Failure, text)
	}
	return r, stderr
}

// wantCheck checks the one rule that a check fails with, or none.
func (p *pipelineTest) wantCheck(rule string, args ...string) pipelineReport {
	p.t.Helper()
	r, stderr := p.check(args...)
	if r.Failure != rule {
		p.t.Errorf("%q failed with %q, want %q: %s", args, r.Failure, rule, stderr)
	}
	return r
}

// runWith is run with standard input.
func (p *pipelineTest) runWith(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = Main(args, Env{Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &err})
	return code, out.String(), err.String()
}

// replaced returns arguments with another one in place of one.
func (p *pipelineTest) replaced(args []string, old, replacement string) []string {
	p.t.Helper()
	i := slices.Index(args, old)
	if i < 0 {
		p.t.Fatalf("no %q in %q", old, args)
	}
	args = slices.Clone(args)
	args[i] = replacement
	return args
}

func (p *pipelineTest) names(folder string) (names []string) {
	p.t.Helper()
	entries, err := os.ReadDir(p.path(folder))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
