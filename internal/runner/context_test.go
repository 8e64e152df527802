package runner_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/runner"
	"github.com/countersign-ci/countersign/internal/runspec"
)

func TestReadContext(t *testing.T) {
	getenv := environment(map[string]string{
		"GITHUB_SERVER_URL":          "https://ghe.example/",
		"GITHUB_REPOSITORY":          "acme/widgets",
		"GITHUB_REPOSITORY_ID":       "456789",
		"GITHUB_REPOSITORY_OWNER":    "acme",
		"GITHUB_REPOSITORY_OWNER_ID": "123456",
		"GITHUB_REF":                 "refs/heads/main",
		"GITHUB_REF_NAME":            "main",
		"GITHUB_SHA":                 "0123456789abcdef0123456789abcdef01234567",
		"GITHUB_WORKFLOW":            "Deploy",
		"GITHUB_WORKFLOW_REF":        "acme/widgets/.github/workflows/deploy.yml@refs/heads/main",
		"GITHUB_WORKFLOW_SHA":        "89abcdef0123456789abcdef0123456789abcdef",
		"GITHUB_EVENT_NAME":          "push",
		"GITHUB_EVENT_PATH":          "/nowhere",
		"GITHUB_ACTOR":               "octocat",
		"GITHUB_ACTOR_ID":            "583231",
		"GITHUB_TRIGGERING_ACTOR":    "hubot",
		"GITHUB_RUN_ID":              "42",
		"GITHUB_RUN_NUMBER":          "7",
		"GITHUB_RUN_ATTEMPT":         "3",
	})
	got, err := runner.ReadContext(getenv)
	if err != nil {
		t.Fatal(err)
	}
	want := runspec.Context{
		ServerURL:  "https://ghe.example",
		Repository: "acme/widgets", RepositoryID: "456789", RepositoryOwnerID: "123456",
		Ref: "refs/heads/main", SHA: "0123456789abcdef0123456789abcdef01234567",
		WorkflowRef: "acme/widgets/.github/workflows/deploy.yml@refs/heads/main", Event: "push",
		Actor: "octocat", ActorID: "583231", TriggeringActor: "hubot", RunID: "42", RunAttempt: 3,
		Inputs: runspec.Inputs{Known: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("context (-want +got):\n%s", diff)
	}
}

// Away from GitHub nothing is known, and nothing is wrong.
func TestReadContextAway(t *testing.T) {
	got, err := runner.ReadContext(environment(nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(runspec.Context{Inputs: runspec.Inputs{Known: true}}, got); diff != "" || got.IsKnown() {
		t.Errorf("context (-want +got):\n%s", diff)
	}
}

func TestReadContextAttempt(t *testing.T) {
	for value, want := range map[string]int{"": 0, "1": 1, "2": 2, "2147483647": 2147483647} {
		got, err := runner.ReadContext(environment(map[string]string{"GITHUB_RUN_ATTEMPT": value}))
		if err != nil || got.RunAttempt != want {
			t.Errorf("attempt %q is %d, %v, want %d", value, got.RunAttempt, err, want)
		}
	}
	for _, value := range []string{"0", "-1", "x", "1.0", "1e0", " 1", "1\n", "2147483648", "18446744073709551617", "٣"} {
		got, err := runner.ReadContext(environment(map[string]string{"GITHUB_RUN_ATTEMPT": value}))
		if err == nil || got.RunAttempt != 0 || errors.Is(err, runner.ErrUnreadable) {
			t.Errorf("attempt %q is %d, %v, want an error", value, got.RunAttempt, err)
		}
	}
}

// readInputs reads the context of an event with that payload.
func readInputs(t *testing.T, event, payload string) (runspec.Inputs, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(path, []byte(payload), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := runner.ReadContext(environment(map[string]string{"GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": path}))
	return c.Inputs, err
}

func TestReadInputs(t *testing.T) {
	known := func(text map[string]string, other ...string) runspec.Inputs {
		return runspec.Inputs{Known: true, Text: text, Other: other}
	}
	none := known(map[string]string{})
	tests := []struct {
		name, event, payload string
		want                 runspec.Inputs
	}{
		{
			"text", "workflow_dispatch", `{"ref":"refs/heads/main","inputs":{"reason":"weekly","dry":"false","empty":"","token":"a.b.c"}}`,
			known(map[string]string{"reason": "weekly", "dry": "false", "empty": "", "token": "a.b.c"}),
		},
		{
			"booleans and integers", "workflow_dispatch", `{"inputs":{"dry":false,"force":true,"count":-3}}`,
			known(map[string]string{"dry": "false", "force": "true", "count": "-3"}),
		},
		{"null inputs", "workflow_dispatch", `{"inputs":null}`, none},
		{"no inputs", "workflow_dispatch", `{}`, none},
		{"empty inputs", "workflow_dispatch", `{"inputs":{}}`, none},
		{"null input", "workflow_dispatch", `{"inputs":{"reason":null}}`, none},
		{"client payload of another event", "workflow_dispatch", `{"client_payload":{"a":"b"}}`, none},
		{"in another case", "workflow_dispatch", `{"Inputs":{"a":"b"}}`, none},
		{
			"client payload", "repository_dispatch", `{"action":"deploy","client_payload":{"reason":"weekly","matrix":{"os":["linux"]},"list":[],"half":0.5,"n":1}}`,
			known(map[string]string{"reason": "weekly", "n": "1"}, "half", "list", "matrix"),
		},
		{"no client payload", "repository_dispatch", `{"action":"deploy"}`, none},
		{"inputs of another event", "repository_dispatch", `{"inputs":{"a":"b"}}`, none},
		// Other events have no inputs, so their payload is nobody's business.
		{"push", "push", `{"inputs":{"a":"b"}}`, runspec.Inputs{Known: true}},
		{"push with a payload that is no JSON", "push", `{`, runspec.Inputs{Known: true}},
		{"no event", "", `{"inputs":{"a":"b"}}`, runspec.Inputs{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := readInputs(t, test.event, test.payload)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("inputs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadInputsRefuses(t *testing.T) {
	for _, test := range []struct{ name, event, payload string }{
		{"empty", "workflow_dispatch", ``},
		{"no JSON", "workflow_dispatch", `inputs=a`},
		{"cut", "workflow_dispatch", `{"inputs":{"a":"b"}`},
		{"something after it", "workflow_dispatch", `{"inputs":{}}{"inputs":{"a":"b"}}`},
		{"array", "workflow_dispatch", `[]`},
		{"null", "workflow_dispatch", `null`},
		{"inputs twice", "workflow_dispatch", `{"inputs":{},"inputs":{"a":"b"}}`},
		{"input twice", "workflow_dispatch", `{"inputs":{"a":"b","a":"c"}}`},
		{"inputs an array", "workflow_dispatch", `{"inputs":["a"]}`},
		{"inputs a string", "workflow_dispatch", `{"inputs":"{}"}`},
		{"not UTF-8", "workflow_dispatch", "{\"inputs\":{\"a\":\"\xff\"}}"},
		{"client payload a string", "repository_dispatch", `{"client_payload":"a"}`},
		{"client payload false", "repository_dispatch", `{"client_payload":false}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := readInputs(t, test.event, test.payload)
			if err == nil || errors.Is(err, runner.ErrUnreadable) {
				t.Errorf("error %v, want one about the payload's form", err)
			}
			if got.Known {
				t.Errorf("the inputs %+v count as known", got)
			}
		})
	}
}

func TestReadInputsUnreadable(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{"folder": dir, "not there": filepath.Join(dir, "event.json")} {
		for _, event := range []string{"workflow_dispatch", "repository_dispatch"} {
			c, err := runner.ReadContext(environment(map[string]string{"GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": path}))
			if !errors.Is(err, runner.ErrUnreadable) || c.Inputs.Known {
				t.Errorf("%s, %s: %v and %+v, want ErrUnreadable", name, event, err, c.Inputs)
			}
			if err != nil && strings.Contains(err.Error(), dir) {
				t.Errorf("%s: the error %q says where the file is", name, err)
			}
		}
		if _, err := runner.ReadContext(environment(map[string]string{"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": path})); err != nil {
			t.Errorf("%s: %v, and the payload of a push is not needed", name, err)
		}
	}
}

// A dispatch whose payload is missing is not one without inputs.
func TestReadInputsUnknown(t *testing.T) {
	for _, event := range []string{"workflow_dispatch", "repository_dispatch"} {
		c, err := runner.ReadContext(environment(map[string]string{"GITHUB_EVENT_NAME": event}))
		if err != nil || c.Inputs.Known {
			t.Errorf("%s: %v and %+v, want inputs that are not known", event, err, c.Inputs)
		}
	}
}

func TestWhere(t *testing.T) {
	for _, test := range []struct {
		variables          map[string]string
		inAction, onRunner bool
	}{
		{nil, false, false},
		{map[string]string{"INPUT_MODE": "verify"}, true, false},
		{map[string]string{"GITHUB_ACTIONS": "true"}, false, true},
		{map[string]string{"GITHUB_ACTIONS": "false"}, false, false},
		{map[string]string{"INPUT_MODE": "sign", "GITHUB_ACTIONS": "true"}, true, true},
	} {
		getenv := environment(test.variables)
		if got := runner.InAction(getenv); got != test.inAction {
			t.Errorf("%v: InAction = %t", test.variables, got)
		}
		if got := runner.OnRunner(getenv); got != test.onRunner {
			t.Errorf("%v: OnRunner = %t", test.variables, got)
		}
	}
}

// A payload that GitHub never sends is not read to its end.
func TestPayloadTooLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_EVENT_PATH": path}
	for size, want := range map[int64]string{32 << 20: "JSON at byte", 32<<20 + 1: "more than 33554432 bytes"} {
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		_, err := runner.ReadContext(func(name string) string { return env[name] })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with %d bytes: %v, want an error with %q", size, err, want)
		}
	}
}

// TestContextVariables has the list be what is read, for hook reads nothing else.
func TestContextVariables(t *testing.T) {
	read := map[string]bool{}
	_, err := runner.ReadContext(func(name string) string {
		read[name] = true
		return map[string]string{"GITHUB_EVENT_NAME": "push"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(runner.ContextVariables, slices.Sorted(maps.Keys(read))); diff != "" {
		t.Errorf("the list (-) and what is read (+) differ:\n%s", diff)
	}
}
