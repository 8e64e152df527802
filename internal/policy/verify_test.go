package policy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

func TestVerifyGood(t *testing.T) {
	s := good()
	r, verified := s.verify(t)
	wantFailing(t, r)
	want := []string{
		report.BadSignature, report.Expired, report.LifetimeTooLong, report.MissingToken, report.NotYetValid, report.Rerun,
		report.Unbound, report.WrongActor, report.WrongAudience, report.WrongCommands, report.WrongCommit, report.WrongEnvironment,
		report.WrongEvent, report.WrongInputs, report.WrongIssuer, report.WrongRef, report.WrongRepository, report.WrongStack,
		report.WrongTriggeringActor, report.WrongWorkflow,
	}
	if diff := cmp.Diff(want, rules(r, report.Pass)); diff != "" {
		t.Errorf("rules that hold (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&s.spec, verified.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if got := verified.Token; got.Issuer != s.claims.Issuer || got.ID != s.claims.ID || got.Expires != s.claims.Expires.Unix() {
		t.Errorf("the token is %+v", got)
	}
	canonical, err := s.spec.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	reported, err := r.Spec.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(canonical), string(reported)); diff != "" {
		t.Errorf("spec in the report (-want +got):\n%s", diff)
	}
}

// A change is one thing that differs from the good scene, and the rules that
// fail for it, and no others.
type change struct {
	name  string
	apply func(*scene)
	want  []string
}

// about names the rules of a change.
func about(rules ...string) []string { return rules }

// tokenChanges are about the token and who made it.
var tokenChanges = []change{
	{"no token", func(s *scene) { s.token = func(*testing.T) string { return "" } }, about(report.MissingToken)},
	{"no JWS", func(s *scene) { s.token = func(*testing.T) string { return "a.b" } }, about(report.MalformedToken)},
	{"manifest", func(s *scene) { s.form.Type = "artifacts+jwt" }, about(report.WrongType)},
	{"HMAC", func(s *scene) { s.key.sign = secretKey() }, about(report.UnsupportedAlgorithm)},
	{"other key", func(s *scene) { s.key = stranger() }, about(report.UnknownKey)},
	{"other signature", func(s *scene) {
		plain := *s
		s.token = func(t *testing.T) string { return forged(plain.signed(t)) }
	}, about(report.BadSignature)},

	{"expired", func(s *scene) { s.now = start.Add(11 * time.Minute) }, about(report.Expired)},
	{"not valid yet", func(s *scene) { s.now = start.Add(-61 * time.Second) }, about(report.NotYetValid)},
	{"for longer than a day", func(s *scene) { s.claims.Expires = start.Add(24*time.Hour + time.Second) }, about(report.LifetimeTooLong)},
	{"for a day", func(s *scene) { s.claims.Expires = start.Add(24 * time.Hour) }, nil},

	{"other issuer", func(s *scene) { s.claims.Issuer = "https://github.com/mallory/orchestrator" }, about(report.WrongIssuer)},
	{"issuer in another case", func(s *scene) { s.claims.Issuer = "https://github.com/Acme/orchestrator" }, about(report.WrongIssuer)},
	{"issuer with a slash", func(s *scene) { s.claims.Issuer += "/" }, about(report.WrongIssuer)},
	{"empty issuer", func(s *scene) { s.claims.Issuer = "" }, about(report.MalformedToken)},
	{"one of several issuers", func(s *scene) { s.policy.Issuers = []string{"https://github.com/acme/x", s.claims.Issuer} }, nil},
	{"none of several issuers", func(s *scene) { s.policy.Issuers = []string{"https://github.com/acme/x", "https://github.com/acme"} }, about(report.WrongIssuer)},
	{"any issuer", func(s *scene) { s.policy.Issuers, s.claims.Issuer = nil, "https://github.com/mallory/x" }, nil},

	{"other audience", func(s *scene) { s.claims.Audience = "https://github.com/acme/gadgets" }, about(report.WrongAudience)},
	{"other server", func(s *scene) { s.claims.Audience = "https://ghe.example/acme/widgets" }, about(report.WrongAudience)},
	{"run on another server", func(s *scene) { s.run.ServerURL = "https://ghe.example" }, about(report.WrongAudience)},
	{"audience with a slash", func(s *scene) { s.claims.Audience += "/" }, about(report.WrongAudience)},
	{"no audience", func(s *scene) { s.claims.Audience = "" }, about(report.WrongAudience)},
	{"audience in another case", func(s *scene) { s.claims.Audience = "HTTPS://GitHub.com/Acme/WIDGETS" }, nil},
	{"audience with a letter that folds", func(s *scene) { s.claims.Audience = "https://github.com/acme/widget\u017f" }, about(report.WrongAudience)},
	{"own audience", func(s *scene) { s.policy.Audience, s.claims.Audience = "fleet", "Fleet" }, nil},
	{"not the own audience", func(s *scene) { s.policy.Audience = "fleet" }, about(report.WrongAudience)},

	{"sub of another repository", func(s *scene) { s.sub = "acme/gadgets@" + commit }, about(report.MalformedToken)},
	{"sub of another commit", func(s *scene) { s.sub = "acme/widgets@" + otherCommit }, about(report.MalformedToken)},
	{"sub in another case", func(s *scene) { s.sub = "Acme/widgets@" + commit }, about(report.MalformedToken)},
	{"no jti", func(s *scene) { s.claims.ID = "" }, about(report.MalformedToken)},
	{"newer version", func(s *scene) { s.spec.Version = 2 }, about(report.MalformedToken)},

	{"no repository", func(s *scene) { s.spec.Repository, s.spec.RepositoryID = "", "" }, about(report.Unbound)},
	{"no actor", func(s *scene) { s.spec.Actor, s.spec.ActorID = "", "" }, about(report.Unbound)},
	{"no commit", func(s *scene) { s.spec.SHA = "" }, about(report.Unbound)},
	// An id alone does not stand for the name that is required.
	{"actor id only", func(s *scene) { s.spec.Actor = "" }, about(report.Unbound)},
	{"no ref", func(s *scene) { s.spec.Ref = "" }, nil},
	{"no ref although required", func(s *scene) {
		s.spec.Ref, s.policy.Require = "", append(s.policy.Require[:3:3], "ref")
	}, about(report.Unbound)},
	{"no id although required", func(s *scene) { s.spec.ActorID, s.policy.Require = "", []string{"actor_id"} }, about(report.Unbound)},
	{"no inputs although required", func(s *scene) {
		s.spec.Inputs, s.run.Inputs.Text, s.policy.Require = nil, nil, []string{"inputs"}
	}, about(report.Unbound)},
	{"no commands although required", func(s *scene) {
		s.spec.Commands, s.policy.Require, s.policy.Expect = nil, []string{"commands"}, s.without("commands")
	}, about(report.Unbound)},
	{"nothing required", func(s *scene) { s.spec.SHA, s.policy.Require = "", nil }, nil},
	// What somebody expects of a run, a token has to say.
	// On a run a supplied fact limits no token that says nothing of it, as the
	// run's own facts do not; --require does.
	{"no environment although supplied", func(s *scene) { s.spec.Environment = "" }, nil},
	{"no stack although supplied", func(s *scene) { s.spec.Stack = "" }, nil},
	{"no stack although supplied and required", func(s *scene) {
		s.spec.Stack, s.policy.Require = "", append([]string{"stack"}, s.policy.Require...)
	}, about(report.Unbound)},
	{"no commands although expected", func(s *scene) { s.spec.Commands = nil }, about(report.Unbound)},

	{"expired, for somebody else", func(s *scene) {
		s.now, s.run.Actor, s.run.ActorID = start.Add(time.Hour), "mallory", "666"
	}, about(report.Expired, report.WrongActor)},
	{"everything", func(s *scene) {
		s.now, s.claims.Expires = start.Add(48*time.Hour), start.Add(25*time.Hour)
		s.claims.Issuer, s.claims.Audience = "x", "y"
		s.spec.Environment, s.spec.Stack, s.spec.Commands = "staging", "", []string{"rm -rf /"}
		s.policy.Require = append([]string{"stack"}, s.policy.Require...)
		s.run = runspec.Context{
			Repository: "mallory/widgets", SHA: otherCommit, Ref: "refs/heads/x", Event: "push", Actor: "mallory",
			WorkflowRef:     "mallory/widgets/.github/workflows/x.yml@refs/heads/x",
			TriggeringActor: "mallory", RunAttempt: 2, Inputs: runspec.Inputs{Known: true},
		}
	}, about(report.Expired, report.LifetimeTooLong, report.Rerun, report.Unbound, report.WrongActor, report.WrongAudience,
		report.WrongCommands, report.WrongCommit, report.WrongEnvironment, report.WrongEvent, report.WrongInputs, report.WrongIssuer,
		report.WrongRef, report.WrongRepository, report.WrongTriggeringActor, report.WrongWorkflow)},
}

func secretKey() *jose.SigningKey {
	key, err := jose.SecretSigningKey([]byte(strings.Repeat("s", 32)), "")
	if err != nil {
		panic(err)
	}
	return key
}

func TestVerify(t *testing.T) {
	for kind, changes := range map[string][]change{"token": tokenChanges, "keyless": keylessChanges, "run": runChanges, "inputs": inputChanges} {
		t.Run(kind, func(t *testing.T) {
			for _, c := range changes {
				t.Run(c.name, func(t *testing.T) {
					s := good()
					c.apply(s)
					r, _ := s.verify(t)
					wantFailing(t, r, c.want...)
				})
			}
		})
	}
}

// Every rule that the package report knows is the only one that fails in some
// change: none is covered by another.
func TestVerifyEveryRule(t *testing.T) {
	alone := map[string]bool{}
	for _, changes := range [][]change{tokenChanges, keylessChanges, runChanges, inputChanges} {
		for _, c := range changes {
			if len(c.want) == 1 {
				alone[c.want[0]] = true
			}
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "../report/rules.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	// The first block has the rules for a token.
	block := slices.IndexFunc(file.Decls, func(d ast.Decl) bool {
		decl, ok := d.(*ast.GenDecl)
		return ok && decl.Tok == token.CONST
	})
	if block < 0 {
		t.Fatal("there are no rules")
	}
	for _, spec := range file.Decls[block].(*ast.GenDecl).Specs {
		rule, err := strconv.Unquote(spec.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		if !alone[rule] {
			t.Errorf("no change makes the rule %s fail alone", rule)
		}
	}
}
