package buildkite_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/dialect/buildkite"
	"github.com/countersign-ci/countersign/internal/report"
)

// everything is a pipeline whose step has every field that is signed.
const everything = `env:
  REGION: eu
  LEVEL: pipeline
secrets: {API: api}
steps:
  - key: build
    command: make OS={{matrix.os}}
    env: {TARGET: "{{matrix.os}}-{{matrix.arch}}", LEVEL: step}
    plugins:
      - docker#v5.11.0: {image: "golang:{{matrix.arch}}", retries: 3, ratio: 0.5}
      - ./local
    matrix:
      setup: {os: [linux, darwin], arch: [amd64, arm64]}
      adjustments:
        - {with: {os: darwin, arch: amd64}, skip: no runners}
        - {with: {os: windows, arch: amd64}, soft_fail: true}
    checkout: {skip: false, submodules: true, flags: {clone: "-v {{matrix.os}}"}, commit_verification: strict}
`

var boundTo = map[string]string{"BUILDKITE_COMMIT": strings.Repeat("a", 40)}

// everythingJob returns a job of that step, as the agent API has it.
func everythingJob(t testing.TB) object {
	t.Helper()
	p, steps := commandSteps(t, sign(t, everything, boundTo))
	var step object
	if err := json.Unmarshal([]byte(encode(t, steps[0])), &step); err != nil {
		t.Fatal(err)
	}
	env := object{
		"REGION": p.Env.ToMap()["REGION"], "LEVEL": "step", "TARGET": "linux-arm64",
		"BUILDKITE_COMMAND": "make OS=linux", "BUILDKITE_REPO": widgets, "BUILDKITE_BRANCH": "main",
		"BUILDKITE_PLUGINS": `[{"github.com/buildkite-plugins/docker-buildkite-plugin#v5.11.0":{"ratio":5e-1,"retries":3,"image":"golang:arm64"}},{"./local":null}]`,
		"BUILDKITE_COMMIT":  boundTo["BUILDKITE_COMMIT"],
	}
	return object{"id": "1", "step": step, "env": env, "matrix_permutation": object{"os": "linux", "arch": "arm64"}}
}

// at returns an object inside one.
func at(t testing.TB, o object, path ...string) object {
	t.Helper()
	for _, name := range path {
		inner, ok := o[name].(object)
		if !ok {
			t.Fatalf("there is no object %q", name)
		}
		o = inner
	}
	return o
}

func checkJob(t testing.TB, job string, o buildkite.CheckOptions) buildkite.Checked {
	t.Helper()
	c, err := buildkite.CheckJob([]byte(job), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, job)
	}
	return c
}

// TestJob changes each thing in a job that its step signed.
func TestJob(t *testing.T) {
	t.Parallel()
	env := func(variable string, value any) func(object) {
		return func(job object) {
			if value == nil {
				delete(at(t, job, "env"), variable)
			} else {
				at(t, job, "env")[variable] = value
			}
		}
	}
	step := func(field string, value any) func(object) {
		return func(job object) { at(t, job, "step")[field] = value }
	}
	matrix := func(value any) func(object) {
		return func(job object) { job["matrix_permutation"] = value }
	}
	const mismatch, bad = report.JobMismatch, report.BadStepSignature
	plugins, _ := at(t, everythingJob(t), "env")["BUILDKITE_PLUGINS"].(string)
	for _, c := range []struct {
		what   string
		change func(object)
		want   []string
	}{
		{"nothing", func(object) {}, nil},
		{"the command", env("BUILDKITE_COMMAND", "make OS=linux "), []string{mismatch}},
		{"the command of another permutation", env("BUILDKITE_COMMAND", "make OS=darwin"), []string{mismatch}},
		{"no command", env("BUILDKITE_COMMAND", nil), []string{mismatch}},
		{"the step's environment", env("TARGET", "linux-amd64"), []string{mismatch}},
		{"the step's environment left out", env("TARGET", nil), []string{mismatch}},
		{"the step's environment as the pipeline has it", env("LEVEL", "pipeline"), []string{mismatch}},
		{"the pipeline's environment", env("REGION", "us"), []string{bad}},
		{"the pipeline's environment left out", env("REGION", nil), []string{bad}},
		{"a replay on another commit", env("BUILDKITE_COMMIT", strings.Repeat("b", 40)), []string{bad}},
		{"a replay on HEAD", env("BUILDKITE_COMMIT", "HEAD"), []string{bad}},
		{"the repository", env("BUILDKITE_REPO", "https://github.com/mallory/widgets.git"), []string{bad}},
		{"no repository", env("BUILDKITE_REPO", nil), []string{bad}},
		{"the plugins", env("BUILDKITE_PLUGINS", strings.Replace(plugins, "golang:arm64", "golang:evil", 1)), []string{mismatch}},
		{"a plugin's version", env("BUILDKITE_PLUGINS", strings.Replace(plugins, "v5.11.0", "v5.12.0", 1)), []string{mismatch}},
		{"the plugins' order", env("BUILDKITE_PLUGINS", `[{"./local":null},`+strings.TrimSuffix(strings.TrimPrefix(plugins, "["), `,{"./local":null}]`)+"]"), []string{mismatch}},
		{"a plugin more", env("BUILDKITE_PLUGINS", strings.TrimSuffix(plugins, "]")+`,{"./other":null}]`), []string{mismatch}},
		{"no plugins", env("BUILDKITE_PLUGINS", nil), []string{mismatch}},
		{"empty plugins", env("BUILDKITE_PLUGINS", "[]"), []string{mismatch}},
		{"plugins that are no JSON", env("BUILDKITE_PLUGINS", "["), []string{mismatch}},
		{"plugins with a name twice", env("BUILDKITE_PLUGINS", strings.Replace(plugins, `"retries":3`, `"retries":4,"retries":3`, 1)), []string{mismatch}},
		{"plugins with a number that is not safe", env("BUILDKITE_PLUGINS", strings.Replace(plugins, `"retries":3`, `"retries":9007199254740993`, 1)), []string{report.UnsafeInteger}},
		{"plugins with white space", env("BUILDKITE_PLUGINS", " "+strings.ReplaceAll(plugins, ",", ", ")), nil},
		{"the secrets", env("BUILDKITE_SECRETS_CONFIG", `[{"environment_variable":"API","key":"other"}]`), []string{mismatch}},
		{"the same secrets", env("BUILDKITE_SECRETS_CONFIG", `[{"key":"api","environment_variable":"API"}]`), nil},
		{"the checkout", env("BUILDKITE_SKIP_CHECKOUT", "true"), []string{mismatch}},
		{"the same checkout", env("BUILDKITE_SKIP_CHECKOUT", "false"), nil},
		{"the checkout's submodules", env("BUILDKITE_GIT_SUBMODULES", "false"), []string{mismatch}},
		{"the checkout's verification", env("BUILDKITE_GIT_COMMIT_VERIFICATION", "warn"), []string{mismatch}},
		{"the checkout's flags", env("BUILDKITE_GIT_CLONE_FLAGS", "-v darwin"), []string{mismatch}},
		{"the same flags", env("BUILDKITE_GIT_CLONE_FLAGS", "-v linux"), nil},
		{"a value of the matrix", matrix(object{"os": "darwin", "arch": "arm64"}), []string{mismatch}},
		{"a value that is skipped", matrix(object{"os": "darwin", "arch": "amd64"}), []string{mismatch}},
		{"a value that is unknown", matrix(object{"os": "plan9", "arch": "arm64"}), []string{mismatch}},
		{"an unknown dimension", matrix(object{"os": "linux", "cpu": "arm64"}), []string{mismatch}},
		{"a dimension too few", matrix(object{"os": "linux"}), []string{mismatch}},
		{"a dimension too many", matrix(object{"os": "linux", "arch": "arm64", "cpu": "a"}), []string{mismatch}},
		{"no permutation", matrix(object{}), []string{mismatch}},
		{"a null permutation", matrix(nil), []string{mismatch}},
		{"the step's command", step("command", "make"), []string{bad}},
		{"the step's other command", step("commands", "make OS={{matrix.os}}"), []string{bad}},
		{"the step's plugins", step("plugins", []any{}), []string{bad}},
		{"the step's matrix", step("matrix", nil), []string{bad}},
		{"the step's environment as it is signed", step("env", object{"TARGET": "linux-arm64", "LEVEL": "step"}), []string{bad}},
		{"the step's secrets", step("secrets", []any{"OTHER"}), []string{bad}},
		{"the step's checkout", step("checkout", object{"skip": true}), []string{bad}},
		{"the step's signature", step("signature", nil), []string{report.UnsignedStep}},
		{"an empty signature", step("signature", object{}), []string{bad}},
		{"a number in the step that is not safe", step("matrix", []any{json.Number("9007199254740992")}), []string{report.UnsafeInteger}},
		{"no step", func(job object) { delete(job, "step") }, []string{report.UnsignedStep}},
		{"a null step", func(job object) { job["step"] = nil }, []string{report.UnsignedStep}},
		{"an empty step", func(job object) { job["step"] = object{} }, []string{report.UnsignedStep}},
		{"what is not signed", step("agents", object{"queue": "other"}), nil},
	} {
		job := everythingJob(t)
		c.change(job)
		o := options(t)
		o.RepositoryURL = ""
		wantRules(t, c.what, checkJob(t, encode(t, job), o), c.want...)
	}
}

// The permutation counts where nothing of the step has it too.
func TestJobMatrixAlone(t *testing.T) {
	t.Parallel()
	_, steps := commandSteps(t, sign(t, "steps: [{command: make, matrix: {setup: [a, b], adjustments: [{with: b, skip: true}, {with: c, soft_fail: true}]}}]", nil))
	for _, c := range []struct {
		permutation any
		want        []string
	}{
		{object{"": "a"}, nil},
		{object{"": "c"}, nil},
		{object{"": "b"}, []string{report.JobMismatch}},
		{object{"": "d"}, []string{report.JobMismatch}},
		{object{"os": "a"}, []string{report.JobMismatch}},
		{object{"": "a", "os": "a"}, []string{report.JobMismatch}},
		{object{}, []string{report.JobMismatch}},
		{nil, []string{report.JobMismatch}},
	} {
		job := object{"step": steps[0], "env": object{"BUILDKITE_COMMAND": "make", "BUILDKITE_REPO": widgets}, "matrix_permutation": c.permutation}
		wantRules(t, encode(t, c.permutation), checkJob(t, encode(t, job), options(t)), c.want...)
	}
	_, steps = commandSteps(t, sign(t, "steps: [{command: make}]", nil))
	job := object{"step": steps[0], "env": object{"BUILDKITE_COMMAND": "make", "BUILDKITE_REPO": widgets}, "matrix_permutation": object{"": "a"}}
	wantRules(t, "a permutation of no matrix", checkJob(t, encode(t, job), options(t)), report.JobMismatch)
}

// An adjustment that is null would be a panic in go-pipeline.
func TestJobEmptyAdjustment(t *testing.T) {
	t.Parallel()
	_, steps := commandSteps(t, sign(t, "steps: [{command: make, matrix: {setup: [a], adjustments: [~]}}]", nil))
	job := object{"step": steps[0], "env": object{"BUILDKITE_COMMAND": "make", "BUILDKITE_REPO": widgets}, "matrix_permutation": object{"": "a"}}
	wantRules(t, "a job", checkJob(t, encode(t, job), options(t)), report.JobMismatch)
	wantRules(t, "variables", checkVariables(t, job, options(t)), report.JobMismatch)
}

// A permutation that an adjustment adds is one.
func TestJobAdjustment(t *testing.T) {
	t.Parallel()
	job := everythingJob(t)
	job["matrix_permutation"] = object{"os": "windows", "arch": "amd64"}
	env := at(t, job, "env")
	env["TARGET"], env["BUILDKITE_COMMAND"] = "windows-amd64", "make OS=windows"
	env["BUILDKITE_PLUGINS"] = strings.Replace(env["BUILDKITE_PLUGINS"].(string), "golang:arm64", "golang:amd64", 1)
	wantRules(t, "a job", checkJob(t, encode(t, job), options(t)))
	wantRules(t, "variables", checkVariables(t, job, options(t)))
}

func checkVariables(t testing.TB, job object, o buildkite.CheckOptions) buildkite.Checked {
	t.Helper()
	e := environment{}
	for name, value := range at(t, job, "env") {
		e[name] = value.(string)
	}
	c, err := buildkite.CheckVariables(e, []byte(encode(t, job["step"])), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// No variable tells the permutation, so any one will do, as a whole.
func TestVariables(t *testing.T) {
	t.Parallel()
	o := options(t)
	job := everythingJob(t)
	wantRules(t, "the job", checkVariables(t, job, o))
	env := at(t, job, "env")
	env["BUILDKITE_COMMAND"] = "make OS=darwin"
	wantRules(t, "the command of another permutation", checkVariables(t, job, o), report.JobMismatch)
	env["TARGET"] = "darwin-arm64"
	wantRules(t, "another permutation", checkVariables(t, job, o))
	env["TARGET"] = "darwin-amd64"
	env["BUILDKITE_PLUGINS"] = strings.Replace(env["BUILDKITE_PLUGINS"].(string), "golang:arm64", "golang:amd64", 1)
	wantRules(t, "one that is skipped", checkVariables(t, job, o), report.JobMismatch)
	delete(at(t, job, "step"), "signature")
	wantRules(t, "no signature", checkVariables(t, job, o), report.UnsignedStep)
	for _, text := range []string{"", "{", "[]", `"a"`, "3", `{"command":{}}`} {
		_, err := buildkite.CheckVariables(environment{}, []byte(text), o)
		var e *buildkite.Error
		if !errors.As(err, &e) || e.Hint() == "" {
			t.Errorf("the step %q: %v", text, err)
		}
	}
}

// TestExpected checks a job that is as it was signed against what is expected.
func TestExpected(t *testing.T) {
	t.Parallel()
	job := encode(t, everythingJob(t))
	o := options(t)
	o.Bound = boundTo
	wantRules(t, "as expected", checkJob(t, job, o))
	o.Bound = map[string]string{"BUILDKITE_COMMIT": strings.Repeat("b", 40)}
	wantRules(t, "another commit", checkJob(t, job, o), report.JobMismatch)
	o.Bound = map[string]string{"BUILDKITE_BRANCH": "main"}
	wantRules(t, "a branch that is not signed", checkJob(t, job, o), report.BadStepSignature)
	o.Bound, o.RepositoryURL = nil, "https://github.com/acme/gadgets.git"
	wantRules(t, "another repository", checkJob(t, job, o), report.JobMismatch)
}

// TestStrictEnvironment adds variables to a job.
func TestStrictEnvironment(t *testing.T) {
	t.Parallel()
	for variable, refused := range map[string]bool{
		"LD_PRELOAD": true, "ld_preload": true, "DYLD_INSERT_LIBRARIES": true, "BASH_ENV": true, "ENV": true, "PATH": true, "Path": true, "GIT_SSH_COMMAND": true,
		"BUILDKITE_GIT_FETCH_FLAGS": true, "BUILDKITE_REFSPEC": true, "NODE_OPTIONS": true, "PYTHONPATH": true, "BASH_FUNC_make%%": true, "http_proxy": true,
		"BUILDKITE_HOOKS_PATH": true, "BUILDKITE_SHELL": true, "HOME": true, "TMPDIR": true, "GOFLAGS": true, "GOAUTH": true, "GOCACHEPROG": true, "buildkite_refspec": true,
		"LEVELS": false, "ENVIRONMENT": false, "BUILDKITE_BUILD_NUMBER": false, "BUILDKITE_LABEL": false, "MY_PATH": false, "GITHUB": false, "PATHS": false,
		"BUILDKITE_GIT_CLONE_FLAGS": false, // as the step's checkout says
	} {
		job := everythingJob(t)
		at(t, job, "env")[variable] = "-v linux"
		o := options(t)
		wantRules(t, variable, checkJob(t, encode(t, job), o))
		o.StrictEnvironment = true
		var want []string
		if refused {
			want = []string{report.UnsignedEnvironment}
		}
		wantRules(t, variable+", strict", checkJob(t, encode(t, job), o), want...)
		wantRules(t, variable+" among variables, strict", checkVariables(t, job, o), want...)
	}
	// Those that are signed pass.
	text := "env: {PATH: /bin, LD_PRELOAD: a}\nsteps: [{command: make, env: {LD_PRELOAD: b}}]"
	_, steps := commandSteps(t, sign(t, text, nil))
	job := object{"step": steps[0], "env": object{"PATH": "/bin", "LD_PRELOAD": "b", "BUILDKITE_COMMAND": "make", "BUILDKITE_REPO": widgets, "BUILDKITE_PLUGINS": ""}}
	o := options(t)
	o.StrictEnvironment = true
	wantRules(t, "signed", checkJob(t, encode(t, job), o))
	at(t, job, "env")["Path"] = "/tmp"
	wantRules(t, "in other letters", checkJob(t, encode(t, job), o), report.UnsignedEnvironment)
}

// The list is for people too.
func TestSteering(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, group := range buildkite.Steering {
		if group.What == "" || len(group.Patterns) == 0 {
			t.Errorf("the group %q of %d patterns", group.What, len(group.Patterns))
		}
		for _, pattern := range group.Patterns {
			if name := strings.TrimSuffix(pattern, "*"); name == "" || name != strings.ToUpper(name) || strings.ContainsAny(name, "* ") || seen[pattern] {
				t.Errorf("the pattern %q", pattern)
			}
			seen[pattern] = true
		}
	}
}

func TestJobRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ job, want string }{
		{"", "the job: "},
		{"[]", "the job is an array"},
		{`{"env":{}} `, ""},
		{`{"env":{},"env":{}}`, "the job: "},
		{`{"step":{}}`, "the job has no environment"},
		{`{"step":{},"env":null}`, "the job has no environment"},
		{`{"step":{},"env":[]}`, "the job has no environment"},
		{`{"step":{},"env":{"A":1}}`, "is a number"},
		{`{"step":{},"env":{"A=":""}}`, "no variable can be called"},
		{`{"step":{},"env":{"Buildkite_Plugins":""}}`, "in other letters"},
		{`{"step":{},"env":{},"Env":{}}`, "the job has env in other letters"},
		{`{"step":{},"env":{},"STEP":{}}`, "the job has step in other letters"},
		{`{"step":{},"env":{},"Matrix_Permutation":{}}`, "the job has matrix_permutation in other letters"},
		{`{"step":[],"env":{}}`, "the step is an array"},
		{`{"step":{"command":{}},"env":{}}`, "the step cannot be read"},
		{`{"step":{"command":"a","command":"b"},"env":{}}`, "the job: "},
		{`{"step":{},"env":{},"matrix_permutation":{"a":1}}`, "is no string"},
		{`{"step":{},"env":{},"matrix_permutation":"a"}`, "is no object"},
		{`{"step":{},"env":{},"matrix_permutation":["a"]}`, "is no object"},
	} {
		_, err := buildkite.CheckJob([]byte(c.job), options(t))
		var e *buildkite.Error
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.job, err)
		case c.want != "" && (!errors.As(err, &e) || e.Hint() == "" || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want an *Error with a hint that says %q", c.job, err, c.want)
		}
	}
}
