package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/report"
)

// TestCheckPipeline changes what was signed, and checks what is found and where.
func TestCheckPipeline(t *testing.T) {
	t.Parallel()
	p := newPipelineTest(t)
	p.write("strict.yml", strings.Replace(p.read("signed.yml"), "env:\n  REGION: eu", "env:\n  REGION: eu\n  LD_PRELOAD: evil.so", 1))
	both := []string{`step "test"`, `step "deploy it"`}
	for _, c := range []struct {
		file string
		rule string
		args []string
		of   []string // the things that are refused
	}{
		{"plain.yml", report.UnsignedStep, nil, both},
		{p.change("signed.yml", "command.yml", "make test", "make evil"), report.BadStepSignature, nil, both[:1]},
		{p.change("signed.yml", "env.yml", "REGION: eu", "REGION: us"), report.BadStepSignature, nil, both},
		{p.change("signed.yml", "own.yml", "LEVEL: step", "LEVEL: other"), report.BadStepSignature, nil, both[:1]},
		{p.change("signed.yml", "stripped.yml", "        - env::REGION\n", ""), report.BadStepSignature, nil, both[:1]},
		{p.change("signed.yml", "required.yml", "        - command\n", ""), report.BadStepSignature, nil, both[:1]},
		{p.change("signed.yml", "added.yml", "        - env\n", "        - env\n        - agents\n"), report.BadStepSignature, nil, both[:1]},
		{p.change("signed.yml", "unsafe.yml", "LEVEL: step", "LEVEL: 9007199254740992"), report.UnsafeInteger, nil, both[:1]},
		{"signed.yml", report.BadStepSignature, []string{"--repository-url", "https://github.com/acme/widgets"}, both},
		{"strict.yml", "", nil, nil},
		{"strict.yml", report.UnsignedEnvironment, []string{"--strict-environment"}, both},
	} {
		r := p.wantCheck(c.rule, p.verifyingFile(c.file, c.args...)...)
		failures := r.failures()
		if len(failures) != len(c.of) {
			t.Errorf("%s %q: %+v, want %q", c.file, c.args, failures, c.of)
			continue
		}
		for i, f := range failures {
			if f.Rule != c.rule || f.File != filepath.ToSlash(p.path(c.file)) || f.Line < 1 || f.Column < 1 || !strings.Contains(f.Message, c.of[i]) {
				t.Errorf("%s %q: %+v, want %s", c.file, c.args, f, c.of[i])
			}
		}
	}
	r, _ := p.check(p.verifyingFile("plain.yml")...)
	var places [][2]int
	for _, f := range r.Findings {
		places = append(places, [2]int{f.Line, f.Column})
	}
	if diff := cmp.Diff([][2]int{{4, 5}, {10, 9}}, places); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	p.keygen("other", "EdDSA")
	p.wantCheck(report.BadStepSignature, p.replaced(p.verifyingFile("signed.yml"), p.path("k.pub.jwk"), p.path("other.pub.jwk"))...)
}

// TestPipelineWarnings lets each rule warn and block. Only a step without any
// signature is about what is missing.
func TestPipelineWarnings(t *testing.T) {
	t.Parallel()
	p := newPipelineTest(t)
	p.change("signed.yml", "bad.yml", "make test", "make evil")
	p.change("signed.yml", "unsafe.yml", "LEVEL: step", "LEVEL: 9007199254740992")
	p.change("signed.yml", "strict.yml", "REGION: eu", "REGION: eu\n  OTHER: a")
	p.write("list.yml", "- steps\n- 3\n")
	step, env := p.job("signed.yml")
	env["BUILDKITE_COMMAND"] = "make evil"
	mismatch := p.writeJSON("job.json", map[string]any{"step": step, "env": env})
	for _, c := range []struct {
		rule, flag, other string
		args              []string
	}{
		{report.UnsignedStep, "--on-missing", "--on-invalid", p.verifyingFile("plain.yml")},
		{report.UnsignedStep, "--on-invalid", "--on-missing", p.verifyingFile("signed.yml", "--require-unsigned-none")},
		{report.BadStepSignature, "--on-invalid", "--on-missing", p.verifyingFile("bad.yml")},
		{report.BadStepSignature, "--on-invalid", "--on-missing", p.verifyingFile("list.yml")},
		{report.UnsafeInteger, "--on-invalid", "--on-missing", p.verifyingFile("unsafe.yml")},
		{report.UnsignedEnvironment, "--on-invalid", "--on-missing", p.verifyingFile("strict.yml", "--strict-environment")},
		{report.JobMismatch, "--on-invalid", "--on-missing", p.verifying("--job", mismatch)},
	} {
		for _, test := range []struct {
			args []string
			code int
		}{
			{nil, exitRefused},
			{[]string{c.flag, "block"}, exitRefused},
			{[]string{c.other, "warn"}, exitRefused},
			{[]string{c.flag, "warn"}, exitOK},
			{[]string{c.flag, "warn", c.other, "warn"}, exitOK},
		} {
			args := append(slices.Clone(c.args), test.args...)
			p.wantCheck(c.rule, args...) // neither `ok` nor `verified` where it warns
			if code, _, stderr := p.run(append(args, "--json")...); code != test.code || code == exitOK && !strings.Contains(stderr, "warning: "+c.rule) {
				t.Errorf("%s with %q ended with %d, want %d: %s", c.rule, test.args, code, test.code, stderr)
			}
		}
	}
	// What blocks goes before what warns.
	p.change("bad.yml", "mixed.yml", "  - wait\n", "  - command: a\n")
	p.wantCheck(report.BadStepSignature, p.verifyingFile("mixed.yml", "--on-missing", "warn")...)
	p.wantCheck(report.UnsignedStep, p.verifyingFile("mixed.yml", "--on-invalid", "warn")...)
}

// TestPipelineAnnotations annotates lines of the file on a runner.
func TestPipelineAnnotations(t *testing.T) {
	t.Parallel()
	p := newPipelineTest(t)
	p.env = map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": p.path("summary")}
	_, stderr := p.fails(p.verifyingFile("plain.yml")...)
	for _, place := range []string{"col=5,file=", ",line=4,", "col=9,file=", ",line=10,", "::error ", "title=Countersign"} {
		if !strings.Contains(stderr, place) {
			t.Errorf("no %q in %s", place, stderr)
		}
	}
	if summary := p.read("summary"); !strings.Contains(summary, report.UnsignedStep) {
		t.Errorf("the summary is %s", summary)
	}
	_, stderr = p.fails(p.verifyingFile("plain.yml", "--on-missing", "warn")...)
	if strings.Contains(stderr, "::error ") || !strings.Contains(stderr, "::warning ") {
		t.Errorf("warnings are annotated as %s", stderr)
	}
}

// TestPipelineFlags refuses flags that mean nothing together.
func TestPipelineFlags(t *testing.T) {
	t.Parallel()
	p := newPipelineTest(t)
	token := []string{"sign", "--key", p.path("k.jwk")}
	for _, flag := range [][]string{{"--pipeline", "a.yml"}, {"--repository-url", widgetsURL}, {"--in-place"}, {"--bind", "commit"}} {
		says := flag[0] + " means nothing with --format token"
		p.wantFails(exitUsage, says, append(slices.Clone(token), flag...)...)
		p.wantFails(exitUsage, says, append(slices.Clone(token), append(flag, "--format", "token")...)...)
	}
	for _, flag := range [][]string{
		{"--command", "make"}, {"--repository", "acme/widgets"}, {"--sha", jobSHA}, {"--inputs", "{}"}, {"--spec", "a"}, {"--dispatch", "a.yml"}, {"--issuer", "a"},
		{"--audience", "a"}, {"--ttl", "1m"}, {"--token-input", "a"}, {"--mask"}, {"--json"}, {"--keyless"}, {"--identity-command", "a"},
	} {
		p.wantFails(exitUsage, flag[0]+" means nothing with --format buildkite", p.signing("plain.yml", flag...)...)
	}
	// Variables are flags too.
	p.env = map[string]string{"COUNTERSIGN_BIND": "commit"}
	p.wantFails(exitUsage, "--bind means nothing", token...)
	p.env = map[string]string{"COUNTERSIGN_COMMAND": "make"}
	p.wantFails(exitUsage, "--command means nothing", p.signing("plain.yml")...)
	p.env = map[string]string{"INPUT_MODE": "sign", "INPUT_FORMAT": "buildkite", "INPUT_KEY": p.read("k.jwk"), "INPUT_PIPELINE": p.path("plain.yml"), "INPUT_REPOSITORY_URL": widgetsURL}
	p.wantFails(exitUsage, "no standard output")
	p.env["INPUT_IN_PLACE"], p.env["INPUT_PIPELINE"] = "true", p.write("action.yml", plainPipeline)
	if code, stdout, stderr := p.run(); code != exitOK || stdout != "" || p.read("action.yml") != p.read("signed.yml") {
		t.Errorf("the Action ended with %d: %s", code, stderr)
	}
	p.env["INPUT_COMMAND"] = "make"
	p.wantFails(exitUsage, "--command means nothing")
	p.env = map[string]string{}

	file, job := []string{"--pipeline", p.path("signed.yml")}, []string{"--job", p.write("job.json", "{}")}
	step, url := []string{"--step", p.write("step.json", "{}")}, []string{"--repository-url", widgetsURL}
	for _, c := range []struct {
		says string
		args []string
	}{
		{"which pipeline or job", p.verifying()},
		{"which pipeline or job", p.verifying(url...)},
		{"which pipeline or job", p.verifying(slices.Concat(file, url, job)...)},
		{"which pipeline or job", p.verifying(slices.Concat(file, url, step)...)},
		{"which pipeline or job", p.verifying(slices.Concat(job, step)...)},
		{"it is not known which", p.verifying(file...)},
		{"none is checked", append([]string{"verify", "--key", p.path("k.pub.jwk")}, file...)},
		{"none is checked", append([]string{"verify", "--key", p.path("k.pub.jwk")}, job...)},
		{"none is checked", append([]string{"verify", "--key", p.path("k.pub.jwk")}, step...)},
		{"none is checked", append([]string{"verify", "--key", p.path("k.pub.jwk")}, url...)},
		{"none is checked", []string{"verify", "--key", p.path("k.pub.jwk"), "--strict-environment"}},
		{"none is checked", []string{"verify", "--key", p.path("k.pub.jwk"), "--require-unsigned-none"}},
		{"no check", []string{"verify", "--check", "pipelines"}},
		{"there is no pipeline to sign", []string{"sign", "--format", "buildkite", "--key", p.path("k.jwk"), "--repository-url", widgetsURL}},
		{"URL is empty", []string{"sign", "--format", "buildkite", "--key", p.path("k.jwk"), "--pipeline", p.path("plain.yml")}},
		{"standard input has no place", p.replaced(p.signing("-", "--in-place"), p.path("-"), "-")},
		{"--format takes", p.replaced(p.signing("plain.yml"), "buildkite", "gitlab")},
		{"private key", p.replaced(p.signing("plain.yml"), p.path("k.jwk"), p.path("k.pub.jwk"))},
	} {
		p.wantFails(exitUsage, c.says, c.args...)
	}
}

// TestUnreadablePipelines signs none of them, and lets none of them pass.
func TestUnreadablePipelines(t *testing.T) {
	t.Parallel()
	p := newPipelineTest(t)
	signed := p.read("signed.yml")
	for what, text := range map[string]string{
		"empty":         "",
		"a comment":     "# nothing\n",
		"not YAML":      "steps: [",
		"a tab":         "steps:\n\t- wait\n",
		"not UTF-8":     "steps: [{command: \"\xff\"}]",
		"a text":        "make",
		"two documents": signed + "---\n" + plainPipeline,
		"a name twice":  signed + "steps: []\n",
		"an alias":      "steps: [*none]",
		"a number":      "3\n",
	} {
		p.write("text.yml", text)
		p.wantFails(exitUsage, "", p.signing("text.yml")...)
		r := p.wantCheck(report.BadStepSignature, p.verifyingFile("text.yml")...)
		if f := r.failures(); len(f) == 0 || f[0].File == "" || f[0].Message == "" {
			t.Errorf("%s: %+v", what, f)
		}
	}
	for _, variable := range []string{"$HOME", "${HOME}", "$$HOME", "${HOME:-a}", "# $HOME\n"} {
		p.write("text.yml", "steps:\n- command: make "+variable+"\n")
		p.wantFails(exitUsage, "--no-interpolation", p.signing("text.yml")...)
		p.wantCheck(report.UnsignedStep, p.verifyingFile("text.yml")...)
	}

	p.write("text.yml", "steps: [{command: {a: b}}, {unknown: b}]")
	p.wantFails(exitUsage, "is of no known type", p.signing("text.yml")...)
	p.wantCheck(report.UnsignedStep, p.verifyingFile("text.yml")...)

	f, err := os.Create(p.path("large.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(maxPipeline + 1); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for name, says := range map[string]string{"none.yml": "cannot be read", ".": "cannot be read", "large.yml": "is too large"} {
		p.wantFails(exitUsage, says, p.signing(name)...)
		p.wantFails(exitUsage, says, p.verifyingFile(name)...)
		p.wantFails(exitUsage, says, p.verifying("--job", p.path(name))...)
		p.wantFails(exitUsage, says, p.verifying("--step", p.path(name))...)
	}
}
