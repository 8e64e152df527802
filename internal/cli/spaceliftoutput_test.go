package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/runspec"
)

func TestSpaceliftJSON(t *testing.T) {
	for _, trigger := range []bool{false, true} {
		s := newSpaceliftTest(t)
		args := []string{"--stack", "network", "--json"}
		if trigger {
			args = append(args, "--trigger")
		}
		stdout, _ := s.sign(exitOK, args...)
		var got struct {
			Token, Stack, JTI string
			Spec              json.RawMessage
			SpecDigest        string `json:"spec_digest"`
			ExpiresAt         string `json:"expires_at"`
			RunURL            string `json:"run_url"`
		}
		d := json.NewDecoder(strings.NewReader(stdout))
		d.DisallowUnknownFields()
		if err := d.Decode(&got); err != nil {
			t.Fatalf("%v: %s", err, stdout)
		}
		claims := decoded(t, got.Token, 1)
		if got.Stack != "network" || got.JTI != claims["jti"] || got.ExpiresAt != "2026-11-22T12:10:00Z" || got.SpecDigest != runspec.Digest(got.Spec) {
			t.Errorf("it prints %s", stdout)
		}
		if trigger != strings.Contains(stdout, `"run_url"`) || trigger && got.RunURL != s.account.RunURL(s.account.Runs()[0]) {
			t.Errorf("it prints %s", stdout)
		}
	}
}

// TestSpaceliftOutputs is the Action: a variable for each input, and outputs.
func TestSpaceliftOutputs(t *testing.T) {
	s := newSpaceliftTest(t).set(map[string]string{
		"GITHUB_ACTIONS": "true", "INPUT_MODE": "sign", "INPUT_FORMAT": "spacelift", "INPUT_STACK": "network", "INPUT_SECRET": stackSecret + "\n",
		"INPUT_TTL": "1h", "COUNTERSIGN_SECRET": "",
		// None of these counts in the Action.
		"COUNTERSIGN_STACK": "database", "COUNTERSIGN_TRIGGER": "true", "INPUT_JSON": "true",
	})
	stdout, stderr := s.run(exitOK)
	token := strings.TrimSpace(stdout)
	claims := decoded(t, token, 1)
	spec, err := json.Marshal(claims["spec"])
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"token": token, "spec": string(spec), "spec-digest": runspec.Digest(spec),
		"jti": claims["jti"].(string), "expires-at": "2026-11-22T13:00:00Z", "run-url": "",
	}
	if diff := cmp.Diff(want, s.outputs()); diff != "" {
		t.Errorf("the outputs (-want +got):\n%s", diff)
	}
	if claims["spacelift_stack"] != "network" || stderr != "signed: network: "+want["spec-digest"]+", valid until 2026-11-22T13:00:00Z\n" {
		t.Errorf("it says %q", stderr)
	}
	if summary := s.read("summary"); !strings.Contains(summary, "| stack | network |") || !strings.Contains(summary, want["spec-digest"]) {
		t.Errorf("the summary is %s", summary)
	}
	s.notAsked()
}

func TestSpaceliftMask(t *testing.T) {
	for _, test := range []struct {
		runner string
		args   []string
		masks  bool
	}{
		{"true", nil, false},
		{"true", []string{"--mask"}, true},
		{"true", []string{"--trigger"}, true},
		{"", []string{"--mask", "--trigger"}, false},
	} {
		s := newSpaceliftTest(t).set(map[string]string{"GITHUB_ACTIONS": test.runner})
		stdout, stderr := s.sign(exitOK, append(test.args, "--stack", "network")...)
		if mask := addMask + stdout; strings.HasPrefix(stderr, mask) != test.masks || strings.Contains(stderr, addMask) != test.masks {
			t.Errorf("%q on a runner %q says %q", test.args, test.runner, stderr)
		}
	}
}

// The mask is there before the token is.
func TestSpaceliftMaskBefore(t *testing.T) {
	s := newSpaceliftTest(t).set(map[string]string{"GITHUB_ACTIONS": "true"})
	for _, flag := range []string{"--mask", "--trigger"} {
		log := new(bytes.Buffer)
		if code := s.runTo(log, log, "--stack", "network", flag); code != exitOK {
			t.Fatal(log)
		}
		if mask, token := strings.Index(log.String(), addMask), strings.Index(log.String(), "\neyJ"); mask < 0 || mask > token {
			t.Errorf("%s: the mask is at %d and the token at %d", flag, mask, token)
		}
	}
}

// runTo runs `sign --format spacelift` with other places to write to.
func (s *spaceliftTest) runTo(stdout, stderr io.Writer, args ...string) (code int) {
	var environ []string
	for name, value := range s.env {
		environ = append(environ, name+"="+value)
	}
	return Main(append([]string{"sign", "--format", "spacelift"}, args...), Env{
		Stdin: strings.NewReader(""), Stdout: stdout, Stderr: stderr, Environ: environ, HTTP: s.client,
		Now: func() time.Time { return s.now }, Sleep: func(time.Duration) {},
	})
}

// The token of a run that fails to start is masked too: it may have been sent.
func TestSpaceliftMaskFirst(t *testing.T) {
	s := newSpaceliftTest(t).set(map[string]string{"GITHUB_ACTIONS": "true", "SPACELIFT_API_KEY_ID": "01OTHER"})
	if stderr := s.refuses(exitUsage, "unauthorized", "--stack", "network", "--trigger"); !strings.HasPrefix(stderr, addMask+"eyJ") {
		t.Errorf("it says %q", stderr)
	}
}

// A broken is a writer that fails.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

// What cannot be printed was not signed, and leaves no outputs.
func TestSpaceliftUnwritable(t *testing.T) {
	s := newSpaceliftTest(t)
	for _, args := range [][]string{nil, {"--json"}} {
		_ = os.Remove(s.path("output"))
		var stderr bytes.Buffer
		code := s.runTo(broken{}, &stderr, append(args, "--stack", "network")...)
		if code != exitUndecided || !strings.Contains(stderr.String(), "standard output cannot be written") || s.outputs()["token"] != "" {
			t.Errorf("%q ended with %d, says %q and has %q", args, code, stderr.String(), s.read("output"))
		}
	}
	for _, name := range []string{"GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"} {
		s := newSpaceliftTest(t)
		s.env[name] = t.TempDir()
		if _, stderr := s.sign(exitUndecided, "--stack", "network"); !strings.Contains(stderr, "cannot be written") || s.outputs()["token"] != "" {
			t.Errorf("%s: it says %q", name, stderr)
		}
	}
}

// Flags that mean nothing for a format are refused, wherever they come from, and one
// that looks as if it limited something above all.
func TestSpaceliftForeignFlags(t *testing.T) {
	s := newSpaceliftTest(t)
	values := map[string]string{"bind": "commit"}
	for _, flag := range []string{"keyless", "in-place", "detached", "dry-run", "trigger", "allow-rerun"} {
		values[flag] = "true"
	}
	for _, test := range []struct {
		command, format string
		flags           []string
	}{
		{"sign", "spacelift", []string{
			"keyless", "identity-command", "issuer", "audience", "token-input", "dispatch", "pipeline", "repository-url", "in-place", "bind", "detached",
		}},
		{"sign", "token", []string{"stacks", "dry-run", "trigger", "run-type"}},
		{"sign", "digger", []string{"stacks", "dry-run", "trigger", "run-type", "stack"}},
		{"sign", "buildkite", []string{"stacks", "dry-run", "trigger", "run-type", "stack"}},
		{"verify", "spacelift", []string{
			"keyless", "trusted-issuer", "trusted-identity", "jwks", "jwks-cache", "issuer", "audience", "token-input",
			"allow-unsigned-inputs", "dispatchers", "allow-rerun", "spec",
		}},
	} {
		for _, flag := range test.flags {
			value := "x"
			if v, ok := values[flag]; ok {
				value = v
			}
			for where, env := range map[string]map[string]string{
				"the command line": nil,
				"a variable":       {(&app{Getenv: lookup(nil)}).variable(flag): value},
				"the Action": {"INPUT_MODE": test.command, "INPUT_FORMAT": test.format, "INPUT_SECRET": stackSecret, "COUNTERSIGN_SECRET": "",
					"INPUT_" + strings.ReplaceAll(strings.ToUpper(flag), "-", "_"): value},
			} {
				if where == "the Action" && flag == "identity-command" {
					continue // no input of it
				}
				of := *s
				of.env = map[string]string{}
				of.set(s.env).set(env)
				args := []string{test.command, "--format", test.format}
				switch where {
				case "the command line":
					args = append(args, "--"+flag+"="+value)
				case "the Action":
					args = nil
				}
				_, stderr := of.run(exitUsage, args...)
				if want := "--" + flag + " means nothing with --format " + test.format; !strings.Contains(stderr, want) {
					t.Errorf("%s --%s from %s says %q", test.command, flag, where, stderr)
				}
			}
		}
	}
	s.notAsked()
}

func TestSpaceliftKeyOnCommandLine(t *testing.T) {
	s := newSpaceliftTest(t)
	text, err := os.ReadFile(testKey("p256"))
	if err != nil {
		t.Fatal(err)
	}
	s.set(map[string]string{"COUNTERSIGN_SECRET": ""})
	s.secrets = append(s.secrets, strings.Split(string(text), "\n")[1])
	s.refuses(exitUsage, "a key on the command line", "--stack", "network", "--key", string(text))
}
