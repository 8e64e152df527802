package jose_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/countersign-ci/countersign/internal/jose"
)

// TestJWK has another library sign and verify with keys that were loaded here.
func TestJWK(t *testing.T) {
	t.Parallel()
	set := []json.RawMessage{}
	keys := map[string]*jose.SigningKey{}
	for _, algorithm := range []string{"EdDSA", "ES256", "ES384", "ES512", "PS512"} {
		private, public, id, err := jose.Generate(algorithm)
		if err != nil {
			t.Fatal(err)
		}
		if keys[id], err = jose.ParseSigningKey(private, ""); err != nil {
			t.Fatal(err)
		}
		set = append(set, public)
	}
	text, err := json.Marshal(map[string]any{"keys": set})
	if err != nil {
		t.Fatal(err)
	}
	verifying, err := jose.ParseVerifyingKeys(text, "")
	if err != nil {
		t.Fatal(err)
	}
	jwks, err := verifying.JWKS()
	if err != nil || jwks.Len() != len(keys) {
		t.Fatalf("%d keys, want %d; error %v", jwks.Len(), len(keys), err)
	}
	for id, key := range keys {
		k, err := key.JWK()
		if err != nil {
			t.Fatal(err)
		}
		algorithm, _ := jwa.LookupSignatureAlgorithm(key.Algorithm())
		signed, err := jws.Sign([]byte("payload"), jws.WithKey(algorithm, k))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := jws.Verify(signed, jws.WithKeySet(jwks)); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
		public, ok := jwks.LookupKeyID(id)
		if !ok {
			t.Fatalf("there is no key %s", id)
		}
		private, err := k.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		var got, want map[string]any
		for to, key := range map[*map[string]any]any{&got: public, &want: private} {
			text, err := json.Marshal(key)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, to); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || got["alg"] != key.Algorithm() || got["kid"] != id || got["use"] != "sig" || got["d"] != nil {
			t.Errorf("the public key of %s has the members %v (-private's +public):\n%s", algorithm, len(got), diff)
		}
	}
}

func TestJWKOfSecret(t *testing.T) {
	t.Parallel()
	secret := []byte(strings.Repeat("s", 64))
	signing, err := jose.SecretSigningKey(secret, "HS512")
	if err != nil {
		t.Fatal(err)
	}
	verifying, err := jose.SecretVerifyingKey(secret, "HS512")
	if err != nil {
		t.Fatal(err)
	}
	_, signingErr := signing.JWK()
	_, verifyingErr := verifying.JWKS()
	for what, err := range map[string]error{"to sign": signingErr, "to verify": verifyingErr} {
		var e *jose.KeyError
		if !errors.As(err, &e) || e.Hint() == "" || strings.Contains(err.Error(), "sss") {
			t.Errorf("a secret %s: %v", what, err)
		}
	}
}
