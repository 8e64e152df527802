package jose

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// TestSign checks the text of a token, which other verifiers have to read.
func TestSign(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, p pair) {
		parts, err := split(runForm, runToken(t, p.signing))
		if err != nil {
			t.Fatal(err)
		}
		// Members are in the order of RFC 8785.
		header := `{"alg":"` + p.signing.Algorithm() + `",`
		if id := p.signing.ID(); id != "" {
			header += `"kid":"` + id + `",`
		}
		if header += `"typ":"run-spec+jwt"}`; parts.header != header {
			t.Errorf("the header is %s, want %s", parts.header, header)
		}
		const start = `{"aud":"https://github.com/acme/widgets","exp":1795313400,"iat":1795312800,` +
			`"iss":"https://github.com/acme/orchestrator","jti":"m9Bdf0ZyTz6Ck1yQvVYJZw","nbf":1795312800,` +
			`"spec":{"actor":"octocat","actor_id":"583231","artifacts":[{"path":"dist/app.tgz",`
		if !strings.HasPrefix(parts.claims, start) {
			t.Errorf("the claims are %s, want them to start with %s", parts.claims, start)
		}
		const end = `,"version":1,"workflow":".github/workflows/deploy.yml"},"sub":"acme/widgets@0123456789abcdef0123456789abcdef01234567"}`
		if !strings.HasSuffix(parts.claims, end) {
			t.Errorf("the claims are %s, want them to end with %s", parts.claims, end)
		}
	})
}

func TestSignWithoutType(t *testing.T) {
	t.Parallel()
	p := keyPair(t, "EdDSA")
	form := runForm
	form.Type = ""
	token, err := Sign(form, p.signing, runClaims())
	if err != nil {
		t.Fatal(err)
	}
	wantAccepted(t, form, p.verifying, token)
}

func TestSignErrors(t *testing.T) {
	t.Parallel()
	p := keyPair(t, "EdDSA")
	form := runForm
	form.MaxSize = len(runToken(t, p.signing))
	if _, err := Sign(form, p.signing, runClaims()); err != nil {
		t.Errorf("a token of the largest size: %v", err)
	}
	form.MaxSize--
	for name, test := range map[string]struct {
		form Form
		spec any
		want string
	}{
		"too large":        {form, json.RawMessage(runSpec), "bytes and may have"},
		"no JSON":          {runForm, json.RawMessage("{"), "JSON"},
		"half a surrogate": {runForm, json.RawMessage(`"\ud800"`), "surrogate"},
		"no JSON value":    {runForm, math.NaN(), "NaN"},
		"no type for JSON": {runForm, func() {}, "func"},
	} {
		t.Run(name, func(t *testing.T) {
			c := runClaims()
			c.Private = map[string]any{"spec": test.spec}
			token, err := Sign(test.form, p.signing, c)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want one with %q", err, test.want)
			}
			if token != "" {
				t.Errorf("the token %q beside an error", token)
			}
		})
	}
}

func TestUnverified(t *testing.T) {
	t.Parallel()
	p := keyPair(t, "EdDSA")
	token := runToken(t, p.signing)
	// It shows what cannot be verified too, whatever the header says.
	for _, shown := range []string{
		token,
		token[:len(token)-86] + strings.Repeat("A", 86),
		encode(`{"alg":"none","typ":"x","crit":["y"]}`) + "." + strings.Split(token, ".")[1] + ".",
	} {
		parts, err := Unverified(Form{MaxSize: 65535}, shown)
		if err != nil {
			t.Errorf("%q: %v", shown, err)
			continue
		}
		if iss, _ := parts.Claims.Get("iss"); iss.Text != "https://github.com/acme/orchestrator" {
			t.Errorf("iss is %q", iss.Text)
		}
		if _, ok := parts.Header.Get("alg"); !ok {
			t.Error("the header has no alg")
		}
	}
	parts := strings.Split(token, ".")
	for name, broken := range map[string]string{
		"nothing":               "",
		"two parts":             parts[0] + "." + parts[1],
		"four parts":            token + ".",
		"a line end":            token + "\n",
		"padding":               token + "==",
		"a header that is none": encode("[]") + "." + parts[1] + ".",
		"a header twice":        encode(`{"alg":"a","alg":"b"}`) + "." + parts[1] + ".",
		"claims that are none":  parts[0] + "." + encode("null") + ".",
		"claims with a null":    parts[0] + "." + encode(`{"a":null}`) + ".",
		"claims that end early": parts[0] + "." + encode(`{"a":`) + ".",
		"more than the size":    strings.Repeat("A", 65536),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Unverified(Form{MaxSize: 65535}, broken)
			if err == nil {
				t.Fatal("accepted")
			}
			wantOutcome(t, err, ErrMalformed)
		})
	}
}

// TestSignCanonical has what Go's JSON would write otherwise.
func TestSignCanonical(t *testing.T) {
	t.Parallel()
	c := runClaims()
	c.Private = map[string]any{"spec": map[string]any{"commands": []string{"a < b && c > d \u2028 ä"}}}
	token, err := Sign(runForm, keyPair(t, "EdDSA").signing, c)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := split(runForm, token)
	if err != nil {
		t.Fatal(err)
	}
	if want := "{\"commands\":[\"a < b && c > d \u2028 ä\"]}"; !strings.Contains(parts.claims, want) {
		t.Errorf("the claims are %s, want them to have %s", parts.claims, want)
	}
}
