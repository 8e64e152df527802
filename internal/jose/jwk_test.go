package jose

import (
	"strconv"
	"strings"
	"testing"
)

// jwkOf returns the one JWK of a file, to be changed.
func jwkOf(t testing.TB, file string) (o object) {
	t.Helper()
	v, err := ParseJSON(string(keyFile(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	set, _ := v.Get("keys")
	if len(set.Members) != 1 {
		t.Fatalf("%s has %d keys, want 1", file, len(set.Members))
	}
	for _, m := range set.Members[0].Value.Members {
		o = append(o, member{m.Name, strconv.Quote(m.Value.Text)})
	}
	return o
}

func (o object) get(name string) string {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return ""
}

// setOf returns a JWKS.
func setOf(jwks ...string) []byte {
	return []byte(`{"keys":[` + strings.Join(jwks, ",") + `]}`)
}

// TestJWK has a JWK with a fault, which is refused alone and in a set.
func TestJWK(t *testing.T) {
	t.Parallel()
	const incomplete = "does not hold a whole key of a type and strength that is known here"
	ed, ec, rsa := jwkOf(t, "buildkite-EdDSA-public.json"), jwkOf(t, "buildkite-ES256-public.json"), jwkOf(t, "buildkite-PS512-public.json")
	x := ec.get("x")
	offCurve := x[:10] + string(urlAlphabet[(strings.IndexByte(urlAlphabet, x[10])+1)%64]) + x[11:]
	for _, test := range []struct {
		name   string
		key    object
		reason string
	}{
		{"no kty", ed.without("kty"), `the type "" "Ed25519"`},
		{"no crv", ec.without("crv"), `the type "EC" ""`},
		{"no x", ed.without("x"), incomplete},
		{"no y", ec.without("y"), incomplete},
		{"no n", rsa.without("n"), incomplete},
		{"no e", rsa.without("e"), incomplete},
		{"empty x", ed.with("x", `""`), incomplete},
		{"x too short", ed.with("x", `"AAAA"`), incomplete},
		{"x of another kind", ed.with("x", "1"), incomplete},
		{"null", ed.with("x", "null"), incomplete},
		{"a point off the curve", ec.with("x", offCurve), incomplete},
		{"the point at infinity", ec.with("x", `"AA"`).with("y", `"AA"`), incomplete},
		{"another curve", ec.with("crv", `"P-384"`).without("alg"), incomplete},
		{"a curve and an algorithm that differ", ec.with("crv", `"P-384"`), incomplete},
		{"an algorithm for another curve", ec.with("alg", `"ES384"`), `algorithm "ES384" does not go with a key of type P-256`},
		{"an algorithm of another family", ec.with("alg", `"EdDSA"`), `algorithm "EdDSA" does not go with a key of type P-256`},
		{"an HMAC for a public key", rsa.with("alg", `"HS256"`), `algorithm "HS256" does not go with a key of type RSA`},
		{"exponent 1", rsa.with("e", `"AQ"`), incomplete},
		{"an even exponent", rsa.with("e", `"AQAA"`), incomplete},
		{"a short modulus", rsa.with("n", `"`+strings.Repeat("_", 170)+`"`), incomplete},
		{"a kid that is empty", ed.with("kid", `""`), "the JWK has an empty kid"},
		{"kty in lower case", ec.with("kty", `"ec"`), `the type "ec" "P-256"`},
		{"names in capitals", object{{"KTY", `"OKP"`}, {"CRV", `"Ed25519"`}, {"X", ed.get("x")}}, `the type "" ""`},
		{"a secret", object{{"kty", `"oct"`}, {"k", `"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"`}}, `a JWK of type "oct" is a shared secret`},
		{"a secret for an HMAC", object{{"kty", `"oct"`}, {"alg", `"HS256"`}, {"k", `"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"`}}, "is a shared secret"},

		{"secp256k1", object{{"kty", `"EC"`}, {"crv", `"secp256k1"`}, {"x", ec.get("x")}, {"y", ec.get("y")}}, `the type "EC" "secp256k1"`},
		{"P-224", ec.with("crv", `"P-224"`).without("alg"), `the type "EC" "P-224"`},
		{"X25519", ed.with("crv", `"X25519"`).without("alg"), `the type "OKP" "X25519"`},
		{"Ed448", ed.with("crv", `"Ed448"`).without("alg"), `the type "OKP" "Ed448"`},
		{"a type to come", ed.with("kty", `"AKP"`), `the type "AKP"`},
		{"an algorithm to come", ec.with("alg", `"ES256K"`), "the `alg` \"ES256K\""},
		{"alg none", ec.with("alg", `"none"`), "the `alg` \"none\""},
		{"an empty alg", ec.with("alg", `""`), "the `alg` \"\""},
		{"alg is a number", ec.with("alg", "256"), `"alg" of the JWK is not a string`},
		{"kid is a number", ec.with("kid", "1"), `"kid" of the JWK is not a string`},
		{"for encryption", ec.with("use", `"enc"`), "the `use` \"enc\""},
		{"an empty use", ec.with("use", `""`), "the `use` \"\""},
		{"operations of encryption", ec.with("key_ops", `["encrypt","wrapKey"]`), "`key_ops` do not hold \"verify\""},
		{"no operations", ec.with("key_ops", "[]"), "`key_ops` do not hold \"verify\""},
		{"operations in a string", ec.with("key_ops", `"verify"`), "`key_ops` do not hold \"verify\""},
		{"operations in an object", ec.with("key_ops", `{"a":"verify"}`), "`key_ops` do not hold \"verify\""},
		{"operations of the other half", ec.with("key_ops", `["sign"]`), "`key_ops` do not hold \"verify\""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, text := range [][]byte{[]byte(test.key.String()), setOf(test.key.String())} {
				_, err := ParseVerifyingKeys(text, "")
				wantRefusedKey(t, err, test.reason)
				_, err = ParseSigningKey(text, "")
				if err == nil {
					t.Error("it is taken for a signing key")
				}
			}
		})
	}
	for name, key := range map[string]object{
		"operations":             ec.with("key_ops", `["sign","verify"]`),
		"no use":                 ec.without("use"),
		"members of no interest": ec.with("x5t", `"x"`).with("iat", "1").with("nested", `{"a":[1]}`),
	} {
		if _, err := ParseVerifyingKeys([]byte(key.String()), ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPrivateJWK has a private JWK whose members do not belong together, or
// that cannot sign a token.
func TestPrivateJWK(t *testing.T) {
	t.Parallel()
	const incomplete = "does not hold a whole key"
	ed, ec, rsa := jwkOf(t, "buildkite-EdDSA-private.json"), jwkOf(t, "buildkite-ES256-private.json"), jwkOf(t, "buildkite-PS512-private.json")
	// RFC 8037 appendix A.1 and RFC 7515 appendix A.3.
	const otherEd = `"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	const otherX, otherY = `"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"`, `"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"`
	for _, test := range []struct {
		name   string
		key    object
		reason string
	}{
		{"the public half of another Ed25519 key", ed.with("x", otherEd), incomplete},
		{"the public half of another P-256 key", ec.with("x", otherX).with("y", otherY), "does not belong to the public key"},
		{"a modulus of another key", rsa.with("n", strconv.Quote(strings.Repeat("_", 342))), incomplete},
		{"another exponent", rsa.with("e", `"Aw"`), incomplete},
		{"another private exponent", rsa.with("d", `"AQAB"`), incomplete},
		{"primes swapped for one", rsa.with("p", rsa.get("q")), incomplete},
		{"no primes", rsa.without("p").without("q"), incomplete},
		{"no public half", ed.without("x"), incomplete},
		{"a private half of zero", ec.with("d", `"AA"`), incomplete},
		{"the private half of another P-256 key", ec.with("d", `"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"`), "does not belong to the public key"},
		{"an empty private half", ed.with("d", `""`), incomplete},
		{"a kid with a path", ed.with("kid", `"../key"`), "cannot stand in a token"},
		{"a kid that is too long", ed.with("kid", strconv.Quote(strings.Repeat("k", 65))), "cannot stand in a token"},
		{"a kid with a space", ed.with("kid", `"my key"`), "cannot stand in a token"},
		{"an empty kid", ed.with("kid", `""`), "an empty kid"},
		{"operations of the other half", ed.with("key_ops", `["verify"]`), "`key_ops` do not hold \"sign\""},
		{"for encryption", ed.with("use", `"enc"`), "the `use` \"enc\""},
		{"an algorithm of another family", ed.with("alg", `"ES256"`), `algorithm "ES256" does not go with a key of type Ed25519`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseSigningKey([]byte(test.key.String()), "")
			wantRefusedKey(t, err, test.reason)
		})
	}
	for name, key := range map[string]object{
		"the longest kid":          ed.with("kid", strconv.Quote(strings.Repeat("k", 64))),
		"all letters of a kid":     ed.with("kid", `"AZaz09_-"`),
		"operations":               ed.with("key_ops", `["sign"]`),
		"RSA without CRT values":   rsa.without("dp").without("dq").without("qi"),
		"another algorithm of RSA": rsa.with("alg", `"RS384"`),
	} {
		if _, err := ParseSigningKey([]byte(key.String()), ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFaultyRSA has CRT values that would have a signature give the primes
// away (Boneh, DeMillo and Lipton, 1997).
func TestFaultyRSA(t *testing.T) {
	t.Parallel()
	rsa := jwkOf(t, "buildkite-PS512-private.json")
	public, err := ParseVerifyingKeys([]byte(rsa.without("d").without("p").without("q").without("dp").without("dq").without("qi").String()), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dp", "dq", "qi"} {
		key, err := ParseSigningKey([]byte(rsa.with(name, `"AQAB"`).String()), "")
		if err != nil {
			wantRefusedKey(t, err, "whole key")
			continue
		}
		wantAccepted(t, runForm, public, runToken(t, key))
	}
}

// TestDuplicateNamesInJWK has two values of one name, of which another program
// may see the other one.
func TestDuplicateNamesInJWK(t *testing.T) {
	t.Parallel()
	ed := jwkOf(t, "buildkite-EdDSA-private.json")
	for _, m := range ed {
		for _, load := range []func(text []byte) error{
			func(text []byte) error { _, err := ParseSigningKey(text, ""); return err },
			func(text []byte) error { _, err := ParseVerifyingKeys(text, ""); return err },
		} {
			text := strings.Replace(ed.String(), "{", "{\""+m.name+"\":"+m.value+",", 1)
			wantRefusedKey(t, load([]byte(text)), "stands twice")
			wantRefusedKey(t, load(setOf(text)), "stands twice")
		}
	}
	_, err := ParseVerifyingKeys([]byte(`{"keys":[],"keys":[]}`), "")
	wantRefusedKey(t, err, "stands twice")
}
