package policy_test

import (
	"strings"
	"testing"
	"testing/quick"

	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// A fact is where a run tells the fact for a field, the rule about it, and what
// else it depends on.
type fact struct {
	set         func(s *scene, value string)
	rule        string
	foldsCase   bool
	onBothSides bool // not compared where a side does not know it
}

// facts are about every field of one text.
var facts = map[string]fact{
	// A workflow is one of the run's repository, so it would fail with it.
	"repository":          {func(s *scene, v string) { s.run.Repository, s.spec.Workflow = v, "" }, report.WrongRepository, true, false},
	"repository_id":       {func(s *scene, v string) { s.run.RepositoryID = v }, report.WrongRepository, false, true},
	"repository_owner_id": {func(s *scene, v string) { s.run.RepositoryOwnerID = v }, report.WrongRepository, false, true},
	"ref":                 {func(s *scene, v string) { s.run.Ref = v }, report.WrongRef, false, false},
	"sha":                 {func(s *scene, v string) { s.run.SHA = v }, report.WrongCommit, false, false},
	"workflow": {func(s *scene, v string) {
		s.run.WorkflowRef = "acme/widgets/" + v + "@refs/heads/main"
	}, report.WrongWorkflow, false, false},
	"event":       {func(s *scene, v string) { s.run.Event = v }, report.WrongEvent, false, false},
	"actor":       {func(s *scene, v string) { s.run.Actor = v }, report.WrongActor, true, false},
	"actor_id":    {func(s *scene, v string) { s.run.ActorID = v }, report.WrongActor, false, true},
	"environment": {func(s *scene, v string) { s.supply("environment", v) }, report.WrongEnvironment, true, false},
	"stack":       {func(s *scene, v string) { s.supply("stack", v) }, report.WrongStack, false, false},
}

// supply supplies a fact that no run tells.
func (s *scene) supply(name, value string) {
	if value == "" {
		s.policy.Expect = s.without(name)
		return
	}
	s.policy.Expect = s.expecting(name, name+"="+value)
}

// Whatever field a spec has: a run with another value of it is refused, and so
// is one with none.
func TestVerifyEveryField(t *testing.T) {
	for _, f := range runspec.Fields {
		fact, ok := facts[f.Name]
		if !ok {
			t.Errorf("the field %s is compared with nothing here", f.Name)
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			// holds tells whether a run with that value is let pass.
			holds := func(value string) bool {
				s := good()
				s.policy.Audience = s.claims.Audience // which depends on the repository
				fact.set(s, value)
				r, _ := s.verify(t)
				if !r.OK {
					wantFailing(t, r, fact.rule)
				}
				return r.OK
			}
			g := good()
			signed := *f.Of(&g.spec)
			if !holds(signed) {
				t.Error("a run with the signed value is refused")
			}
			if got := holds(""); got != fact.onBothSides {
				t.Errorf("a run without a value is let pass: %t, want %t", got, fact.onBothSides)
			}
			if upper := strings.ToUpper(signed); upper != signed && holds(upper) != fact.foldsCase {
				t.Errorf("a run with %q for %q is let pass: %t, want %t", upper, signed, !fact.foldsCase, fact.foldsCase)
			}
			for _, other := range []string{
				signed + "x", "x" + signed, signed + " ", signed + "\n", signed + "\x00", signed[:len(signed)-1], signed[1:], "*", signed + signed,
			} {
				if holds(other) {
					t.Errorf("a run with %q for %q is let pass", other, signed)
				}
			}
			property := func(other string) bool {
				// A comma would be two facts, and no fact is not another one.
				if other == "" || runspec.SameName(other, signed) || strings.Contains(other, ",") {
					return true
				}
				return !holds(other)
			}
			if err := quick.Check(property, &quick.Config{MaxCount: 20}); err != nil {
				t.Error(err)
			}
		})
	}
}

// Whatever field is required: a spec without it is refused, although the run
// has it.
func TestVerifyEveryRequiredField(t *testing.T) {
	for _, name := range policy.FieldNames() {
		t.Run(name, func(t *testing.T) {
			s := good()
			s.policy.Require = []string{name}
			r, _ := s.verify(t)
			wantFailing(t, r)

			switch f, ok := runspec.FieldNamed(name); {
			case ok:
				*f.Of(&s.spec) = ""
			case name == "commands":
				s.spec.Commands = nil
			default:
				s.spec.Inputs, s.run.Inputs.Text = nil, nil
			}
			r, _ = s.verify(t)
			wantFailing(t, r, report.Unbound)
		})
	}
}
