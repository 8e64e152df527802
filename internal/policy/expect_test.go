package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

func TestParseExpect(t *testing.T) {
	tests := []struct {
		name  string
		texts []string
		want  []string // the names
	}{
		{"nothing", nil, nil},
		{"one", []string{"environment=production"}, []string{"environment"}},
		{"several", []string{"environment=production", "stack=vpc"}, []string{"environment", "stack"}},
		{"comma in the value", []string{"environment=production,stack=vpc"}, []string{"environment"}},
		{"hyphens", []string{"repository-owner-id=1"}, []string{"repository_owner_id"}},
		{"underscores", []string{"repository_owner_id=1"}, []string{"repository_owner_id"}},
		{"equals sign in the value", []string{"stack=a=b"}, []string{"stack"}},
		{"inputs", []string{`inputs={"a":"b,c","d":"e=f"}`}, []string{"inputs"}},
		{"no inputs", []string{`inputs={}`}, []string{"inputs"}},
		{"commands", []string{`commands=["a, b","c"]`, "stack=vpc"}, []string{"commands", "stack"}},
		{"every field", []string{
			"repository=a", "repository_id=a", "repository_owner_id=a", "ref=a", "sha=a", "workflow=a", "event=a",
			"actor=a", "actor_id=a", "environment=a", "stack=a", "commands=[]", "inputs={}",
		}, policy.FieldNames()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, err := policy.ParseExpect(test.texts)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range policy.FieldNames() {
				if got, want := e.Names(name), slices.Contains(test.want, name); got != want {
					t.Errorf("Names(%q) = %t, want %t", name, got, want)
				}
			}
		})
	}
}

func TestSplitExpect(t *testing.T) {
	for text, want := range map[string][]string{
		"stack=vpc":                    {"stack=vpc"},
		"stack=vpc,actor=octocat":      {"stack=vpc", "actor=octocat"},
		"stack=vpc, sha=0123":          {"stack=vpc", " sha=0123"},
		"stack=vpc,":                   {"stack=vpc", ""},
		`inputs={"a":"b,c","d":"e=f"}`: {`inputs={"a":"b,c","d":"e=f"}`},
		`commands=["a, b","c"]`:        {`commands=["a, b","c"]`},
	} {
		if got := policy.SplitExpect(text); !slices.Equal(got, want) {
			t.Errorf("SplitExpect(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestParseExpectRefuses(t *testing.T) {
	for name, texts := range map[string][]string{
		"empty":                      {""},
		"no equals sign":             {"environment"},
		"only an equals sign":        {"="},
		"no name":                    {"=production"},
		"no value":                   {"environment="},
		"unknown name":               {"env=production"},
		"name in another case":       {"Environment=production"},
		"field that is no fact":      {"signer=x"},
		"list of files":              {"artifacts=[]"},
		"version":                    {"version=1"},
		"twice":                      {"stack=a", "stack=a"},
		"twice in two spellings":     {"actor-id=1", "actor_id=1"},
		"inputs that are no JSON":    {"inputs=reason"},
		"inputs as an array":         {"inputs=[]"},
		"inputs null":                {"inputs=null"},
		"input that is no text":      {`inputs={"a":1}`},
		"input twice":                {`inputs={"a":"1","a":"2"}`},
		"commands that are no JSON":  {"commands=terraform plan"},
		"commands as an object":      {"commands={}"},
		"command that is no text":    {"commands=[1]"},
		"empty command":              {`commands=[""]`},
		"something after the inputs": {`inputs={},stack=vpc`},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := policy.ParseExpect(texts)
			if err == nil {
				t.Errorf("ParseExpect(%q) = %+v, want an error", texts, e)
			}
			for _, name := range policy.FieldNames() {
				if e.Names(name) {
					t.Errorf("ParseExpect(%q) failed and still supplies %s", texts, name)
				}
			}
		})
	}
}

func TestFieldName(t *testing.T) {
	for given, want := range map[string]string{"sha": "sha", " actor-id ": "actor_id", "actor_id": "actor_id", "inputs": "inputs"} {
		if got, err := policy.FieldName(given); err != nil || got != want {
			t.Errorf("FieldName(%q) = %q, %v, want %q", given, got, err, want)
		}
	}
	for _, given := range []string{"", "SHA", "version", "artifacts", "signer", "sha,actor"} {
		if got, err := policy.FieldName(given); err == nil {
			t.Errorf("FieldName(%q) = %q, want an error", given, got)
		}
	}
}

// What the run tells itself cannot be told otherwise.
func TestCheckContradiction(t *testing.T) {
	tests := []struct {
		expect string
		want   string // in the error; empty: none
	}{
		{"environment=production", ""},
		{"repository=acme/widgets", ""},
		{"repository=Acme/Widgets", ""},
		{"repository=acme/gadgets", "repository"},
		{"repository-id=456789", ""},
		{"repository-id=1", "repository_id"},
		{"repository-owner-id=1", "repository_owner_id"},
		{"ref=refs/heads/main", ""},
		{"ref=refs/heads/Main", "ref"},
		{"sha=" + commit, ""},
		{"sha=" + otherCommit, "sha"},
		{"workflow=.github/workflows/deploy.yml", ""},
		{"workflow=.github/workflows/evil.yml", "workflow"},
		{"event=push", "event"},
		{"actor=OCTOCAT", ""},
		{"actor=mallory", "actor"},
		{"actor-id=1", "actor_id"},
		{`inputs={"reason":"weekly"}`, ""},
		{`inputs={"reason":"monthly"}`, "inputs"},
		{`inputs={}`, "inputs"},
		{`commands=["a"]`, ""},
	}
	for _, test := range tests {
		t.Run(test.expect, func(t *testing.T) {
			s := good()
			s.policy.Expect = expectation(test.expect)
			checkError(t, s.policy.Check(s.run), test.want)
		})
	}
}

// A fact that the run lacks may be supplied.
func TestCheckSupplies(t *testing.T) {
	p := policy.Policy{Expect: expectation("ref=refs/heads/main", "actor-id=1", `inputs={"a":"b"}`)}
	checkError(t, p.Check(runspec.Context{Repository: "acme/widgets"}), "")
}

func TestCheckWithoutExpect(t *testing.T) {
	s := good()
	s.policy.Expect = policy.Expect{}
	checkError(t, s.policy.Check(s.run), "")
}

// away is what is known of a run away from GitHub: there is no event, so there
// are no inputs.
var away = runspec.Context{Inputs: runspec.Inputs{Known: true}}

func TestCheckAway(t *testing.T) {
	tests := []struct {
		name     string
		require  []string
		audience string
		expect   []string
		want     string
	}{
		{"nothing", nil, "", nil, "nothing is expected"},
		{"nothing but an audience", nil, "fleet", nil, "nothing is expected"},
		{"all that is required", policy.DefaultRequire, "", []string{"repository=a/b", "actor=c", "sha=d"}, ""},
		{"no commit", policy.DefaultRequire, "", []string{"repository=a/b", "actor=c"}, "sha"},
		{"no actor", policy.DefaultRequire, "", []string{"repository=a/b", "sha=d", "actor-id=1"}, "actor"},
		{"no repository", policy.DefaultRequire, "fleet", []string{"actor=c", "sha=d"}, "repository"},
		{"neither repository nor audience", []string{"sha"}, "", []string{"sha=d"}, "audience"},
		{"audience for the repository", []string{"sha"}, "fleet", []string{"sha=d"}, ""},
		{"required inputs", []string{"inputs"}, "fleet", []string{"sha=d"}, "inputs"},
		{"required commands", []string{"commands"}, "fleet", []string{`commands=["a"]`}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := policy.Policy{Require: test.require, Audience: test.audience, Expect: expectation(test.expect...)}
			checkError(t, p.Check(away), test.want)
		})
	}
}

func checkError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("Check() = %v, want no error", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("Check() = %v, want an error about %s", err, want)
	}
}

// Away from GitHub only what is expected is compared.
func TestVerifyAway(t *testing.T) {
	least := []string{"repository=acme/widgets", "actor=octocat", "sha=" + commit}
	with := func(more ...string) []string { return append(least[:3:3], more...) }
	tests := []struct {
		name   string
		expect []string
		apply  func(*scene)
		want   []string
	}{
		{"what is required", least, nil, nil},
		{"in another case", []string{"repository=Acme/widgets", "actor=OctoCat", "sha=" + commit}, nil, nil},
		{"other repository", []string{"repository=acme/gadgets", "actor=octocat", "sha=" + commit}, nil, about(report.WrongAudience, report.WrongRepository)},
		{"other actor", []string{"repository=acme/widgets", "actor=mallory", "sha=" + commit}, nil, about(report.WrongActor)},
		{"other commit", []string{"repository=acme/widgets", "actor=octocat", "sha=" + otherCommit}, nil, about(report.WrongCommit)},
		{"other server", least, func(s *scene) { s.run.ServerURL = "https://ghe.example" }, about(report.WrongAudience)},
		{"other issuer", least, func(s *scene) { s.claims.Issuer = "x" }, about(report.WrongIssuer)},
		{"expired", least, func(s *scene) { s.now = start.Add(time.Hour) }, about(report.Expired)},
		{"dispatcher", []string{"repository=acme/widgets", "actor=acme-bot", "sha=" + commit}, func(s *scene) {
			s.policy.Dispatchers = []string{"acme-bot"}
		}, nil},
		{"own audience", []string{"actor=octocat", "sha=" + commit}, func(s *scene) {
			s.policy.Require, s.policy.Audience, s.claims.Audience = []string{"sha"}, "fleet", "fleet"
		}, nil},
		// A token that says nothing of a field is not one for a value of it.
		{"field that the spec lacks", with("ref=refs/heads/main"), func(s *scene) { s.spec.Ref = "" }, about(report.Unbound)},
		{"required field that the spec lacks", least, func(s *scene) { s.spec.SHA = "" }, about(report.Unbound)},
		{"id that the spec lacks", with("actor-id=583231"), func(s *scene) { s.spec.ActorID = "" }, nil},
		{"commands that the spec lacks", with(`commands=["a"]`), func(s *scene) { s.spec.Commands = nil }, about(report.Unbound)},

		{"other id", with("actor-id=1"), nil, about(report.WrongActor)},
		{"other repository id", with("repository-id=1"), nil, about(report.WrongRepository)},
		{"other ref", with("ref=refs/heads/x"), nil, about(report.WrongRef)},
		{"other workflow", with("workflow=x.yml"), nil, about(report.WrongWorkflow)},
		{"other event", with("event=push"), nil, about(report.WrongEvent)},
		{"other environment", with("environment=staging"), nil, about(report.WrongEnvironment)},
		{"other stack", with("stack=x"), nil, about(report.WrongStack)},
		{"other commands", with(`commands=["a"]`), nil, about(report.WrongCommands)},
		{"same commands", with(`commands=["terraform init","terraform plan"]`), nil, nil},

		{"same inputs", with(`inputs={"reason":"weekly"}`), nil, nil},
		{"other inputs", with(`inputs={"reason":"daily"}`), nil, about(report.WrongInputs)},
		{"no inputs", with(`inputs={}`), nil, about(report.WrongInputs)},
		{"inputs that the spec lacks", with(`inputs={"reason":"weekly"}`), func(s *scene) { s.spec.Inputs = nil }, about(report.WrongInputs)},
		{"neither side has inputs", with(`inputs={}`), func(s *scene) { s.spec.Inputs = nil }, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := good()
			s.run = away
			s.policy.Expect = expectation(test.expect...)
			if test.apply != nil {
				test.apply(s)
			}
			if err := s.policy.Check(s.run); err != nil {
				t.Fatal(err)
			}
			r, _ := s.verify(t)
			wantFailing(t, r, test.want...)
		})
	}
}

// What is signed and compared with nothing has a name.
func TestNotCompared(t *testing.T) {
	s := good()
	for _, test := range []struct {
		name   string
		run    runspec.Context
		expect []string
		want   []string
	}{
		{"a run", s.run, nil, nil},
		{"least", away, []string{"repository=acme/widgets", "actor=octocat", "sha=" + commit}, []string{
			"actor_id", "environment", "event", "inputs", "ref", "repository_id", "repository_owner_id", "stack", "workflow",
		}},
		{"all", away, []string{
			"repository=a", "repository_id=a", "repository_owner_id=a", "ref=a", "sha=a", "workflow=a", "event=a",
			"actor=a", "actor_id=a", "environment=a", "stack=a", "inputs={}",
		}, nil},
	} {
		p := policy.Policy{Expect: expectation(test.expect...)}
		if diff := cmp.Diff(test.want, p.NotCompared(&s.spec, test.run)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	p := policy.Policy{Expect: expectation("sha=" + commit)}
	if names := p.NotCompared(&runspec.Spec{SHA: commit, Commands: []string{"make"}}, away); names != nil {
		t.Errorf("nothing is left out but %q", names)
	}
}

// A shell that has GITHUB_REPOSITORY is no workflow, and a runner is one.
func TestVerifyRerunSays(t *testing.T) {
	const advice = "; not in a workflow? unset GITHUB_REPOSITORY"
	for run, want := range map[string]bool{"shell": true, "runner": false, "an id": false, "no repository": false} {
		s := good()
		s.run = runspec.Context{Repository: "acme/widgets", Inputs: runspec.Inputs{Known: true}}
		switch run {
		case "runner":
			s.run.OnRunner = true
		case "an id":
			s.run.RunID = "42"
		case "no repository":
			s.run.Repository, s.run.SHA = "", commit
		}
		r, _ := s.verify(t)
		i := slices.IndexFunc(r.Findings, func(f report.Finding) bool { return f.Rule == report.Rerun })
		if got := i >= 0 && strings.HasSuffix(r.Findings[i].Message, advice); i < 0 || got != want {
			t.Errorf("%s: advice to unset it: %t, want %t: %v", run, got, want, r.Findings)
		}
	}
}

// Nothing is said of rules that there is no run for.
func TestVerifyAwayFindings(t *testing.T) {
	s := good()
	s.run = away
	s.policy.Expect = expectation("repository=acme/widgets", "actor=octocat", "sha="+commit)
	r, _ := s.verify(t)
	want := []string{
		report.BadSignature, report.Expired, report.LifetimeTooLong, report.MissingToken, report.NotYetValid, report.Unbound,
		report.WrongActor, report.WrongAudience, report.WrongCommit, report.WrongIssuer, report.WrongRepository,
	}
	if diff := cmp.Diff(want, rules(r, report.Pass)); diff != "" {
		t.Errorf("rules that hold (-want +got):\n%s", diff)
	}
}
