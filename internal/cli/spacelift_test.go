package cli

import (
	"os"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

const iat = 1795348800 // spaceliftStart in whole seconds

// TestSpaceliftClaims has the claims and the header of a token be exactly those of the
// reference, and those that it does not look at.
func TestSpaceliftClaims(t *testing.T) {
	for _, test := range []struct {
		algorithm, key string
		args           []string
		kid            bool
	}{
		{"HS256", "", nil, false},
		{"ES256", "p256", nil, true},
		{"PS256", "rsa2048", nil, true},
		{"RS256", "rsa2048", []string{"--alg", "RS256"}, true},
	} {
		t.Run(test.algorithm, func(t *testing.T) {
			s := newSpaceliftTest(t)
			var key any = []byte(stackSecret)
			if test.key != "" {
				s.withKey(test.key)
				key = publicKey(t, test.key)
			}
			stdout, stderr := s.sign(exitOK, append(test.args, "--stack", "network", "--command", "terraform plan")...)
			if stderr != "" || strings.Count(stdout, "\n") != 1 || !strings.HasSuffix(stdout, "\n") {
				t.Errorf("it prints %q and says %q", stdout, stderr)
			}
			token := strings.TrimSpace(stdout)
			header, claims := decoded(t, token, 0), decoded(t, token, 1)
			id, _ := claims["jti"].(string)
			if !regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`).MatchString(id) {
				t.Errorf("the jti is %v", claims["jti"])
			}
			want := map[string]any{
				"iss": "GitHub Actions", "iat": 1.0 * iat, "nbf": 1.0 * iat, "exp": 1.0 * (iat + 600),
				"sub": otherSHA, "spacelift_stack": "network", "jti": id,
				"spec": map[string]any{
					"version": 1.0, "repository": "acme/widgets", "repository_id": "17", "repository_owner_id": "18",
					"ref": "refs/heads/main", "sha": otherSHA, "workflow": deploy, "event": "push",
					"actor": "octocat", "actor_id": "583231", "stack": "network", "commands": []any{"terraform plan"},
					"signer": map[string]any{
						"repository": "acme/widgets", "workflow_ref": "acme/widgets/" + deploy + "@refs/heads/main",
						"run_id": "7", "run_attempt": 1.0, "actor": "octocat", "sha": otherSHA,
					},
				},
			}
			if diff := cmp.Diff(want, claims); diff != "" {
				t.Errorf("the claims (-want +got):\n%s", diff)
			}
			wantHeader := map[string]any{"alg": test.algorithm, "typ": "JWT"}
			if test.kid {
				wantHeader["kid"] = header["kid"]
			}
			if diff := cmp.Diff(wantHeader, header); diff != "" || test.kid && header["kid"] == "" {
				t.Errorf("the header (-want +got):\n%s", diff)
			}
			// Another library finds the signature good.
			if _, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return key, nil },
				jwt.WithValidMethods([]string{test.algorithm}), jwt.WithoutClaimsValidation()); err != nil {
				t.Error(err)
			}
			s.notAsked()
			again, _ := s.sign(exitOK, append(test.args, "--stack", "network")...)
			if decoded(t, again, 1)["jti"] == id {
				t.Error("two tokens have the same jti")
			}
		})
	}
}

func publicKey(t *testing.T, name string) any {
	t.Helper()
	text, err := os.ReadFile(testKey(name + ".pub"))
	if err != nil {
		t.Fatal(err)
	}
	if name == "p256" {
		key, err := jwt.ParseECPublicKeyFromPEM(text)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	key, err := jwt.ParseRSAPublicKeyFromPEM(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Away from GitHub a commit and a stack are all that it takes.
func TestSpaceliftAway(t *testing.T) {
	s := newSpaceliftTest(t)
	s.env = map[string]string{"COUNTERSIGN_SECRET": stackSecret}
	stdout, _ := s.sign(exitOK, "--stack", "network", "--sha", otherSHA, "--ttl", "24h")
	claims := decoded(t, stdout, 1)
	want := map[string]any{"version": 1.0, "sha": otherSHA, "stack": "network"}
	if diff := cmp.Diff(want, claims["spec"]); diff != "" || claims["exp"] != 1.0*(iat+24*3600) {
		t.Errorf("the claims are %v, the spec (-want +got):\n%s", claims, diff)
	}
}

// A spec in a file may name commit and stack; flags win.
func TestSpaceliftSpecFile(t *testing.T) {
	s := newSpaceliftTest(t)
	file := s.write("spec.json", `{"version": 1, "stack": "network", "sha": "`+strings.Repeat("a", 40)+`"}`)
	for stack, args := range map[string][]string{"network": nil, "database": {"--stack", "database"}} {
		stdout, _ := s.sign(exitOK, append(args, "--spec", file)...)
		if claims := decoded(t, stdout, 1); claims["spacelift_stack"] != stack || claims["sub"] != strings.Repeat("a", 40) {
			t.Errorf("the claims are %v", claims)
		}
	}
	s.refuses(exitUsage, "one stack, and a file of stacks", "--spec", file, "--stacks", "stacks.yml")
}

func TestSpaceliftRefuses(t *testing.T) {
	long := strings.Repeat("x", 8192)
	for _, test := range []struct {
		name string
		env  map[string]string
		args []string
		says string
		hint string
	}{
		{"Ed25519", map[string]string{"COUNTERSIGN_SECRET": "", "COUNTERSIGN_KEY": testKey("ed25519")}, nil, "EdDSA", "keygen --alg ES256"},
		{"Ed25519, to be started", map[string]string{"COUNTERSIGN_SECRET": "", "COUNTERSIGN_KEY": testKey("ed25519")}, []string{"--trigger"}, "EdDSA", "keygen --alg ES256"},
		{"no key", map[string]string{"COUNTERSIGN_SECRET": ""}, nil, "there is no key", "--secret-file"},
		{"a short secret", map[string]string{"COUNTERSIGN_SECRET": stackSecret[:31]}, nil, "secret", "32"},
		{"an empty secret file", map[string]string{"COUNTERSIGN_SECRET": "", "COUNTERSIGN_SECRET_FILE": os.DevNull}, nil, "secret", "32"},
		{"a secret and a key", map[string]string{"COUNTERSIGN_KEY": testKey("p256")}, nil, "two keys", "give one of"},
		{"a secret for another algorithm", nil, []string{"--alg", "ES256"}, "ES256", ""},
		{"a public key", map[string]string{"COUNTERSIGN_SECRET": "", "COUNTERSIGN_KEY": testKey("p256.pub")}, nil, "public", ""},
		{"no commit", map[string]string{"GITHUB_SHA": ""}, nil, "nothing tells the sha", "give --sha"},
		{"the commit of another repository", nil, []string{"--repository", "acme/other"}, "nothing tells the sha", "give --sha"},
		{"half a commit", nil, []string{"--sha", "0123456"}, "full commit id", ""},
		{"no stack", nil, []string{"--stack", ""}, "which stack is to run", "--stacks FILE"},
		{"no id of a stack", nil, []string{"--stack", "../network"}, `"../network" cannot be the id of a stack`, "give the id"},
		{"two lines", nil, []string{"--stack", "network\ndatabase"}, "cannot be the id of a stack", "give the id"},
		{"a stack and stacks", nil, []string{"--stacks", "stacks.yml"}, "one stack, and a file of stacks", "give --stack or --stacks"},
		{"a dry run of one", nil, []string{"--dry-run"}, "--dry-run shows the stacks of --stacks", "leave out --dry-run"},
		{"a dry run that starts", nil, []string{"--stack", "", "--stacks", "x", "--dry-run", "--trigger"}, "--dry-run starts nothing", "leave out"},
		{"a type without a run", nil, []string{"--run-type", "TRACKED"}, "--run-type is about", "add --trigger"},
		{"another type", nil, []string{"--trigger", "--run-type", "DESTROY"}, "neither of the two types", "TRACKED and PROPOSED"},
		{"too long a life", nil, []string{"--ttl", "24h1s"}, "cannot be valid for", "--ttl"},
		{"too short a life", nil, []string{"--ttl", "1ms"}, "cannot be valid for", "--ttl"},
		{"too much to sign", nil, []string{"--command", long}, "may have 8192", "sign less"},
		{"too much to sign and start", nil, []string{"--command", long, "--trigger"}, "may have 8192", "sign less"},
		{"text that is not UTF-8", nil, []string{"--environment", "\xff"}, "UTF-8", ""},
		{"attempts that are none", map[string]string{"GITHUB_RUN_ATTEMPT": "x"}, nil, "GITHUB_RUN_ATTEMPT", "as GitHub gives it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSpaceliftTest(t).set(test.env)
			stderr := s.refuses(exitUsage, test.says, append([]string{"--stack", "network"}, test.args...)...)
			if _, hint, _ := strings.Cut(stderr, "hint: "); !strings.Contains(hint, test.hint) {
				t.Errorf("it says %q, want the hint %q", stderr, test.hint)
			}
			s.notAsked()
			if !strings.Contains(s.read("summary"), "refused") {
				t.Errorf("the summary is %q", s.read("summary"))
			}
		})
	}
}

// 8 KB is what fits, and no byte more.
func TestSpaceliftLargest(t *testing.T) {
	s := newSpaceliftTest(t)
	largest := 0
	n := sort.Search(8192, func(n int) bool {
		code, stdout, _ := program{env: s.env}.run("sign", "--format", "spacelift", "--stack", "network", "--command", strings.Repeat("x", n))
		largest = max(largest, len(strings.TrimSpace(stdout)))
		return code != exitOK
	})
	// Base64 adds one or two for each of the last bytes.
	if largest > 8192 || largest < 8191 {
		t.Errorf("the largest token has %d bytes", largest)
	}
	s.refuses(exitUsage, "may have 8192", "--stack", "network", "--command", strings.Repeat("x", n))
}
