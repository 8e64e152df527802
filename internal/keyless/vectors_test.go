package keyless_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/keyless"
)

// vector reads a file of the test vectors, or skips where there are none at all.
func vector(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "vectors")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the test vectors are absent: there is no folder %s", dir)
	}
	text, err := os.ReadFile(filepath.Join(dir, "oidc", name))
	if err != nil {
		t.Fatal(err)
	}
	if len(text) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return string(text)
}

// TestVectors goes through identity tokens in GitHub's form. What one of them is for
// is no claim set, so the identity token alone is looked at.
func TestVectors(t *testing.T) {
	t.Parallel()
	const bound = "countersign:sha256:f5b8fac359a195d890a0bdca86ac7196ddfa8c022cf2043424db7a5497eea484"
	set := vector(t, "issuer-jwks.json")
	issuer := func(set string) keyless.Issuer {
		keys, err := jose.ParseIssuerKeys([]byte(set))
		if err != nil {
			t.Fatal(err)
		}
		return keyless.Issuer{URL: github, Keys: keys}
	}
	good, digest, audience := vector(t, "idtoken-aud-spec-digest.jwt"), vector(t, "idtoken-wrong-digest.jwt"), vector(t, "idtoken-default-aud.jwt")
	trusted := issuer(set)
	got, err := trusted.Verify(good, bound)
	if err != nil {
		t.Fatal(err)
	}
	if keyless.RepositoryOf(got.Claims) != "acme/widgets" || got.IssuedAt != 1795307839 {
		t.Errorf("the token says %s", got.Claims.Text)
	}
	refused := func(i keyless.Issuer, token, audience string, outcome error) {
		t.Helper()
		got, err := i.Verify(token, audience)
		if got != nil {
			t.Errorf("a token is returned; error %v", err)
		}
		wantOutcome(t, err, outcome)
	}
	refused(trusted, digest, bound, jose.ErrBadSignature)
	refused(trusted, audience, bound, jose.ErrBadSignature)
	refused(trusted, good, strings.ToUpper(bound), jose.ErrBadSignature)
	refused(trusted, good, strings.Replace(bound, "f5b8", "f5b9", 1), jose.ErrBadSignature)
	refused(trusted, good+"\n", bound, jose.ErrMalformed)

	elsewhere := trusted
	elsewhere.URL += "/acme"
	refused(elsewhere, good, bound, keyless.ErrUntrustedIdentity)

	// The tokens are by kid-1. Without it, and with another key in its place.
	var file struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal([]byte(set), &file); err != nil || len(file.Keys) != 2 || file.Keys[1]["kid"] != "kid-1" {
		t.Fatalf("the keys are %v; error %v", file.Keys, err)
	}
	only := func(i int, kid string) keyless.Issuer {
		key := file.Keys[i]
		key["kid"] = kid
		text, err := json.Marshal(map[string]any{"keys": []any{key}})
		if err != nil {
			t.Fatal(err)
		}
		return issuer(string(text))
	}
	one := only(1, "kid-1")
	if _, err := one.Verify(good, bound); err != nil {
		t.Errorf("with its key alone: %v", err)
	}
	for _, token := range []string{good, digest, audience} {
		refused(only(0, "kid-0"), token, bound, jose.ErrUnknownKey)
		refused(only(0, "kid-1"), token, bound, jose.ErrBadSignature)
	}
	refused(only(1, "kid-2"), good, bound, jose.ErrUnknownKey)
}
