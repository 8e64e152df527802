package spacelift_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/countersign-ci/countersign/internal/dialect/spacelift"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

const (
	commit = "0123456789abcdef0123456789abcdef01234567"
	stack  = "my-stack"
	secret = "0123456789abcdef0123456789abcdef"
)

// algorithms are those of key pairs that a token may have.
var algorithms = []string{"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"}

var (
	keysDir    = filepath.Join("..", "..", "..", "testdata", "keys")
	vectorsDir = filepath.Join("..", "..", "..", "..", "shared", "vectors")
)

func readFile(t testing.TB, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// vector reads a file of Spacelift's vectors; without them the test is skipped.
func vector(t testing.TB, name string) []byte {
	t.Helper()
	if _, err := os.Stat(vectorsDir); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the test vectors are absent: there is no folder %s", vectorsDir)
	}
	return readFile(t, vectorsDir, "spacelift", name)
}

// A signer signs what no Sign would.
type signer struct {
	key       *jose.SigningKey
	verifying *jose.VerifyingKeys
	material  any    // the private key or the secret
	public    string // PEM; empty with a secret
}

// newSigner loads a key of the tests; of HS256 and the like it is the secret.
func newSigner(t testing.TB, algorithm string) signer {
	t.Helper()
	file := map[string]string{"EdDSA": "ed25519", "ES256": "p256", "ES384": "p384", "ES512": "p521"}[algorithm]
	switch {
	case strings.HasPrefix(algorithm, "HS"):
		return secretSigner(t, algorithm, strings.Repeat(secret, 2)[:map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}[algorithm]])
	case file == "":
		file = "rsa2048"
	}
	return pairSigner(t, algorithm, readFile(t, keysDir, file+".pem"), readFile(t, keysDir, file+".pub.pem"))
}

func secretSigner(t testing.TB, algorithm, text string) signer {
	t.Helper()
	key, err := jose.SecretSigningKey([]byte(text), algorithm)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := jose.SecretVerifyingKey([]byte(text), algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, keys, []byte(text), ""}
}

func pairSigner(t testing.TB, algorithm string, private, public []byte) signer {
	t.Helper()
	key, err := jose.ParseSigningKey(private, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := jose.ParseVerifyingKeys(public, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(private)
	material, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, keys, material, string(public)}
}

// object is a JSON object.
type object map[string]any

// with returns a copy with another value; raw JSON is a json.RawMessage.
func (o object) with(name string, value any) object {
	o = maps.Clone(o)
	o[name] = value
	return o
}

func (o object) without(name string) object {
	o = maps.Clone(o)
	delete(o, name)
	return o
}

func (o object) String() string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// header is the header of a token by s.
func (s signer) header() object {
	h := object{"alg": s.key.Algorithm(), "typ": "JWT"}
	if id := s.key.ID(); id != "" {
		h["kid"] = id
	}
	return h
}

// claims are those of a token that the reference would make, valid at now.
func claims(now time.Time) object {
	return object{
		"iss": spacelift.Issuer, "iat": now.Unix(), "exp": now.Unix() + 3600, "sub": commit, "spacelift_stack": stack,
	}
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// token signs claims with the header of the key.
func (s signer) token(t testing.TB, claims string) string {
	t.Helper()
	return s.tokenWith(t, s.header().String(), claims)
}

// tokenWith signs any header and claims with the key and its algorithm.
func (s signer) tokenWith(t testing.TB, header, claims string) string {
	t.Helper()
	return forge(t, s.key.Algorithm(), s.material, header, claims)
}

func forge(t testing.TB, algorithm string, key any, header, claims string) string {
	t.Helper()
	input := encode(header) + "." + encode(claims)
	signature, err := jwt.GetSigningMethod(algorithm).Sign(input, key)
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(string(signature))
}

// spec is a spec with more than its token has to have.
func spec() *runspec.Spec {
	return &runspec.Spec{
		Version: runspec.Version, Repository: "acme/widgets", SHA: commit, Actor: "octocat", Stack: stack,
		Commands: []string{"terraform plan && <apply>"}, Inputs: map[string]string{"reason": "weekly"},
	}
}

// sign is Sign with claims that are valid at now.
func (s signer) sign(t testing.TB, now time.Time) string {
	t.Helper()
	token, err := spacelift.Sign(s.key, spacelift.Claims{
		ID: "m9BxT0kq1u3Zw5Yv7aCdEg", IssuedAt: now, Expires: now.Add(time.Hour), Spec: spec(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// wantHint has an error have exactly this text and hint.
func wantHint(t *testing.T, err error, text, hint string) {
	t.Helper()
	var hinted interface{ Hint() string }
	if err == nil || err.Error() != text || !errors.As(err, &hinted) || hinted.Hint() != hint {
		t.Errorf("error %v, want %q with the hint %q", err, text, hint)
		if hinted != nil {
			t.Errorf("its hint is %q", hinted.Hint())
		}
	}
}

// withSecret is the policy with the secret put where the placeholder is.
func withSecret(policy []byte, secret string) []byte {
	return bytes.ReplaceAll(policy, []byte("${SECRET}"), []byte(secret))
}
