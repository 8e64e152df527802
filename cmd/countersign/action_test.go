package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/cli"
)

// countersign runs the program in this process, with these variables only, and
// returns its standard output without the line end.
func countersign(t *testing.T, env map[string]string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	var environ []string
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	code := cli.Main(args, cli.Env{
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
		Environ: environ, Now: time.Now, HTTP: http.DefaultClient,
	})
	if code != 0 {
		t.Fatalf("countersign %s ended with %d: %s", strings.Join(args, " "), code, stderr.String())
	}
	return strings.TrimSpace(stdout.String())
}

// newKeys makes a key pair and returns both halves.
func newKeys(t *testing.T) (private, public string) {
	t.Helper()
	folder := t.TempDir()
	paths := []string{filepath.Join(folder, "key.jwk"), filepath.Join(folder, "key.pub.jwk")}
	countersign(t, nil, "keygen", "--private", paths[0], "--public", paths[1])
	var texts []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts[0], texts[1]
}

// TestAction runs workflows that use the Action.
func TestAction(t *testing.T) {
	host := newRunnerHost(t)
	t.Run("signed-run", func(t *testing.T) { testSignedRun(t, host) })
	t.Run("dispatch", func(t *testing.T) { testDispatch(t, host) })
	t.Run("ci", func(t *testing.T) { testCI(t, host) })
}

// testSignedRun runs the example of the project, whose two jobs sign and check
// the same run.
func testSignedRun(t *testing.T, host runnerHost) {
	private, public := newKeys(t)
	repository, sha := repositoryWith(t, ".github/workflows/signed-run.yml")
	r := host.runLogged(t, repository, "workflow_dispatch", "--actor", "alice", "--input", "reason=weekly",
		"-s", "COUNTERSIGN_KEY="+private, "--var", "COUNTERSIGN_PUBLIC_KEY="+public)
	if r.exitCode != 0 {
		t.Fatalf("act ended with %d, want 0", r.exitCode)
	}
	for name, want := range map[string]string{
		"verified": "true", "failure": "", "repository": "acme/widgets", "actor": "alice", "sha": sha,
		"ref": "refs/heads/main", "commands": `["echo planning","echo applying"]`,
	} {
		if got, ok := r.output("verify", name); got != want || !ok {
			t.Errorf("the output %s is %q (set: %v), want %q", name, got, ok, want)
		}
	}
	var spec struct {
		Actor  string            `json:"actor"`
		Inputs map[string]string `json:"inputs"`
	}
	text, _ := r.output("verify", "spec")
	if err := json.Unmarshal([]byte(text), &spec); err != nil || spec.Actor != "alice" || spec.Inputs["reason"] != "weekly" {
		t.Errorf("the output spec is %q", text)
	}
	log := r.log()
	for _, want := range []string{"for alice", "planning", "applying"} {
		if !strings.Contains(log, "\n"+want+"\n") {
			t.Errorf("no later step printed %q", want)
		}
	}
	summary := r.summary()
	for _, want := range []string{"### Countersign: signed", "### Countersign: verified", "| rule | status | finding |", "| `wrong-actor` | pass |"} {
		if !strings.Contains(summary, want) {
			t.Errorf("the summary lacks %q:\n%s", want, summary)
		}
	}
	// act shows outputs in its own lines; what the Action itself prints has none.
	token, _ := r.output("sign", "token")
	for _, e := range r.events {
		if token != "" && e.Command == "" && strings.Contains(e.Message, token) {
			t.Errorf("the token is in the log: %s", e.Message)
		}
	}
}

// testDispatch runs a workflow whose token comes from elsewhere.
func testDispatch(t *testing.T, host runnerHost) {
	private, public := newKeys(t)
	repository, sha := repositoryWith(t, "testdata/workflows/deploy.yml")
	token := countersign(t, map[string]string{"COUNTERSIGN_KEY": private}, "sign",
		"--issuer", "https://github.com/acme/orchestrator", "--repository", "acme/widgets", "--ref", "refs/heads/main",
		"--sha", sha, "--event", "workflow_dispatch", "--actor", "alice", "--inputs", `{"reason":"weekly"}`,
		"--command", "terraform plan")

	changed := []byte(token)
	if i := len(changed) / 2; changed[i] == 'A' {
		changed[i] = 'B'
	} else {
		changed[i] = 'A'
	}
	tests := []struct {
		name    string
		actor   string
		inputs  map[string]string
		failure string // empty where the run is verified
		goesOn  bool
	}{
		{"as signed", "alice", map[string]string{"token": token, "reason": "weekly"}, "", true},
		{"token with another byte", "alice", map[string]string{"token": string(changed), "reason": "weekly"}, "bad-signature", false},
		{"another actor", "mallory", map[string]string{"token": token, "reason": "weekly"}, "wrong-actor", false},
		{"another input", "alice", map[string]string{"token": token, "reason": "now"}, "wrong-inputs", false},
		{"no token", "alice", map[string]string{"reason": "weekly"}, "missing-token", false},
		{"no token, warned", "alice", map[string]string{"reason": "weekly", "on-missing": "warn"}, "missing-token", true},
		{"another actor, warned", "mallory", map[string]string{"token": token, "reason": "weekly", "on-invalid": "warn"}, "wrong-actor", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := []string{"--actor", test.actor, "--var", "COUNTERSIGN_PUBLIC_KEY=" + public}
			for name, value := range test.inputs {
				args = append(args, "--input", name+"="+value)
			}
			r := host.runLogged(t, repository, "workflow_dispatch", args...)
			verified, commands := "true", `["terraform plan"]`
			if test.failure != "" {
				verified, commands = "false", ""
			}
			for name, want := range map[string]string{"verified": verified, "failure": test.failure, "commands": commands} {
				if got, _ := r.output("verify", name); got != want {
					t.Errorf("the output %s is %q, want %q", name, got, want)
				}
			}
			if !test.goesOn {
				refusedWith1(t, r, test.failure)
				return
			}
			if r.exitCode != 0 || r.result("deploy") != "success" || r.result("deploy again") != "success" {
				t.Errorf("act ended with %d, deploy %q", r.exitCode, r.result("deploy"))
			}
			if want := "deploying, verified=" + verified + " commands=" + commands; !strings.Contains(r.log(), want) {
				t.Errorf("the later step did not print %q", want)
			}
		})
	}
}

// refusedWith1 checks that the Action ended with 1, said why in an annotation
// and in the summary, and that no later step ran.
func refusedWith1(t *testing.T, r workflowRun, rule string) {
	t.Helper()
	if r.exitCode != 1 {
		t.Errorf("act ended with %d, want 1", r.exitCode)
	}
	if got := r.ownResult(); got != "failure" {
		t.Errorf("the Action's result is %q, want failure", got)
	}
	for _, step := range []string{"deploy", "deploy again"} {
		if got := r.result(step); got != "" {
			t.Errorf("the step %q ran (%s), and it should be skipped", step, got)
		}
	}
	log := r.log()
	if !strings.Contains(log, "exit status 1") && !strings.Contains(log, "exitcode '1'") {
		t.Error("the step did not end with 1")
	}
	if !strings.Contains(log, "::error title=Countersign%3A "+rule+"::") {
		t.Errorf("no annotation for %s", rule)
	}
	if want := "| `" + rule + "` | fail |"; !strings.Contains(r.summary(), want) {
		t.Errorf("the summary lacks %q:\n%s", want, r.summary())
	}
}

// testCI runs the jobs of the project's own workflow, but for the one that runs
// these tests.
func testCI(t *testing.T, host runnerHost) {
	for _, job := range []string{"demo", "action"} {
		r := host.run(t, projectRoot(t), "push", "-W", ".github/workflows/ci.yml", "-j", job)
		if r.exitCode != 0 {
			t.Errorf("the job %s ended with %d", job, r.exitCode)
		}
	}
}
