package keyless_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/keyless"
)

// TestOpenIdentity has an identity token that is not as it should be, by the right
// provider.
func TestOpenIdentity(t *testing.T) {
	t.Parallel()
	other := audience(strings.Replace(claims, "octocat", "mallory", 1))
	right := audience(claims)
	for _, test := range []struct {
		name    string
		change  func(*forge)
		outcome error // nil: accepted
	}{
		{"nothing", func(*forge) {}, nil},

		{"aud of other claims", func(f *forge) { f.identity["aud"] = other }, jose.ErrBadSignature},
		{"the default aud", func(f *forge) { f.identity["aud"] = "https://github.com/acme" }, jose.ErrBadSignature},
		{"several aud", func(f *forge) { f.identity["aud"] = []string{other, "https://github.com/acme"} }, jose.ErrMalformed},
		{"several aud with the right one", func(f *forge) { f.identity["aud"] = []string{right, other} }, jose.ErrMalformed},
		{"the right aud in an array", func(f *forge) { f.identity["aud"] = []string{right} }, jose.ErrMalformed},
		{"aud in capitals", func(f *forge) {
			digest, _ := strings.CutPrefix(right, "countersign:sha256:")
			f.identity["aud"] = "countersign:sha256:" + strings.ToUpper(digest)
		}, jose.ErrBadSignature},
		{"aud without its prefix", func(f *forge) { f.identity["aud"] = strings.TrimPrefix(right, "countersign:") }, jose.ErrBadSignature},
		{"aud of another hash", func(f *forge) { f.identity["aud"] = strings.Replace(right, "sha256", "sha512", 1) }, jose.ErrBadSignature},
		{"aud that is cut", func(f *forge) { f.identity["aud"] = right[:len(right)-1] }, jose.ErrBadSignature},
		{"aud and more", func(f *forge) { f.identity["aud"] = right + " " }, jose.ErrBadSignature},
		{"empty aud", func(f *forge) { f.identity["aud"] = "" }, jose.ErrBadSignature},
		{"no aud", func(f *forge) { f.identity["aud"] = absent{} }, jose.ErrMalformed},
		{"aud in another case", func(f *forge) { f.identity["aud"], f.identity["AUD"] = absent{}, right }, jose.ErrMalformed},
		{"aud null", func(f *forge) { f.identity["aud"] = nil }, jose.ErrMalformed},
		{"aud a number", func(f *forge) { f.identity["aud"] = 1 }, jose.ErrMalformed},
		{"aud an object", func(f *forge) { f.identity["aud"] = map[string]any{"sha256": right} }, jose.ErrMalformed},

		{"another issuer", func(f *forge) { f.identity["iss"] = "https://token.actions.example" }, keyless.ErrUntrustedIdentity},
		{"an issuer below it", func(f *forge) { f.identity["iss"] = github + "/acme" }, keyless.ErrUntrustedIdentity},
		{"the issuer with a slash", func(f *forge) { f.identity["iss"] = github + "/" }, keyless.ErrUntrustedIdentity},
		{"the issuer in capitals", func(f *forge) { f.identity["iss"] = strings.ToUpper(github) }, keyless.ErrUntrustedIdentity},
		{"several issuers", func(f *forge) { f.identity["iss"] = []string{github} }, keyless.ErrUntrustedIdentity},
		{"no issuer", func(f *forge) { f.identity["iss"] = absent{} }, keyless.ErrUntrustedIdentity},
		{"empty issuer", func(f *forge) { f.identity["iss"] = "" }, keyless.ErrUntrustedIdentity},

		{"typ of an access token", func(f *forge) { f.header["typ"] = "at+jwt" }, jose.ErrMalformed},
		{"typ of a token with a key", func(f *forge) { f.header["typ"] = "run-spec+jwt" }, jose.ErrMalformed},
		{"typ in small letters", func(f *forge) { f.header["typ"] = "jwt" }, jose.ErrMalformed},
		{"empty typ", func(f *forge) { f.header["typ"] = "" }, jose.ErrMalformed},
		{"typ a number", func(f *forge) { f.header["typ"] = 1 }, jose.ErrMalformed},
		{"no typ, as Buildkite does", func(f *forge) { f.header["typ"] = absent{} }, nil},
		{"crit", func(f *forge) { f.header["crit"] = []string{"exp"} }, jose.ErrMalformed},
		{"empty crit", func(f *forge) { f.header["crit"] = []string{} }, jose.ErrMalformed},
		{"jku", func(f *forge) { f.header["jku"] = "https://mallory.example/jwks" }, jose.ErrMalformed},
		{"jwk", func(f *forge) { f.header["jwk"] = map[string]string{"kty": "RSA"} }, jose.ErrMalformed},
		{"x5u", func(f *forge) { f.header["x5u"] = "https://mallory.example/a.pem" }, jose.ErrMalformed},
		{"x5c", func(f *forge) { f.header["x5c"] = []string{"AA=="} }, jose.ErrMalformed},
		{"b64", func(f *forge) { f.header["b64"] = true }, jose.ErrMalformed},
		{"a nonce", func(f *forge) { f.header["nonce"] = "1" }, jose.ErrMalformed},
		{"x5t", func(f *forge) { f.header["x5t"] = "eBZ_cn3sXYAd0ch4THBKHIgOwOE" }, nil},
		{"x5t#S256", func(f *forge) { f.header["x5t#S256"] = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0" }, nil},
		{"x5t an array", func(f *forge) { f.header["x5t"] = []string{"AA"} }, jose.ErrMalformed},

		{"alg none", func(f *forge) { f.header["alg"] = "none" }, jose.ErrUnsupportedAlgorithm},
		{"alg in small letters", func(f *forge) { f.header["alg"] = "rs256" }, jose.ErrUnsupportedAlgorithm},
		{"another alg for the key", func(f *forge) { f.header["alg"] = "PS256" }, jose.ErrUnsupportedAlgorithm},
		{"another alg by the key", func(f *forge) { f.provider.method = jwt.SigningMethodPS256 }, jose.ErrUnsupportedAlgorithm},
		{"no alg", func(f *forge) { f.header["alg"] = absent{} }, jose.ErrMalformed},
		{"another key", func(f *forge) { f.provider.key = otherRSA() }, jose.ErrBadSignature},
		{"a key of another type", func(f *forge) { f.provider.method, f.provider.key = jwt.SigningMethodES256, ecKey() }, jose.ErrUnsupportedAlgorithm},
		{"another kid", func(f *forge) { f.provider.kid = "kid-2" }, jose.ErrUnknownKey},
		{"a kid with a path", func(f *forge) { f.provider.kid = "../kid-1" }, jose.ErrUnknownKey},
		{"the kid in capitals", func(f *forge) { f.provider.kid = "KID-1" }, jose.ErrUnknownKey},
		{"empty kid", func(f *forge) { f.provider.kid = "" }, jose.ErrUnknownKey},
		{"no kid", func(f *forge) { f.header["kid"] = absent{} }, jose.ErrUnknownKey},
		{"kid a number", func(f *forge) { f.header["kid"] = 1 }, jose.ErrMalformed},

		{"exp long ago", func(f *forge) { f.identity["exp"] = 1 }, nil},
		{"no exp", func(f *forge) { f.identity["exp"] = absent{} }, nil},
		{"nbf in the future", func(f *forge) { f.identity["nbf"] = issued + 3600 }, nil},
		{"times that are no times", func(f *forge) { f.identity["exp"], f.identity["nbf"] = "never", []int{1} }, nil},
		{"claims that nobody knows", func(f *forge) {
			f.identity["build_tag"], f.identity["aws"] = nil, map[string]any{"null": nil}
		}, nil},
		{"sub of somebody else", func(f *forge) { f.identity["sub"] = "repo:mallory/x:ref:refs/heads/main" }, nil},
		{"no sub", func(f *forge) { f.identity["sub"] = absent{} }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newForge()
			test.change(f)
			if token := f.token(t); test.outcome == nil {
				wantAccepted(t, trusted(t), run, token)
			} else {
				wantRefused(t, trusted(t), run, token, test.outcome)
			}
		})
	}
}

// TestOpenForged has identity tokens that no library would make.
func TestOpenForged(t *testing.T) {
	t.Parallel()
	f := newForge()
	parts := strings.Split(f.identityToken(t), ".")
	f.identity["aud"] = audience(claims)
	payload := valueOf(t, f.identity).Text
	der := must(x509.MarshalPKIXPublicKey(rsaKey().Public()))
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	hmac := func(key []byte) string {
		input := encode(`{"alg":"HS256","kid":"kid-1","typ":"JWT"}`) + "." + parts[1]
		return input + "." + encode(string(must(jwt.SigningMethodHS256.Sign(input, key))))
	}
	const header = `{"alg":"RS256","kid":"kid-1","typ":"JWT"}`
	signed := func(header, claims string) string { return f.provider.signText(t, header, claims) }
	wantAccepted(t, trusted(t), run, encode(claims)+"~"+signed(header, payload))
	for _, test := range []struct {
		name, identity string
		outcome        error
	}{
		{"none and no signature", encode(`{"alg":"none","kid":"kid-1","typ":"JWT"}`) + "." + parts[1] + ".", jose.ErrUnsupportedAlgorithm},
		{"no signature", parts[0] + "." + parts[1] + ".", jose.ErrBadSignature},
		{"HMAC with the public key", hmac(public), jose.ErrUnsupportedAlgorithm},
		{"HMAC with its DER", hmac(der), jose.ErrUnsupportedAlgorithm},
		{"aud twice", signed(header, with(t, payload, `{"actor"`, `{"aud":"x","actor"`)), jose.ErrMalformed},
		{"aud twice, the right one last", signed(header, with(t, payload, `"aud":`, `"aud":"x","a\u0075d":`)), jose.ErrMalformed},
		{"repository twice", signed(header, with(t, payload, `{"actor"`, `{"repository":"mallory/x","actor"`)), jose.ErrMalformed},
		{"iat twice", signed(header, with(t, payload, `"iat":`, `"iat":1,"iat":`)), jose.ErrMalformed},
		{"alg twice", signed(with(t, header, `{`, `{"alg":"none",`), payload), jose.ErrMalformed},
		{"kid twice", signed(with(t, header, `{`, `{"kid":"kid-1",`), payload), jose.ErrMalformed},
		{"more after the claims", signed(header, payload+"{}"), jose.ErrMalformed},
		{"claims that are an array", signed(header, "["+payload+"]"), jose.ErrMalformed},
		{"claims that are no JSON", signed(header, payload[1:]), jose.ErrMalformed},
		{"a byte order mark", signed(header, "\ufeff"+payload), jose.ErrMalformed},
		{"no UTF-8", signed(header, with(t, payload, `"branch"`, "\"\xff\"")), jose.ErrMalformed},
		{"a header that is null", signed("null", payload), jose.ErrMalformed},
		{"four parts", strings.Join(parts, ".") + ".AA", jose.ErrMalformed},
		{"two parts", strings.Join(parts[:2], "."), jose.ErrMalformed},
		{"nothing", "", jose.ErrMalformed},
		{"the JSON serialization", `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`, jose.ErrMalformed},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantRefused(t, trusted(t), run, encode(claims)+"~"+test.identity, test.outcome)
		})
	}
}

// TestOpenIssuers has several issuers, whose keys and identities are their own.
func TestOpenIssuers(t *testing.T) {
	t.Parallel()
	one := githubProvider()
	two := provider{gitlab, "kid-1", jwt.SigningMethodRS256, otherRSA()}
	ofOne, ofTwo := one.trust(t, "repository=acme/orchestrator"), two.trust(t, "project_path=acme/orchestrator")
	forged := func(p provider, change func(*forge)) string {
		f := newForge()
		f.provider, f.identity["iss"] = p, p.url
		if p.url == gitlab {
			f.identity["repository"], f.identity["project_path"] = absent{}, "acme/orchestrator"
		}
		if change != nil {
			change(f)
		}
		return f.token(t)
	}
	both := keyless.Issuers{ofOne, ofTwo}
	for _, issuers := range []keyless.Issuers{both, {ofTwo, ofOne}} {
		for _, p := range []provider{one, two} {
			wantAccepted(t, issuers, run, forged(p, nil))
			// Its key vouches for nobody else's identities, though the kid is the same.
			wantRefused(t, issuers, run, forged(p, func(f *forge) { f.identity["iss"] = "https://gitlab.example.org" }), keyless.ErrUntrustedIdentity)
		}
		wantRefused(t, issuers, run, forged(one, func(f *forge) { f.provider.key = two.key }), jose.ErrBadSignature)
		wantRefused(t, issuers, run, forged(two, func(f *forge) { f.provider.key = one.key }), jose.ErrBadSignature)
		// Who is trusted as told by one is not trusted as told by the other.
		wantRefused(t, issuers, run, forged(two, func(f *forge) {
			f.identity["repository"], f.identity["project_path"] = "acme/orchestrator", absent{}
		}), keyless.ErrUntrustedIdentity)
	}
	third := two
	third.kid = "kid-2"
	wantRefused(t, keyless.Issuers{ofOne, third.trust(t, "project_path=acme/orchestrator")}, run,
		forged(one, func(f *forge) { f.provider = third }), jose.ErrUnknownKey)
	wantRefused(t, keyless.Issuers{ofOne}, run, forged(two, nil), keyless.ErrUntrustedIdentity)
	wantRefused(t, nil, run, forged(one, nil), keyless.ErrUntrustedIdentity)
	nobody := ofOne
	nobody.Identities = nil
	wantRefused(t, keyless.Issuers{nobody}, run, forged(one, nil), keyless.ErrUntrustedIdentity)
}

// An issuer whose keys nobody has vouches for nothing.
func TestOpenWithoutKeys(t *testing.T) {
	token := keyless.Issuers{{URL: keyless.DefaultIssuer}}
	if _, err := token[0].Verify("a.b.c", "x"); !errors.Is(err, jose.ErrUnknownKey) {
		t.Errorf("%v", err)
	}
}
