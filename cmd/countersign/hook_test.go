package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

const gateSHA = "0123456789abcdef0123456789abcdef01234567"

// A gate is a worker that is not in anybody's hands but its owner's, and one job
// on it. Every job has its own.
type gate struct {
	t       *testing.T
	program string
	folder  string // of the config
	env     map[string]string
	key     *jose.SigningKey
	public  string
}

// newGate returns a worker whose config has these lines more.
func newGate(t *testing.T, program, config string) *gate {
	t.Helper()
	g := &gate{t: t, program: program, folder: t.TempDir(), env: map[string]string{}}
	if err := os.Chmod(g.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	private, public := newKeys(t)
	var err error
	if g.key, err = jose.ParseSigningKey([]byte(private), ""); err != nil {
		t.Fatal(err)
	}
	g.public = public
	g.write("owner.jwk", public)
	g.write("hook.yml", "version: 1\naudit-log: audit.jsonl\n"+config)
	return g
}

func (g *gate) path(name string) string { return filepath.Join(g.folder, name) }

func (g *gate) write(name, text string) string {
	g.t.Helper()
	if err := os.WriteFile(g.path(name), []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
	return g.path(name)
}

// token signs for the job at a time.
func (g *gate) token(at time.Time) string {
	g.t.Helper()
	spec := runspec.Spec{Version: 1, Repository: "acme/widgets", Actor: "octocat", SHA: gateSHA, Commands: []string{"make test"}}
	token, err := jose.Sign(runspec.Token, g.key, jose.Claims{
		Issuer: "https://github.com/acme/orchestrator", Audience: "https://github.com/acme/widgets", Subject: spec.Subject(),
		ID: "m9BnEr4qTTqoxd0WyHh8Zw", IssuedAt: at, NotBefore: at, Expires: at.Add(10 * time.Minute),
		Private: map[string]any{"spec": spec},
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return token
}

// onRunner makes the job one of a GitHub runner.
func (g *gate) onRunner(token string) {
	g.t.Helper()
	payload, err := json.Marshal(map[string]any{"inputs": map[string]string{"token": token}})
	if err != nil {
		g.t.Fatal(err)
	}
	maps.Copy(g.env, map[string]string{
		"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/widgets", "GITHUB_SERVER_URL": "https://github.com",
		"GITHUB_SHA": gateSHA, "GITHUB_REF": "refs/heads/main", "GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "1",
		"GITHUB_ACTOR": "octocat", "GITHUB_TRIGGERING_ACTOR": "octocat", "GITHUB_EVENT_NAME": "workflow_dispatch",
		"GITHUB_EVENT_PATH":   g.write("event.json", string(payload)),
		"GITHUB_WORKFLOW_REF": "acme/widgets/.github/workflows/deploy.yml@refs/heads/main",
	})
}

// onAgent makes the job one of a Buildkite agent, which writes its environment
// into one file or both.
func (g *gate) onAgent(token string, withJSON bool) {
	g.t.Helper()
	environment := map[string]string{
		"BUILDKITE_REPO": "https://github.com/acme/widgets.git", "BUILDKITE_COMMIT": gateSHA, "BUILDKITE_BRANCH": "main",
		"BUILDKITE_PULL_REQUEST": "false", "BUILDKITE_BUILD_ID": "0190", "BUILDKITE_RETRY_COUNT": "0",
		"BUILDKITE_COMMAND": "make test", "BUILDKITE_BUILD_CREATOR": "octocat", "BUILDKITE_MESSAGE": "a \"b\"\nc=\"d\"",
	}
	if token != "" {
		environment["COUNTERSIGN_TOKEN"] = token
	}
	var lines strings.Builder
	for name, value := range environment {
		fmt.Fprintf(&lines, "%s=%q\n", name, value)
	}
	text, err := json.Marshal(environment)
	if err != nil {
		g.t.Fatal(err)
	}
	if withJSON {
		g.env["BUILDKITE_ENV_JSON_FILE"] = g.write("env.json", string(text))
	}
	g.env["BUILDKITE_ENV_FILE"] = g.write("env", lines.String())
}

// command is the hook with the job's variables and those that the system needs.
func (g *gate) command() *exec.Cmd {
	c := exec.Command(g.program, "hook", "--config", g.path("hook.yml"))
	c.Dir = g.t.TempDir()
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT")}
	for name, value := range g.env {
		c.Env = append(c.Env, name+"="+value)
	}
	return c
}

// run runs the hook.
func (g *gate) run() (code int, stderr string) {
	g.t.Helper()
	return g.runCommand(g.command())
}

func (g *gate) runCommand(c *exec.Cmd) (code int, stderr string) {
	g.t.Helper()
	var out, text bytes.Buffer
	c.Stdout, c.Stderr = &out, &text
	err := c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		g.t.Fatal(err)
	}
	if out.Len() > 0 {
		g.t.Errorf("standard output has %q", out.String())
	}
	return code, text.String()
}

// decision returns what the audit log's only line says.
func (g *gate) decision() (decision, failure string) {
	g.t.Helper()
	text, err := os.ReadFile(g.path("audit.jsonl"))
	var record struct{ Decision, Failure string }
	if err == nil {
		err = json.Unmarshal(text, &record)
	}
	if err != nil {
		g.t.Errorf("the audit log: %v %s", err, text)
	}
	return record.Decision, record.Failure
}

// hookTests run one program, which takes its time to be built.
var hookTests = map[string]func(t *testing.T, program string){"table": testGateTable, "attack": testHookAttack}

func TestHook(t *testing.T) {
	program := buildProgram(t)
	for name, test := range hookTests {
		t.Run(name, func(t *testing.T) { test(t, program) })
	}
}

// testGateTable runs every row of the page's table on both kinds of worker.
func testGateTable(t *testing.T, program string) {
	_, table := section(t, "gate")
	now := time.Now()
	tokens := map[string]func(g *gate) string{
		"no token":            func(*gate) string { return "" },
		"wrongly signed":      func(g *gate) string { token := g.token(now); return token[:len(token)-4] + "AAAA" },
		"expired":             func(g *gate) string { return g.token(now.Add(-time.Hour)) },
		"signed for this job": func(g *gate) string { return g.token(now) },
	}
	workers := []struct {
		name, column string
		job          func(g *gate, token string)
	}{
		{"runner", "runner", (*gate).onRunner},
		{"agent", "agent", func(g *gate, token string) { g.onAgent(token, true) }},
		{"old agent", "agent", func(g *gate, token string) { g.onAgent(token, false) }},
	}
	var rows [][]string
	for line := range strings.Lines(table) {
		if line = strings.TrimSpace(line); line != "" {
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	if len(rows) < 3 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	if diff := cmp.Diff([]string{"job", "on-missing, on-invalid", "runner", "agent"}, rows[0]); diff != "" {
		t.Fatalf("columns (-want +got):\n%s", diff)
	}
	form := regexp.MustCompile("^(allowed|(?:warned|refused): `([a-z-]+)`), exit ([0-9])$")
	seen := map[string]bool{}
	for _, row := range rows[2:] {
		what, mode := row[0], strings.Trim(row[1], "`")
		token := tokens[what]
		if token == nil || seen[what+" "+mode] {
			t.Errorf("the row %q is of no job here, or there twice", row)
			continue
		}
		seen[what+" "+mode] = true
		for _, worker := range workers {
			t.Run(what+" "+mode+" "+worker.name, func(t *testing.T) {
				cell := form.FindStringSubmatch(row[slices.Index(rows[0], worker.column)])
				if cell == nil {
					t.Fatalf("the row %q does not say what comes out", row)
				}
				// That the worker is ended is for another test, and takes its time.
				g := newGate(t, program, "keys: [owner.jwk]\non-refusal: exit\nrules: [{repository: acme/widgets, on-missing: "+mode+", on-invalid: "+mode+"}]\n")
				worker.job(g, token(g))
				code, stderr := g.run()
				decision, failure := g.decision()
				want, _, _ := strings.Cut(cell[1], ":")
				if strconv.Itoa(code) != cell[3] || decision != want || failure != cell[2] {
					t.Errorf("%s: %q, exit %d, and the page says %q\n%s", decision, failure, code, cell[0], stderr)
				}
			})
		}
	}
	for what := range tokens {
		for _, mode := range []string{"block", "warn"} {
			if !seen[what+" "+mode] {
				t.Errorf("the table lacks %s, %s", what, mode)
			}
		}
	}
}
