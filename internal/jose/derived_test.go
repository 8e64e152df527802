package jose

import (
	"strings"
	"testing"
	"time"
)

// TestDerivedTokens goes through tokens with a good signature that golang-jwt
// accepts with all its options on. Each has to be refused for the reason that
// its name gives, so the form leaves out what else it lacks: the claim `actor`
// or the header's `typ`.
func TestDerivedTokens(t *testing.T) {
	var file struct {
		Key   string `json:"key_ascii"`
		Now   int64
		Tests []struct{ Name, Token, Must string }
	}
	readVectors(t, &file, "derived", "countersign_negative_tokens.json")
	keys, err := SecretVerifyingKey([]byte(file.Key), "HS256")
	if err != nil {
		t.Fatal(err)
	}
	const maxLifetime = 24 * time.Hour

	form := func(typ string, more ...string) Form {
		return Form{Type: typ, Claims: append([]string{"iss", "aud", "iat", "exp"}, more...), MaxSize: 65535}
	}
	tests := map[string]struct {
		form    Form
		outcome error
		reason  string
	}{
		"control valid": {form("JWT", "actor"), nil, ""},

		"crit unknown extension": {form(""), ErrMalformed, "a member beside alg, typ and kid"},
		"crit b64 false":         {form(""), ErrMalformed, "a member beside alg, typ and kid"},
		"wrong typ":              {form("JWT"), ErrWrongType, `its typ is not "JWT"`},
		"embedded jwk/jku/x5u/x5c/kid-path header": {form(""), ErrMalformed, "a member beside alg, typ and kid"},
		"duplicate alg (none,HS256)":               {form(""), ErrMalformed, "a name that stands twice"},
		"duplicate claim":                          {form("JWT", "actor"), ErrMalformed, "a name that stands twice"},
		"case-variant claim ACTOR":                 {form("JWT", "actor"), ErrMalformed, "a claim beside those of its type"},
		"expired, EXP overrides":                   {form("JWT"), ErrMalformed, "a claim beside those of its type"},
		"U+017F long-s in iss key":                 {form("JWT"), ErrMalformed, "a claim beside those of its type"},
		"trailing JSON after claims":               {form("JWT"), ErrMalformed, "something comes after the value"},
		"CRLF inside signature segment":            {form("JWT", "actor"), ErrMalformed, "its signature is not base64url: a line end"},
		"trailing LF on token":                     {form("JWT", "actor"), ErrMalformed, "its signature is not base64url: a line end"},
		"iat missing":                              {form("JWT"), ErrMalformed, "it has no claim iat"},
		"exp string":                               {form("JWT"), ErrMalformed, "its claim exp is a string"},
		"exp year 9999 (lifetime)":                 {form("JWT"), ErrLifetimeTooLong, "more than 24h"},
		"exp 1e18":                                 {form("JWT"), ErrMalformed, "its claim exp is not an integer"},
		"nbf 1e30 integer overflow":                {form("JWT", "nbf"), ErrMalformed, "its claim nbf is not an integer"},
		"fractional exp":                           {form("JWT"), ErrMalformed, "its claim exp is not an integer"},
		"invalid UTF-8 in claim":                   {form("JWT", "actor"), ErrMalformed, "not UTF-8"},
		"aud array with extra audience":            {form("JWT"), ErrMalformed, "its claim aud is an array"},
	}
	if len(file.Tests) != len(tests) {
		t.Errorf("the file has %d tokens, want %d", len(file.Tests), len(tests))
	}
	for _, token := range file.Tests {
		t.Run(token.Name, func(t *testing.T) {
			test, ok := tests[token.Name]
			if !ok || (test.outcome == nil) != (token.Must == "accept") {
				t.Fatalf("not known here as one to %s", token.Must)
			}
			got, err := Verify(test.form, keys, token.Token)
			errs := []error{err}
			if err == nil {
				errs = got.CheckTimes(time.Unix(file.Now, 0), maxLifetime)
			}
			switch {
			case test.outcome == nil && len(errs) > 0:
				t.Fatal(errs)
			case test.outcome == nil:
				return
			case len(errs) != 1:
				t.Fatalf("the errors are %v, want one", errs)
			}
			wantOutcome(t, errs[0], test.outcome)
			if !strings.Contains(errs[0].Error(), test.reason) {
				t.Errorf("the error is %q, want one with %q", errs[0], test.reason)
			}
			// No token passes with the form of the control, whatever it lacks.
			if got, err := Verify(tests["control valid"].form, keys, token.Token); err == nil {
				if len(got.CheckTimes(time.Unix(file.Now, 0), maxLifetime)) == 0 {
					t.Error("accepted in the form of the control")
				}
			}
		})
	}
}
