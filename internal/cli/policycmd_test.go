package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// policyOf prints a policy.
func (s *spaceliftTest) policyOf(args ...string) string {
	s.t.Helper()
	stdout, stderr := s.run(exitOK, append([]string{"policy"}, args...)...)
	if stderr != "" || !strings.HasPrefix(stdout, "package spacelift\n") || !strings.HasSuffix(stdout, "\n") {
		s.t.Errorf("%q prints %q and says %q", args, stdout, stderr)
	}
	return stdout
}

// newPolicyTest has no secret and no key.
func newPolicyTest(t *testing.T) *spaceliftTest {
	s := newSpaceliftTest(t)
	s.env = map[string]string{}
	return s
}

// policyKeys returns the keys in a policy.
func policyKeys(t *testing.T, policy string) (keys []map[string]string) {
	t.Helper()
	_, text, ok := strings.Cut(policy, "\nkeys := ")
	text, _, end := strings.Cut(text, "\n]\n")
	if !ok || !end {
		t.Fatalf("there are no keys in %s", policy)
	}
	if err := json.Unmarshal([]byte(text+"]"), &keys); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return keys
}

func TestPolicySpacelift(t *testing.T) {
	s := newPolicyTest(t)
	for _, test := range []struct {
		key, alg, want string
	}{{"p256.pub", "", "ES256"}, {"p521.pub", "", "ES512"}, {"rsa2048.pub", "", "PS256"}, {"rsa2048.pub", "RS256", "RS256"}, {"p256", "", "ES256"}} {
		args := []string{"spacelift", "--key", testKey(test.key)}
		if test.alg != "" {
			args = append(args, "--alg", test.alg)
		}
		if test.key == "p256" {
			// Of a private key nothing may get into it.
			if _, stderr := s.run(exitUsage, append([]string{"policy"}, args...)...); !strings.Contains(stderr, "private") {
				t.Errorf("it says %q", stderr)
			}
			continue
		}
		keys := policyKeys(t, s.policyOf(args...))
		if len(keys) != 1 || keys[0]["alg"] != test.want || keys[0]["kid"] == "" || keys[0]["d"] != "" {
			t.Errorf("%q: the keys are %v", args, keys)
		}
	}

	// Two keys, from a file and from a variable.
	var jwks struct {
		Keys []json.RawMessage `json:"keys"`
	}
	for _, name := range []string{"a", "b"} {
		s.run(exitOK, "keygen", "--alg", "ES256", "--private", s.path(name), "--public", s.path(name+".pub"))
		jwks.Keys = append(jwks.Keys, json.RawMessage(s.read(name+".pub")))
	}
	text, err := json.Marshal(jwks)
	if err != nil {
		t.Fatal(err)
	}
	policy := s.policyOf("spacelift", "--key", s.write("jwks", string(text)))
	if keys := policyKeys(t, policy); len(keys) != 2 || keys[0]["kid"] == keys[1]["kid"] {
		t.Errorf("the keys are %v", keys)
	}
	s.env["COUNTERSIGN_KEY"] = string(text)
	if s.policyOf("spacelift") != policy {
		t.Error("a variable's content gives another policy than a file")
	}
}

func TestPolicyPlaceholder(t *testing.T) {
	s := newPolicyTest(t)
	policy := s.policyOf("spacelift")
	if strings.Count(policy, "${SECRET}") != 1 || !strings.Contains(policy, `{"HS256"}`) {
		t.Errorf("the policy is %s", policy)
	}
	if s.policyOf("spacelift", "--secret-placeholder") != policy {
		t.Error("--secret-placeholder gives another policy")
	}
	// A secret that lies about does not get into it.
	s.env["COUNTERSIGN_SECRET"] = stackSecret
	if s.policyOf("spacelift") != policy {
		t.Error("with a secret at hand the policy is another one")
	}
	if push := s.policyOf("spacelift-push"); !strings.HasSuffix(push, "\nignore := true\n") {
		t.Errorf("the push policy is %s", push)
	}
}

func TestPolicyRefuses(t *testing.T) {
	oct := `{"kty":"oct","alg":"HS256","k":"dGhlLXNlY3JldC10aGF0LXNpZ25zLWZvci1zdGFja3M"}`
	for _, test := range []struct {
		name string
		env  map[string]string
		args []string
		says string
		hint string
	}{
		{"no system", nil, nil, "for which system", "spacelift, spacelift-push"},
		{"another system", nil, []string{"digger"}, "for which system", "spacelift, spacelift-push"},
		{"a secret as a key", map[string]string{"COUNTERSIGN_KEY": oct}, []string{"spacelift"}, "shared secret", ""},
		{"a secret beside a key", map[string]string{"COUNTERSIGN_SECRET": stackSecret}, []string{"spacelift", "--key", testKey("p256.pub")}, "two keys", "give one of"},
		{"EdDSA", nil, []string{"spacelift", "--key", testKey("ed25519.pub")}, "EdDSA", "keygen --alg ES256"},
		{"both", nil, []string{"spacelift", "--secret-placeholder", "--key", testKey("p256.pub")}, "a policy for a key, and for a secret", "give --key or"},
		{"an algorithm without a key", nil, []string{"spacelift", "--alg", "HS512"}, "--alg is about a key", "leave out --alg"},
		{"the algorithm of another key", nil, []string{"spacelift", "--key", testKey("p256.pub"), "--alg", "RS256"}, "RS256", ""},
		{"no file", nil, []string{"spacelift", "--key", "gone"}, "the key file cannot be read", "check the path"},
		{"http", nil, []string{"spacelift", "--key", "http://127.0.0.1/jwks"}, "a key set over http", "use https"},
		{"more arguments", nil, []string{"spacelift", "x"}, "no other arguments", "--help"},
		{"more arguments to a push", nil, []string{"spacelift-push", "x"}, "no other arguments", "--help"},
		{"flags of a push", nil, []string{"spacelift-push", "--key", "x"}, "unknown flag", "--help"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newPolicyTest(t).set(test.env)
			s.secrets = append(s.secrets, "dGhlLXNlY3JldC10aGF0")
			_, stderr := s.run(exitUsage, append([]string{"policy"}, test.args...)...)
			if _, hint, _ := strings.Cut(stderr, "hint: "); !strings.Contains(stderr, test.says) || !strings.Contains(hint, test.hint) {
				t.Errorf("it says %q, want %q and %q", stderr, test.says, test.hint)
			}
		})
	}
	// One key of two that cannot be used is one too many.
	s := newPolicyTest(t)
	set := `{"keys":[`
	for i, alg := range []string{"ES256", "EdDSA"} {
		s.run(exitOK, "keygen", "--alg", alg, "--private", s.path(alg), "--public", s.path(alg+".pub"))
		set += strings.Repeat(",", i) + s.read(alg+".pub")
	}
	s.env["COUNTERSIGN_KEY"] = set + "]}"
	if _, stderr := s.run(exitUsage, "policy", "spacelift"); !strings.Contains(stderr, "EdDSA") {
		t.Errorf("it says %q", stderr)
	}
}

func TestPolicyUnwritable(t *testing.T) {
	for _, args := range [][]string{{"spacelift"}, {"spacelift", "--key", testKey("p256.pub")}, {"spacelift-push"}} {
		var stderr bytes.Buffer
		code := Main(append([]string{"policy"}, args...), Env{Stdin: strings.NewReader(""), Stdout: broken{}, Stderr: &stderr})
		if code != exitUndecided || !strings.Contains(stderr.String(), "standard output cannot be written") {
			t.Errorf("%q ended with %d and says %q", args, code, stderr.String())
		}
	}
	// The same with a real one that is full.
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer full.Close()
	if code := Main([]string{"policy", "spacelift"}, Env{Stdout: full, Stderr: new(bytes.Buffer)}); code != exitUndecided {
		t.Errorf("it ended with %d", code)
	}
}
