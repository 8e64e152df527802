package cli

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
	"github.com/countersign-ci/countersign/internal/worker"
)

// TestHookPayload has events of any size and form.
func TestHookPayload(t *testing.T) {
	h := newHookTest(t)
	padding := strings.Repeat("x", 1<<20)
	h.payload(asJSON(t, map[string]any{"padding": padding, "inputs": map[string]string{"token": h.token()}}))
	h.allowed()
	for name, text := range map[string]string{
		"not JSON":          "token=" + h.token(),
		"cut off":           `{"inputs":{"token":"` + h.token() + `"}`,
		"inputs twice":      `{"inputs":{},"inputs":{"token":"` + h.token() + `"}}`,
		"a token twice":     `{"inputs":{"token":"","token":"` + h.token() + `"}}`,
		"inputs are a list": `{"inputs":["` + h.token() + `"]}`,
		"a list":            `[]`,
		"empty":             ``,
	} {
		h.payload(text)
		if stderr := h.refused("", "GITHUB_EVENT_PATH"); strings.Contains(stderr, h.token()) {
			t.Errorf("%s: the token is in the log: %s", name, stderr)
		}
	}
	h.payload(`{"inputs":null}`)
	h.refused("missing-token", "")
	h.payload(`{"inputs":{"token":{"not":"text"}}}`)
	h.refused("missing-token", "")

	// A hole, which takes no room on the disk.
	h.env["GITHUB_EVENT_PATH"] = h.path("large")
	if err := errors.Join(os.WriteFile(h.path("large"), nil, 0o600), os.Truncate(h.path("large"), 33<<20)); err != nil {
		t.Fatal(err)
	}
	h.want(exitUndecided, "refused", "", "it has more than")
	h.env["GITHUB_EVENT_PATH"] = h.path("none")
	h.want(exitUndecided, "refused", "", "GITHUB_EVENT_PATH")
	h.env["GITHUB_EVENT_PATH"] = h.folder
	h.want(exitUndecided, "refused", "", "GITHUB_EVENT_PATH")
	delete(h.env, "GITHUB_EVENT_PATH")
	h.refused("missing-token", "")
}

// TestHookSingleUse uses up a token when all else holds, and not before.
func TestHookSingleUse(t *testing.T) {
	h := newHookTest(t)
	if err := os.Mkdir(h.path("used"), 0o700); err != nil {
		t.Fatal(err)
	}
	const rules = "ledger: {dir: used}\nrules:\n- repository: acme/widgets\n  single-use: true\n"
	h.configure(rules)
	used := func() int {
		t.Helper()
		days, err := os.ReadDir(h.path("used"))
		if err != nil {
			t.Fatal(err)
		}
		return len(days)
	}
	h.signed()
	h.env["GITHUB_SHA"] = anotherSHA
	h.refused("wrong-commit", "")
	h.configure(rules + "  on-invalid: warn\n")
	h.warned("wrong-commit")
	h.env["GITHUB_SHA"] = jobSHA
	if used() != 0 {
		t.Error("a token that failed is used up")
	}
	h.configure(rules)
	h.allowed()
	if used() != 1 {
		t.Error("nothing is in the ledger")
	}
	h.refused("replayed", "used before")
	h.configure(rules + "  on-invalid: warn\n")
	h.warned("replayed")

	// What is not known is not warned of.
	h.claims.ID = "AAECAwQFBgcICQoLDA0ODw"
	h.signed()
	if err := errors.Join(os.RemoveAll(h.path("used/2026-11-22")), os.WriteFile(h.path("used/2026-11-22"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	h.want(exitUndecided, "refused", "ledger-unavailable", "error: ledger-unavailable")
	// Nor is an audit log that cannot be written.
	h.write("hook.yml", "version: 1\nkeys: [owner.jwk]\naudit-log: none/audit.jsonl\nrules: [{repository: acme/*, on-missing: warn}]\n")
	h.inputs(nil)
	h.want(exitUndecided, "", "", "the audit log: ")
	h.write("hook.yml", "version: 1\nkeys: [owner.jwk]\naudit-log: none/audit.jsonl\n")
	h.signed()
	if log := h.want(exitUndecided, "", "", "the audit log: "); strings.Count(log, "error: the audit log: ") != 1 || strings.Contains(log, "verified: ") {
		t.Errorf("it is said twice, or that the job was verified: %s", log)
	}
	// A refusal says why all the same.
	h.inputs(nil)
	if log := h.want(exitRefused, "", "", "missing-token"); !regexp.MustCompile(`error: the audit log: .*\nhint: .`).MatchString(log) {
		t.Errorf("the log says nothing of the audit log: %s", log)
	}
}

// TestHookRerunOfUsed lets a later attempt of the same run use its token again.
func TestHookRerunOfUsed(t *testing.T) {
	h := newHookTest(t)
	if err := os.Mkdir(h.path("used"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.configure("ledger: {dir: used}\nrules:\n- repository: acme/widgets\n  single-use: true\n  allow-rerun: true\n")
	h.signed()
	h.allowed()
	h.env["GITHUB_RUN_ATTEMPT"] = "2"
	h.allowed()
	h.refused("replayed", "")
	h.env["GITHUB_RUN_ID"] = "43"
	h.refused("replayed", "")
}

// TestHookAudit compares whole lines.
func TestHookAudit(t *testing.T) {
	h := newHookTest(t)
	h.signed()
	h.allowed()
	h.env["GITHUB_REPOSITORY"] = "acme/other"
	h.refused("wrong-audience", "")
	h.env["GITHUB_WORKFLOW_REF"] = strings.Repeat("\n", 5000)
	h.env["GITHUB_SHA"] = strings.Repeat("é", 5000)
	h.refused("wrong-audience", "")
	lines := strings.Split(h.read("audit.jsonl"), "\n")
	for i, want := range []string{
		`{"time":"2026-11-22T12:00:00Z","repository":"acme/widgets","workflow":".github/workflows/deploy.yml","run_id":"42","sha":"` +
			jobSHA + `","jti":"m9BnEr4qTTqoxd0WyHh8Zw","decision":"allowed","failure":""}`,
		`{"time":"2026-11-22T12:00:00Z","repository":"acme/other","workflow":"acme/widgets/.github/workflows/deploy.yml","run_id":"42","sha":"` +
			jobSHA + `","jti":"","decision":"refused","failure":"wrong-audience"}`,
	} {
		if lines[i] != want {
			t.Errorf("line %d is\n%s, want\n%s", i+1, lines[i], want)
		}
	}
	if len(lines[2]) > 2*maxRecorded {
		t.Errorf("a line has %d bytes", len(lines[2]))
	}
}

// TestHookVariables knows all that hook reads of the environment.
func TestHookVariables(t *testing.T) {
	h := newHookTest(t)
	var asked []string
	a := &app{Env: Env{Clearenv: func() {}, Now: time.Now, Sleep: func(time.Duration) {}, EndRunner: h.none, Stdout: &strings.Builder{}, Stderr: &strings.Builder{}}}
	a.Getenv = func(name string) string { asked = append(asked, name); return h.env[name] }
	h.signed()
	// A refusal that is an error would have a summary elsewhere.
	for _, config := range []string{h.config, h.path("none.yml")} {
		unfiltered := a.Getenv
		a.guard([]string{"hook", "--config", config})
		a.Getenv = unfiltered
	}
	if len(asked) == 0 {
		t.Error("nothing was read")
	}
	for _, name := range asked {
		if !strings.HasPrefix(name, "GITHUB_") && !strings.HasPrefix(name, "BUILDKITE_ENV_") {
			t.Errorf("%s was read", name)
		}
		for _, foreign := range []string{"API_URL", "GRAPHQL_URL", "OUTPUT", "GITHUB_ENV", "SUMMARY", "TOKEN", "STATE", "WORKSPACE"} {
			if strings.HasSuffix(name, foreign) {
				t.Errorf("%s was read", name)
			}
		}
	}
	if a.Environ != nil {
		t.Error("the environment is kept")
	}
}

func (h *hookTest) none(string) (int, error) { return 0, worker.ErrNoRunner }

// TestHookMasks masks the token before anything else is said.
func TestHookMasks(t *testing.T) {
	h := newHookTest(t)
	h.env["GITHUB_ACTOR"] = "mallory"
	h.signed()
	_, stderr := h.run()
	mask := "::add-mask::" + h.token() + "\n"
	if !strings.HasPrefix(stderr, mask) || strings.Contains(strings.TrimPrefix(stderr, mask), h.token()) {
		t.Errorf("the token is not masked first, or is said: %s", stderr)
	}
	if !strings.Contains(stderr, "::error title=Countersign%3A wrong-actor::") {
		t.Errorf("no annotation: %s", stderr)
	}
}

// TestHookForged has a job whose repository is a name that a log would take for
// more.
func TestHookForged(t *testing.T) {
	h := newHookTest(t)
	h.configure("default: none\n")
	h.env["GITHUB_RUN_ID"] = "1\n::error::forged\x1b[2J"
	_, stderr := h.run()
	if strings.Contains(stderr, "\n::error::forged") || strings.Contains(stderr, "\x1b") {
		t.Errorf("the log has %q", stderr)
	}
}

// A token for a manifest is none for a job.
func TestHookWrongType(t *testing.T) {
	h := newHookTest(t)
	form := runspec.Token
	form.Type = "artifacts+jwt"
	token, err := jose.Sign(form, h.key, h.claims)
	if err != nil {
		t.Fatal(err)
	}
	h.inputs(map[string]string{"token": token})
	h.refused("wrong-type", "")
}
