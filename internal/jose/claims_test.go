package jose

import (
	"strings"
	"testing"
)

// TestClaims has signed tokens with claims that are not exactly those of the
// form.
func TestClaims(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, p pair) {
		signed := func(t *testing.T, claims string) string {
			t.Helper()
			return signText(t, p.signing, headerOf(p.signing).String(), claims)
		}
		refused := func(name, claims string) {
			t.Run(name, func(t *testing.T) {
				wantRefused(t, runForm, p.verifying, signed(t, claims), ErrMalformed)
			})
		}
		whole := claimObject()
		wantAccepted(t, runForm, p.verifying, signed(t, whole.String()))
		for _, c := range whole {
			refused("without "+c.name, whole.without(c.name).String())
			refused(c.name+" is null", whole.with(c.name, "null").String())
			refused(c.name+" twice", strings.TrimSuffix(whole.String(), "}")+`,"`+c.name+`":`+c.value+"}")
			refused(c.name+" twice, escaped", strings.TrimSuffix(whole.String(), "}")+`,"\u00`+
				hexByte(c.name[0])+c.name[1:]+`":`+c.value+"}")
			upper := strings.ToUpper(c.name)
			refused(upper+" beside "+c.name, whole.with(upper, c.value).String())
			refused(upper+" for "+c.name, whole.without(c.name).with(upper, c.value).String())
		}
		for _, name := range []string{"actor", "azp", "cty", "", "iss ", "iſs", "exp\u200b"} {
			refused("with "+name, whole.with(name, `"x"`).String())
		}
		for name, value := range map[string]string{
			"null in the spec":          `{"version":1,"ref":null}`,
			"null in an array":          `{"version":1,"commands":[null]}`,
			"null further down":         `{"version":1,"signer":{"x":[[{"y":null}]]}}`,
			"the same name in the spec": `{"version":1,"ref":"a","ref":"b"}`,
		} {
			refused(name, whole.with("spec", value).String())
		}
		for name, claims := range map[string]string{
			"no claims":         "{}",
			"no octets":         "",
			"an array":          "[" + whole.String() + "]",
			"null":              "null",
			"a string":          `"claims"`,
			"more after them":   whole.String() + "{}",
			"a byte order mark": "\ufeff" + whole.String(),
			"not UTF-8":         whole.with("jti", "\"\xff\"").String(),
			"half a surrogate":  whole.with("jti", `"\ud800"`).String(),
			"nested too deep":   whole.with("spec", strings.Repeat("[", 64)+strings.Repeat("]", 64)).String(),
		} {
			refused(name, claims)
		}
	})
}

func hexByte(c byte) string {
	return string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15])
}

// TestClaimTypes has registered claims with a value of another type.
func TestClaimTypes(t *testing.T) {
	t.Parallel()
	p := keyPair(t, "EdDSA")
	header := headerOf(p.signing).String()
	values := map[string][]string{
		"a text": {"1", "true", "[]", "{}", `["https://github.com/acme/widgets"]`},
		"a time": {
			`"1795312800"`, "true", "[1795312800]", "{}",
			"1795312800.0", "1795312800.5", "1795312800e0", "1.7953128e9", "1E9", "1e30", "-0",
			"9223372036854775808", "-9223372036854775809", "1" + strings.Repeat("0", 400),
		},
	}
	kinds := map[string]string{
		"iss": "a text", "aud": "a text", "sub": "a text", "jti": "a text",
		"iat": "a time", "nbf": "a time", "exp": "a time",
	}
	for name, kind := range kinds {
		for _, value := range values[kind] {
			t.Run(name+"="+value[:min(len(value), 24)], func(t *testing.T) {
				token := signText(t, p.signing, header, claimObject().with(name, value).String())
				wantRefused(t, runForm, p.verifying, token, ErrMalformed)
			})
		}
	}
	for _, value := range []string{"0", "-1", "9223372036854775807", "-9223372036854775808"} {
		token := signText(t, p.signing, header, claimObject().with("iat", value).String())
		got := wantAccepted(t, runForm, p.verifying, token)
		if claim, _ := got.Claims.Get("iat"); claim.Text != value {
			t.Errorf("iat is %s, want %s", claim.Text, value)
		}
	}
}

// TestVerifiedClaims checks that what was signed is what is read, to the byte.
func TestVerifiedClaims(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, p pair) {
		want := runClaims()
		got := wantAccepted(t, runForm, p.verifying, runToken(t, p.signing))
		for _, test := range []struct{ name, got, want string }{
			{"iss", got.Issuer, want.Issuer},
			{"aud", got.Audience, want.Audience},
			{"sub", got.Subject, want.Subject},
			{"jti", got.ID, want.ID},
		} {
			if test.got != test.want {
				t.Errorf("%s is %q, want %q", test.name, test.got, test.want)
			}
		}
		if got.IssuedAt != 1795312800 || got.NotBefore != 1795312800 || got.Expires != 1795313400 {
			t.Errorf("iat %d, nbf %d, exp %d", got.IssuedAt, got.NotBefore, got.Expires)
		}
		signed, err := ParseJSON(runSpec)
		if err != nil {
			t.Fatal(err)
		}
		spec, _ := got.Claims.Get("spec")
		if len(spec.Members) != len(signed.Members) {
			t.Errorf("the spec has %d fields, want %d", len(spec.Members), len(signed.Members))
		}
		wantAsDecoded(t, spec, []byte(runSpec))
	})
}

// TestAnyPayload has a form without claims, where the payload is not looked at.
func TestAnyPayload(t *testing.T) {
	t.Parallel()
	p := keyPair(t, "ES256")
	form := Form{Type: "run-spec+jwt", MaxSize: 1000}
	for _, payload := range []string{"", "null", "\xff\x00", `{"a":1,"a":2}`} {
		token := signText(t, p.signing, headerOf(p.signing).String(), payload)
		got := wantAccepted(t, form, p.verifying, token)
		if got.Claims.Kind != Null || got.Claims.Members != nil {
			t.Errorf("claims of a payload that is not looked at: %v", got.Claims)
		}
		if errs := got.CheckTimes(issued, 1); errs != nil {
			t.Errorf("times of a payload that is not looked at: %v", errs)
		}
		wantRefused(t, form, p.verifying, strings.Replace(token, ".", ".AAAA", 1), ErrBadSignature)
	}
}
