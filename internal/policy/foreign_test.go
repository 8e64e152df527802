package policy_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// A foreign is another system's token that was opened, the run that shows it, and
// what its verifier asks for.
type foreign struct {
	token  string
	spec   runspec.Spec
	claims map[string]time.Time // exp and others
	err    error                // of opening it
	opened bool

	run      runspec.Context
	policy   policy.Policy
	lifetime time.Duration
	now      time.Time
}

const foreignText = `{"n": 1.0, "actor":"octocat"}`

// goodForeign returns one in which every rule holds.
func goodForeign() *foreign {
	return &foreign{
		token:  "token",
		spec:   runspec.Spec{Version: 1, Repository: "acme/widgets", Actor: "octocat", SHA: commit},
		claims: map[string]time.Time{"exp": start.Add(10 * time.Minute)},
		run: runspec.Context{
			ServerURL: "https://github.com", Repository: "acme/widgets", RepositoryID: "456789", RepositoryOwnerID: "123456",
			Ref: "refs/heads/main", SHA: commit, WorkflowRef: "acme/widgets/.github/workflows/deploy.yml@refs/heads/main", Event: "workflow_dispatch",
			Actor: "octocat", ActorID: "583231", TriggeringActor: "octocat", RunID: "42", RunAttempt: 1,
			// Its inputs are not signed.
			Inputs: runspec.Inputs{Known: true, Text: map[string]string{"spec": "{}", "other": "x"}, Other: []string{"more"}},
		},
		policy: policy.Policy{Require: policy.DefaultRequire},
		now:    start.Add(time.Minute),
	}
}

// verify decides about it, and checks what holds of any decision.
func (f *foreign) verify(t *testing.T) (*report.Report, *policy.Verified) {
	t.Helper()
	f.opened = false
	form, seconds := jose.Form{Type: "foreign"}, map[string]int64{}
	for name, at := range f.claims {
		form.Claims = append(form.Claims, name)
		seconds[name] = at.Unix()
	}
	text, err := json.Marshal(seconds)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jose.ParseClaims(form, string(text))
	if err != nil {
		t.Fatal(err)
	}
	r, verified := policy.VerifyForeign(f.token, func() (*policy.Verified, error) {
		f.opened = true
		if f.err != nil {
			return nil, f.err
		}
		return &policy.Verified{Token: token, Spec: &f.spec, Foreign: json.RawMessage(foreignText)}, nil
	}, f.run, f.policy, f.lifetime, f.now)
	if r.OK != (verified != nil) || r.OK != (r.Spec != nil) || r.OK != (r.Failure == "") || r.OK != (len(failing(r)) == 0) {
		t.Errorf("ok is %t, failure %q, verified is %v and in the report %v", r.OK, r.Failure, verified, r.Spec)
	}
	for _, finding := range r.Findings {
		if finding.Rule == "" || finding.Message == "" {
			t.Errorf("a finding says nothing: %+v", finding)
		}
	}
	return r, verified
}

// TestForeign has a token that holds. Rules about what such a token does not say are
// not in the report, and the report has the token's own text.
func TestForeign(t *testing.T) {
	f := goodForeign()
	// What a verifier asks for of another kind of token.
	f.policy.Issuers, f.policy.Audience = []string{"https://github.com/acme/orchestrator"}, "https://github.com/acme/other"
	r, verified := f.verify(t)
	wantFailing(t, r)
	want := about(
		report.BadSignature, report.Expired, report.MissingToken, report.NotYetValid, report.Rerun, report.Unbound,
		report.WrongActor, report.WrongCommit, report.WrongRepository, report.WrongTriggeringActor,
	)
	if diff := cmp.Diff(want, rules(r, report.Pass)); diff != "" {
		t.Errorf("the rules (-want +got):\n%s", diff)
	}
	if verified == nil || verified.Spec != &f.spec || verified.Token == nil {
		t.Fatalf("verified is %+v", verified)
	}
	for name, m := range map[string]json.Marshaler{"verified": verified, "the report": r.Spec} {
		if text, err := m.MarshalJSON(); err != nil || string(text) != foreignText {
			t.Errorf("%s has %s, error %v", name, text, err)
		}
	}
	// Without a text of its own it is the spec.
	if text, err := (&policy.Verified{Spec: &f.spec}).MarshalJSON(); err != nil || !strings.HasPrefix(string(text), `{"actor":"octocat","repository":`) {
		t.Errorf("it has %s, error %v", text, err)
	}
}

// TestForeignRules has one thing wrong at a time.
func TestForeignRules(t *testing.T) {
	away := func(f *foreign, facts ...string) {
		f.run, f.policy.Require, f.policy.Expect = runspec.Context{}, nil, expectation(facts...)
	}
	tests := []struct {
		name   string
		change func(*foreign)
		want   []string
	}{
		{"other letter case", func(f *foreign) {
			f.run.Repository, f.run.Actor, f.run.TriggeringActor = "ACME/widgets", "OctoCat", "OCTOCAT"
		}, nil},
		{"a year of life", func(f *foreign) { f.claims["exp"] = start.AddDate(1, 0, 0) }, nil},
		{"a year of life and a limit", func(f *foreign) { f.claims["exp"], f.lifetime = start.AddDate(1, 0, 0), time.Hour }, about(report.LifetimeTooLong)},
		{"a life within the limit", func(f *foreign) { f.lifetime = time.Hour }, nil},
		{"a minute late", func(f *foreign) { f.now = start.Add(11*time.Minute - time.Second) }, nil},
		{"expired", func(f *foreign) { f.now = start.Add(11 * time.Minute) }, about(report.Expired)},
		{"not yet valid", func(f *foreign) { f.claims["nbf"] = f.now.Add(time.Hour) }, about(report.NotYetValid)},
		{"signed later", func(f *foreign) { f.claims["iat"] = f.now.Add(time.Hour) }, about(report.NotYetValid)},
		{"repository", func(f *foreign) { f.run.Repository = "acme/other" }, about(report.WrongRepository)},
		{"commit", func(f *foreign) { f.run.SHA = otherCommit }, about(report.WrongCommit)},
		{"actor", func(f *foreign) { f.run.Actor = "mallory" }, about(report.WrongActor)},
		{"no commit in the run", func(f *foreign) { f.run.SHA = "" }, about(report.WrongCommit)},
		{"a commit that is expected", func(f *foreign) { f.run.SHA, f.policy.Expect = "", expectation("sha="+commit) }, nil},
		{"dispatcher", func(f *foreign) {
			f.run.Actor, f.run.TriggeringActor, f.policy.Dispatchers = "hubot", "Hubot", []string{"HUBOT"}
		}, nil},
		{"triggering actor", func(f *foreign) { f.run.TriggeringActor = "mallory" }, about(report.WrongTriggeringActor)},
		{"second attempt", func(f *foreign) { f.run.RunAttempt = 2 }, about(report.Rerun)},
		{"attempt not told", func(f *foreign) { f.run.RunAttempt = 0 }, about(report.Rerun)},
		{"second attempt, allowed", func(f *foreign) { f.run.RunAttempt, f.policy.AllowRerun = 2, true }, nil},
		{"no repository", func(f *foreign) { f.spec.Repository = "" }, about(report.Unbound)},
		{"no actor", func(f *foreign) { f.spec.Actor = "" }, about(report.Unbound)},
		{"no commit", func(f *foreign) { f.spec.SHA = "" }, about(report.Unbound)},
		{"nothing required", func(f *foreign) { f.spec, f.policy.Require = runspec.Spec{Version: 1}, nil }, nil},
		{"stack required", func(f *foreign) { f.policy.Require = []string{"stack"} }, about(report.Unbound)},
		{"stack signed", func(f *foreign) { f.spec.Stack = "blue" }, about(report.WrongStack)},
		{"stack expected", func(f *foreign) { f.spec.Stack, f.policy.Expect = "blue", expectation("stack=blue") }, nil},
		{"several", func(f *foreign) {
			f.run.Actor, f.run.SHA, f.run.RunAttempt, f.now, f.spec.Repository = "mallory", otherCommit, 3, start.Add(time.Hour), ""
		}, about(report.Expired, report.Rerun, report.Unbound, report.WrongActor, report.WrongCommit)},

		{"away", func(f *foreign) { away(f) }, nil},
		{"away, and it says nothing", func(f *foreign) { away(f); f.spec = runspec.Spec{Version: 1} }, nil},
		{"away, expired", func(f *foreign) { away(f); f.now = start.Add(time.Hour) }, about(report.Expired)},
		{"away, all expected", func(f *foreign) { away(f, "sha="+commit, "repository=ACME/widgets", "actor=octocat") }, nil},
		{"away, another is expected", func(f *foreign) { away(f, "sha="+otherCommit) }, about(report.WrongCommit)},
		{"away, expected and not said", func(f *foreign) { away(f, "stack=blue") }, about(report.Unbound)},
		{"away, required and not said", func(f *foreign) { away(f); f.policy.Require = []string{"stack"} }, about(report.Unbound)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := goodForeign()
			test.change(f)
			r, _ := f.verify(t)
			wantFailing(t, r, test.want...)
			f.policy.WarnMissing = true
			if r, _ = f.verify(t); r.Blocks() != (len(test.want) > 0) {
				t.Errorf("to warn of missing tokens changes what is decided: %+v", r.Findings)
			}
			f.policy.WarnInvalid = true
			if r, _ = f.verify(t); r.Blocks() || r.OK != (len(test.want) == 0) {
				t.Errorf("where it is only warned of: ok is %t, %+v", r.OK, r.Findings)
			}
			wantFailing(t, r, test.want...)
		})
	}
}

// TestForeignOrder ends with the first check that fails.
func TestForeignOrder(t *testing.T) {
	malformed := &jose.Error{Outcome: jose.ErrMalformed, Reason: "no form"}
	tests := []struct {
		name  string
		token string
		err   error
		rule  string
	}{
		{"nothing", "", malformed, report.MissingToken},
		{"white space", " \n\u00a0", malformed, report.MissingToken},
		{"malformed", "x", malformed, report.MalformedToken},
		{"type", "x", &jose.Error{Outcome: jose.ErrWrongType, Reason: "no type"}, report.WrongType},
		{"algorithm", "x", &jose.Error{Outcome: jose.ErrUnsupportedAlgorithm, Reason: "no algorithm"}, report.UnsupportedAlgorithm},
		{"key", "x", &jose.Error{Outcome: jose.ErrUnknownKey, Reason: "no key"}, report.UnknownKey},
		{"signature", "x", &jose.Error{Outcome: jose.ErrBadSignature, Reason: "no signature"}, report.BadSignature},
		{"integer", "x", &jose.Error{Outcome: jose.ErrUnsafeInteger, Reason: "no integer"}, report.UnsafeInteger},
		{"another error", "x", errors.New("no idea"), report.MalformedToken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := goodForeign()
			f.token, f.err = test.token, test.err
			f.run.Actor, f.now = "mallory", start.Add(time.Hour) // what comes after all of these
			missing := test.rule == report.MissingToken
			r, _ := f.verify(t)
			wantFailing(t, r, test.rule)
			passed := about(report.MissingToken)
			if missing {
				passed = []string{}
			}
			if diff := cmp.Diff(passed, rules(r, report.Pass)); diff != "" || !r.Blocks() {
				t.Errorf("rules that hold (-want +got):\n%s", diff)
			}
			if f.opened == missing {
				t.Errorf("it was opened: %t", f.opened)
			}
			for _, finding := range r.Findings {
				if finding.Status == report.Fail && !missing && !strings.HasPrefix(finding.Message, "no ") {
					t.Errorf("it says %q", finding.Message)
				}
			}
			for _, warn := range []struct{ missing, invalid bool }{{true, false}, {false, true}, {true, true}} {
				f.policy.WarnMissing, f.policy.WarnInvalid = warn.missing, warn.invalid
				r, _ := f.verify(t)
				wantFailing(t, r, test.rule)
				if warns := missing && warn.missing || !missing && warn.invalid; r.Blocks() == warns || r.OK {
					t.Errorf("%+v: ok is %t, %+v", warn, r.OK, r.Findings)
				}
			}
		})
	}
}

// TestCheckForeign asks whether a question is sound.
func TestCheckForeign(t *testing.T) {
	for _, test := range []struct {
		name  string
		away  bool
		facts []string
		says  string
	}{
		{"a run", false, nil, ""},
		{"a run, and the same", false, []string{"sha=" + commit, "repository=ACME/Widgets", "actor=OCTOCAT"}, ""},
		{"a run, and another commit", false, []string{"sha=" + otherCommit}, "sha is expected to be"},
		{"a run, and another actor", false, []string{"actor=hubot"}, "actor is expected to be"},
		{"a run, and another repository", false, []string{"repository=acme/other"}, "repository is expected to be"},
		{"a run, and what it does not tell", false, []string{"stack=blue"}, ""},
		{"nothing", true, nil, ""},
		{"a commit alone", true, []string{"sha=" + commit}, ""},
		{"a stack alone", true, []string{"stack=blue"}, ""},
	} {
		f := goodForeign()
		if test.away {
			f.run = runspec.Context{Actor: "octocat", ServerURL: "https://github.com"}
		}
		f.policy.Expect = expectation(test.facts...)
		err := f.policy.CheckForeign(f.run)
		if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", test.name, err, test.says)
		}
	}
}
