package jose

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRFC7515 goes through the examples of RFC 7515 appendix A and RFC 8037
// appendix A. Those with a public key have no `kid`, by which such a key is
// selected here; so of them the bare signature is checked too.
func TestRFC7515(t *testing.T) {
	var examples []struct {
		Ref, Token, Result string
		JWK                json.RawMessage
	}
	readVectors(t, &examples, "rfc7515", "rfc7515_8037_examples.json")
	claims := []string{"iss", "exp", "http://example.com/is_root"}
	outcomes := map[string]error{
		"RFC 7515 A.1":             nil,
		"RFC 7515 A.3":             ErrUnknownKey,
		"RFC 7515 A.5 (unsecured)": ErrUnsupportedAlgorithm,
		"RFC 8037 A.4":             ErrUnknownKey,
	}
	if len(examples) != len(outcomes) {
		t.Errorf("%d examples, want %d", len(examples), len(outcomes))
	}
	for _, example := range examples {
		t.Run(example.Ref, func(t *testing.T) {
			outcome, ok := outcomes[example.Ref]
			if !ok {
				t.Fatal("not known here")
			}
			form := Form{MaxSize: 1000, AnyKeyID: true}
			if example.JWK == nil {
				wantRefused(t, form, keyPair(t, "RS256").verifying, example.Token, outcome)
				wantRefused(t, form, keyPair(t, "HS256").verifying, example.Token, outcome)
				return
			}
			if outcome == nil {
				form.Type, form.Claims = "JWT", claims
				got := wantAccepted(t, form, secretKeys(t, example.JWK), example.Token)
				if got.Issuer != "joe" || got.Expires != 1300819380 {
					t.Errorf("iss %q, exp %d", got.Issuer, got.Expires)
				}
				return
			}
			keys := publicKeys(t, example.JWK)
			wantRefused(t, form, keys, example.Token, outcome)
			wantBareSignature(t, keys, example.Token)
		})
	}
}

// wantBareSignature checks the signature of a token and nothing else.
func wantBareSignature(t *testing.T, keys *VerifyingKeys, token string) {
	t.Helper()
	parts, err := split(Form{MaxSize: 1 << 16}, token)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := only(t, keys)
	if err := key.verify(parts.input, parts.signature); err != nil {
		t.Errorf("the signature of %q: %v", token, err)
	}
	if key.verify(parts.input+"A", parts.signature) == nil {
		t.Error("the signature is that of another text too")
	}
}

// A cookbookExample is one of the examples of RFC 7520 and what was made in
// their form.
type cookbookExample struct {
	Title        string
	Reproducible bool
	Input        struct {
		Payload, Alg string
		Key          json.RawMessage
	}
	Signing struct {
		Input string `json:"sig-input"`
		Sig   string
	}
	Output struct{ Compact string }
}

// TestRFC7520 goes through the compact serializations of RFC 7520 section 4 and
// RFC 8037 appendix A.4, which sign a text that is not JSON.
func TestRFC7520(t *testing.T) {
	form := Form{MaxSize: 10000, AnyKeyID: true}
	for file, outcome := range map[string]error{
		"jws/4_1.rsa_v15_signature.json":               nil,
		"jws/4_2.rsa-pss_signature.json":               nil,
		"jws/4_3.ecdsa_signature.json":                 nil,
		"jws/4_4.hmac-sha2_integrity_protection.json":  nil,
		"jws/4_5.signature_with_detached_content.json": ErrBadSignature, // the payload is elsewhere
		"curve25519/jws.json":                          ErrUnknownKey,   // it has no kid
	} {
		t.Run(file, func(t *testing.T) {
			var example cookbookExample
			readVectors(t, &example, "rfc7520_8037_7797", filepath.FromSlash(file))
			key, err := ParseJSON(string(example.Input.Key))
			if err != nil {
				t.Fatal(err)
			}
			var public, private object
			for _, m := range key.Members {
				raw := member{m.Name, `"` + m.Value.Text + `"`}
				if slices.Contains([]string{"kty", "kid", "use", "alg", "crv", "x", "y", "n", "e"}, m.Name) {
					public = append(public, raw)
				}
				if m.Name != "kid" {
					private = append(private, raw)
				}
			}
			var keys *VerifyingKeys
			var signing *SigningKey
			if kty, _ := key.Get("kty"); kty.Text == "oct" {
				keys = secretKeys(t, example.Input.Key)
			} else {
				if keys, err = ParseVerifyingKeys([]byte(public.String()), example.Input.Alg); err != nil {
					t.Fatal(err)
				}
				// Their kid has letters that a token of this package must not have.
				if signing, err = ParseSigningKey([]byte(private.String()), example.Input.Alg); err != nil {
					t.Fatal(err)
				}
			}
			token := example.Output.Compact
			if outcome != nil {
				wantRefused(t, form, keys, token, outcome)
			} else {
				wantAccepted(t, form, keys, token)
				// It is not taken where the kid is to be one of this package's.
				wantRefused(t, Form{MaxSize: 10000}, keys, token, ErrMalformed)
			}
			if signing == nil {
				return
			}
			wantBareSignature(t, keys, token)
			if !example.Reproducible {
				return
			}
			if got, err := signing.sign(example.Signing.Input); err != nil || encode(string(got)) != example.Signing.Sig {
				t.Errorf("the signature is %s, want %s; error %v", encode(string(got)), example.Signing.Sig, err)
			}
		})
	}
}

// TestRFC7797 has payloads that are not encoded, which `crit` demands to be
// understood. Neither is taken, with a good signature.
func TestRFC7797(t *testing.T) {
	form := Form{MaxSize: 10000, AnyKeyID: true}
	for _, file := range []string{"hmac-sha2_b64_false.json", "4.2.hmac-sha2_b64_false.json"} {
		t.Run(file, func(t *testing.T) {
			var example cookbookExample
			readVectors(t, &example, "rfc7520_8037_7797", "rfc7797", file)
			keys := secretKeys(t, example.Input.Key)
			token := example.Output.Compact
			if token == "" {
				token = example.Signing.Input + "." + example.Signing.Sig
			}
			if example.Input.Payload == "" || !strings.Contains(token, example.Input.Payload) {
				t.Fatalf("the payload %q is not in the token %q", example.Input.Payload, token)
			}
			wantRefused(t, form, keys, token, ErrMalformed)
			// The same payload in base64url does not make up for the header.
			header, _, _ := strings.Cut(token, ".")
			input := header + "." + encode(example.Input.Payload)
			signature, err := keys.secret.algorithm.method.Sign(input, keys.secret.key)
			if err != nil {
				t.Fatal(err)
			}
			wantRefused(t, form, keys, input+"."+encode(string(signature)), ErrMalformed)
		})
	}
}
