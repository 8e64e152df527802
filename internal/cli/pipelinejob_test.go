package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/countersign-ci/countersign/internal/report"
)

// bound signs the plain pipeline for a commit and a branch.
func (p *pipelineTest) bound() {
	p.t.Helper()
	p.env = map[string]string{"BUILDKITE_COMMIT": jobSHA, "BUILDKITE_BRANCH": "main"}
	p.write("bound.yml", p.sign("plain.yml", "--bind", "commit,branch"))
	p.env = map[string]string{}
}

// job returns the first step of a signed pipeline, and the variables of its job.
func (p *pipelineTest) job(name string) (step map[string]any, env map[string]string) {
	p.t.Helper()
	var signed struct{ Steps []any }
	if err := yaml.Unmarshal([]byte(p.read(name)), &signed); err != nil {
		p.t.Fatal(err)
	}
	step, ok := signed.Steps[0].(map[string]any)
	if !ok {
		p.t.Fatalf("the first step is %v", signed.Steps[0])
	}
	return step, map[string]string{
		"REGION": "eu", "LEVEL": "step", "BUILDKITE_COMMAND": "make test", "BUILDKITE_REPO": widgetsURL,
		"BUILDKITE_COMMIT": jobSHA, "BUILDKITE_BRANCH": "main",
	}
}

// writeJSON writes a file and returns its path.
func (p *pipelineTest) writeJSON(name string, v any) string {
	p.t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.write(name, string(text))
}

// wantJob checks a job in both of its forms.
func (p *pipelineTest) wantJob(rule string, step map[string]any, env map[string]string, args ...string) {
	p.t.Helper()
	file := p.writeJSON("job.json", map[string]any{"id": "1", "step": step, "env": env})
	p.wantCheck(rule, p.verifying(append([]string{"--job", file}, args...)...)...)
	file = p.writeJSON("step.json", step)
	p.env = env
	p.wantCheck(rule, p.verifying(append([]string{"--step", file}, args...)...)...)
	// In a hook of an agent the job's variables are in a file, and its own count for
	// nothing.
	p.env = map[string]string{"BUILDKITE_ENV_JSON_FILE": p.writeJSON("env.json", env), "BUILDKITE_COMMAND": "make evil", "PATH": "/bin"}
	p.wantCheck(rule, p.verifying(append([]string{"--step", file}, args...)...)...)
	p.env = map[string]string{}
}

// TestCheckJob changes a job and its step.
func TestCheckJob(t *testing.T) {
	t.Parallel()
	p := newPipelineTest(t)
	p.bound()
	for _, c := range []struct {
		rule   string
		change func(step map[string]any, env map[string]string)
		args   []string
	}{
		{"", func(map[string]any, map[string]string) {}, nil},
		{"", func(map[string]any, map[string]string) {}, []string{"--expect", "commit=" + jobSHA + ",branch=main", "--repository-url", widgetsURL, "--strict-environment"}},
		{report.JobMismatch, func(_ map[string]any, env map[string]string) { env["BUILDKITE_COMMAND"] = "make evil" }, nil},
		{report.JobMismatch, func(_ map[string]any, env map[string]string) { env["LEVEL"] = "other" }, nil},
		{report.BadStepSignature, func(_ map[string]any, env map[string]string) { env["REGION"] = "us" }, nil},
		{report.BadStepSignature, func(_ map[string]any, env map[string]string) { env["BUILDKITE_COMMIT"] = strings.Repeat("f", 40) }, nil},
		{report.BadStepSignature, func(_ map[string]any, env map[string]string) { env["BUILDKITE_COMMIT"] = "HEAD" }, nil},
		{report.BadStepSignature, func(_ map[string]any, env map[string]string) { env["BUILDKITE_BRANCH"] = "other" }, nil},
		{report.BadStepSignature, func(step map[string]any, _ map[string]string) { step["command"] = "make evil" }, nil},
		{report.UnsignedStep, func(step map[string]any, _ map[string]string) { delete(step, "signature") }, nil},
		{report.UnsignedStep, func(map[string]any, map[string]string) {}, []string{"--require-unsigned-none"}},
		{"", func(_ map[string]any, env map[string]string) { env["LD_PRELOAD"] = "evil.so" }, nil},
		{report.UnsignedEnvironment, func(_ map[string]any, env map[string]string) { env["LD_PRELOAD"] = "evil.so" }, []string{"--strict-environment"}},
		{report.JobMismatch, func(map[string]any, map[string]string) {}, []string{"--repository-url", "https://github.com/acme/other.git"}},
		{report.JobMismatch, func(map[string]any, map[string]string) {}, []string{"--expect", "commit=" + strings.Repeat("f", 40)}},
		{report.BadStepSignature, func(map[string]any, map[string]string) {}, []string{"--expect", "build=1"}},
	} {
		step, env := p.job("bound.yml")
		c.change(step, env)
		p.wantJob(c.rule, step, env, c.args...)
	}

	for _, text := range []string{"", "[]", "{", "{}", `{"step": {}}`} {
		r := p.wantCheck(report.BadStepSignature, p.verifying("--job", p.write("job.json", text))...)
		if f := r.failures(); len(f) != 1 || f[0].File != "" {
			t.Errorf("the job %q: %+v", text, f)
		}
	}
	p.wantCheck(report.BadStepSignature, p.verifying("--step", p.write("step.json", "["))...)
	p.wantCheck(report.UnsignedStep, p.verifying("--step", p.write("step.json", "null"))...)
}

// TestFirstVariable gives a variable twice: the first one counts, as everywhere.
func TestFirstVariable(t *testing.T) {
	t.Parallel()
	p := newPipelineTest(t)
	step, env := p.job("signed.yml")
	file := p.writeJSON("step.json", step)
	var environ []string
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	evil := []string{"BUILDKITE_COMMAND=make evil"}
	for want, environ := range map[int][]string{exitOK: slices.Concat(environ, evil), exitRefused: slices.Concat(evil, environ)} {
		var out, err bytes.Buffer
		if code := Main(p.verifying("--step", file), Env{Stdout: &out, Stderr: &err, Environ: environ}); code != want {
			t.Errorf("%q ended with %d: %s", environ, code, err.String())
		}
	}
}

// TestVectorJobs checks jobs whose step the stock agent signed.
func TestVectorJobs(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("..", "..", "..", "shared", "vectors", "buildkite")
	if _, err := os.Stat(filepath.Dir(folder)); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the test vectors are absent: there is no folder %s", filepath.Dir(folder))
	}
	p := newPipelineTest(t)
	for name, rule := range map[string]string{"ok-test.json": "", "bad-repo.json": report.BadStepSignature} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		var job struct {
			Step map[string]any
			Env  map[string]string
		}
		if err := json.Unmarshal(text, &job); err != nil {
			t.Fatal(err)
		}
		public, err := os.ReadFile(filepath.Join(folder, "EdDSA-public.json"))
		if err != nil {
			t.Fatal(err)
		}
		p.write("k.pub.jwk", string(public))
		p.wantCheck(rule, p.verifying("--job", filepath.Join(folder, name))...)
		p.wantJob(rule, job.Step, job.Env)
	}
	p.wantCheck("", p.replaced(p.verifyingFile("-"), p.path("-"), filepath.Join(folder, "signed-EdDSA.yml"))...)
}

// TestBind binds to variables of the build.
func TestBind(t *testing.T) {
	t.Parallel()
	p := newPipelineTest(t)
	p.bound()
	for expect, rule := range map[string]string{
		"commit=" + jobSHA:                           report.BadStepSignature, // the branch is signed too, and not told
		"commit=" + jobSHA + ",branch=main":          "",
		"branch=main":                                report.BadStepSignature,
		"commit=" + strings.Repeat("f", 40):          report.BadStepSignature,
		"commit=" + jobSHA + ",branch=other":         report.BadStepSignature,
		"commit=" + jobSHA + ",branch=main,build=42": report.BadStepSignature, // nothing is bound to it
		"": report.BadStepSignature,
	} {
		args := p.verifyingFile("bound.yml")
		if expect != "" {
			args = append(args, "--expect", expect)
		}
		p.wantCheck(rule, args...)
	}
	p.wantCheck(report.BadStepSignature, p.verifyingFile("signed.yml", "--expect", "commit="+jobSHA)...)
	if strings.Contains(p.read("bound.yml"), jobSHA) {
		t.Error("the commit is written into the pipeline")
	}

	for _, c := range []struct {
		env  map[string]string
		bind string
		says string
	}{
		{nil, "commit", "no full commit id"},
		{map[string]string{"BUILDKITE_COMMIT": "HEAD"}, "commit", "HEAD"},
		{map[string]string{"BUILDKITE_COMMIT": jobSHA[:12]}, "commit", "no full commit id"},
		{nil, "branch", "BUILDKITE_BRANCH is empty"},
		{nil, "build", "BUILDKITE_BUILD_ID is empty"},
		{nil, "pipeline", "BUILDKITE_PIPELINE_ID is empty"},
		{map[string]string{"BUILDKITE_TAG": "v1"}, "tag", `nothing called "tag"`},
		{map[string]string{"BUILDKITE_BRANCH": "main"}, "branch,BUILDKITE_COMMIT", "nothing called"},
	} {
		p.env = c.env
		p.wantFails(exitUsage, c.says, p.signing("plain.yml", "--bind", c.bind)...)
	}
	p.env = map[string]string{"BUILDKITE_COMMIT": jobSHA, "BUILDKITE_BRANCH": "main", "BUILDKITE_BUILD_ID": "42", "BUILDKITE_PIPELINE_ID": "7"}
	p.write("all.yml", p.sign("plain.yml", "--bind", "commit", "--bind", "branch,build,pipeline"))
	p.env = map[string]string{}
	p.wantCheck("", p.verifyingFile("all.yml", "--expect", "commit="+jobSHA+",branch=main,build=42,pipeline=7")...)

	const names = "--expect names what steps cannot be bound to"
	for _, expect := range []string{"repository=acme/widgets", "commit", "commit=", "commit=" + jobSHA + ",commit=" + jobSHA, "branch=main,sha=" + jobSHA} {
		p.wantFails(exitUsage, names, p.verifyingFile("bound.yml", "--expect", expect)...)
	}
	p.env = map[string]string{"COUNTERSIGN_EXPECT": "commit=" + jobSHA + "\nbranch=main"}
	p.wantCheck("", p.verifyingFile("bound.yml")...)
}

// TestTokenAndPipeline checks both at once.
func TestTokenAndPipeline(t *testing.T) {
	t.Parallel()
	p := newPipelineTest(t)
	p.bound()
	code, token, stderr := p.run("sign", "--key", p.path("k.jwk"), "--issuer", "https://github.com/acme/orchestrator",
		"--repository", "acme/widgets", "--actor", "octocat", "--sha", jobSHA)
	if code != exitOK {
		t.Fatal(stderr)
	}
	both := func(name, expect string) []string {
		return p.replaced(p.verifyingFile(name, "--token", strings.TrimSpace(token), "--expect", "repository=acme/widgets,actor=octocat,sha="+jobSHA+expect), "pipeline", "token,pipeline")
	}
	p.wantCheck("", both("bound.yml", ",commit="+jobSHA+",branch=main")...)
	p.wantCheck(report.BadStepSignature, both("bound.yml", ",commit="+jobSHA+",branch=other")...)
	p.wantCheck(report.UnsignedStep, both("plain.yml", "")...)
	p.wantCheck("missing-token", append(slices.Clone(both("signed.yml", "")), "--token", "")...)
	p.wantFails(exitUsage, "", both("bound.yml", ",none=1")...)
	code, stdout, _ := p.run(append(both("plain.yml", ""), "--json")...)
	if code != exitRefused || !strings.Contains(stdout, `"spec":null`) {
		t.Errorf("a refused pipeline ends with %d and %s", code, stdout)
	}
}

// TestReadOnlyFolder signs in place where nothing can be written.
func TestReadOnlyFolder(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("modes of folders do not bind here")
	}
	p := newPipelineTest(t)
	if err := os.Chmod(p.folder, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(p.folder, 0o700)
	p.wantFails(exitUndecided, "cannot be written", p.signing("plain.yml", "--in-place")...)
	if p.read("plain.yml") != plainPipeline {
		t.Error("the file was changed")
	}
}
