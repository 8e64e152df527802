package jose

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	keysDir    = filepath.Join("..", "..", "testdata", "keys")
	vectorsDir = filepath.Join("..", "..", "..", "shared", "vectors")
)

// readFile reads a file that a test cannot do without.
func readFile(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) == 0 {
		t.Fatalf("%s is empty", path)
	}
	return text
}

// keyFile reads a file of testdata/keys.
func keyFile(t testing.TB, name string) []byte {
	t.Helper()
	return readFile(t, filepath.Join(keysDir, name))
}

// needVectors skips a test where the folder of the test vectors is absent. A
// file that is missing in it is a failure.
func needVectors(t testing.TB) {
	t.Helper()
	if _, err := os.Stat(vectorsDir); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the test vectors are absent: there is no folder %s", vectorsDir)
	}
}

// readVectors reads a JSON file of the test vectors into value.
func readVectors(t testing.TB, value any, path ...string) {
	t.Helper()
	needVectors(t)
	text := readFile(t, filepath.Join(vectorsDir, filepath.Join(path...)))
	if err := json.Unmarshal(text, value); err != nil {
		t.Fatalf("%s: %v", filepath.Join(path...), err)
	}
}

// testSecret is long enough for every HMAC.
var testSecret = []byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")

// A pair is both halves of a key.
type pair struct {
	signing   *SigningKey
	verifying *VerifyingKeys
}

// keyPair loads the key of testdata/keys for an algorithm.
func keyPair(t testing.TB, algorithmName string) (p pair) {
	t.Helper()
	var err error
	file := map[string]string{"EdDSA": "ed25519", "ES256": "p256", "ES384": "p384", "ES512": "p521"}[algorithmName]
	switch {
	case strings.HasPrefix(algorithmName, "HS"):
		if p.signing, err = SecretSigningKey(testSecret, algorithmName); err != nil {
			t.Fatal(err)
		}
		if p.verifying, err = SecretVerifyingKey(testSecret, algorithmName); err != nil {
			t.Fatal(err)
		}
		return p
	case file == "":
		file = "rsa2048"
	}
	if p.signing, err = ParseSigningKey(keyFile(t, file+".pem"), algorithmName); err != nil {
		t.Fatal(err)
	}
	if p.verifying, err = ParseVerifyingKeys(keyFile(t, file+".pub.pem"), algorithmName); err != nil {
		t.Fatal(err)
	}
	return p
}

// eachAlgorithm runs a test for every algorithm, with a key of it.
func eachAlgorithm(t *testing.T, test func(t *testing.T, p pair)) {
	t.Helper()
	if len(algorithms) != 13 {
		t.Fatalf("%d algorithms, want 13", len(algorithms))
	}
	for _, a := range algorithms {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			test(t, keyPair(t, a.name))
		})
	}
}

// runForm is the form of a token for a run.
var runForm = Form{
	Type:    "run-spec+jwt",
	Claims:  []string{"iss", "aud", "sub", "iat", "nbf", "exp", "jti", "spec"},
	MaxSize: 65535,
}

// issued is when the tokens of the tests were made.
var issued = time.Unix(1795312800, 0)

// runSpec is a spec with all its fields.
const runSpec = `{"version":1,"repository":"acme/widgets","repository_id":"456789","repository_owner_id":"123456",` +
	`"ref":"refs/heads/main","sha":"0123456789abcdef0123456789abcdef01234567",` +
	`"workflow":".github/workflows/deploy.yml","event":"workflow_dispatch","actor":"octocat","actor_id":"583231",` +
	`"environment":"production","stack":"staging-vpc","commands":["terraform plan"],"inputs":{"reason":"weekly"},` +
	`"artifacts":[{"path":"dist/app.tgz","size":10240,"sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}],` +
	`"signer":{"repository":"acme/orchestrator","workflow_ref":"acme/orchestrator/.github/workflows/start.yml@refs/heads/main",` +
	`"run_id":"15000000001","run_attempt":1,"actor":"octocat","sha":"89abcdef0123456789abcdef0123456789abcdef"}}`

func runClaims() Claims {
	return Claims{
		Issuer:    "https://github.com/acme/orchestrator",
		Audience:  "https://github.com/acme/widgets",
		Subject:   "acme/widgets@0123456789abcdef0123456789abcdef01234567",
		ID:        "m9Bdf0ZyTz6Ck1yQvVYJZw",
		IssuedAt:  issued,
		NotBefore: issued,
		Expires:   issued.Add(10 * time.Minute),
		Private:   map[string]any{"spec": json.RawMessage(runSpec)},
	}
}

// runToken returns a valid token for a run.
func runToken(t testing.TB, key *SigningKey) string {
	t.Helper()
	token, err := Sign(runForm, key, runClaims())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// An object is a JSON object whose values are raw, to be put together wrongly.
type object []member

type member struct{ name, value string }

func (o object) String() string {
	var members []string
	for _, m := range o {
		members = append(members, strconv.Quote(m.name)+":"+m.value)
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (o object) without(name string) object {
	return slices.DeleteFunc(slices.Clone(o), func(m member) bool { return m.name == name })
}

// with replaces the value of a member, or adds one where there is none.
func (o object) with(name, value string) object {
	o = slices.Clone(o)
	for i := range o {
		if o[i].name == name {
			o[i].value = value
			return o
		}
	}
	return append(o, member{name, value})
}

// headerOf returns the header of a token for a run by a key.
func headerOf(key *SigningKey) object {
	h := object{{"alg", strconv.Quote(key.Algorithm())}, {"typ", `"run-spec+jwt"`}}
	if key.ID() != "" {
		h = append(h, member{"kid", strconv.Quote(key.ID())})
	}
	return h
}

// claimObject returns the claims of a token for a run.
func claimObject() object {
	return object{
		{"iss", `"https://github.com/acme/orchestrator"`},
		{"aud", `"https://github.com/acme/widgets"`},
		{"sub", `"acme/widgets@0123456789abcdef0123456789abcdef01234567"`},
		{"iat", "1795312800"},
		{"nbf", "1795312800"},
		{"exp", "1795313400"},
		{"jti", `"m9Bdf0ZyTz6Ck1yQvVYJZw"`},
		{"spec", runSpec},
	}
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// signText signs any header and claims, whatever they are.
func signText(t testing.TB, key *SigningKey, header, claims string) string {
	t.Helper()
	input := encode(header) + "." + encode(claims)
	signature, err := key.sign(input)
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(string(signature))
}

// wantRefused checks that a token is refused with an outcome.
func wantRefused(t testing.TB, form Form, keys *VerifyingKeys, token string, outcome error) {
	t.Helper()
	got, err := Verify(form, keys, token)
	if err == nil {
		t.Fatalf("Verify accepted %.200q", token)
	}
	if got != nil {
		t.Errorf("Verify returned a token beside the error %v", err)
	}
	wantOutcome(t, err, outcome)
}

// wantRefusal checks that an error is an [Error] with a reason.
func wantRefusal(t testing.TB, err error) *Error {
	t.Helper()
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Reason == "" {
		t.Fatalf("the error %v is no *Error with a reason", err)
	}
	return refusal
}

// wantOutcome checks that an error is an [Error] with an outcome and a reason.
func wantOutcome(t testing.TB, err, outcome error) {
	t.Helper()
	if wantRefusal(t, err).Outcome != outcome || !errors.Is(err, outcome) {
		t.Errorf("the error is %q, want %q", err, outcome)
	}
}

// wantAccepted checks that a token is accepted.
func wantAccepted(t testing.TB, form Form, keys *VerifyingKeys, token string) *Token {
	t.Helper()
	got, err := Verify(form, keys, token)
	if err != nil {
		t.Fatalf("Verify refused %.200q: %v", token, err)
	}
	return got
}

// hashOf returns the hash of an algorithm by the end of its name.
func hashOf(algorithmName string) crypto.Hash {
	return map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[algorithmName[2:]]
}
