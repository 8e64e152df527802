package jose

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rsaJWK returns the public half of testdata/keys/rsa2048.pem.
func rsaJWK(t testing.TB) object {
	t.Helper()
	block, _ := pem.Decode(keyFile(t, "rsa2048.pub.pem"))
	if block == nil {
		t.Fatal("rsa2048.pub.pem is not PEM")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	n := base64.RawURLEncoding.EncodeToString(public.(*rsa.PublicKey).N.Bytes())
	return object{{"kty", `"RSA"`}, {"kid", `"kid-1"`}, {"n", strconv.Quote(n)}, {"e", `"AQAB"`}}
}

// issuerForm is the form of an identity token.
var issuerForm = Form{Type: "JWT", Claims: []string{"iss", "aud", "iat"}, MaxSize: 16384, AnyKeyID: true, MoreClaims: true}

const issuerClaims = `{"iss":"https://issuer.example","aud":"countersign","iat":1795312800,"exp":1795313100,"repository":"acme/widgets"}`

// TestParseIssuerKeys has an RSA key without alg be for RS256, and all else be as in
// any other set.
func TestParseIssuerKeys(t *testing.T) {
	t.Parallel()
	key := rsaJWK(t)
	signed := func(algorithmName string) string {
		p := keyPair(t, algorithmName)
		return signText(t, p.signing, `{"alg":"`+algorithmName+`","kid":"kid-1","typ":"JWT"}`, issuerClaims)
	}
	load := func(jwks ...string) *VerifyingKeys {
		t.Helper()
		keys, err := ParseIssuerKeys(setOf(jwks...))
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	for alg, want := range map[string]string{"": "RS256", `"RS256"`: "RS256", `"PS256"`: "PS256", `"RS512"`: "RS512"} {
		k := key
		if alg != "" {
			k = key.with("alg", alg)
		}
		keys := load(k.String())
		for _, name := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"} {
			if name == want {
				wantAccepted(t, issuerForm, keys, signed(name))
			} else {
				wantRefused(t, issuerForm, keys, signed(name), ErrUnsupportedAlgorithm)
			}
		}
	}
	// Elsewhere the same key is for PS256.
	keys, err := ParseVerifyingKeys(setOf(key.String()), "")
	if err != nil {
		t.Fatal(err)
	}
	wantAccepted(t, issuerForm, keys, signed("PS256"))
	wantRefused(t, issuerForm, keys, signed("RS256"), ErrUnsupportedAlgorithm)

	ed, ec := jwkOf(t, "buildkite-EdDSA-public.json"), jwkOf(t, "buildkite-ES256-public.json")
	keys = load(ed.without("alg").String(), ec.without("alg").String(), key.without("kid").String())
	if keys.byID["cs-EdDSA"].algorithm.name != "EdDSA" || keys.byID["cs-ES256"].algorithm.name != "ES256" || len(keys.byID) != 3 {
		t.Errorf("the keys are %v", keys.byID)
	}
	for id := range maps.Keys(keys.byID) {
		if !keys.Has(id) {
			t.Errorf("there is no %q", id)
		}
	}
	for _, id := range []string{"", "kid-1", "CS-EDDSA", "cs"} {
		if keys.Has(id) {
			t.Errorf("there is a key %q", id)
		}
	}
	if p := keyPair(t, "HS256"); p.verifying.Has("") {
		t.Error("a secret has a kid")
	}

	edPrivate := jwkOf(t, "buildkite-EdDSA-private.json")
	secret := `{"kty":"oct","kid":"a","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}`
	for _, test := range []struct {
		name, text, want string
	}{
		{"two equal kids", string(setOf(key.String(), ed.with("kid", `"kid-1"`).String())), `two keys with the kid "kid-1"`},
		{"a key twice", string(setOf(key.String(), key.String())), `two keys with the kid "kid-1"`},
		{"a key twice, without a kid", string(setOf(key.without("kid").String(), key.without("kid").String())), "two keys with the kid"},
		{"a private key", string(setOf(key.String(), edPrivate.String())), "a private key where a public key is needed"},
		{"a secret", string(setOf(key.String(), secret)), "is a shared secret"},
		{"a short key", string(setOf(key.with("n", `"`+strings.Repeat("q", 170)+`"`).String())), "whole key of a type and strength"},
		{"a damaged key", string(setOf(key.without("n").String())), "whole key"},
		{"an empty kid", string(setOf(key.with("kid", `""`).String())), "empty kid"},
		{"an HMAC's alg", string(setOf(key.with("alg", `"HS256"`).String())), "does not go with a key"},
		{"PEM", string(keyFile(t, "rsa2048.pub.pem")), "the key is no JWK"},
		{"private PEM", string(keyFile(t, "rsa2048.pem")), "the key is no JWK"},
		{"nothing", "", "the key is no JWK"},
		{"no keys", `{"keys":[]}`, "the JWKS is empty"},
		{"null", `null`, "not an object"},
		{"a list", `[` + key.String() + `]`, "not an object"},
		{"a page", `<!DOCTYPE html>`, "the key is no JWK"},
		{"more after it", string(setOf(key.String())) + "{}", "the key is no JWK"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseIssuerKeys([]byte(test.text))
			wantRefusedKey(t, err, test.want)
		})
	}
}

// TestMoreClaims has what other makers put into their tokens, which is refused where
// the form does not say so.
func TestMoreClaims(t *testing.T) {
	t.Parallel()
	p := keyPair(t, "ES256")
	id := strconv.Quote(p.signing.ID())
	header := object{{"alg", `"ES256"`}, {"typ", `"JWT"`}, {"kid", id}}
	claims := object{{"iss", `"a"`}, {"aud", `"b"`}, {"iat", "1"}}
	strict := issuerForm
	strict.MoreClaims = false
	for _, test := range []struct {
		name           string
		header, claims object
		outcome        error // with MoreClaims
		strict         error
	}{
		{"as listed", header, claims, nil, nil},
		{"a claim more", header, claims.with("sub", `"c"`), nil, ErrMalformed},
		{"a null", header, claims.with("build_tag", "null"), nil, ErrMalformed},
		{"a null inside", header, claims.with("a", `{"b":[null]}`), nil, ErrMalformed},
		{"exp as text", header, claims.with("exp", `"never"`), nil, ErrMalformed},
		{"nbf with a fraction", header, claims.with("nbf", "1.5"), nil, ErrMalformed},
		{"jti a number", header, claims.with("jti", "1"), nil, ErrMalformed},
		{"iat in another case", header, claims.with("IAT", `"2"`), nil, ErrMalformed},
		{"x5t", header.with("x5t", `"a"`), claims, nil, ErrMalformed},
		{"x5t#S256", header.with("x5t#S256", `"a"`), claims, nil, ErrMalformed},
		{"no typ", header.without("typ"), claims, nil, ErrMalformed},

		{"another typ", header.with("typ", `"at+jwt"`), claims, ErrWrongType, ErrWrongType},
		{"an empty typ", header.with("typ", `""`), claims, ErrMalformed, ErrMalformed},
		{"typ null", header.with("typ", "null"), claims, ErrMalformed, ErrMalformed},
		{"x5t null", header.with("x5t", "null"), claims, ErrMalformed, ErrMalformed},
		{"X5T", header.with("X5T", `"a"`), claims, ErrMalformed, ErrMalformed},
		{"x5c", header.with("x5c", `["a"]`), claims, ErrMalformed, ErrMalformed},
		{"x5u", header.with("x5u", `"a"`), claims, ErrMalformed, ErrMalformed},
		{"jku", header.with("jku", `"a"`), claims, ErrMalformed, ErrMalformed},
		{"jwk", header.with("jwk", `{}`), claims, ErrMalformed, ErrMalformed},
		{"crit", header.with("crit", `["exp"]`), claims, ErrMalformed, ErrMalformed},
		{"a claim null", header, claims.with("aud", "null"), ErrMalformed, ErrMalformed},
		{"a claim of another type", header, claims.with("aud", `["b"]`), ErrMalformed, ErrMalformed},
		{"a time as text", header, claims.with("iat", `"1"`), ErrMalformed, ErrMalformed},
		{"a claim less", header, claims.without("iat"), ErrMalformed, ErrMalformed},
		{"a claim twice", header, append(slices.Clone(claims), member{"a", "1"}, member{"a", "1"}), ErrMalformed, ErrMalformed},
	} {
		t.Run(test.name, func(t *testing.T) {
			token := signText(t, p.signing, test.header.String(), test.claims.String())
			for _, c := range []struct {
				form Form
				want error
			}{{issuerForm, test.outcome}, {strict, test.strict}} {
				if c.want != nil {
					wantRefused(t, c.form, p.verifying, token, c.want)
					continue
				}
				got := wantAccepted(t, c.form, p.verifying, token)
				if got.Issuer != "a" || got.Audience != "b" || got.IssuedAt != 1 || got.Subject+got.ID != "" || got.Expires != 0 || got.Claims.Text != test.claims.String() {
					t.Errorf("the token says %+v", got)
				}
			}
		})
	}
	// What is shown has nulls where there may be some.
	token := signText(t, p.signing, header.String(), claims.with("a", "null").String())
	if parts, err := Unverified(issuerForm, token); err != nil || len(parts.Claims.Members) != 4 || len(parts.Header.Members) != 3 {
		t.Errorf("shown: %+v, %v", parts, err)
	}
	if _, err := Unverified(strict, token); err == nil {
		t.Error("shown where there may be no null")
	}
	// A form for nothing else says nothing of types of its own.
	untyped := signText(t, p.signing, header.without("typ").with("typ", `"run-spec+jwt"`).String(), claimObject().String())
	wantAccepted(t, runForm, p.verifying, untyped)
	wantRefused(t, runForm, p.verifying, signText(t, p.signing, header.without("typ").String(), claimObject().String()), ErrMalformed)
}

// TestParseClaims reads claims that no header stands before.
func TestParseClaims(t *testing.T) {
	t.Parallel()
	got, err := ParseClaims(runForm, claimObject().String())
	if err != nil {
		t.Fatal(err)
	}
	c := runClaims()
	if got.Issuer != c.Issuer || got.ID != c.ID || got.Expires != c.Expires.Unix() || got.Claims.Text != claimObject().String() {
		t.Errorf("the claims are %+v", got)
	}
	if errs := got.CheckTimes(c.Expires, 0); len(errs) > 0 {
		t.Errorf("the times: %v", errs)
	}
	if errs := got.CheckTimes(c.Expires.Add(leeway), 0); len(errs) != 1 {
		t.Errorf("the times after exp: %v", errs)
	}
	for _, text := range []string{
		"", "null", "[]", `""`, "{}", claimObject().without("jti").String(), claimObject().with("x", "1").String(),
		claimObject().with("exp", `"1"`).String(), claimObject().with("spec", "null").String(), claimObject().String() + "x",
		append(claimObject(), member{"jti", `"a"`}).String(),
	} {
		got, err := ParseClaims(runForm, text)
		if got != nil {
			t.Errorf("%q says %+v", text, got)
		}
		wantOutcome(t, err, ErrMalformed)
	}
}

// TestCanonical writes claims in one way, whatever way they came.
func TestCanonical(t *testing.T) {
	t.Parallel()
	c := runClaims()
	c.Private = map[string]any{"spec": json.RawMessage(` {"b": "\u0061<&>\u2028", "a": 1.0, "A": [1e0, true]} `), "typ": "a"}
	got, err := c.Canonical()
	const want = `{"aud":"https://github.com/acme/widgets","exp":1795313400,"iat":1795312800,"iss":"https://github.com/acme/orchestrator",` +
		`"jti":"m9Bdf0ZyTz6Ck1yQvVYJZw","nbf":1795312800,"spec":{"A":[1,true],"a":1,"b":"a<&>` + "\u2028" + `"},` +
		`"sub":"acme/widgets@0123456789abcdef0123456789abcdef01234567","typ":"a"}`
	if err != nil || string(got) != want {
		t.Errorf("the claims are\n%s, want\n%s; error %v", got, want, err)
	}
	c.Private["spec"] = json.RawMessage("{")
	if got, err = c.Canonical(); err == nil {
		t.Errorf("claims of what is no JSON: %s", got)
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "AA": "\x00", "_-8": "\xff\xef", "YWJj": "abc"} {
		if got, err := Decode(text); err != nil || string(got) != want {
			t.Errorf("Decode(%q) = %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"A", "AB", "AA==", "AA=", "/+8", "YW\nJj", "YWJj\n", "YWJj\r\n", " YWJj", "YW Jj", "YWJj\x00", "YWJjA", "\u00e9"} {
		if got, err := Decode(text); err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("Decode(%q) = %q, %v", text, got, err)
		}
	}
}

// TestOpen has a set of keys verify as Verify does.
func TestOpen(t *testing.T) {
	t.Parallel()
	p := keyPair(t, "EdDSA")
	if got, err := p.verifying.Open(runForm, runToken(t, p.signing)); err != nil || got.ID != runClaims().ID {
		t.Errorf("opened: %+v, %v", got, err)
	}
	if _, err := p.verifying.Open(issuerForm, runToken(t, p.signing)); err == nil {
		t.Error("opened in another form")
	} else {
		wantOutcome(t, err, ErrWrongType)
	}
	// Where a key is trusted no identity is.
	_, err := p.verifying.Open(runForm, encode(claimObject().String())+"~"+runToken(t, p.signing))
	wantOutcome(t, err, ErrMalformed)
	if !strings.Contains(err.Error(), "by an identity") {
		t.Errorf("the error is %q", err)
	}
}
