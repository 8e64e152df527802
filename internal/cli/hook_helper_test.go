package cli

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

const (
	jobSHA     = "0123456789abcdef0123456789abcdef01234567"
	anotherSHA = "fedcba9876543210fedcba9876543210fedcba98"
)

var hookStart = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// A keyPair is a key that signs and, as JWK, the one that verifies.
type keyPair struct {
	sign   *jose.SigningKey
	public []byte
}

func newKeyPair() keyPair {
	private, public, _, err := jose.Generate("EdDSA")
	if err != nil {
		panic(err)
	}
	sign, err := jose.ParseSigningKey(private, "")
	if err != nil {
		panic(err)
	}
	return keyPair{sign, public}
}

var (
	ownerKey   = sync.OnceValue(newKeyPair)
	malloryKey = sync.OnceValue(newKeyPair)
)

// A hookTest is a worker with a config, and a job that it is about to start.
type hookTest struct {
	*testing.T
	folder string // of the config and all else
	env    map[string]string
	config string // the config's path
	now    time.Time

	// What is said with the token.
	spec   runspec.Spec
	claims jose.Claims
	key    *jose.SigningKey

	// What the hook does with the process.
	cleared, slept, ended bool
	reason                string // with which the worker was ended
	endErr                error
}

// newHookTest returns a worker whose config trusts one key, and a job of
// acme/widgets on a GitHub runner, whose token is still to come.
func newHookTest(t *testing.T) *hookTest {
	t.Helper()
	h := &hookTest{
		T: t, folder: t.TempDir(), now: hookStart, key: ownerKey().sign,
		spec: runspec.Spec{Version: 1, Repository: "acme/widgets", Actor: "octocat", SHA: jobSHA},
		claims: jose.Claims{
			Issuer: "https://github.com/acme/orchestrator", Audience: "https://github.com/acme/widgets", ID: "m9BnEr4qTTqoxd0WyHh8Zw",
			IssuedAt: hookStart, NotBefore: hookStart, Expires: hookStart.Add(10 * time.Minute),
		},
		env: map[string]string{
			"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/widgets", "GITHUB_SERVER_URL": "https://github.com",
			"GITHUB_SHA": jobSHA, "GITHUB_REF": "refs/heads/main", "GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "1",
			"GITHUB_ACTOR": "octocat", "GITHUB_TRIGGERING_ACTOR": "octocat", "GITHUB_EVENT_NAME": "workflow_dispatch",
			"GITHUB_WORKFLOW_REF": "acme/widgets/.github/workflows/deploy.yml@refs/heads/main",
		},
	}
	if err := os.Chmod(h.folder, 0o700); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	h.write("owner.jwk", string(ownerKey().public))
	h.configure("")
	return h
}

func (h *hookTest) path(name string) string { return filepath.Join(h.folder, name) }

func (h *hookTest) write(name, text string) string {
	h.Helper()
	if err := os.WriteFile(h.path(name), []byte(text), 0o600); err != nil {
		h.Fatal(err)
	}
	return h.path(name)
}

func (h *hookTest) read(name string) string {
	h.Helper()
	text, err := os.ReadFile(h.path(name))
	if err != nil && !os.IsNotExist(err) {
		h.Fatal(err)
	}
	return string(text)
}

// configure writes a config with the owner's key and an audit log.
func (h *hookTest) configure(more string) {
	h.Helper()
	h.config = h.write("hook.yml", "version: 1\nkeys: [owner.jwk]\naudit-log: audit.jsonl\n"+more)
}

// token signs.
func (h *hookTest) token() string {
	h.Helper()
	claims := h.claims
	claims.Subject, claims.Private = h.spec.Subject(), map[string]any{"spec": h.spec}
	token, err := jose.Sign(runspec.Token, h.key, claims)
	if err != nil {
		h.Fatal(err)
	}
	return token
}

// payload writes the job's event.
func (h *hookTest) payload(text string) { h.env["GITHUB_EVENT_PATH"] = h.write("event.json", text) }

// inputs makes the job one that was dispatched with these inputs.
func (h *hookTest) inputs(inputs map[string]string) {
	h.Helper()
	h.payload(asJSON(h.T, map[string]any{"inputs": inputs}))
}

// signed gives the job its token.
func (h *hookTest) signed() { h.inputs(map[string]string{"token": h.token()}) }

// environment is that of a Buildkite job, with the token in it.
func (h *hookTest) environment() map[string]string {
	return map[string]string{
		"BUILDKITE_REPO": "git@github.com:acme/widgets.git", "BUILDKITE_COMMIT": jobSHA, "BUILDKITE_BRANCH": "main",
		"BUILDKITE_PULL_REQUEST": "false", "BUILDKITE_BUILD_ID": "0190", "BUILDKITE_RETRY_COUNT": "0",
		"BUILDKITE_COMMAND": "make test", "BUILDKITE_BUILD_CREATOR": "The Octocat", "COUNTERSIGN_TOKEN": h.token(),
	}
}

// onAgent makes the job one of a Buildkite agent, with these variables changed.
func (h *hookTest) onAgent(changed map[string]string) {
	h.Helper()
	h.spec.Actor, h.spec.Commands = "", []string{"make lint", "make test"}
	environment := h.environment()
	maps.Copy(environment, changed)
	h.env = map[string]string{"BUILDKITE_ENV_JSON_FILE": h.write("env.json", asJSON(h.T, environment))}
}

// onOldAgent is onAgent with the other file, whose text is changed by edit.
func (h *hookTest) onOldAgent(edit func(string) string) {
	h.Helper()
	h.spec.Actor, h.spec.Commands = "", []string{"make lint", "make test"}
	var b strings.Builder
	environment := h.environment()
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		b.WriteString(name + "=" + asJSON(h.T, environment[name]) + "\n")
	}
	h.env = map[string]string{"BUILDKITE_ENV_FILE": h.write("env", edit(b.String()))}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// run runs the hook.
func (h *hookTest) run(args ...string) (code int, stderr string) {
	h.Helper()
	h.cleared, h.slept, h.ended = false, false, false
	if args == nil {
		args = []string{"hook", "--config", h.config}
	}
	code, stdout, stderr := program{env: h.env}.runIn(Env{
		Now:      func() time.Time { return h.now },
		Clearenv: func() { h.cleared = true },
		Sleep: func(d time.Duration) {
			if h.slept = true; d != flushTime {
				h.Errorf("the hook waits %s", d)
			}
		},
		EndRunner: func(reason string) (int, error) {
			if !h.slept || h.ended {
				h.Errorf("the worker is ended before the log is away, or twice")
			}
			h.ended, h.reason = true, reason
			return 4711, h.endErr
		},
	}, args...)
	if stdout != "" || !h.cleared {
		h.Errorf("standard output has %q; environment cleared: %t", stdout, h.cleared)
	}
	return code, stderr
}

// want checks how the hook ends, what it says, and the last line of the audit log;
// decision is empty where there can be none.
func (h *hookTest) want(code int, decision, failure, says string) string {
	h.Helper()
	before := h.read("audit.jsonl")
	got, stderr := h.run()
	if got != code || !strings.Contains(stderr, says) {
		h.Errorf("exit code %d, want %d; stderr %q, want %q", got, code, stderr, says)
	}
	// An agent has no worker, and refuses what its hook does.
	onAgent := h.env[environmentFile]+h.env[environmentJSONFile] != "" && h.env["GITHUB_ACTIONS"]+h.env["GITHUB_REPOSITORY"] == ""
	ends := code != exitOK && (!onAgent || decision == "")
	if h.ended != ends {
		h.Errorf("exit code %d, and the worker was ended: %t", code, h.ended)
	}
	if code != exitOK && !strings.Contains(stderr, "error: ") || ends && !strings.Contains(stderr, "ended: the runner's worker, process 4711") {
		h.Errorf("the hook does not say why it refuses, or what it ended: %s", stderr)
	}
	about := failure
	if failure == "" {
		about = says
	}
	if h.ended && (!strings.HasPrefix(h.reason, "countersign refused the job: ") || !strings.Contains(h.reason, about)) {
		h.Errorf("the worker is ended for %q, want %q", h.reason, about)
	}
	line, ok := strings.CutPrefix(h.read("audit.jsonl"), before)
	switch {
	case !ok:
		h.Errorf("the audit log was not appended to")
	case decision == "":
		if line != "" {
			h.Errorf("the audit log has %s", line)
		}
		return stderr
	case strings.Count(line, "\n") != 1:
		h.Errorf("the audit log has no line, or more: %q", line)
		return stderr
	}
	var record map[string]string
	if err := json.Unmarshal([]byte(line), &record); err != nil {
		h.Fatal(err)
	}
	want := []string{"decision", "failure", "jti", "repository", "run_id", "sha", "time", "workflow"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(record))); diff != "" {
		h.Errorf("the line's keys (-want +got):\n%s", diff)
	}
	if record["decision"] != decision || record["failure"] != failure {
		h.Errorf("%s, failure %q; want %s, %q\n%s", record["decision"], record["failure"], decision, failure, stderr)
	}
	held := failure == "" || failure == "replayed" || failure == "ledger-unavailable"
	if jti := record["jti"]; jti != "" && (!held || jti != h.claims.ID) || jti == "" && held && failure != "" {
		h.Errorf("the audit log has the jti %q, failure %q", jti, failure)
	}
	return stderr
}

// refused, warned and allowed are want for each decision.
func (h *hookTest) refused(rule, says string) string {
	h.Helper()
	return h.want(exitRefused, "refused", rule, says)
}
func (h *hookTest) warned(rule string) string {
	h.Helper()
	return h.want(exitOK, "warned", rule, "warned: acme/widgets")
}
func (h *hookTest) allowed() string {
	h.Helper()
	return h.want(exitOK, "allowed", "", "allowed: acme/widgets")
}
