package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/buildkite/go-pipeline"
	"github.com/buildkite/go-pipeline/signature"
	"github.com/gowebpki/jcs"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

const (
	widgetsURL    = "https://github.com/acme/widgets.git"
	widgetsCommit = "0123456789abcdef0123456789abcdef01234567"
)

// attackedPipeline is the pipeline that attacks change. 9007199254740992 is 2^53.
const attackedPipeline = `env:
  REGION: eu
steps:
  - command: make OS={{matrix.os}}
    env: {LEVEL: step}
    plugins:
      - docker#v5.11.0: {image: golang, user: %s}
    matrix:
      setup: {os: [linux, darwin]}
      adjustments: [{with: {os: darwin}, skip: no runners}]
`

// An attackedJob is a job as the agent API has it.
type attackedJob struct {
	Step   map[string]any    `json:"step"`
	Env    map[string]string `json:"env"`
	Matrix map[string]string `json:"matrix_permutation"`
}

// plugin returns the configuration of the step's plugin.
func (j *attackedJob) plugin(t *testing.T) map[string]any {
	t.Helper()
	for _, config := range j.Step["plugins"].([]any)[0].(map[string]any) {
		return config.(map[string]any)
	}
	t.Fatal("there is no plugin")
	return nil
}

// replacePlugin changes a text in the plugins that the job gets.
func (j *attackedJob) replacePlugin(t *testing.T, old, replacement string) {
	t.Helper()
	changed := strings.Replace(j.Env["BUILDKITE_PLUGINS"], old, replacement, 1)
	if changed == j.Env["BUILDKITE_PLUGINS"] {
		t.Fatalf("no %q in %s", old, changed)
	}
	j.Env["BUILDKITE_PLUGINS"] = changed
}

// An attack changes a job after its step was signed.
type attack struct {
	name   string
	user   string   // a number in the plugin's configuration
	bind   string   // for sign
	args   []string // for verify
	change func(*testing.T, *attackedJob)
}

// attacks are what the table of the page about Buildkite is made of.
var attacks = []attack{
	{name: "nothing changed"},
	{name: "the job's command", change: func(_ *testing.T, j *attackedJob) { j.Env["BUILDKITE_COMMAND"] = "make evil" }},
	{name: "the command of the job and of its step", change: func(_ *testing.T, j *attackedJob) {
		j.Env["BUILDKITE_COMMAND"], j.Step["command"] = "make evil", "make evil"
	}},
	{name: "a variable of the step's `env`", change: func(_ *testing.T, j *attackedJob) { j.Env["LEVEL"] = "evil" }},
	{name: "a variable of the step's `env`, in the step too", change: func(_ *testing.T, j *attackedJob) {
		j.Env["LEVEL"], j.Step["env"] = "evil", map[string]any{"LEVEL": "evil"}
	}},
	{name: "a variable of the pipeline's `env`", change: func(_ *testing.T, j *attackedJob) { j.Env["REGION"] = "evil" }},
	{name: "a plugin's configuration", change: func(t *testing.T, j *attackedJob) { j.replacePlugin(t, "golang", "evil") }},
	{name: "a plugin's configuration, in the step too", change: func(t *testing.T, j *attackedJob) {
		j.replacePlugin(t, "golang", "evil")
		j.plugin(t)["image"] = "evil"
	}},
	{name: "an integer in a plugin's configuration: 9007199254740992 to 9007199254740993", user: "9007199254740992", change: func(t *testing.T, j *attackedJob) {
		j.replacePlugin(t, "9007199254740992", "9007199254740993")
		j.plugin(t)["user"] = json.Number("9007199254740993")
	}},
	{name: "the matrix, in job and step", change: func(_ *testing.T, j *attackedJob) {
		j.Step["matrix"] = map[string]any{"setup": map[string]any{"os": []string{"evil"}}}
		j.Matrix["os"], j.Env["BUILDKITE_COMMAND"] = "evil", "make OS=evil"
	}},
	{name: "the job's value of the matrix, to one that is skipped", change: func(_ *testing.T, j *attackedJob) {
		j.Matrix["os"], j.Env["BUILDKITE_COMMAND"] = "darwin", "make OS=darwin"
	}},
	{name: "the repository", change: func(_ *testing.T, j *attackedJob) {
		j.Env["BUILDKITE_REPO"] = "https://github.com/mallory/widgets.git"
	}},
	{name: "the signature removed", change: func(_ *testing.T, j *attackedJob) { delete(j.Step, "signature") }},
	{name: "a name removed from the signed fields", change: func(_ *testing.T, j *attackedJob) { j.strip("env::REGION") }},
	{name: "`plugins` removed from the signed fields and from the step", change: func(_ *testing.T, j *attackedJob) {
		j.strip("plugins")
		delete(j.Step, "plugins")
		j.Env["BUILDKITE_PLUGINS"] = ""
	}},
	{name: "a replay on another commit", change: replay},
	{name: "a replay on another commit, signed with `--bind commit`", bind: "commit", change: replay},
	{name: "the commit to `HEAD`, signed with `--bind commit`", bind: "commit", change: func(_ *testing.T, j *attackedJob) { j.Env["BUILDKITE_COMMIT"] = "HEAD" }},
	{name: "`LD_PRELOAD` added to the job", change: preload},
	{name: "`LD_PRELOAD` added to the job, with `--strict-environment`", args: []string{"--strict-environment"}, change: preload},
	{name: "`agents`, `if` and `timeout_in_minutes` of the step", change: unsignedFields},
	{name: "the same, with `--require-unsigned-none`", args: []string{"--require-unsigned-none"}, change: unsignedFields},
}

func (j *attackedJob) strip(field string) {
	s := j.Step["signature"].(map[string]any)
	s["signed_fields"] = slices.DeleteFunc(s["signed_fields"].([]any), func(f any) bool { return f == field })
}

func replay(_ *testing.T, j *attackedJob) { j.Env["BUILDKITE_COMMIT"] = strings.Repeat("f", 40) }

func preload(_ *testing.T, j *attackedJob) { j.Env["LD_PRELOAD"] = "./evil.so" }

func unsignedFields(_ *testing.T, j *attackedJob) {
	j.Step["agents"], j.Step["if"], j.Step["timeout_in_minutes"] = map[string]any{"queue": "evil"}, "true", 600
}

// newAttackedJob returns a job whose step was signed by Countersign, or where that
// has a number which Countersign does not sign by go-pipeline.
func newAttackedJob(t *testing.T, private string, a attack) *attackedJob {
	t.Helper()
	text := fmt.Sprintf(attackedPipeline, cmp.Or(a.user, "1000"))
	if a.user == "" {
		file := filepath.Join(t.TempDir(), "pipeline.yml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"sign", "--format", "buildkite", "--key", private, "--repository-url", widgetsURL, "--pipeline", file}
		if a.bind != "" {
			args = append(args, "--bind", a.bind)
		}
		code, stdout, stderr := runCLI(map[string]string{"BUILDKITE_COMMIT": widgetsCommit}, args...)
		if code != 0 {
			t.Fatal(stderr)
		}
		text = stdout
	}
	p, err := pipeline.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if a.user != "" {
		if err := signature.SignSteps(t.Context(), p.Steps, agentKey(t, private), widgetsURL, signature.WithEnv(p.Env.ToMap())); err != nil {
			t.Fatal(err)
		}
	}
	return a.jobOf(t, p.Steps[0])
}

// jobOf returns the job of a signed step, changed.
func (a attack) jobOf(t *testing.T, step pipeline.Step) *attackedJob {
	t.Helper()
	text, err := json.Marshal(step)
	if err != nil {
		t.Fatal(err)
	}
	j := &attackedJob{Matrix: map[string]string{"os": "linux"}, Env: map[string]string{
		"REGION": "eu", "LEVEL": "step", "BUILDKITE_COMMAND": "make OS=linux", "BUILDKITE_REPO": widgetsURL, "BUILDKITE_COMMIT": widgetsCommit,
	}}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&j.Step); err != nil {
		t.Fatal(err)
	}
	plugins, err := json.Marshal(j.Step["plugins"])
	if err != nil {
		t.Fatal(err)
	}
	j.Env["BUILDKITE_PLUGINS"] = string(plugins)
	if a.change != nil {
		a.change(t, j)
	}
	return j
}

// stock tells whether go-pipeline, which the agent checks with, accepts a job: the
// signature with the job's environment and repository, the permutation, and then
// command, environment and plugins as the agent compares them with the job's.
func (j *attackedJob) stock(t *testing.T, keys jwk.Set) bool {
	t.Helper()
	canonical := func(v any) string {
		text, err := json.Marshal(v)
		if err == nil {
			text, err = jcs.Transform(text)
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	text, err := json.Marshal(j.Step)
	if err != nil {
		t.Fatal(err)
	}
	s := new(pipeline.CommandStep)
	if err := json.Unmarshal(text, s); err != nil {
		t.Fatal(err)
	}
	if signature.VerifyStep(t.Context(), s, keys, j.Env["BUILDKITE_REPO"], signature.WithEnv(j.Env)) != nil ||
		s.InterpolateMatrixPermutation(j.Matrix) != nil || s.Command != j.Env["BUILDKITE_COMMAND"] {
		return false
	}
	for name, value := range s.Env {
		if got, ok := j.Env[name]; !ok || got != value {
			return false
		}
	}
	plugins := j.Env["BUILDKITE_PLUGINS"]
	if plugins == "" || len(s.Plugins) == 0 {
		return plugins == "" && len(s.Plugins) == 0
	}
	return canonical(s.Plugins) == canonical(json.RawMessage(plugins))
}

// countersigns returns what Countersign makes of a job.
func (j *attackedJob) countersigns(t *testing.T, public string, args ...string) string {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "job.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := runCLI(nil, append([]string{"verify", "--check", "pipeline", "--json", "--key", public, "--job", file}, args...)...)
	var r struct {
		OK      bool
		Failure string
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || code > 1 || r.OK != (code == 0) {
		t.Fatalf("%d %s %s", code, stdout, stderr)
	}
	switch {
	case !r.OK:
		return "refused: `" + r.Failure + "`"
	case strings.Contains(stderr, "note: of "):
		return "accepted, with a note"
	}
	return "accepted"
}
