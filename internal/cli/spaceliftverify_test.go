package cli

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/countersign-ci/countersign/internal/report"
)

const expectNetwork = "sha=" + otherSHA + ",stack=network"

// newWorkerTest is a worker's launcher, which is no run of GitHub.
func newWorkerTest(t *testing.T) *spaceliftTest {
	t.Helper()
	s := newSpaceliftTest(t)
	s.env = map[string]string{"COUNTERSIGN_SECRET": stackSecret, "GITHUB_OUTPUT": s.path("output"), "GITHUB_STEP_SUMMARY": s.path("summary")}
	return s
}

// token signs for the stack network.
func (s *spaceliftTest) token(args ...string) string {
	s.t.Helper()
	stdout, _ := s.sign(exitOK, append([]string{"--stack", "network", "--sha", otherSHA, "--actor", "octocat"}, args...)...)
	return strings.TrimSpace(stdout)
}

// made is a token with any claims, as other programs sign it.
func made(t *testing.T, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"iss": "GitHub Actions", "exp": iat + 600, "sub": otherSHA, "spacelift_stack": "network"}
	for name, value := range claims {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(all)).SignedString([]byte(stackSecret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// verify checks a token. The rules that fail are those given, and the report, the exit
// code and the output agree.
func (s *spaceliftTest) verify(token string, rules []string, args ...string) {
	s.t.Helper()
	code := exitOK
	if len(rules) > 0 {
		code = exitRefused
	}
	s.verifies(code, token, rules, args...)
}

func (s *spaceliftTest) verifies(code int, token string, rules []string, args ...string) (stderr string) {
	s.t.Helper()
	stdout, stderr := s.run(code, append([]string{"verify", "--format", "spacelift", "--json", "--token=" + token}, args...)...)
	var r struct {
		OK       bool
		Failure  string
		Findings []report.Finding
		Spec     json.RawMessage
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		s.t.Fatalf("%v: %s", err, stdout)
	}
	var failed []string
	for _, f := range r.Findings {
		if f.Status != report.Pass {
			failed = append(failed, f.Rule)
		}
	}
	if !slices.Equal(failed, rules) || r.OK != (len(rules) == 0) || (string(r.Spec) != "null") != r.OK {
		s.t.Errorf("%q: it reports %s, want %q", args, stdout, rules)
	}
	out := s.outputs()
	if want := map[bool]string{true: "true", false: "false"}[r.OK]; out["verified"] != want || out["failure"] != r.Failure || (out["sha"] == otherSHA) != r.OK {
		s.t.Errorf("%q: the outputs are %q", args, out)
	}
	return stderr
}

func TestSpaceliftVerify(t *testing.T) {
	s := newWorkerTest(t)
	token := s.token()
	own := "actor=octocat"
	for _, test := range []struct {
		name, token string
		args        []string
		rules       []string
	}{
		{"as it was signed", token, []string{"--expect", expectNetwork}, nil},
		{"one by one", token, []string{"--expect", "sha=" + otherSHA, "--expect", "stack=network"}, nil},
		{"another stack", token, []string{"--expect", "stack=database,sha=" + otherSHA}, []string{"wrong-stack"}},
		{"in capitals", token, []string{"--expect", "stack=Network,sha=" + otherSHA}, []string{"wrong-stack"}},
		{"another commit", token, []string{"--expect", "stack=network,sha=" + strings.Repeat("a", 40)}, []string{"wrong-commit"}},
		{"both", token, []string{"--expect", "stack=database,sha=" + strings.Repeat("a", 40)}, []string{"wrong-commit", "wrong-stack"}},
		{"an actor", token, []string{"--expect", expectNetwork, "--expect", own}, nil},
		{"another actor", token, []string{"--expect", expectNetwork, "--expect", "actor=mallory"}, []string{"wrong-actor"}},
		{"what it does not say", token, []string{"--expect", expectNetwork, "--expect", "environment=production"}, []string{"unbound"}},
		{"an actor of a token without a spec", made(t, nil), []string{"--expect", expectNetwork, "--expect", own}, []string{"unbound"}},
		{"commands", s.token("--command", "terraform plan"), []string{"--expect", expectNetwork, "--expect", `commands=["terraform plan"]`}, nil},
		{"other commands", s.token("--command", "terraform plan"), []string{"--expect", expectNetwork, "--expect", `commands=["terraform apply"]`}, []string{"wrong-commands"}},
		{"inputs", s.token("--inputs", `{"a":"x"}`), []string{"--expect", expectNetwork, "--expect", `inputs={"a":"x"}`}, nil},
		{"other inputs", s.token("--inputs", `{"a":"x"}`), []string{"--expect", expectNetwork, "--expect", `inputs={"a":"b"}`}, []string{"wrong-inputs"}},
		{"inputs of a token without a spec", made(t, nil), []string{"--expect", expectNetwork, "--expect", `inputs={"a":"b"}`}, []string{"wrong-inputs"}},
		{"required", token, []string{"--expect", expectNetwork, "--require", "actor"}, nil},
		{"required and absent", token, []string{"--expect", expectNetwork, "--require", "environment"}, []string{"unbound"}},
		// What is written out counts, even if it is the default of other formats.
		{"required as elsewhere", token, []string{"--expect", expectNetwork, "--require", "repository,actor,sha"}, []string{"unbound"}},
		{"required of one that has it", s.token("--repository", "acme/widgets"), []string{"--expect", expectNetwork, "--require", "repository,actor,sha"}, nil},
		{"as the reference makes it", made(t, map[string]any{"iat": iat}), []string{"--expect", expectNetwork}, nil},
		{"without exp", made(t, map[string]any{"exp": nil}), []string{"--expect", expectNetwork}, []string{"malformed-token"}},
		{"without sub", made(t, map[string]any{"sub": nil}), []string{"--expect", expectNetwork}, []string{"malformed-token"}},
		{"without a stack", made(t, map[string]any{"spacelift_stack": nil}), []string{"--expect", expectNetwork}, []string{"malformed-token"}},
		{"with an audience", made(t, map[string]any{"aud": "x"}), []string{"--expect", expectNetwork}, []string{"malformed-token"}},
		{"expired", made(t, map[string]any{"exp": iat - 61}), []string{"--expect", expectNetwork}, []string{"expired"}},
		{"later", made(t, map[string]any{"nbf": iat + 62}), []string{"--expect", expectNetwork}, []string{"not-yet-valid"}},
		{"for years", made(t, map[string]any{"exp": 4102444800}), []string{"--expect", expectNetwork}, nil},
		{"missing", "", []string{"--expect", expectNetwork}, []string{"missing-token"}},
		{"white space", " \n", []string{"--expect", expectNetwork}, []string{"missing-token"}},
		{"none", "x", []string{"--expect", expectNetwork}, []string{"malformed-token"}},
		{"two", token + " " + token, []string{"--expect", expectNetwork}, []string{"malformed-token"}},
		{"changed", token[:len(token)-20] + "AAAAAAAAAAAAAAAAAAAA", []string{"--expect", expectNetwork}, []string{"bad-signature"}},
		{"of another type", otherType(t), []string{"--expect", expectNetwork}, []string{"wrong-type"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			of := *s
			of.t = t
			of.verify(test.token, test.rules, test.args...)
		})
	}
}

// otherType is a token for a run of GitHub that the same secret signed.
func otherType(t *testing.T) string {
	t.Helper()
	code, stdout, stderr := program{env: map[string]string{"COUNTERSIGN_SECRET": stackSecret}}.run("sign", "--repository", "acme/widgets",
		"--sha", otherSHA, "--actor", "octocat", "--stack", "network", "--issuer", "https://github.com/acme/widgets")
	if code != exitOK {
		t.Fatal(stderr)
	}
	return strings.TrimSpace(stdout)
}

// The other way round such a token is none for a run.
func TestSpaceliftTokenElsewhere(t *testing.T) {
	s := newWorkerTest(t)
	token := s.token("--repository", "acme/widgets")
	_, stderr := s.run(exitRefused, "verify", "--token", token, "--expect", "repository=acme/widgets,actor=octocat,sha="+otherSHA)
	if !strings.Contains(stderr, "wrong-type") {
		t.Errorf("it says %q", stderr)
	}
}

// A token dies a minute after its time.
func TestSpaceliftVerifyLater(t *testing.T) {
	s := newWorkerTest(t)
	token := s.token()
	for after, rules := range map[time.Duration][]string{
		-70 * time.Second: {"not-yet-valid"}, -50 * time.Second: nil, 0: nil,
		10*time.Minute + 50*time.Second: nil, 11 * time.Minute: {"expired"}, 24 * time.Hour: {"expired"},
	} {
		s.now = spaceliftStart.Add(after)
		s.verify(token, rules, "--expect", expectNetwork)
	}
}

func TestSpaceliftVerifyKeys(t *testing.T) {
	for _, test := range []struct {
		private, public, alg string
		rules                []string
	}{
		{"p256", "p256.pub", "", nil},
		{"p384", "p384.pub", "", nil},
		{"rsa2048", "rsa2048.pub", "", nil},
		{"rsa2048", "rsa2048.pub", "RS256", nil},
		{"p256", "rsa2048.pub", "", []string{"unsupported-algorithm"}},
		{"p256", "ed25519.pub", "", []string{"unsupported-algorithm"}},
	} {
		s := newWorkerTest(t).withKey(test.private)
		s.env["COUNTERSIGN_ALG"] = test.alg
		token := s.token()
		s.env["COUNTERSIGN_KEY"] = testKey(test.public)
		s.verify(token, test.rules, "--expect", expectNetwork)
	}
}

// The recorded tokens, which a secret signed.
func TestSpaceliftVectors(t *testing.T) {
	folder := filepath.Join("..", "..", "..", "shared", "vectors", "spacelift")
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the test vectors are absent: there is no folder %s", folder)
	}
	const stackAndCommit = "sha=0123456789abcdef0123456789abcdef01234567,stack=my-stack"
	for name, rule := range map[string]string{
		"good.json": "", "noexp.json": "malformed-token", "wrong-commit.json": "wrong-commit", "absent-metadata.json": "missing-token",
	} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		var input struct {
			Run struct {
				Metadata []string `json:"user_provided_metadata"`
			}
		}
		if err := json.Unmarshal(text, &input); err != nil {
			t.Fatal(err)
		}
		s := newWorkerTest(t)
		s.env["COUNTERSIGN_SECRET"] = "0123456789abcdef0123456789abcdef"
		s.secrets = nil // it stands in the commit
		s.verify(strings.Join(input.Run.Metadata, ""), strings.Fields(rule), "--expect", stackAndCommit)
	}
}

// How it is used wrongly shows whatever the token is.
func TestSpaceliftVerifyUsage(t *testing.T) {
	s := newWorkerTest(t)
	for _, token := range []string{s.token(), ""} {
		for _, test := range []struct {
			args []string
			says string
		}{
			{nil, "the sha of the run at hand is not known"},
			{[]string{"--expect", "stack=network"}, "the sha of the run at hand is not known"},
			{[]string{"--expect", "sha=" + otherSHA}, "the stack of the run at hand is not known"},
			{[]string{"--expect", expectNetwork + ",colour=red"}, "colour"},
			{[]string{"--expect", expectNetwork, "--require", "colour"}, "colour"},
			{[]string{"--expect", "sha=,stack=network"}, "sha has no value"},
			{[]string{"--expect", expectNetwork, "--check", "pins"}, "--format is about a token"},
			{[]string{"--expect", expectNetwork, "--ledger", "dir:" + s.folder}, "--ledger says"},
		} {
			_, stderr := s.run(exitUsage, append([]string{"verify", "--format", "spacelift", "--token=" + token}, test.args...)...)
			if !strings.Contains(stderr, test.says) || s.outputs()["verified"] != "false" {
				t.Errorf("%q says %q, want %q; the outputs are %q", test.args, stderr, test.says, s.outputs())
			}
		}
	}
	s.env["COUNTERSIGN_SECRET"] = ""
	s.run(exitUsage, "verify", "--format", "spacelift", "--token", made(t, nil), "--expect", expectNetwork)
}

// What only warns lets a run pass and verifies nothing.
func TestSpaceliftVerifyWarn(t *testing.T) {
	s := newWorkerTest(t)
	token := s.token()
	for _, test := range []struct {
		token, rule, flag string
		code              int
	}{
		{"", "missing-token", "--on-missing=warn", exitOK},
		{"", "missing-token", "--on-invalid=warn", exitRefused},
		{"x", "malformed-token", "--on-invalid=warn", exitOK},
		{"x", "malformed-token", "--on-missing=warn", exitRefused},
		{token, "wrong-stack", "--on-invalid=warn", exitOK},
	} {
		s.verifies(test.code, test.token, []string{test.rule}, test.flag, "--expect", "stack=database,sha="+otherSHA)
	}
	// A key that is wrong shows even if a token may be missing.
	s.env["COUNTERSIGN_SECRET"] = ""
	s.run(exitUsage, "verify", "--format", "spacelift", "--token=", "--on-missing=warn", "--expect", expectNetwork)
}

// What is at hand of a run of GitHub is that of another system, and not the worker's.
func TestSpaceliftVerifyOnGitHub(t *testing.T) {
	s := newWorkerTest(t)
	token := s.token()
	s.set(map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/other", "GITHUB_SHA": strings.Repeat("a", 40), "GITHUB_RUN_ATTEMPT": "2", "GITHUB_RUN_ID": "8",
		"GITHUB_ACTOR": "mallory", "GITHUB_TRIGGERING_ACTOR": "mallory", "GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_EVENT_PATH": s.path("gone"),
	})
	if stderr := s.verifies(exitOK, token, nil, "--expect", expectNetwork); !strings.HasPrefix(stderr, addMask+token+"\n") {
		t.Errorf("it says %q", stderr)
	}
	s.verify(token, []string{"wrong-commit"}, "--expect", "stack=network,sha="+s.env["GITHUB_SHA"])
	_, stderr := s.run(exitUsage, "verify", "--format", "spacelift", "--token", token)
	if !strings.Contains(stderr, "the sha of the run at hand is not known") {
		t.Errorf("it says %q", stderr)
	}
}

// A token is used once, whatever it says of itself.
func TestSpaceliftSingleUse(t *testing.T) {
	s := newWorkerTest(t)
	for name, token := range map[string]string{
		"as it is signed":    s.token(),
		"without jti":        made(t, map[string]any{"iat": iat}),
		"without jti or iss": made(t, map[string]any{"iss": nil}),
		"without iss":        made(t, map[string]any{"iss": nil, "jti": "one"}),
	} {
		t.Run(name, func(t *testing.T) {
			of := *s
			of.t = t
			args := []string{"--expect", expectNetwork, "--single-use", "--ledger", "dir:" + t.TempDir()}
			// What is refused uses no token up.
			of.verify(token, []string{"wrong-stack"}, append([]string{"--expect", "sha=" + otherSHA, "--expect", "stack=database"}, args[2:]...)...)
			of.verify(token, nil, args...)
			of.verify(token, []string{"replayed"}, args...)
			of.verify(s.token(), nil, args...)
			of.verify(made(t, map[string]any{"exp": iat + 601}), nil, args...)
		})
	}
	// Without --ledger it would be refs in a repository, which nobody named.
	_, stderr := s.run(exitUsage, "verify", "--format", "spacelift", "--token", s.token(), "--expect", expectNetwork, "--single-use")
	if !strings.Contains(stderr, "which repository has the ledger") {
		t.Errorf("it says %q", stderr)
	}
}
