package jose

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestKeySets has JWKSs as they are and as they should not be.
func TestKeySets(t *testing.T) {
	t.Parallel()
	ed, ec := jwkOf(t, "buildkite-EdDSA-public.json"), jwkOf(t, "buildkite-ES256-public.json")
	edPrivate := jwkOf(t, "buildkite-EdDSA-private.json")
	enc := ec.with("use", `"enc"`).String()
	secret := object{{"kty", `"oct"`}, {"kid", `"secret"`}, {"k", `"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"`}}
	for _, test := range []struct {
		name string
		text []byte
		want string // kids, or a part of the error
	}{
		{"one key", setOf(ed.String()), "cs-EdDSA"},
		{"two keys", setOf(ed.String(), ec.String()), "cs-ES256 cs-EdDSA"},
		{"members beside the keys", []byte(`{"iss":"x","keys":[` + ed.String() + `]}`), "cs-EdDSA"},
		{"one key with two kids", setOf(ed.String(), ed.with("kid", `"new"`).String()), "cs-EdDSA new"},
		{"a kid of another maker", setOf(ed.with("kid", `"https://example.com/keys#1"`).String()), "https://example.com/keys#1"},
		{"beside one for encryption", setOf(enc, ed.String(), enc), "cs-EdDSA"},
		{"beside one of a type to come", setOf(ed.String(), `{"kty":"AKP","alg":"ML-DSA-65","pub":"AA"}`), "cs-EdDSA"},
		{"beside one of another curve", setOf(`{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}`, ed.String()), "cs-EdDSA"},
		{"beside one with an algorithm to come", setOf(ed.String(), ec.with("alg", `"ES256K"`).String()), "cs-EdDSA"},
		{"beside what is no key", setOf(`1`, `null`, `[]`, `{}`, ed.String()), "cs-EdDSA"},

		{"no keys", setOf(), "the JWKS is empty"},
		{"no array", []byte(`{"keys":` + ed.String() + `}`), "`keys` of the JWKS is not an array"},
		{"keys in capitals", []byte(`{"KEYS":[` + ed.String() + `]}`), `the type "" ""`},
		{"only one for encryption", setOf(enc), "holds no key for signatures; the last one: the JWK has the `use` \"enc\""},
		{"only what is no key", setOf(`1`, `null`), "holds no key for signatures; the last one: a JWK is not an object"},
		{"a kid twice", setOf(ed.String(), ec.with("kid", `"cs-EdDSA"`).String()), `two keys with the kid "cs-EdDSA"`},
		{"a key twice", setOf(ed.String(), ed.String()), `two keys with the kid "cs-EdDSA"`},
		{"a key twice, without a kid", setOf(ed.without("kid").String(), ed.without("kid").String()), "two keys with the kid"},
		{"a secret beside a public key", setOf(ed.String(), secret.String()), "is a shared secret"},
		{"a secret for encryption alone", setOf(secret.with("use", `"enc"`).String()), "the `use` \"enc\""},
		{"a private key beside a public one", setOf(ec.String(), edPrivate.String()), "a private key where a public key is needed"},
		{"a private key alone", setOf(edPrivate.String()), "a private key where a public key is needed"},
		{"a damaged key beside a whole one", setOf(ed.String(), ec.without("y").String()), "whole key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			keys, err := ParseVerifyingKeys(test.text, "")
			if err != nil {
				wantRefusedKey(t, err, test.want)
				return
			}
			if got := strings.Join(slices.Sorted(maps.Keys(keys.byID)), " "); got != test.want {
				t.Errorf("the kids are %q, want %q", got, test.want)
			}
		})
	}
	_, err := ParseSigningKey(setOf(edPrivate.String(), edPrivate.with("kid", `"new"`).String()), "")
	wantRefusedKey(t, err, "2 keys where one private key is meant")
	_, err = ParseSigningKey(setOf(edPrivate.String(), ec.String()), "")
	wantRefusedKey(t, err, "2 keys where one private key is meant")
	if _, err = ParseSigningKey(setOf(edPrivate.String(), enc), ""); err != nil {
		t.Errorf("a private key beside one for encryption: %v", err)
	}
}

// TestRotation checks that a kid selects its key and no other, and that a key
// which is taken out of the set is worth nothing.
func TestRotation(t *testing.T) {
	t.Parallel()
	names := []string{"EdDSA", "ES256", "PS512"}
	var jwks []string
	tokens := map[string]string{}
	for _, name := range names {
		jwks = append(jwks, jwkOf(t, "buildkite-"+name+"-public.json").String())
		key, err := ParseSigningKey(keyFile(t, "buildkite-"+name+"-private.json"), "")
		if err != nil {
			t.Fatal(err)
		}
		tokens[name] = runToken(t, key)
	}
	load := func(jwks []string) *VerifyingKeys {
		keys, err := ParseVerifyingKeys(setOf(jwks...), "")
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	all := load(jwks)
	for i, name := range names {
		wantAccepted(t, runForm, all, tokens[name])
		others := load(slices.Delete(slices.Clone(jwks), i, i+1))
		// Each key here is the only one with its algorithm.
		wantRefused(t, runForm, others, tokens[name], ErrUnsupportedAlgorithm)
	}
	// The kid decides which key is asked; none of the others is tried.
	key, err := ParseSigningKey(keyFile(t, "buildkite-EdDSA-private.json"), "")
	if err != nil {
		t.Fatal(err)
	}
	h := headerOf(key).with("kid", `"cs-ES256"`)
	wantRefused(t, runForm, all, signText(t, key, h.String(), claimObject().String()), ErrUnsupportedAlgorithm)
	wantRefused(t, runForm, all, signText(t, key, h.with("alg", `"ES256"`).String(), claimObject().String()), ErrBadSignature)
}

// TestDefaultKeyID checks that a key without a kid is known by its thumbprint,
// with the examples of RFC 7638 section 3.1 and RFC 8037 appendix A.3.
func TestDefaultKeyID(t *testing.T) {
	t.Parallel()
	const modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs" +
		"tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbI" +
		"SD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	for _, test := range []struct{ name, key, want string }{
		{"RFC 7638", `{"kty":"RSA","n":"` + modulus + `","e":"AQAB","alg":"RS256"}`, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
		{"RFC 8037", `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
		{"its own kid", `{"kty":"RSA","n":"` + modulus + `","e":"AQAB","kid":"2011-04-29"}`, "2011-04-29"},
	} {
		t.Run(test.name, func(t *testing.T) {
			keys, err := ParseVerifyingKeys([]byte(test.key), "")
			if err != nil {
				t.Fatal(err)
			}
			if _, id := only(t, keys); id != test.want {
				t.Errorf("the kid is %q, want %q", id, test.want)
			}
		})
	}
	const private = `{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	key, err := ParseSigningKey([]byte(private), "")
	if err != nil {
		t.Fatal(err)
	}
	if key.ID() != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
		t.Errorf("the kid of the private half is %q", key.ID())
	}
}

// TestGenerate makes a pair for every algorithm that has one.
func TestGenerate(t *testing.T) {
	t.Parallel()
	for _, a := range algorithms {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			private, public, id, err := Generate(a.name)
			if a.family == familySecret {
				wantRefusedKey(t, err, "no key pair is made")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			signing, err := ParseSigningKey(private, "")
			if err != nil {
				t.Fatal(err)
			}
			verifying, err := ParseVerifyingKeys(public, "")
			if err != nil {
				t.Fatal(err)
			}
			wantAccepted(t, runForm, verifying, runToken(t, signing))
			k, publicID := only(t, verifying)
			if signing.ID() != id || publicID != id || len(id) != 43 {
				t.Errorf("the kids are %q, %q and %q, want one thumbprint", id, signing.ID(), publicID)
			}
			if signing.Algorithm() != a.name || k.algorithm.name != a.name {
				t.Errorf("the algorithms are %s and %s, want %s", signing.Algorithm(), k.algorithm.name, a.name)
			}
			// Each half says by itself what it is for, and the public one no more.
			for half, text := range map[string][]byte{"private": private, "public": public} {
				v, err := ParseJSON(string(text))
				if err != nil {
					t.Fatal(err)
				}
				for name, want := range map[string]string{"alg": a.name, "use": "sig", "kid": id} {
					if m, _ := v.Get(name); m.Text != want {
						t.Errorf("%s of the %s half is %q, want %q", name, half, m.Text, want)
					}
				}
				if _, ok := v.Get("d"); ok != (half == "private") {
					t.Errorf("the %s half has a private member: %t", half, ok)
				}
			}
		})
	}
	_, _, first, err := Generate("EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, second, err := Generate("EdDSA"); err != nil || first == second {
		t.Errorf("a second key is the first one; error %v", err)
	}
	for _, name := range []string{"", "none", "eddsa", "RSA", "ES256K"} {
		_, _, _, err := Generate(name)
		wantRefusedKey(t, err, "no key pair is made")
	}
}

// TestAdd joins the sets of several files.
func TestAdd(t *testing.T) {
	t.Parallel()
	parse := func(text []byte) *VerifyingKeys {
		keys, err := ParseVerifyingKeys(text, "")
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	ed, ec := jwkOf(t, "buildkite-EdDSA-public.json"), jwkOf(t, "buildkite-ES256-public.json")
	keys := parse(setOf(ed.String()))
	if err := keys.Add(parse(setOf(ec.String(), ec.with("kid", `"new"`).String()))); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(slices.Sorted(maps.Keys(keys.byID)), " "); got != "cs-ES256 cs-EdDSA new" {
		t.Errorf("the kids are %q", got)
	}
	// Which of two keys a kid selects must not hang on the order of files.
	wantRefusedKey(t, keys.Add(parse(setOf(ec.with("kid", `"cs-EdDSA"`).String()))), `two keys with the kid "cs-EdDSA"`)
}
