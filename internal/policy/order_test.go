package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// TestVerifyOrder has tokens each of which is wrong in one more way, from the
// last check to the first: the first check that fails ends the others.
func TestVerifyOrder(t *testing.T) {
	const badClaims = `{"iss":"leaked","aud":"leaked","sub":"leaked","iat":0,"nbf":0,"exp":1,"jti":"leaked","spec":{"version":2}}`
	id := trusted().id
	tests := []struct {
		name   string
		token  string
		rule   string
		reason string // in the message, for the two kinds of malformed-token
		passed []string
	}{
		{"white space", " \n", report.MissingToken, "", nil},
		{
			"form", "!" + forged(raw(t, `{"alg":"none","kid":"other","typ":"artifacts+jwt"}`, badClaims)),
			report.MalformedToken, "header is not base64url", []string{report.MissingToken},
		},
		{
			"header", forged(raw(t, `{"alg":"none","kid":"other","typ":"artifacts+jwt","crit":["exp"]}`, badClaims)),
			report.MalformedToken, "beside alg, typ and kid", []string{report.MissingToken},
		},
		{
			"type", forged(raw(t, `{"alg":"none","kid":"other","typ":"artifacts+jwt"}`, badClaims)),
			report.WrongType, "", []string{report.MissingToken},
		},
		{
			"algorithm", forged(raw(t, `{"alg":"none","kid":"other","typ":"run-spec+jwt"}`, badClaims)),
			report.UnsupportedAlgorithm, "", []string{report.MissingToken},
		},
		{
			"key", forged(raw(t, `{"alg":"EdDSA","kid":"other","typ":"run-spec+jwt"}`, badClaims)),
			report.UnknownKey, "", []string{report.MissingToken},
		},
		{
			"signature", forged(raw(t, `{"alg":"EdDSA","kid":"`+id+`","typ":"run-spec+jwt"}`, badClaims)),
			report.BadSignature, "", []string{report.MissingToken},
		},
		{
			"claims", raw(t, `{"alg":"EdDSA","kid":"`+id+`","typ":"run-spec+jwt"}`, strings.Replace(badClaims, `"exp":1`, `"exp":"1"`, 1)),
			report.MalformedToken, "exp", []string{report.MissingToken},
		},
		{
			"spec", raw(t, `{"alg":"EdDSA","kid":"`+id+`","typ":"run-spec+jwt"}`, badClaims),
			report.MalformedToken, "version", []string{report.MissingToken},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := good()
			s.run.Actor = "mallory" // what comes after all of these
			s.token = func(*testing.T) string { return test.token }
			r, _ := s.verify(t)
			wantFailing(t, r, test.rule)
			if diff := cmp.Diff(append([]string{}, test.passed...), rules(r, report.Pass)); diff != "" {
				t.Errorf("rules that hold (-want +got):\n%s", diff)
			}
			for _, f := range r.Findings {
				if f.Status == report.Fail && !strings.Contains(f.Message, test.reason) {
					t.Errorf("the message is %q and should be about %q", f.Message, test.reason)
				}
				if strings.Contains(f.Message, "leaked") {
					t.Errorf("the message %q quotes claims that nobody signed", f.Message)
				}
			}
		})
	}
}

// A claims set that is signed and not of the exact form is refused before its
// spec is looked at.
func TestVerifyClaims(t *testing.T) {
	header := `{"alg":"EdDSA","kid":"` + trusted().id + `","typ":"run-spec+jwt"}`
	const spec = `"spec":{"version":1,"repository":"acme/widgets","actor":"octocat","sha":"` + commit + `"}`
	claims := func(spec string) string {
		return fmt.Sprintf(`{"iss":"https://github.com/acme/orchestrator","aud":"https://github.com/acme/widgets",`+
			`"sub":"acme/widgets@%s","iat":%d,"nbf":%[2]d,"exp":%d,"jti":"x",%s}`, commit, start.Unix(), start.Unix()+600, spec)
	}
	tests := []struct {
		name, claims string
		want         []string
	}{
		{"good", claims(spec), nil},
		{"spec as text", claims(`"spec":"{}"`), about(report.MalformedToken)},
		{"spec an array", claims(`"spec":[]`), about(report.MalformedToken)},
		{"no spec", strings.Replace(claims(""), ",}", "}", 1), about(report.MalformedToken)},
		{"spec twice", claims(spec + "," + spec), about(report.MalformedToken)},
		{"spec in another case beside it", claims(spec + `,"Spec":{}`), about(report.MalformedToken)},
		{"audience as a list", strings.Replace(claims(spec), `"https://github.com/acme/widgets"`, `["https://github.com/acme/widgets"]`, 1), about(report.MalformedToken)},
		{"something after it", claims(spec) + "{}", about(report.MalformedToken)},
		{"field in another case", claims(strings.Replace(spec, `"actor"`, `"Actor"`, 1)), about(report.MalformedToken)},
		{"unknown field", claims(strings.Replace(spec, `"version":1`, `"version":1,"approved":"yes"`, 1)), about(report.MalformedToken)},
		{"null field", claims(strings.Replace(spec, `"octocat"`, `null`, 1)), about(report.MalformedToken)},
		{"empty field", claims(strings.Replace(spec, `"octocat"`, `""`, 1)), about(report.MalformedToken)},
		{"no version", claims(strings.Replace(spec, `"version":1,`, ``, 1)), about(report.MalformedToken)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := good()
			s.policy.Expect = policy.Expect{}
			s.run.Inputs.Text = nil
			s.token = func(t *testing.T) string { return raw(t, header, test.claims) }
			r, _ := s.verify(t)
			wantFailing(t, r, test.want...)
		})
	}
}

func TestVerifyMissing(t *testing.T) {
	for _, token := range []string{"", " ", "   ", "\n", "\r\n\r\n", "\t \n", "\u00a0", "\u2003\u00a0\n", "\u0085"} {
		s := good()
		s.token = func(*testing.T) string { return token }
		r, _ := s.verify(t)
		wantFailing(t, r, report.MissingToken)
		if len(r.Findings) != 1 {
			t.Errorf("%q: findings about a token that is not there: %+v", token, r.Findings)
		}
	}
}

// What is not white space is a token, if a bad one.
func TestVerifyNotMissing(t *testing.T) {
	for _, token := range []string{".", "..", "null", "\u200b", "\ufeff", "\x00"} {
		s := good()
		s.token = func(*testing.T) string { return token }
		r, _ := s.verify(t)
		wantFailing(t, r, report.MalformedToken)
	}
}

func TestVerifySize(t *testing.T) {
	s := good()
	s.spec.Inputs = nil
	s.run.Inputs.Text = map[string]string{"token": strings.Repeat("x", 65535)}
	// The token's own input is as long as the token, and no limit of the spec.
	r, _ := s.verify(t)
	wantFailing(t, r)

	s.token = func(*testing.T) string { return strings.Repeat("a", 65536) }
	r, _ = s.verify(t)
	wantFailing(t, r, report.MalformedToken)
}

func TestVerifyWarn(t *testing.T) {
	tests := []struct {
		name                     string
		warnMissing, warnInvalid bool
		missing                  bool
		change                   func(*scene)
		want                     report.Status
		rules                    []string
	}{
		{"missing", true, false, true, nil, report.Warn, about(report.MissingToken)},
		{"missing, where invalid warns", false, true, true, nil, report.Fail, about(report.MissingToken)},
		{"missing, where both warn", true, true, true, nil, report.Warn, about(report.MissingToken)},
		{"invalid", false, true, false, func(s *scene) { s.run.Actor = "mallory" }, report.Warn, about(report.WrongActor)},
		{"invalid, where missing warns", true, false, false, func(s *scene) { s.run.Actor = "mallory" }, report.Fail, about(report.WrongActor)},
		{"unsigned", false, true, false, func(s *scene) { s.key = stranger() }, report.Warn, about(report.UnknownKey)},
		{"unsigned, where missing warns", true, false, false, func(s *scene) { s.key = stranger() }, report.Fail, about(report.UnknownKey)},
		{"several", false, true, false, func(s *scene) {
			s.run.Actor, s.now = "mallory", start.Add(time.Hour)
		}, report.Warn, about(report.Expired, report.WrongActor)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := good()
			if test.change != nil {
				test.change(s)
			}
			if test.missing {
				s.token = func(*testing.T) string { return "" }
			}
			s.policy.WarnMissing, s.policy.WarnInvalid = test.warnMissing, test.warnInvalid
			r, spec := s.verify(t)
			if diff := cmp.Diff(test.rules, rules(r, test.want)); diff != "" {
				t.Errorf("rules with the status %s (-want +got):\n%s", test.want, diff)
			}
			wantFailing(t, r, test.rules...)
			if r.OK || spec != nil || r.Spec != nil || r.Failure != test.rules[0] {
				t.Errorf("ok is %t, failure %q, the spec %v: a warning verifies nothing", r.OK, r.Failure, spec)
			}
			if r.Blocks() != (test.want == report.Fail) {
				t.Errorf("Blocks() = %t with the status %s", r.Blocks(), test.want)
			}
		})
	}
}

// A token that holds is verified, whatever would be let pass otherwise.
func TestVerifyWarnGood(t *testing.T) {
	s := good()
	s.policy.WarnMissing, s.policy.WarnInvalid = true, true
	r, _ := s.verify(t)
	wantFailing(t, r)
}

func TestOpen(t *testing.T) {
	s := good()
	token, spec, err := policy.Open(runspec.Token, s.signed(t), trusted().verify)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&s.spec, spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if token.Issuer != s.claims.Issuer || token.ID != s.claims.ID || token.Expires != s.claims.Expires.Unix() {
		t.Errorf("token = %+v, want what %+v says", token, s.claims)
	}
	if _, _, err := policy.Open(runspec.Token, s.signed(t), stranger().verify); err == nil {
		t.Error("the token opens with another key")
	}
}
