package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// manifest returns a good scene whose token is a manifest of artifacts, as a build signs
// one: of who started it, how and with which inputs it says nothing.
func manifest() *scene {
	s := good()
	s.form, s.policy.Manifest, s.policy.Require = runspec.Manifest, true, policy.ManifestRequire
	s.policy.Expect = expectation(expected["environment"], expected["stack"])
	s.spec.Event, s.spec.Actor, s.spec.ActorID, s.spec.Inputs, s.spec.Commands = "", "", "", nil, nil
	s.spec.Artifacts = []runspec.Artifact{{Path: "dist/app.tgz", Size: 1, SHA256: commit + otherCommit[:24]}}
	return s
}

func TestManifest(t *testing.T) {
	away := func(s *scene, expect ...string) {
		s.run, s.policy.Expect = runspec.Context{ServerURL: s.run.ServerURL}, expectation(expect...)
	}
	for _, test := range []struct {
		name   string
		change func(*scene)
		want   []string
	}{
		{"of this run", func(*scene) {}, nil},
		{"a token of a run", func(s *scene) { s.form = runspec.Token }, []string{report.WrongType}},
		{"as the token of a run", func(s *scene) { s.policy.Manifest = false }, []string{report.WrongType}},

		{"for years", func(s *scene) { s.claims.Expires = start.AddDate(100, 0, 0) }, nil},
		{"years later", func(s *scene) { s.claims.Expires, s.now = start.AddDate(100, 0, 0), start.AddDate(99, 0, 0) }, nil},
		{"expired", func(s *scene) { s.now = s.claims.Expires.Add(2 * time.Minute) }, []string{report.Expired}},
		{"of tomorrow", func(s *scene) { s.claims.NotBefore = start.AddDate(0, 0, 1); s.claims.Expires = start.AddDate(1, 0, 0) }, []string{report.NotYetValid}},

		{"another attempt", func(s *scene) { s.run.RunAttempt = 2 }, nil},
		{"attempt not told", func(s *scene) { s.run.RunAttempt = 0 }, nil},
		{"another run and event", func(s *scene) { s.run.RunID, s.run.Event = "43", "schedule" }, nil},
		{"another actor", func(s *scene) { s.run.Actor, s.run.ActorID, s.run.TriggeringActor = "mallory", "1", "mallory" }, nil},
		{"triggered by another than is signed", func(s *scene) { s.spec.Actor, s.run.TriggeringActor = "octocat", "mallory" }, nil},
		{"other inputs", func(s *scene) { s.run.Inputs.Text["reason"] = "other" }, nil},
		{"inputs not known", func(s *scene) { s.run.Inputs = runspec.Inputs{} }, nil},

		{"another actor than is signed", func(s *scene) { s.spec.Actor = "hubot" }, []string{report.WrongActor}},
		{"another event than is signed", func(s *scene) { s.spec.Event = "push" }, []string{report.WrongEvent}},
		{"another workflow", func(s *scene) { s.run.WorkflowRef = "acme/widgets/.github/workflows/x.yml@refs/heads/main" }, []string{report.WrongWorkflow}},
		{"another commit", func(s *scene) { s.run.SHA = otherCommit }, []string{report.WrongCommit}},
		{"another ref", func(s *scene) { s.run.Ref = "refs/heads/x" }, []string{report.WrongRef}},
		{"another repository of that name", func(s *scene) { s.run.RepositoryID = "1" }, []string{report.WrongRepository}},
		{"another issuer", func(s *scene) { s.claims.Issuer = "https://github.com/acme/gadgets" }, []string{report.WrongIssuer}},
		{"another audience", func(s *scene) { s.claims.Audience = "https://github.com/acme/gadgets" }, []string{report.WrongAudience}},
		{"no commit", func(s *scene) { s.spec.SHA = "" }, []string{report.Unbound}},
		{"no repository", func(s *scene) { s.spec.Repository = "" }, []string{report.Unbound}},

		{"away", func(s *scene) { away(s, "repository=acme/widgets", "sha="+commit) }, nil},
		{"away, another commit", func(s *scene) { away(s, "repository=acme/widgets", "sha="+otherCommit) }, []string{report.WrongCommit}},
		{"away, another repository", func(s *scene) { away(s, "repository=acme/gadgets", "sha="+commit) }, []string{report.WrongAudience, report.WrongRepository}},
		{"away, another workflow", func(s *scene) { away(s, "repository=acme/widgets", "sha="+commit, "workflow=x.yml") }, []string{report.WrongWorkflow}},
		{"away, an actor that is not signed", func(s *scene) { away(s, "repository=acme/widgets", "sha="+commit, "actor=octocat") }, []string{report.Unbound}},
		{"away, inputs that are not signed", func(s *scene) { away(s, "repository=acme/widgets", "sha="+commit, `inputs={"reason":"weekly"}`) }, []string{report.WrongInputs}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := manifest()
			test.change(s)
			r, verified := s.verify(t)
			wantFailing(t, r, test.want...)
			if verified != nil && len(verified.Spec.Artifacts) != 1 {
				t.Errorf("artifacts are %v", verified.Spec.Artifacts)
			}
			for _, rule := range []string{report.LifetimeTooLong, report.Rerun, report.WrongTriggeringActor} {
				if slices.Contains(rules(r, report.Pass, report.Fail), rule) {
					t.Errorf("the report tells of %s", rule)
				}
			}
		})
	}
}

func TestPolicyForm(t *testing.T) {
	if got := (policy.Policy{}).Form().Type; got != "run-spec+jwt" {
		t.Errorf("the token of a run is a %s", got)
	}
	if got := (policy.Policy{Manifest: true}).Form().Type; got != "artifacts+jwt" {
		t.Errorf("a manifest is a %s", got)
	}
}
