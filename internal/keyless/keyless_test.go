package keyless_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/keyless"
)

func runClaims() jose.Claims {
	made := time.Unix(issued, 0)
	return jose.Claims{
		Issuer: "https://github.com/acme/orchestrator", Audience: "https://github.com/acme/widgets",
		Subject: "acme/widgets@0123456789abcdef0123456789abcdef01234567", ID: "m9Bdf0ZyTz6Ck1yQvVYJZw",
		IssuedAt: made, NotBefore: made, Expires: made.Add(10 * time.Minute),
		Private: map[string]any{"spec": json.RawMessage(`{"version":1, "repository":"acme/widgets", "actor":"octocat",
			"inputs":{"reason":"weekly"}, "sha":"0123456789abcdef0123456789abcdef01234567"}`)},
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	c := runClaims()
	got, err := keyless.Claims(run, c)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(claims, string(got)); diff != "" {
		t.Errorf("the claim set (-want +got):\n%s", diff)
	}
	if got, err = keyless.Claims(manifest, c); err != nil || !strings.Contains(string(got), `,"typ":"artifacts+jwt"}`) {
		t.Errorf("the claim set of a manifest is %s; error %v", got, err)
	}
	if len(c.Private) != 1 {
		t.Errorf("the caller's claims are now %v", c.Private)
	}
	c.Private = map[string]any{"spec": json.RawMessage(`{`)}
	if got, err = keyless.Claims(run, c); err == nil {
		t.Errorf("a claim set of what is no JSON: %s", got)
	}
}

func TestAudience(t *testing.T) {
	t.Parallel()
	// SHA-256 of nothing and of "abc" (FIPS 180-2 appendix B.1).
	for text, want := range map[string]string{
		"":    "countersign:sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"abc": "countersign:sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	} {
		if got := keyless.Audience([]byte(text)); got != want {
			t.Errorf("Audience(%q) = %s, want %s", text, got, want)
		}
	}
}

// TestRoundTrip makes tokens as sign does, with identity tokens of several
// providers, and reads them as verify does.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, p := range []provider{
		githubProvider(),
		{github, "some key/1", jwt.SigningMethodES256, ecKey()},
		{github, strings.Repeat("k", 300), jwt.SigningMethodEdDSA, edKey()},
		{github, "kid-1", jwt.SigningMethodRS512, otherRSA()},
	} {
		t.Run(p.method.Alg(), func(t *testing.T) {
			t.Parallel()
			set, err := keyless.Claims(run, runClaims())
			if err != nil {
				t.Fatal(err)
			}
			f := newForge()
			f.provider, f.identity["aud"] = p, keyless.Audience(set)
			id := f.identityToken(t)
			token, err := keyless.Join(run, set, id)
			if err != nil {
				t.Fatal(err)
			}
			if want := encode(claims) + "~" + id; token != want {
				t.Errorf("the token is %q, want %q", token, want)
			}
			got := wantAccepted(t, keyless.Issuers{p.trust(t, "repository=acme/orchestrator")}, run, token)
			c := runClaims()
			want := []any{c.Issuer, c.Audience, c.Subject, c.ID, c.IssuedAt.Unix(), c.NotBefore.Unix(), c.Expires.Unix(), claims}
			if diff := cmp.Diff(want, []any{got.Issuer, got.Audience, got.Subject, got.ID, got.IssuedAt, got.NotBefore, got.Expires, got.Claims.Text}); diff != "" {
				t.Errorf("what the token says (-want +got):\n%s", diff)
			}
			// Its own times count, and all of them.
			if errs := got.CheckTimes(c.Expires.Add(time.Minute), 0); len(errs) != 1 || !errors.Is(errs[0], jose.ErrExpired) {
				t.Errorf("a minute after exp: %v", errs)
			}
			if errs := got.CheckTimes(c.Expires.Add(time.Minute-time.Second), 24*time.Hour); len(errs) > 0 {
				t.Errorf("before exp, and long after that of the identity token: %v", errs)
			}
		})
	}
}

// TestJoin has what came as an identity token be one that verify could take.
func TestJoin(t *testing.T) {
	t.Parallel()
	f := newForge()
	good := f.identityToken(t)
	aud := func(v any) string {
		f := newForge()
		f.identity["aud"] = v
		return f.identityToken(t)
	}
	for _, test := range []struct {
		name, identity string
		outcome        error
	}{
		{"nothing", "", jose.ErrMalformed},
		{"text", "s3cret", jose.ErrMalformed},
		{"JSON around it", `{"value":"` + good + `"}`, jose.ErrMalformed},
		{"a line end", good + "\n", jose.ErrMalformed},
		{"a tilde", good + "~", jose.ErrMalformed},
		{"a whole token", f.token(t), jose.ErrMalformed},
		{"cut", good[:strings.LastIndexByte(good, '.')], jose.ErrMalformed},
		{"no claims", "e30.bnVsbA.AA", jose.ErrMalformed},
		{"for other claims", aud(audience(claims + " ")), jose.ErrBadSignature},
		{"by default for its owner", aud("https://github.com/acme"), jose.ErrBadSignature},
		{"for several", aud([]string{audience(claims)}), jose.ErrBadSignature},
		{"for nobody", aud(absent{}), jose.ErrBadSignature},
	} {
		token, err := keyless.Join(run, []byte(claims), test.identity)
		if token != "" {
			t.Errorf("%s: a token beside the error %v", test.name, err)
		}
		wantOutcome(t, err, test.outcome)
		if err != nil && test.identity != "" && strings.Contains(err.Error(), test.identity) {
			t.Errorf("%s: the error quotes it: %v", test.name, err)
		}
	}

	// Too large is the fault of the claims and not of the identity token.
	small := run
	small.MaxSize = len(f.token(t))
	if _, err := keyless.Join(small, []byte(claims), good); err != nil {
		t.Errorf("as large as may be: %v", err)
	}
	small.MaxSize--
	if _, err := keyless.Join(small, []byte(claims), good); err == nil || errors.As(err, new(*jose.Error)) {
		t.Errorf("larger than may be: %v", err)
	}
}

// TestParse shows what a token says, by whomever.
func TestParse(t *testing.T) {
	t.Parallel()
	f := newForge()
	u, err := keyless.Parse(run, f.token(t))
	if err != nil {
		t.Fatal(err)
	}
	repository, _ := u.Identity.Claims.Get("repository")
	alg, _ := u.Identity.Header.Get("alg")
	want := []string{claims, github, "kid-1", "acme/orchestrator", "RS256"}
	if diff := cmp.Diff(want, []string{u.Claims, u.Issuer, u.KeyID, repository.Text, alg.Text}); diff != "" {
		t.Errorf("what it says (-want +got):\n%s", diff)
	}

	f.identity["iss"], f.header["kid"] = []string{github}, 1
	if u, err = keyless.Parse(run, f.token(t)); err != nil || u.Issuer != "" || u.KeyID != "" {
		t.Errorf("issuer and key of another type are %+v; error %v", u, err)
	}
	for _, token := range []string{"", "~", "a", "a.b.c", "~" + f.identityToken(t)[1:], encode(claims), encode(claims) + "~"} {
		if u, err = keyless.Parse(run, token); u != nil {
			t.Errorf("%q says %+v", token, u)
		}
		wantOutcome(t, err, jose.ErrMalformed)
	}
	// Who gives a token with a key to the wrong verifier is told so.
	if _, err = keyless.Parse(run, f.identityToken(t)); err == nil || !strings.Contains(err.Error(), "a key signed") {
		t.Errorf("the error for a token with a key is %v", err)
	}
}
