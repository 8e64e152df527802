package keyless_test

import (
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/keyless"
)

// TestChangedClaims changes each claim while the identity token stays. With an
// identity token for what it was changed to, the change would pass that check.
func TestChangedClaims(t *testing.T) {
	t.Parallel()
	changes := []struct {
		claim, from, to string
		resigned        error // nil: accepted
	}{
		{"aud", "https://github.com/acme/widgets", "https://github.com/acme/gadgets", nil},
		{"exp", `"exp":1795313400`, `"exp":1795399200`, nil},
		{"iat", `"iat":1795312800`, `"iat":1795312801`, nil},
		{"iss", "https://github.com/acme/orchestrator", "https://github.com/acme/gadgets", keyless.ErrWrongIssuer},
		{"jti", "m9Bdf0ZyTz6Ck1yQvVYJZw", "m9Bdf0ZyTz6Ck1yQvVYJZA", nil},
		{"nbf", `"nbf":1795312800`, `"nbf":0`, nil},
		{"spec", "octocat", "mallory", nil},
		{"spec", "weekly", "weekl\ufeffy", nil},
		{"sub", `"sub":"acme/widgets@`, `"sub":"acme/gadgets@`, nil},
		{"typ", "run-spec+jwt", "artifacts+jwt", jose.ErrWrongType},
	}
	identity := newForge().identityToken(t)
	changed := map[string]bool{}
	for _, c := range changes {
		changed[c.claim] = true
		text := with(t, claims, c.from, c.to)
		wantRefused(t, trusted(t), run, encode(text)+"~"+identity, jose.ErrBadSignature)
		f := newForge()
		f.claims = text
		if c.resigned == nil {
			wantAccepted(t, trusted(t), run, f.token(t))
		} else {
			wantRefused(t, trusted(t), run, f.token(t), c.resigned)
		}
	}
	for _, m := range value(t, claims).Members {
		if !changed[m.Name] {
			t.Errorf("the claim %s is not changed", m.Name)
		}
	}
}

// TestOpenClaims has claims that are not as they should be, and an identity token
// for exactly these.
func TestOpenClaims(t *testing.T) {
	t.Parallel()
	spec := value(t, claims)
	specText, _ := spec.Get("spec")
	of := func(old, replacement string) string { return with(t, claims, old, replacement) }
	artifacts := strings.NewReplacer(`"spec":`+specText.Text+`,`, ``, `{"aud"`, `{"artifacts":[],"aud"`, run.Type, manifest.Type).Replace(claims)
	type test struct {
		name, claims string
		outcome      error
	}
	tests := []test{
		// Another form of what is meant.
		{"a space", of(`,"exp"`, `, "exp"`), jose.ErrMalformed},
		{"a space in the spec", of(`"version":1`, `"version": 1`), jose.ErrMalformed},
		{"white space around it", " " + claims + "\n", jose.ErrMalformed},
		{"another order", of(`"exp":1795313400,"iat":1795312800`, `"iat":1795312800,"exp":1795313400`), jose.ErrMalformed},
		{"another order in the spec", of(`{"actor":"octocat","inputs":{"reason":"weekly"}`, `{"inputs":{"reason":"weekly"},"actor":"octocat"`), jose.ErrMalformed},
		{"an escape in a value", of("octocat", `octoca\u0074`), jose.ErrMalformed},
		{"an escape in a name", of(`"jti"`, `"jt\u0069"`), jose.ErrMalformed},
		{"an escaped slash", of("https://github.com/acme/widgets", `https:\/\/github.com/acme/widgets`), jose.ErrMalformed},
		{"an escape of the escape", of("weekly", `week\u000aly`), jose.ErrMalformed},
		{"a fraction", of(`"version":1`, `"version":1.0`), jose.ErrMalformed},
		{"an exponent", of(`"version":1`, `"version":1e0`), jose.ErrMalformed},
		{"a number that doubles do not hold", of(`"version":1`, `"version":9007199254740993`), jose.ErrMalformed},
		{"a byte order mark", "\ufeff" + claims, jose.ErrMalformed},

		// What is malformed in a token with a key, too.
		{"a name twice", of(`{"aud"`, `{"aud":"x","aud"`), jose.ErrMalformed},
		{"a name twice in the spec", of(`{"actor"`, `{"actor":"x","actor"`), jose.ErrMalformed},
		{"a name in another case", of(`{"aud"`, `{"EXP":1,"aud"`), jose.ErrMalformed},
		{"a claim beside them", of(`,"jti"`, `,"job":"x","jti"`), jose.ErrMalformed},
		{"a null", of(`"reason":"weekly"`, `"reason":null`), jose.ErrMalformed},
		{"a time as text", of(`"exp":1795313400`, `"exp":"1795313400"`), jose.ErrMalformed},
		{"a time with a fraction", of(`"exp":1795313400`, `"exp":1795313400.5`), jose.ErrMalformed},
		{"aud an array", of(`"https://github.com/acme/widgets"`, `["https://github.com/acme/widgets"]`), jose.ErrMalformed},
		{"more after it", claims + "{}", jose.ErrMalformed},
		{"no UTF-8", of("weekly", "\xff"), jose.ErrMalformed},
		{"nothing", "", jose.ErrMalformed},
		{"an empty object", "{}", jose.ErrMalformed},
		{"null", "null", jose.ErrMalformed},
		{"a text", `"` + run.Type + `"`, jose.ErrMalformed},
		{"an array", "[" + claims + "]", jose.ErrMalformed},

		// The type.
		{"of a manifest, with the claims of a run", of(run.Type, manifest.Type), jose.ErrWrongType},
		{"of a manifest", artifacts, jose.ErrWrongType},
		{"of an identity token", of(run.Type, "JWT"), jose.ErrWrongType},
		{"in capitals", of(run.Type, "RUN-SPEC+JWT"), jose.ErrWrongType},
		{"empty", of(run.Type, ""), jose.ErrWrongType},
		{"absent", of(`,"typ":"run-spec+jwt"`, ``), jose.ErrMalformed},
		{"absent, as in a token with a key", of(`,"typ"`, `,"type"`), jose.ErrMalformed},
		{"a number", of(`"run-spec+jwt"`, `1`), jose.ErrMalformed},
		{"a boolean", of(`"run-spec+jwt"`, `true`), jose.ErrMalformed},
		{"null for a type", of(`"run-spec+jwt"`, `null`), jose.ErrMalformed},
		{"an array of types", of(`"run-spec+jwt"`, `["run-spec+jwt"]`), jose.ErrMalformed},
		{"twice", of(`,"typ"`, `,"typ":"artifacts+jwt","typ"`), jose.ErrMalformed},
		{"of a manifest, with the artifacts of a run", of(`"spec":`, `"artifacts":[],"spec":`), jose.ErrMalformed},
	}
	for _, m := range spec.Members {
		var members []string
		for _, other := range spec.Members {
			text := other.Value.Text
			if other.Value.Kind == jose.String {
				text = `"` + text + `"`
			}
			if other.Name != m.Name {
				members = append(members, `"`+other.Name+`":`+text)
			}
		}
		tests = append(tests, test{"without " + m.Name, "{" + strings.Join(members, ",") + "}", jose.ErrMalformed})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newForge()
			f.claims = test.claims
			wantRefused(t, trusted(t), run, f.token(t), test.outcome)
		})
	}

	// A manifest is one where a manifest is expected.
	f := newForge()
	f.claims = artifacts
	wantAccepted(t, trusted(t), manifest, f.token(t))
	f.claims = claims
	wantRefused(t, trusted(t), manifest, f.token(t), jose.ErrWrongType)
	// Text outside of ASCII has one form as well.
	f.claims = of("weekly", "w\u00f6chentlich \U0001f431 \u2028<&>")
	wantAccepted(t, trusted(t), run, f.token(t))
}

// TestOpenEncoding writes the same octets in other ways.
func TestOpenEncoding(t *testing.T) {
	t.Parallel()
	f := newForge()
	for len(f.claims)%3 != 1 || !strings.ContainsAny(encode(f.claims), "-_") {
		f.claims = with(t, f.claims, "weekly", "\u00fe\u00ffweekly")
	}
	first, identity, _ := strings.Cut(f.token(t), "~")
	wantAccepted(t, trusted(t), run, first+"~"+identity)
	last := first[len(first)-1]
	for name, token := range map[string]string{
		"padding":             first + "==~" + identity,
		"half of the padding": first + "=~" + identity,
		"unused bits":         first[:len(first)-1] + string(last+1) + "~" + identity,
		"the other alphabet":  strings.NewReplacer("-", "+", "_", "/").Replace(first) + "~" + identity,
		"a line end":          first[:64] + "\n" + first[64:] + "~" + identity,
		"a line end of DOS":   first[:64] + "\r\n" + first[64:] + "~" + identity,
		"one at the end":      first + "\n~" + identity,
		"one after the tilde": first + "~\n" + identity,
		"one after it all":    first + "~" + identity + "\n",
		"a space":             " " + first + "~" + identity,
		"no base64url":        f.claims + "~" + identity,
		"claims cut":          first[:len(first)-3] + "~" + identity,

		"no tilde":                      first + identity,
		"a point for the tilde":         first + "." + identity,
		"an escaped tilde":              first + "%7E" + identity,
		"two tildes":                    first + "~~" + identity,
		"a tilde at the end":            first + "~" + identity + "~",
		"a tilde at the beginning":      "~" + first + "~" + identity,
		"the claims twice":              first + "~" + first + "~" + identity,
		"the identity twice":            first + "~" + identity + "~" + identity,
		"the other way round":           identity + "~" + first,
		"no claims":                     "~" + identity,
		"no identity":                   first + "~",
		"nothing":                       "",
		"a tilde":                       "~",
		"the identity alone":            identity,
		"the identity for the claims":   identity + "~" + identity,
		"disclosures (RFC 9901)":        identity + "~" + first + "~",
		"a JWS of the claims, unsigned": "e30." + first + ".~" + identity,
	} {
		t.Run(name, func(t *testing.T) {
			outcome := jose.ErrMalformed
			if name == "claims cut" || name == "no claims" {
				outcome = jose.ErrBadSignature
			}
			wantRefused(t, trusted(t), run, token, outcome)
		})
	}
}
