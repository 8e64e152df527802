package keyless_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/keyless"
	"github.com/countersign-ci/countersign/internal/runspec"
)

const (
	github = "https://token.actions.githubusercontent.com"
	gitlab = "https://gitlab.example"
	// issued is when the claims of the tests were made.
	issued = 1795312800
)

// claims is a claim set of a run, as the package's comment has it.
const claims = `{"aud":"https://github.com/acme/widgets","exp":1795313400,"iat":1795312800,` +
	`"iss":"https://github.com/acme/orchestrator","jti":"m9Bdf0ZyTz6Ck1yQvVYJZw","nbf":1795312800,` +
	`"spec":{"actor":"octocat","inputs":{"reason":"weekly"},"repository":"acme/widgets","sha":"0123456789abcdef0123456789abcdef01234567","version":1},` +
	`"sub":"acme/widgets@0123456789abcdef0123456789abcdef01234567","typ":"run-spec+jwt"}`

// identity returns the claims that GitHub tells of a job, but `aud`.
func identity() map[string]any {
	return map[string]any{
		"iss": github, "sub": "repo:acme/orchestrator:ref:refs/heads/main", "jti": "4a576b35-ff09-41c5-af2c-ca62dd89b76a",
		"iat": issued, "nbf": issued - 300, "exp": issued + 300,
		"actor": "octocat", "actor_id": "583231", "base_ref": "", "head_ref": "", "environment": "production", "event_name": "workflow_dispatch",
		"job_workflow_ref": "acme/rules/.github/workflows/sign.yml@refs/heads/main", "job_workflow_sha": "0123456789abcdef0123456789abcdef01234567",
		"ref": "refs/heads/main", "ref_protected": "true", "ref_type": "branch", "repository": "acme/orchestrator", "repository_id": "456790",
		"repository_owner": "acme", "repository_owner_id": "123456", "repository_visibility": "private", "run_attempt": "1",
		"run_id": "15000000001", "run_number": "42", "runner_environment": "github-hosted", "sha": "89abcdef0123456789abcdef0123456789abcdef",
		"workflow": "start", "workflow_ref": "acme/orchestrator/.github/workflows/start.yml@refs/heads/main",
		"workflow_sha": "89abcdef0123456789abcdef0123456789abcdef",
	}
}

// A provider signs identity tokens, with golang-jwt and nothing of the project.
type provider struct {
	url, kid string
	method   jwt.SigningMethod
	key      crypto.Signer
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// keyFile reads a private key of testdata/keys. With keys that stay the same a fuzz
// test finds its seeds again.
func keyFile(name string) func() crypto.Signer {
	return sync.OnceValue(func() crypto.Signer {
		block, _ := pem.Decode(must(os.ReadFile(filepath.Join("..", "..", "testdata", "keys", name))))
		return must(x509.ParsePKCS8PrivateKey(block.Bytes)).(crypto.Signer)
	})
}

var (
	rsaKey   = keyFile("rsa2048.pem")
	ecKey    = keyFile("p256.pem")
	edKey    = keyFile("ed25519.pem")
	otherRSA = sync.OnceValue(func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 2048)) })
)

func githubProvider() provider {
	return provider{github, "kid-1", jwt.SigningMethodRS256, rsaKey()}
}

// jwk returns the public key (RFC 7518 section 6, RFC 8037 section 2).
func (p provider) jwk() string {
	b64 := base64.RawURLEncoding.EncodeToString
	switch k := p.key.Public().(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf(`{"kty":"RSA","use":"sig","alg":%q,"kid":%q,"n":%q,"e":%q}`, p.method.Alg(), p.kid, b64(k.N.Bytes()), b64(big.NewInt(int64(k.E)).Bytes()))
	case *ecdsa.PublicKey:
		point := must(k.Bytes())
		return fmt.Sprintf(`{"kty":"EC","use":"sig","crv":"P-256","kid":%q,"x":%q,"y":%q}`, p.kid, b64(point[1:33]), b64(point[33:]))
	case ed25519.PublicKey:
		return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"x":%q}`, p.kid, b64(k))
	}
	panic("no such key")
}

// keys returns a provider's key set.
func (p provider) keys(t testing.TB) *jose.VerifyingKeys {
	t.Helper()
	keys, err := jose.ParseIssuerKeys([]byte(`{"keys":[` + p.jwk() + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// trust is in one identity of a provider.
func (p provider) trust(t testing.TB, pairs ...string) keyless.Issuer {
	t.Helper()
	id, err := keyless.ParseIdentity(pairs)
	if err != nil {
		t.Fatal(err)
	}
	return keyless.Issuer{URL: p.url, Keys: p.keys(t), Identities: []keyless.Identity{id}}
}

// trusted are the issuers of the tests.
func trusted(t testing.TB) keyless.Issuers {
	t.Helper()
	return keyless.Issuers{githubProvider().trust(t, "repository=acme/orchestrator", "ref=refs/heads/main")}
}

// signText signs any header and claims, whatever they are.
func (p provider) signText(t testing.TB, header, claims string) string {
	t.Helper()
	input := encode(header) + "." + encode(claims)
	signature, err := p.method.Sign(input, p.key)
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(string(signature))
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// audience is what an identity token for claims has to have.
func audience(claims string) string {
	return fmt.Sprintf("countersign:sha256:%x", sha256.Sum256([]byte(claims)))
}

// A forge makes a token of its parts, good ones or bad ones.
type forge struct {
	claims   string
	header   map[string]any // of the identity token, beside what golang-jwt writes
	identity map[string]any // of it; `aud` is that of the claims where it is not here
	provider provider
}

// absent is a member that is taken out.
type absent struct{}

func newForge() *forge {
	return &forge{claims: claims, header: map[string]any{}, identity: identity(), provider: githubProvider()}
}

// identityToken signs the identity token.
func (f *forge) identityToken(t testing.TB) string {
	t.Helper()
	c := jwt.MapClaims{"aud": audience(f.claims)}
	maps.Copy(c, f.identity)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == absent{} })
	token := jwt.NewWithClaims(f.provider.method, c) // typ is JWT
	token.Header["kid"] = f.provider.kid
	maps.Copy(token.Header, f.header)
	maps.DeleteFunc(token.Header, func(_ string, v any) bool { return v == absent{} })
	signed, err := token.SignedString(f.provider.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// token joins claims and identity token.
func (f *forge) token(t testing.TB) string {
	t.Helper()
	return encode(f.claims) + "~" + f.identityToken(t)
}

// wantRefused checks that a token is refused with an outcome.
func wantRefused(t testing.TB, issuers keyless.Issuers, form jose.Form, token string, outcome error) {
	t.Helper()
	got, err := issuers.Open(form, token)
	if got != nil {
		t.Errorf("a token is returned; error %v", err)
	}
	wantOutcome(t, err, outcome)
}

// wantOutcome checks that an error is a [jose.Error] with an outcome and a reason.
func wantOutcome(t testing.TB, err, outcome error) {
	t.Helper()
	if refusal := wantRefusal(t, err); refusal != nil && refusal.Outcome != outcome {
		t.Errorf("the error is %q, want %q", err, outcome)
	}
}

func wantRefusal(t testing.TB, err error) *jose.Error {
	t.Helper()
	var refusal *jose.Error
	switch {
	case err == nil:
		t.Error("accepted")
	case !errors.As(err, &refusal) || refusal.Reason == "":
		t.Errorf("the error %v is no *jose.Error with a reason", err)
	}
	return refusal
}

func wantAccepted(t testing.TB, issuers keyless.Issuers, form jose.Form, token string) *jose.Token {
	t.Helper()
	got, err := issuers.Open(form, token)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	return got
}

// with replaces a part of a text that has to be there once.
func with(t testing.TB, text, old, replacement string) string {
	t.Helper()
	if strings.Count(text, old) != 1 {
		t.Fatalf("%q stands %d times in %q", old, strings.Count(text, old), text)
	}
	return strings.Replace(text, old, replacement, 1)
}

// value parses JSON.
func value(t testing.TB, text string) jose.Value {
	t.Helper()
	v, err := jose.ParseJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// valueOf returns what a Go value is in JSON.
func valueOf(t testing.TB, v any) jose.Value {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return value(t, string(text))
}

var (
	run      = runspec.Token
	manifest = jose.Form{
		Type: "artifacts+jwt", Claims: []string{"iss", "aud", "sub", "iat", "nbf", "exp", "jti", "artifacts"}, MaxSize: 1 << 20,
	}
)
