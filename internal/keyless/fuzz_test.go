package keyless_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/keyless"
)

// FuzzOpen looks for a text that is taken for a token although it is none of those
// that were made.
func FuzzOpen(f *testing.F) {
	p := githubProvider()
	other := provider{gitlab, "kid-2", jwt.SigningMethodEdDSA, edKey()}
	issuers := keyless.Issuers{p.trust(f, "repository=acme/orchestrator"), other.trust(f, "project_path=acme/orchestrator")}
	// Both algorithms have one signature for a text.
	made := map[string]bool{}
	seed := func(forge *forge, good bool) {
		token := forge.token(f)
		made[token] = made[token] || good
		f.Add(token)
	}
	seed(newForge(), true)
	byOther := newForge()
	byOther.provider, byOther.identity["iss"], byOther.identity["project_path"] = other, gitlab, "acme/orchestrator"
	byOther.identity["repository"] = absent{}
	seed(byOther, true)
	for _, change := range []func(*forge){
		func(g *forge) { g.identity["aud"] = "https://github.com/acme" },
		func(g *forge) { g.identity["aud"] = []string{audience(claims)} },
		func(g *forge) { g.identity["repository"] = "mallory/x" },
		func(g *forge) { g.identity["iss"] = gitlab },
		func(g *forge) { g.identity["iat"] = issued + 301 },
		func(g *forge) { g.provider.key = otherRSA() },
		func(g *forge) { g.header["crit"] = []string{"b64"} },
		func(g *forge) { g.claims = strings.Replace(claims, ",", ", ", 1) },
		func(g *forge) { g.claims = strings.Replace(claims, run.Type, manifest.Type, 1) },
		func(g *forge) { g.claims = "" },
		func(g *forge) { g.claims = `{"typ":"run-spec+jwt"}` },
	} {
		g := newForge()
		change(g)
		seed(g, false)
	}
	for _, text := range []string{"", "~", "a~b.c.d", encode(claims) + "~", "~" + newForge().identityToken(f), newForge().token(f) + "~"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, err := issuers.Open(run, text)
		switch {
		case err == nil && !made[text]:
			t.Errorf("accepted: %q", text)
		case err == nil:
		case token != nil:
			t.Errorf("a token is returned; error %v", err)
		default:
			wantRefusal(t, err)
		}
		// What can be shown has the form of a token, whoever made it.
		u, parseErr := keyless.Parse(run, text)
		if parseErr != nil {
			wantOutcome(t, parseErr, jose.ErrMalformed)
			return
		}
		// Joined again it is the same, so there is one text for what it says.
		_, identity, _ := strings.Cut(text, "~")
		joined, joinErr := keyless.Join(run, []byte(u.Claims), identity)
		if joinErr == nil && joined != text {
			t.Errorf("%q and %q say the same", text, joined)
		} else if joinErr != nil && err == nil {
			t.Errorf("accepted, and not joined: %v", joinErr)
		}
	})
}

// FuzzIdentity compares what holds with a regular expression.
func FuzzIdentity(f *testing.F) {
	for _, seed := range [][3]string{
		{"repository", "acme/*", "acme/widgets"}, {"repository", "*/x", "mallory/x"}, {"ref", "a*a", "a"},
		{"repository", "Acme/K", "acme/\u212a"}, {"ref", "*a*b*", "xaxbx"}, {"repository_id", "4*", "4"},
		{"sub", "a", "a"}, {"", "a", "a"}, {"environment", "**", ""}, {"ref", "refs/*/*", "refs/heads/a"}, {"actor", "a\n*", "A\nb"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	caseless := []string{"repository", "repository_owner", "actor", "environment"}
	upper := regexp.MustCompile(`[A-Z]`)
	f.Fuzz(func(t *testing.T, claim, glob, text string) {
		id, err := keyless.ParseIdentity([]string{claim + "=" + glob})
		if strings.Contains(claim, "=") {
			return // another claim, then
		} else if err != nil {
			var e *keyless.Error
			if !errors.As(err, &e) || e.Hint() == "" || e.Error() == "" {
				t.Errorf("%q=%q: the error is %#v", claim, glob, err)
			}
		} else if owner, _, _ := strings.Cut(id[claim][0], "/"); strings.Contains(owner, "*") || owner == "" {
			t.Errorf("%q=%q trusts more than one owner", claim, glob)
		}
		if !utf8.ValidString(glob) || !utf8.ValidString(text) || len(glob) > 200 {
			return // no expression can be made of it
		}
		a, b := glob, text
		if slices.Contains(caseless, claim) {
			a, b = upper.ReplaceAllStringFunc(a, strings.ToLower), upper.ReplaceAllStringFunc(b, strings.ToLower)
		}
		form := regexp.MustCompile(`\A` + strings.ReplaceAll(regexp.QuoteMeta(a), `\*`, `[^/]*`) + `\z`)
		got := keyless.Match(claim, glob, text)
		if got != form.MatchString(b) {
			t.Errorf("%q=%q matches %q: %t", claim, glob, text, got)
		}
		if held := (keyless.Identity{claim: {glob}}).Holds(valueOf(t, map[string]string{claim: text})); held != got && utf8.ValidString(claim) {
			t.Errorf("%q=%q holds of %q: %t", claim, glob, text, held)
		}
	})
}
