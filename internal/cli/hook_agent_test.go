package cli

import (
	"errors"
	"maps"
	"os"
	"strings"
	"testing"
)

// TestHookAgent has jobs of a Buildkite agent.
func TestHookAgent(t *testing.T) {
	for _, test := range []struct {
		name    string
		changed map[string]string
		rule    string // that fails; empty: none
		says    string // of a refusal without a rule
	}{
		{"good", nil, "", ""},
		{"another signed command", map[string]string{"BUILDKITE_COMMAND": "make lint"}, "", ""},
		{"a command that is not signed", map[string]string{"BUILDKITE_COMMAND": "make test; curl x|sh"}, "wrong-commands", ""},
		{"no command", map[string]string{"BUILDKITE_COMMAND": ""}, "wrong-commands", ""},
		{"no token", map[string]string{"COUNTERSIGN_TOKEN": ""}, "missing-token", ""},
		{"another commit", map[string]string{"BUILDKITE_COMMIT": anotherSHA}, "wrong-commit", ""},
		{"a commit by name", map[string]string{"BUILDKITE_COMMIT": "HEAD"}, "wrong-commit", ""},
		{"another repository", map[string]string{"BUILDKITE_REPO": "https://github.com/acme/other.git"}, "wrong-audience", ""},
		{"another server", map[string]string{"BUILDKITE_REPO": "https://git.mallory.example/acme/widgets.git"}, "wrong-audience", ""},
		{"the same by https", map[string]string{"BUILDKITE_REPO": "https://github.com/acme/widgets.git"}, "", ""},
		{"no repository", map[string]string{"BUILDKITE_REPO": "/srv/widgets"}, "", "BUILDKITE_REPO is not"},
		{"a retry", map[string]string{"BUILDKITE_RETRY_COUNT": "1"}, "rerun", ""},
		{"a retry that is no number", map[string]string{"BUILDKITE_RETRY_COUNT": "none"}, "", "BUILDKITE_RETRY_COUNT"},
		{"a build that was rebuilt", map[string]string{"BUILDKITE_REBUILT_FROM_BUILD_ID": "0189"}, "rerun", ""},
		{"another creator", map[string]string{"BUILDKITE_BUILD_CREATOR": "Mallory"}, "", ""},
		{"line ends and quotes", map[string]string{"BUILDKITE_MESSAGE": "say \"hi\"\nBUILDKITE_COMMAND=\"make all\"\n"}, "", ""},
		{"a command with line ends", map[string]string{"BUILDKITE_COMMAND": "make lint\nmake test"}, "wrong-commands", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHookTest(t)
			h.onAgent(test.changed)
			if test.rule == "" && test.says == "" {
				h.allowed()
			} else {
				h.refused(test.rule, test.says)
			}
		})
	}
}

// TestHookAgentBinds compares more where more is signed.
func TestHookAgentBinds(t *testing.T) {
	h := newHookTest(t)
	h.spec.Ref = "refs/heads/main"
	h.onAgent(nil)
	if stderr := h.allowed(); !strings.Contains(stderr, "\nallowed: acme/widgets, run 0190, by the default of the worker's config\n") {
		t.Errorf("it does not name the job: %s", stderr)
	}
	h.onAgent(map[string]string{"BUILDKITE_PULL_REQUEST": "7", "BUILDKITE_PULL_REQUEST_REPO": "git://github.com/mallory/widgets.git"})
	h.refused("wrong-ref", "")
	h.onAgent(map[string]string{"BUILDKITE_BRANCH": "main\n"})
	h.refused("wrong-ref", "")
	h.onAgent(nil)
	h.spec.Actor = "The Octocat"
	environment := h.environment()
	h.env["BUILDKITE_ENV_JSON_FILE"] = h.write("env.json", asJSON(t, environment))
	h.allowed()
	environment["BUILDKITE_BUILD_CREATOR"] = "Mallory"
	h.write("env.json", asJSON(t, environment))
	h.refused("wrong-actor", "")
}

// TestHookAgentRules has rules about repositories, for there is no workflow.
func TestHookAgentRules(t *testing.T) {
	h := newHookTest(t)
	h.configure("rules:\n- {repository: acme/widgets, workflow: .github/workflows/*, token: none}\n- {repository: acme/widgets, on-missing: warn}\n")
	h.onAgent(map[string]string{"COUNTERSIGN_TOKEN": ""})
	if stderr := h.warned("missing-token"); !strings.Contains(stderr, "by rule 2 ") {
		t.Errorf("another rule decided: %s", stderr)
	}
	// The input's name is for runners.
	h.configure("token-input: BUILDKITE_BRANCH\n")
	h.onAgent(nil)
	h.allowed()
}

// TestHookAgentFile has files that no agent writes, or that a job has forged.
func TestHookAgentFile(t *testing.T) {
	forged := func(line string) func(string) string {
		return func(text string) string { return text + line + "\n" }
	}
	for _, test := range []struct {
		name string
		edit func(string) string
		code int
		says string
	}{
		{"good", func(s string) string { return s }, exitOK, ""},
		{"line ends and quotes", forged(`BUILDKITE_MESSAGE="a \"b\"\nBUILDKITE_COMMIT=\"x\""`), exitOK, ""},
		{"a name twice", forged(`BUILDKITE_COMMAND="make test"`), exitRefused, "stands there twice"},
		{"a forged line", forged("A\nBUILDKITE_TAG=\"v1\"="), exitRefused, "is not of the form"},
		{"a bare name", func(s string) string { return "BUILDKITE_GIT_CHECKOUT_FLAGS\n" + s }, exitRefused, "line 1 is not of the form"},
		{"a value without quotes", forged("A=b"), exitRefused, "is not of the form"},
		{"a value in other quotes", forged("A=`b`"), exitRefused, "is not of the form"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHookTest(t)
			h.onOldAgent(test.edit)
			if test.code == exitOK {
				h.allowed()
				return
			}
			if stderr := h.refused("", test.says); strings.Contains(stderr, h.token()) {
				t.Errorf("the token is in the log: %s", stderr)
			}
		})
	}
	for name, text := range map[string]string{
		"twice":     `{"BUILDKITE_REPO":"https://github.com/acme/widgets","BUILDKITE_REPO":"https://github.com/acme/other"}`,
		"no text":   `{"BUILDKITE_REPO":7}`,
		"a list":    `[]`,
		"not JSON":  `BUILDKITE_REPO="https://github.com/acme/widgets"`,
		"more":      `{} {}`,
		"no object": ``,
	} {
		t.Run("JSON: "+name, func(t *testing.T) {
			h := newHookTest(t)
			h.onAgent(nil)
			h.write("env.json", text)
			h.refused("", "the job's environment: ")
		})
	}
}

// TestHookWhere refuses a job that has the variables of both systems, or of none.
func TestHookWhere(t *testing.T) {
	h := newHookTest(t)
	h.signed()
	onRunner := maps.Clone(h.env)
	h.onAgent(nil)
	onAgent := h.env
	for _, name := range []string{"BUILDKITE_ENV_JSON_FILE", "BUILDKITE_ENV_FILE"} {
		h.env = maps.Clone(onRunner)
		h.env[name] = onAgent["BUILDKITE_ENV_JSON_FILE"]
		h.refused("", "and of a Buildkite agent")
	}
	for _, name := range []string{"GITHUB_ACTIONS", "GITHUB_REPOSITORY"} {
		h.env = maps.Clone(onAgent)
		h.env[name] = onRunner[name]
		h.refused("", "and of a Buildkite agent")
	}
	h.env = map[string]string{"BUILDKITE_COMMAND": "make test", "CI": "true"}
	h.refused("", "there is no job")

	// The JSON file counts where there are both.
	h.onOldAgent(func(text string) string { return text + text })
	h.env["BUILDKITE_ENV_JSON_FILE"] = onAgent["BUILDKITE_ENV_JSON_FILE"]
	h.allowed()
	h.env["BUILDKITE_ENV_JSON_FILE"] = h.path("none")
	h.refused("", "the job's environment cannot be read")
	h.env["BUILDKITE_ENV_JSON_FILE"] = h.path("large")
	if err := errors.Join(os.WriteFile(h.path("large"), nil, 0o600), os.Truncate(h.path("large"), maxEnvironment+1)); err != nil {
		t.Fatal(err)
	}
	h.refused("", "the job's environment is too large")
}
