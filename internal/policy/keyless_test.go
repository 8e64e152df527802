package policy_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/keyless"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// byIdentity has an identity sign the scene's token, and be trusted, in place of a
// key. The trusted key is its issuer's.
func (s *scene) byIdentity(changes ...func(identity map[string]any)) {
	identity := map[string]any{
		"iss": keyless.DefaultIssuer, "sub": "repo:acme/orchestrator:ref:refs/heads/main", "iat": start.Unix(),
		"nbf": start.Unix(), "exp": start.Unix() + 300, "repository": "acme/orchestrator", "ref": "refs/heads/main",
	}
	for _, change := range changes {
		change(identity)
	}
	s.trust = keyless.Issuers{{
		URL: keyless.DefaultIssuer, Keys: trusted().verify,
		Identities: []keyless.Identity{{"repository": {"acme/orchestrator"}, "ref": {"refs/heads/main"}}},
	}}
	s.token = func(t *testing.T) string {
		claims, err := keyless.Claims(s.form, s.filled())
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]any{"aud": keyless.Audience(claims)}
		maps.Copy(all, identity)
		text, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		// Not joined: what is wrong with it is for the verifier to find.
		return base64.RawURLEncoding.EncodeToString(claims) + "~" + raw(t, `{"alg":"EdDSA","kid":"`+trusted().id+`","typ":"JWT"}`, string(text))
	}
}

// with returns what sets one claim of an identity.
func with(name string, value any) func(map[string]any) {
	return func(identity map[string]any) { identity[name] = value }
}

// keylessChanges are about who signed without a key.
var keylessChanges = []change{
	{"an identity", func(s *scene) { s.byIdentity() }, nil},
	{"no token", func(s *scene) {
		s.byIdentity()
		s.token = func(*testing.T) string { return "" }
	}, about(report.MissingToken)},
	{"a token with a key", func(s *scene) {
		s.byIdentity()
		s.token = nil
	}, about(report.MalformedToken)},
	{"an identity where a key is trusted", func(s *scene) {
		s.byIdentity()
		s.trust = nil
	}, about(report.MalformedToken)},
	{"a manifest", func(s *scene) {
		s.byIdentity()
		s.form.Type = "artifacts+jwt"
	}, about(report.WrongType)},
	{"another repository", func(s *scene) { s.byIdentity(with("repository", "mallory/orchestrator")) }, about(report.UntrustedIdentity)},
	{"another ref", func(s *scene) { s.byIdentity(with("ref", "refs/heads/x")) }, about(report.UntrustedIdentity)},
	{"no ref", func(s *scene) { s.byIdentity(with("ref", nil)) }, about(report.UntrustedIdentity)},
	{"another provider", func(s *scene) { s.byIdentity(with("iss", "https://gitlab.example")) }, about(report.UntrustedIdentity)},
	{"for another digest", func(s *scene) { s.byIdentity(with("aud", keyless.Audience(nil))) }, about(report.BadSignature)},
	{"for two", func(s *scene) { s.byIdentity(with("aud", []string{keyless.Audience(nil)})) }, about(report.MalformedToken)},
	{"long before", func(s *scene) { s.byIdentity(with("iat", start.Unix()-61)) }, about(report.NotYetValid)},
	{"long after", func(s *scene) { s.byIdentity(with("iat", start.Unix()+301)) }, about(report.Expired)},
	// Trusted, and none of those whom a policy expects beside that.
	{"as another repository", func(s *scene) {
		s.claims.Issuer, s.policy.Issuers = "https://github.com/acme/gadgets", nil
		s.byIdentity()
	}, about(report.WrongIssuer)},
	{"as another server", func(s *scene) {
		s.claims.Issuer, s.policy.Issuers = "https://ghe.example/acme/orchestrator", nil
		s.byIdentity()
	}, about(report.WrongIssuer)},
	{"not the expected issuer", func(s *scene) {
		s.policy.Issuers = []string{"https://github.com/acme/gadgets"}
		s.byIdentity()
	}, about(report.WrongIssuer)},
	// The times of the claims count, and not those of the identity token.
	{"long expired, as its identity token", func(s *scene) {
		s.now = start.Add(11 * time.Minute)
		s.byIdentity()
	}, about(report.Expired)},
	{"a day", func(s *scene) {
		s.claims.Expires, s.now = start.Add(24*time.Hour), start.Add(23*time.Hour)
		s.byIdentity()
	}, nil},
	{"for longer than a day", func(s *scene) {
		s.claims.Expires = start.Add(24*time.Hour + time.Second)
		s.byIdentity()
	}, about(report.LifetimeTooLong)},
	{"not valid yet", func(s *scene) {
		s.now = start.Add(-61 * time.Second)
		s.byIdentity()
	}, about(report.NotYetValid)},
	{"no jti", func(s *scene) {
		s.claims.ID = ""
		s.byIdentity()
	}, about(report.MalformedToken)},
	{"sub of another repository", func(s *scene) {
		s.sub = "acme/gadgets@" + commit
		s.byIdentity()
	}, about(report.MalformedToken)},
}

// TestVerifyKeylessGood has the same hold with an identity as with a key, and who it
// is besides.
func TestVerifyKeylessGood(t *testing.T) {
	s := good()
	withKey, _ := s.verify(t)
	s.byIdentity()
	r, verified := s.verify(t)
	wantFailing(t, r)
	want := append(rules(withKey, report.Pass), report.UntrustedIdentity)
	slices.Sort(want)
	if diff := cmp.Diff(want, rules(r, report.Pass)); diff != "" {
		t.Errorf("rules that hold (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&s.spec, verified.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if got := verified.Token; got.Issuer != s.claims.Issuer || got.ID != s.claims.ID || got.Expires != s.claims.Expires.Unix() {
		t.Errorf("the token is %+v", got)
	}
}

// TestVerifyKeylessRun has an identity vouch for the claims and for nothing of the
// run: what a run differs in fails as with a key.
func TestVerifyKeylessRun(t *testing.T) {
	for kind, changes := range map[string][]change{"run": runChanges, "inputs": inputChanges} {
		t.Run(kind, func(t *testing.T) {
			for _, c := range changes {
				t.Run(c.name, func(t *testing.T) {
					s := good()
					c.apply(s)
					s.byIdentity()
					r, _ := s.verify(t)
					wantFailing(t, r, c.want...)
				})
			}
		})
	}
}

// A refusing trust returns an error, and a token which nobody may look at.
type refusing struct{ err error }

func (r refusing) Open(jose.Form, string) (*jose.Token, error) { return &jose.Token{}, r.err }

func TestVerifyTrust(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{&jose.Error{Outcome: keyless.ErrUntrustedIdentity, Reason: "its issuer names another one"}, report.UntrustedIdentity},
		{&jose.Error{Outcome: keyless.ErrWrongIssuer, Reason: "another"}, report.WrongIssuer},
	} {
		s := good()
		s.trust = refusing{test.err}
		r, _ := s.verify(t)
		wantFailing(t, r, test.want)
		if _, said, _ := strings.Cut(test.err.Error(), ": "); r.Findings[len(r.Findings)-1].Message != said {
			t.Errorf("the findings are %+v", r.Findings)
		}
		if _, _, err := policy.Open(runspec.Token, s.signed(t), s.trust); err != test.err {
			t.Errorf("the error is %v", err)
		}
	}
	s := good()
	s.byIdentity()
	token, spec, err := policy.Open(runspec.Token, s.signed(t), s.trust)
	if err != nil || token.Issuer != s.claims.Issuer || spec.Repository != "acme/widgets" {
		t.Errorf("opened: %+v, %+v, %v", token, spec, err)
	}
}
