package digger_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/dialect/digger"
	"github.com/countersign-ci/countersign/internal/jose"
)

var (
	root   = filepath.Join("..", "..", "..")
	issued = time.Unix(1795312800, 0)
	// expires is when what the tests sign expires.
	expires = issued.Add(10 * time.Minute)
)

func readFile(t testing.TB, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	if len(text) == 0 {
		t.Fatalf("%s is empty", path)
	}
	return string(text)
}

// ownSpec is a spec with all kinds of values.
func ownSpec(t testing.TB) string {
	t.Helper()
	return readFile(t, "testdata", "spec.json")
}

// eachSpec runs a test with the spec of the tests, and with what the orchestrator
// sends, where the test vectors are there.
func eachSpec(t *testing.T, test func(t *testing.T, spec string)) {
	t.Helper()
	t.Run("own", func(t *testing.T) { t.Parallel(); test(t, ownSpec(t)) })
	t.Run("orchestrator", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(root, "..", "shared", "vectors")
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			t.Skipf("the test vectors are absent: there is no folder %s", dir)
		}
		test(t, readFile(t, dir, "digger", "spec.json"))
	})
}

// A pair is both halves of a key.
type pair struct {
	private *jose.SigningKey
	public  *jose.VerifyingKeys
}

var algorithms = []string{
	"EdDSA", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "HS256", "HS384", "HS512",
}

var (
	pairsMu sync.Mutex
	pairs   = map[string]pair{}
)

// keys returns the pair for an algorithm, which is always the same.
func keys(t testing.TB, algorithm string) pair {
	t.Helper()
	pairsMu.Lock()
	defer pairsMu.Unlock()
	if _, ok := pairs[algorithm]; !ok {
		pairs[algorithm] = loadKeys(t, algorithm)
	}
	return pairs[algorithm]
}

func loadKeys(t testing.TB, algorithm string) (p pair) {
	t.Helper()
	var err, publicErr error
	if strings.HasPrefix(algorithm, "HS") {
		secret := []byte(strings.Repeat("0123456789abcdef", 4))
		p.private, err = jose.SecretSigningKey(secret, algorithm)
		p.public, publicErr = jose.SecretVerifyingKey(secret, algorithm)
	} else {
		file := map[string]string{"EdDSA": "ed25519", "ES256": "p256", "ES384": "p384", "ES512": "p521"}[algorithm]
		if file == "" {
			file = "rsa2048"
		}
		p.private, err = jose.ParseSigningKey([]byte(readFile(t, root, "testdata", "keys", file+".pem")), algorithm)
		p.public, publicErr = jose.ParseVerifyingKeys([]byte(readFile(t, root, "testdata", "keys", file+".pub.pem")), algorithm)
	}
	if err := errors.Join(err, publicErr); err != nil {
		t.Fatal(err)
	}
	return p
}

// eachAlgorithm runs a test with a key of each algorithm.
func eachAlgorithm(t *testing.T, test func(t *testing.T, p pair)) {
	t.Helper()
	for _, a := range algorithms {
		t.Run(a, func(t *testing.T) { t.Parallel(); test(t, keys(t, a)) })
	}
}

func sign(t testing.TB, p pair, spec string) string {
	t.Helper()
	envelope, err := digger.Sign(p.private, spec, expires)
	if err != nil {
		t.Fatalf("%.200q: %v", spec, err)
	}
	return envelope
}

var claims = digger.Claims{ID: "m9Bdf0ZyTz6Ck1yQvVYJZw", IssuedAt: issued, Expires: expires}

func signDetached(t testing.TB, p pair, spec string) string {
	t.Helper()
	token, err := digger.SignDetached(p.private, spec, claims)
	if err != nil {
		t.Fatalf("%.200q: %v", spec, err)
	}
	return token
}

func open(t testing.TB, p pair, envelope string) *digger.Opened {
	t.Helper()
	o, err := digger.Open(p.public, envelope)
	if err != nil {
		t.Fatalf("%v\n%s", err, envelope)
	}
	return o
}

func openDetached(t testing.TB, p pair, spec, token string) *digger.Opened {
	t.Helper()
	o, err := digger.OpenDetached(p.public, spec, token)
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, spec, token)
	}
	return o
}

// wantRefused checks that something is refused with an outcome.
func wantRefused(t testing.TB, what string, o *digger.Opened, err, outcome error) {
	t.Helper()
	var e *jose.Error
	switch {
	case o != nil || err == nil:
		t.Errorf("%.300s: accepted", what)
	case !errors.As(err, &e) || e.Reason == "":
		t.Errorf("%.300s: %v is no *jose.Error with a reason", what, err)
	case e.Outcome != outcome:
		t.Errorf("%.300s: %q, want %q", what, err, outcome)
	}
	wantSilent(t, err)
}

// wantError checks that a spec cannot be signed, or no run started for it.
func wantError(t testing.TB, what string, err error, want string) {
	t.Helper()
	var e *digger.Error
	if !errors.As(err, &e) || e.Hint() == "" {
		t.Errorf("%.300s: %v, want an *Error with a hint", what, err)
		return
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("%.300s:\n got %q\nwant %q", what, err, want)
	}
	wantSilent(t, err)
}

// wantSilent checks that an error quotes nothing that stands in the tests' specs.
func wantSilent(t testing.TB, err error) {
	t.Helper()
	for _, text := range []string{"SECRET", "octocat", "mallory", "acme", "widgets", "m9Bdf0", "spec.json", "6666"} {
		if err != nil && strings.Contains(strings.ToLower(err.Error()), strings.ToLower(text)) {
			t.Errorf("the error quotes the spec: %q", err)
		}
	}
}

// signature makes the signature of an envelope over any spec.
func signature(t testing.TB, p pair, typ, spec string) string {
	t.Helper()
	v, err := jose.ParseJSON(spec)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := jose.Canonicalize(v)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(token(t, p, typ, string(payload)), ".")
	return parts[0] + ".." + parts[2]
}

// token makes a token of any type and payload.
func token(t testing.TB, p pair, typ, payload string) string {
	t.Helper()
	token, err := jose.SignPayload(jose.Form{Type: typ, MaxSize: 1 << 23}, p.private, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// envelope puts an envelope together.
func envelope(spec, signature string) string {
	return `{"spec":` + spec + `,"signature":{"signature":"` + signature + `"}}`
}

// forge signs any spec, which has an expiry, in an envelope.
func forge(t testing.TB, p pair, spec string) string {
	t.Helper()
	return envelope(spec, signature(t, p, "digger-spec+jws", spec))
}

// split returns the spec and the signature of an envelope.
func split(t testing.TB, text string) (spec, signature string) {
	t.Helper()
	var e struct {
		Spec      json.RawMessage
		Signature struct{ Signature string }
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	return string(e.Spec), e.Signature.Signature
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// form returns the canonical form of a spec.
func form(t testing.TB, text string) string {
	t.Helper()
	v, err := jose.ParseJSON(text)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	canonical, err := jose.Canonicalize(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(canonical)
}

// digest returns the SHA-256 of a text in hex.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func parsePair(t testing.TB, private, public []byte) pair {
	t.Helper()
	signing, err := jose.ParseSigningKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	verifying, err := jose.ParseVerifyingKeys(public, "")
	if err != nil {
		t.Fatal(err)
	}
	return pair{signing, verifying}
}

// swapID gives a JWK the kid of another key.
func swapID(t testing.TB, key []byte, other pair) []byte {
	t.Helper()
	var k map[string]any
	if err := json.Unmarshal(key, &k); err != nil {
		t.Fatal(err)
	}
	k["kid"] = other.private.ID()
	text, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
