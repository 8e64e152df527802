package main

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// allFlags returns the flags of all commands, as --help lists them.
func allFlags(t *testing.T, program string) []string {
	t.Helper()
	seen := map[string]bool{}
	var walk func(words ...string)
	walk = func(words ...string) {
		help := command(t, ".", program, append(words, "--help")...)
		for _, m := range regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z0-9-]+)`).FindAllStringSubmatch(help, -1) {
			seen[m[1]] = true
		}
		_, list, _ := strings.Cut(help, "Available Commands:\n")
		list, _, _ = strings.Cut(list, "\n\n")
		for line := range strings.Lines(list) {
			if name := strings.Fields(line); len(name) > 0 && name[0] != "help" {
				walk(append(slices.Clone(words), name[0])...)
			}
		}
	}
	walk()
	flags := slices.Sorted(maps.Keys(seen))
	for _, want := range []string{"config", "key", "on-missing", "single-use", "spec-command", "dispatch", "private", "expect"} {
		if !slices.Contains(flags, want) {
			t.Fatalf("the flag %s was not found among %q", want, flags)
		}
	}
	return flags
}

// testHookAttack has a job that is in mallory's hands: every variable, its own
// config and key, and no step that verifies.
func testHookAttack(t *testing.T, program string) {
	mallory := newGate(t, program, "keys: [owner.jwk]\ndefault: none\n")
	forged := mallory.token(time.Now())
	values := map[string]string{
		"config": mallory.path("hook.yml"), "key": mallory.path("owner.jwk"), "token": forged, "on-missing": "warn", "on-invalid": "warn",
		"on-refusal": "exit", "default": "none", "mode": "verify", "secret": strings.Repeat("s", 64), "check": "pins",
	}
	names := append(allFlags(t, program), "config", "mode", "secret", "default", "on-refusal", "rules", "keys", "issuers", "audit-log", "ca-file", "verified-spec")
	attack := func(g *gate) (written []string) {
		for _, name := range names {
			for _, prefix := range []string{"COUNTERSIGN_", "INPUT_"} {
				value := values[name]
				if value == "" {
					value = "true"
				}
				g.env[prefix+strings.ReplaceAll(strings.ToUpper(name), "-", "_")] = value
			}
		}
		for _, name := range []string{"GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STEP_SUMMARY", "GITHUB_PATH", "GITHUB_STATE"} {
			g.env[name] = g.write(name, "")
			written = append(written, g.env[name])
		}
		return written
	}
	workspace := func(g *gate) *exec.Cmd {
		c := g.command()
		for _, name := range []string{"hook.yml", "countersign.yml", ".countersign.yml", ".github/countersign.yml", ".github/hook.yml"} {
			addFileTo(t, c.Dir, name, "version: 1\nkeys: ["+mallory.path("owner.jwk")+"]\ndefault: none\non-refusal: exit\n")
		}
		addFileTo(t, c.Dir, "owner.jwk", mallory.public)
		g.env["GITHUB_WORKSPACE"], g.env["HOME"] = c.Dir, c.Dir
		c.Env = append(c.Env, "GITHUB_WORKSPACE="+c.Dir, "HOME="+c.Dir, "XDG_CONFIG_HOME="+filepath.Join(c.Dir, ".github"))
		return c
	}
	for _, test := range []struct {
		name              string
		token             func(g *gate) string
		code              int
		decision, failure string
		broken            bool
	}{
		{"drops the step", func(*gate) string { return "" }, 1, "refused", "missing-token", false},
		{"its own token", func(*gate) string { return forged }, 1, "refused", "unknown-key", false},
		{"the owner's token", func(g *gate) string { return g.token(time.Now()) }, 0, "allowed", "", false},
		// An error is told nowhere but in the log.
		{"files that cannot be read", func(*gate) string { return "" }, 1, "refused", "", true},
	} {
		for kind, job := range map[string]func(g *gate, token string){
			"runner": (*gate).onRunner, "agent": func(g *gate, token string) { g.onAgent(token, true) },
		} {
			t.Run(test.name+" "+kind, func(t *testing.T) {
				g := newGate(t, program, "keys: [owner.jwk]\nissuers: [https://github.com/acme/orchestrator]\non-refusal: exit\n")
				if job(g, test.token(g)); test.broken {
					g.write("event.json", "{")
					g.write("env.json", "{")
				}
				written := attack(g)
				code, stderr := g.runCommand(workspace(g))
				decision, failure := g.decision()
				if code != test.code || decision != test.decision || failure != test.failure {
					t.Errorf("%s: %q, exit %d; want %s: %q, exit %d\n%s", decision, failure, code, test.decision, test.failure, test.code, stderr)
				}
				for _, path := range written {
					if text, err := os.ReadFile(path); err != nil || len(text) > 0 {
						t.Errorf("%s has %q, %v", filepath.Base(path), text, err)
					}
				}
			})
		}
	}
}

// addFileTo adds a file to a folder.
func addFileTo(t *testing.T, folder, name, text string) {
	t.Helper()
	path := filepath.Join(folder, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}
