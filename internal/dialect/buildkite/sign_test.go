package buildkite_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/buildkite/go-pipeline/signature"
	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/dialect/buildkite"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/report"
)

// shapes are pipelines of every shape, with the number of their command steps.
var shapes = map[string]struct {
	text  string
	steps int
}{
	"one":      {"steps:\n- command: make\n", 1},
	"a list":   {"- command: make\n- wait\n- commands: [make, make test]\n", 2},
	"a matrix": {"steps:\n- command: make {{matrix}}\n  matrix: [a, b, 3]\n- command: make {{matrix.os}}\n  matrix:\n    setup: {os: [linux]}\n    adjustments: [{with: {os: darwin}, soft_fail: true}]\n", 2},
	"plugins":  {"steps:\n- plugins: {docker#v5.11.0: {image: 'golang:1.26', id: 9007199254740991, ratio: 0.5, on: true, none: null}}\n- command: make\n  plugins: [./mine, 'acme/own#v1': [1, -9007199254740991]]\n", 2},
	"all other": {`agents: {queue: deploy}
env: {REGION: eu, COUNT: 3, EMPTY: ""}
steps:
- {command: make, key: build, label: ":go:", if: build.branch == "main", timeout_in_minutes: 9, agents: {queue: a}, artifact_paths: "*", cache: vendor, soft_fail: true, depends_on: x}
- wait
- {wait: ~, continue_on_failure: true}
- {block: Go on, key: gate}
- {trigger: other, build: {env: {A: b}}}
- block
- {type: script, command: make, env: {REGION: us}}
`, 2},
	"groups":               {"steps:\n- group: a\n  key: g\n  steps:\n  - command: make\n  - command: make test\n    env: {A: b}\n- group: ~\n  steps: [{command: make}]\n", 3},
	"secrets and checkout": {"secrets: {API: api}\nsteps:\n- command: make\n  secrets: [TOKEN]\n- command: make\n  checkout: {skip: true, depth: 1, flags: {clone: -v}}\n- group: ~\n  steps: [{command: make}]\n", 3},
	"anchors and merges": {`common: &common
  env: &env {A: "1", B: "2"}
  plugins: &plugins [docker#v5.11.0: {image: a}]
steps:
- <<: *common
  command: make
- command: make
  <<: [{env: {A: "3"}}, *common]
- &last {command: make test, env: *env, plugins: *plugins}
- *last
`, 4},
	"no command":           {"steps: []\n", 0},
	"no command but waits": {"steps:\n- wait\n", 0},
	"JSON":                 {`{"env":{"A":"b"},"steps":[{"command":"make\nmake test"}]}`, 1},
	"text":                 {"steps:\n- command: |\n    echo \"ünïcödé & <html>\"\n    echo '\\n'\n  env: {A: \"\\u2028\\u0001\\t\", B: \"\\U0001f600\"}\n", 1},
	"signed":               {"steps:\n- command: make\n  signature: {algorithm: none, signed_fields: [command], value: x}\n", 1},
}

// TestSign checks what Sign makes with go-pipeline alone, and with the check.
func TestSign(t *testing.T) {
	t.Parallel()
	for _, algorithm := range buildkite.Algorithms {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			pair := keys(t, algorithm)
			set, err := pair.public.JWKS()
			if err != nil {
				t.Fatal(err)
			}
			bound := map[string]string{"BUILDKITE_COMMIT": strings.Repeat("a", 40), "BUILDKITE_BRANCH": "main"}
			for what, shape := range shapes {
				for _, bound := range []map[string]string{nil, bound} {
					o := buildkite.SignOptions{Key: pair.private, RepositoryURL: widgets, Bound: bound}
					signed, err := buildkite.Sign([]byte(shape.text), o)
					if err != nil {
						t.Errorf("%s: %v", what, err)
						continue
					}
					p, steps := commandSteps(t, string(signed))
					if len(steps) != shape.steps {
						t.Errorf("%s: %d command steps, want %d", what, len(steps), shape.steps)
					}
					env := maps.Clone(p.Env.ToMap())
					if env == nil {
						env = map[string]string{}
					}
					for variable, value := range bound {
						if _, ok := env[variable]; ok {
							t.Errorf("%s: %s is written into the pipeline", what, variable)
						}
						env[variable] = value
					}
					for i, s := range steps {
						if err := signature.VerifyStep(t.Context(), s, set, widgets, signature.WithEnv(env)); err != nil {
							t.Errorf("%s: step %d: %v\n%s", what, i+1, err, signed)
						}
						if s.Signature.Algorithm != algorithm {
							t.Errorf("%s: step %d is signed with %s", what, i+1, s.Signature.Algorithm)
						}
					}
					wantRules(t, what, check(t, string(signed), buildkite.CheckOptions{
						Keys: pair.public, RepositoryURL: widgets, Bound: bound, StrictEnvironment: true,
					}))
				}
			}
		})
	}
}

// TestSignAgain checks that only the signatures' values change.
func TestSignAgain(t *testing.T) {
	t.Parallel()
	for what, shape := range shapes {
		once := sign(t, shape.text, nil)
		if diff := cmp.Diff(once, sign(t, once, nil)); diff != "" {
			t.Errorf("%s: signed twice (-once +twice):\n%s", what, diff)
		}
	}
}

// Secrets of the pipeline go to all steps, and those of a step win.
func TestSignSecrets(t *testing.T) {
	t.Parallel()
	_, steps := commandSteps(t, sign(t, "secrets: {A: a, B: b}\nsteps:\n- command: make\n  secrets: {A: own}\n- group: ~\n  steps: [{command: make}]\n", nil))
	for i, want := range []string{`[{"environment_variable":"A","key":"own"},{"environment_variable":"B","key":"b"}]`, `[{"environment_variable":"A","key":"a"},{"environment_variable":"B","key":"b"}]`} {
		if got := encode(t, steps[i].Secrets); got != want {
			t.Errorf("step %d has %s, want %s", i+1, got, want)
		}
	}
}

func TestSignRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", "the pipeline is empty"},
		{"# nothing\n", "the pipeline is empty"},
		{"~", "the pipeline cannot be read"},
		{"make", "the pipeline cannot be read"},
		{"steps: make", "the pipeline cannot be read"},
		{"steps: [a", "the pipeline is not YAML: line 1"},
		{"\xff", "the pipeline is not YAML"},
		{"steps: [~]", "the pipeline cannot be read"},
		{"steps: []\n---\nsteps: [{command: make}]", "line 2, column 1: the text goes on after the pipeline"},
		{"steps: []\n---\n: [", "the text goes on after the pipeline"},
		{"steps: [{command: make, command: other}]", `line 1, column 25: the name "command" stands there twice`},
		{"a: &a command\nsteps: [{*a : make, command: other}]", "stands there twice"},
		{"steps: &s [{command: make}, {group: a, steps: *s}]", "infinite recursion"},
		{"steps: [{<<: *a}]", "unknown anchor"},
		{"steps:\n- command: make\n- {label: deploy, what: make}", `line 3, column 3: step "deploy" is of no known type`},
		{"steps: [make]", "line 1, column 9: step 1 is of no known type"},
		{"steps: [{type: other, command: make}]", "is of no known type"},
		{"steps: [{command: make, plugins: 3}]", "is of no known type"},
		{"steps: [{group: ~, steps: [{other: a}]}]", "line 1, column 9: step 1 is of no known type"},
		{"steps: [{command: make, commands: other}]", "step 1 has both command and commands"},
		{"steps: [{type: wait, command: make}]", "step 1 has a command or plugins"},
		{"steps: [{type: trigger, trigger: a, plugins: [a]}]", "step 1 has a command or plugins"},
		{"steps: [{type: trigger, trigger: a, group: b, steps: [{command: make}]}]", "step \"b\" has steps and is not a group"},
		{"steps: [{command: make, steps: [{command: other}]}]", "step 1 has steps and is not a group"},
		{"steps: [{command: echo $HOME}]", "has variables to be replaced: $HOME"},
		{"steps: [{command: 'echo ${A:-b} $C $C'}]", "has variables to be replaced: $A, $C"},
		{"steps: [{command: echo $$HOME}]", "has variables to be replaced: $$HOME"},
		{`steps: [{command: "echo \x24HOME"}]`, "has variables to be replaced: $HOME"},
		{"steps: [] # $HOME", "has variables to be replaced: $HOME"},
		{"steps: [{command: 'echo ${'}]", "that cannot be read"},
		{"steps: [{plugins: [{a: .nan}]}]", "number"},
		{"steps: [{command: make, matrix: {adjustments: [{with: a}]}}]", "is read as another one when it is printed"},
		{"steps: [{command: make, priority: .nan}]", "cannot be written"},
		{"steps: [{command: make, env: {BUILDKITE_COMMIT: a}}]", "step 1 sets BUILDKITE_COMMIT"},
		{"env: {BUILDKITE_COMMIT: a}\nsteps: [{command: make}]", "line 1, column 7: the pipeline sets BUILDKITE_COMMIT"},
	} {
		_, err := buildkite.Sign([]byte(c.text), buildkite.SignOptions{
			Key: keys(t, "EdDSA").private, RepositoryURL: widgets, Bound: map[string]string{"BUILDKITE_COMMIT": strings.Repeat("a", 40)},
		})
		wantRefused(t, c.text, err, c.want)
	}
}

// Numbers have one signature with others from 2^53 on, wherever they are signed.
func TestUnsafeIntegers(t *testing.T) {
	t.Parallel()
	for _, number := range []string{
		"9007199254740992", "9007199254740993", "-9007199254740992", "18446744073709551616", "1e16", "1e300", "-.inf", ".nan",
		"0x20000000000001", "!!int '9007199254740993'", "!!float 9007199254740993", "9_007_199_254_740_993",
	} {
		for _, form := range []string{
			"steps: [{plugins: [{a: {id: %}}]}]", "steps: [{plugins: [{a: [[%]]}]}]", "steps: [{command: %}]", "steps: [{command: make, env: {ID: %}}]",
			"env: {ID: %}\nsteps: [{command: make}]", "steps: [{command: make, matrix: [%]}]", "steps: [{command: make, matrix: {setup: [a], adjustments: [{with: a, soft_fail: %}]}}]",
			"steps: [{group: a, steps: [{commands: [make, %]}]}]", "steps: [{command: make, checkout: {other: %}}]",
			"a: &a %\nsteps: [{plugins: [{a: *a}]}]", "a: &a {plugins: [{a: %}]}\nsteps: [{command: make, <<: *a}]",
		} {
			text := strings.ReplaceAll(form, "%", number)
			_, err := buildkite.Sign([]byte(text), buildkite.SignOptions{Key: keys(t, "EdDSA").private, RepositoryURL: widgets})
			if e := wantRefused(t, text, err, " has the number "); e.Rule != report.UnsafeInteger || e.Line == 0 {
				t.Errorf("%s: rule %q in line %d", text, e.Rule, e.Line)
			}
			wantRules(t, text, check(t, text, options(t)), rulesOf(form)...)
		}
	}
	for _, text := range []string{
		"steps: [{plugins: [{a: {id: 9007199254740991}}]}]", "steps: [{plugins: [{a: {id: '9007199254740993'}}]}]",
		"steps: [{plugins: [{a: {id: -9007199254740991}}]}]", "steps: [{plugins: [{a: {id: 0.1}}]}]", "steps: [{command: make, priority: 9007199254740993}]",
		// What is merged and overridden is not there.
		"a: &a {command: 9007199254740993}\nsteps: [{<<: *a, command: make}, {command: make, <<: *a}]",
		"steps: [{<<: [{command: make}, {command: 9007199254740993}]}]",
	} {
		wantRules(t, text, check(t, sign(t, text, nil), options(t)))
	}
}

// rulesOf returns what a check of the form without a signature finds.
func rulesOf(form string) []string {
	if strings.HasPrefix(form, "env:") {
		return []string{report.UnsafeInteger, report.UnsignedStep}
	}
	return []string{report.UnsafeInteger}
}

func TestSignOptions(t *testing.T) {
	t.Parallel()
	text := []byte("steps: [{command: make}]")
	for _, algorithm := range []string{"ES256", "ES384", "PS256", "RS256"} {
		_, err := buildkite.Sign(text, buildkite.SignOptions{Key: keys(t, algorithm).private, RepositoryURL: widgets})
		var e *jose.KeyError
		if !errors.As(err, &e) || !strings.Contains(e.Hint(), "EdDSA, ES512 or PS512") {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
	secret, err := jose.SecretSigningKey([]byte(strings.Repeat("s", 64)), "HS512")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := buildkite.Sign(text, buildkite.SignOptions{Key: secret, RepositoryURL: widgets}); err == nil {
		t.Error("a secret signs")
	}
	_, err = buildkite.Sign(text, buildkite.SignOptions{Key: keys(t, "EdDSA").private})
	wantRefused(t, "no URL", err, "the repository's URL is empty")
	for _, c := range []struct{ variable, value, want string }{
		{"BUILDKITE_COMMIT", "HEAD", "is no full commit id"},
		{"BUILDKITE_COMMIT", "", "is no full commit id"},
		{"BUILDKITE_COMMIT", "abc1234", "is no full commit id"},
		{"BUILDKITE_COMMIT", strings.Repeat("A", 40), "is no full commit id"},
		{"BUILDKITE_BRANCH", "", "BUILDKITE_BRANCH is empty"},
		{"PATH", "a", `"PATH" is no variable that steps can be bound to`},
	} {
		_, err := buildkite.Sign(text, buildkite.SignOptions{
			Key: keys(t, "EdDSA").private, RepositoryURL: widgets, Bound: map[string]string{c.variable: c.value},
		})
		wantRefused(t, c.variable+"="+c.value, err, c.want)
	}
	for _, b := range buildkite.Bindings {
		signed := sign(t, string(text), map[string]string{b.Variable: strings.Repeat("a", 40)})
		if !strings.Contains(signed, "- env::"+b.Variable) {
			t.Errorf("%s is not signed:\n%s", b.Name, signed)
		}
	}
}
