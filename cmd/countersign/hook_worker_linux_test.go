package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A workerCase is a job on a runner, and whether it may go on.
type workerCase struct {
	name   string
	config string // after the version and the audit log
	change func(g *gate)
	hook   string // empty: the project's script
	ends   bool   // the worker
	code   int    // of the hook, where it does not
	says   string
}

var workerCases = []workerCase{
	{name: "good", config: "keys: [owner.jwk]\n", says: "allowed: "},
	{name: "warned", config: "keys: [owner.jwk]\nrules: [{repository: acme/*, on-missing: warn}]\n", change: unsigned, says: "warned: "},
	{name: "no token", config: "keys: [owner.jwk]\n", change: unsigned, ends: true, says: "error: missing-token"},
	{name: "wrongly signed", config: "keys: [owner.jwk]\n", change: func(g *gate) {
		token := g.token(time.Now())
		g.onRunner(token[:len(token)-4] + "AAAA")
	}, ends: true, says: "error: bad-signature"},
	{name: "expired", config: "keys: [owner.jwk]\n", change: func(g *gate) { g.onRunner(g.token(time.Now().Add(-time.Hour))) },
		ends: true, says: "error: expired"},
	{name: "config missing", change: func(g *gate) { os.Remove(g.path("hook.yml")) }, ends: true, says: "does not exist"},
	{name: "config empty", change: func(g *gate) { g.write("hook.yml", "") }, ends: true, says: "the file is empty"},
	{name: "unknown key", config: "keys: [owner.jwk]\non-refused: exit\n", ends: true, says: "on-refused"},
	{name: "value out of range", config: "keys: [owner.jwk]\non-refusal: none\n", ends: true, says: "on-refusal"},
	{name: "second document", config: "keys: [owner.jwk]\n---\non-refusal: exit\n", ends: true, says: "document"},
	{name: "config of all", config: "keys: [owner.jwk]\non-refusal: exit\n", change: func(g *gate) { os.Chmod(g.path("hook.yml"), 0o666) },
		ends: true, says: "may be written by others"},
	{name: "config of another", config: "keys: [owner.jwk]\non-refusal: exit\n", change: func(g *gate) {
		if os.Geteuid() == 0 {
			os.Chown(g.path("hook.yml"), 65534, 65534)
		} else {
			os.Chmod(g.path("hook.yml"), 0o666) // only root gives files away
		}
	}, ends: true, says: "hook.yml"},
	{name: "no key file", config: "keys: [none.jwk]\n", ends: true, says: "none.jwk"},
	{name: "unreachable keys", config: "keys: [https://127.0.0.1:1/jwks]\n", ends: true, says: "the key set cannot be fetched"},
	{name: "ledger unavailable", config: "keys: [owner.jwk]\nledger: {dir: used}\nrules: [{repository: acme/*, single-use: true}]\n", change: noLedger,
		ends: true, says: "error: ledger-unavailable"},
	{name: "audit log unavailable", config: "keys: [owner.jwk]\n", change: func(g *gate) { os.Mkdir(g.path("audit.jsonl"), 0o700) },
		ends: true, says: "error: the audit log"},
	{name: "unknown flag", config: "keys: [owner.jwk]\non-refusal: exit\n", ends: true, says: "unknown flag",
		hook: "exec COUNTERSIGN hook --config HOOK.YML --on-invalid warn\n"},
	{name: "exit", config: "keys: [owner.jwk]\non-refusal: exit\n", change: unsigned, code: 1, says: "error: missing-token"},
	{name: "exit, undecided", config: "keys: [owner.jwk]\non-refusal: exit\nledger: {dir: used}\nrules: [{repository: acme/*, single-use: true}]\n",
		change: noLedger, code: 3, says: "error: ledger-unavailable"},
	{name: "a program that breaks", config: "keys: [owner.jwk]\n", change: func(g *gate) { g.env["GODEBUG"] = "fips140=maybe" },
		ends: true, says: "decided nothing"},
	{name: "no program", config: "keys: [owner.jwk]\n", change: func(g *gate) { g.program = g.path("none") }, ends: true, says: "decided nothing"},
}

func unsigned(g *gate) { g.onRunner("") }

// noLedger makes a ledger in which the token's day cannot be a folder.
func noLedger(g *gate) {
	if err := os.Mkdir(g.path("used"), 0o700); err != nil {
		g.t.Fatal(err)
	}
	for _, at := range []time.Duration{0, time.Hour} {
		g.write("used/"+time.Now().UTC().Add(at).Format("2006-01-02"), "")
	}
}

// testHookWorker runs jobs on runners: a listener starts a worker, which runs the
// hook's script and then, whatever came of that, a step with `if: always()`.
func testHookWorker(t *testing.T, program string) {
	script, err := os.ReadFile(filepath.Join(projectRoot(t), "scripts", "job-started.sh"))
	if err != nil {
		t.Fatal(err)
	}
	bash := tool(t, "bash")
	folder := t.TempDir()
	for _, name := range []string{"Runner.Listener", "Runner.Worker"} {
		copyProgram(t, bash, filepath.Join(folder, name))
	}
	type run struct {
		output, stderr bytes.Buffer // of the hook and all else, and of the worker itself
		done           chan error
	}
	// They all wait at once for the log to be sent on.
	runs := make([]*run, len(workerCases))
	for i, test := range workerCases {
		g := newGate(t, program, test.config)
		g.onRunner(g.token(time.Now()))
		if test.change != nil {
			test.change(g)
		}
		text := string(script)
		if test.hook != "" {
			text = test.hook
		}
		for from, to := range map[string]string{
			"/usr/local/bin/countersign": g.program, "COUNTERSIGN ": g.program + " ",
			"/etc/countersign/hook.yml": g.path("hook.yml"), "HOOK.YML": g.path("hook.yml"),
		} {
			text = strings.ReplaceAll(text, from, to)
		}
		if !strings.Contains(text, g.program) || !strings.Contains(text, g.path("hook.yml")) {
			t.Fatalf("the script has other paths: %s", text)
		}
		g.write("job-started.sh", text)
		c := g.command()
		c.Path, c.Args = filepath.Join(folder, "Runner.Listener"), []string{"Runner.Listener", "-c",
			`"$1" -c 'bash -e "$1" 2>&1; echo "hook: $?"; echo "step: runs"' "$1" "$2"; echo "worker: $?"`,
			"listener", filepath.Join(folder, "Runner.Worker"), g.path("job-started.sh")}
		r := &run{done: make(chan error, 1)}
		c.Stdout, c.Stderr = &r.output, &r.stderr
		runs[i] = r
		go func() { r.done <- c.Run() }()
	}
	for i, test := range workerCases {
		t.Run(test.name, func(t *testing.T) {
			if err := <-runs[i].done; err != nil {
				t.Errorf("the listener: %v", err)
			}
			output := runs[i].output.String()
			lines := strings.Split(output, "\n")
			const killed = "worker: 137" // by SIGKILL
			want := []string{killed}
			if !test.ends {
				want = []string{fmt.Sprintf("hook: %d", test.code), "step: runs", "worker: 0"}
			}
			for _, line := range want {
				if !slices.Contains(lines, line) {
					t.Errorf("%q is missing", line)
				}
			}
			if test.ends && (slices.Contains(lines, "step: runs") || strings.Contains(output, "\nhook: ")) {
				t.Error("the worker went on")
			}
			if !strings.Contains(output, test.says) {
				t.Errorf("the hook does not say %q", test.says)
			}
			// The listener shows this with the job, whose log may be lost.
			stderr := runs[i].stderr.String()
			if test.ends && !strings.Contains(stderr, strings.TrimPrefix(test.says, "error: ")) {
				t.Errorf("the worker's own standard error does not have %q", test.says)
			}
			if t.Failed() {
				t.Logf("%s\nworker: %s", output, stderr)
			}
		})
	}
}

// copyProgram copies a program to a name of its own.
func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}
