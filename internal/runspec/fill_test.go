package runspec_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/runspec"
)

// signing is the context of a run that signs.
func signing() runspec.Context {
	return runspec.Context{
		ServerURL:  "https://github.com",
		Repository: "acme/widgets", RepositoryID: "456789", RepositoryOwnerID: "123456",
		Ref: "refs/heads/main", SHA: commit,
		WorkflowRef: "acme/widgets/.github/workflows/deploy.yml@refs/heads/main", Event: "workflow_dispatch",
		Actor: "octocat", ActorID: "583231", TriggeringActor: "hubot", RunID: "42", RunAttempt: 1,
		Inputs: runspec.Inputs{Known: true, Text: map[string]string{"reason": "weekly", "dry": "", "token": "a.b.c"}},
	}
}

func TestFill(t *testing.T) {
	signer := &runspec.Signer{
		Repository: "acme/widgets", WorkflowRef: "acme/widgets/.github/workflows/deploy.yml@refs/heads/main",
		RunID: "42", RunAttempt: 1, Actor: "octocat", SHA: commit,
	}
	// all is what a spec gets that says nothing yet, for the run that signs.
	all := func(change func(*runspec.Spec)) runspec.Spec {
		s := runspec.Spec{
			Version: 1, Repository: "acme/widgets", RepositoryID: "456789", RepositoryOwnerID: "123456",
			Ref: "refs/heads/main", SHA: commit, Workflow: ".github/workflows/deploy.yml", Event: "workflow_dispatch",
			Actor: "octocat", ActorID: "583231", Inputs: map[string]string{"reason": "weekly", "dry": ""}, Signer: signer,
		}
		change(&s)
		return s
	}
	const otherCommit = "89abcdef0123456789abcdef0123456789abcdef"
	tests := []struct {
		name string
		spec runspec.Spec
		run  func(*runspec.Context)
		want runspec.Spec
	}{
		{"nothing said", runspec.Spec{}, nil, all(func(*runspec.Spec) {})},
		{
			"same repository, in another case", runspec.Spec{Repository: "Acme/Widgets"}, nil,
			all(func(s *runspec.Spec) { s.Repository = "Acme/Widgets" }),
		},
		{
			"other repository", runspec.Spec{Repository: "acme/gadgets"}, nil,
			runspec.Spec{Version: 1, Repository: "acme/gadgets", Actor: "octocat", ActorID: "583231", Signer: signer},
		},
		{
			"repository with other letters that fold to it", runspec.Spec{Repository: "acme/widget\u017f"}, nil,
			runspec.Spec{Version: 1, Repository: "acme/widget\u017f", Actor: "octocat", ActorID: "583231", Signer: signer},
		},
		{
			// The workflow's name alone does not make it the same workflow.
			"other repository, same workflow and event",
			runspec.Spec{Repository: "acme/gadgets", Workflow: ".github/workflows/deploy.yml", Event: "workflow_dispatch"}, nil,
			runspec.Spec{
				Version: 1, Repository: "acme/gadgets", Workflow: ".github/workflows/deploy.yml", Event: "workflow_dispatch",
				Actor: "octocat", ActorID: "583231", Signer: signer,
			},
		},
		{
			"same workflow", runspec.Spec{Workflow: ".github/workflows/deploy.yml"}, nil, all(func(*runspec.Spec) {}),
		},
		{
			"other workflow", runspec.Spec{Workflow: ".github/workflows/test.yml"}, nil,
			all(func(s *runspec.Spec) { s.Workflow, s.Event, s.Inputs = ".github/workflows/test.yml", "", nil }),
		},
		{
			"workflow in another case", runspec.Spec{Workflow: ".github/workflows/Deploy.yml"}, nil,
			all(func(s *runspec.Spec) { s.Workflow, s.Event, s.Inputs = ".github/workflows/Deploy.yml", "", nil }),
		},
		{
			"other event", runspec.Spec{Event: "push"}, nil,
			all(func(s *runspec.Spec) { s.Event, s.Inputs = "push", nil }),
		},
		{
			"same actor, in another case", runspec.Spec{Actor: "OctoCat"}, nil,
			all(func(s *runspec.Spec) { s.Actor = "OctoCat" }),
		},
		{
			// Somebody else does not get this account's number.
			"other actor", runspec.Spec{Actor: "hubot"}, nil,
			all(func(s *runspec.Spec) { s.Actor, s.ActorID = "hubot", "" }),
		},
		{
			"other actor in another repository", runspec.Spec{Actor: "hubot", Repository: "acme/gadgets"}, nil,
			runspec.Spec{Version: 1, Repository: "acme/gadgets", Actor: "hubot", Signer: signer},
		},
		{
			"flags win",
			runspec.Spec{
				RepositoryID: "1", RepositoryOwnerID: "2", Ref: "refs/tags/v1", SHA: otherCommit, ActorID: "3",
				Environment: "production", Stack: "vpc", Commands: []string{"a"}, Inputs: map[string]string{"x": "y"},
			}, nil,
			all(func(s *runspec.Spec) {
				s.RepositoryID, s.RepositoryOwnerID, s.Ref, s.SHA, s.ActorID = "1", "2", "refs/tags/v1", otherCommit, "3"
				s.Environment, s.Stack, s.Commands, s.Inputs = "production", "vpc", []string{"a"}, map[string]string{"x": "y"}
			}),
		},
		{
			// No inputs at all is what somebody asked for.
			"empty inputs win", runspec.Spec{Inputs: map[string]string{}}, nil,
			all(func(s *runspec.Spec) { s.Inputs = map[string]string{} }),
		},
		{
			"version and signer are not taken from a file",
			runspec.Spec{Version: 7, Signer: &runspec.Signer{Repository: "acme/widgets", RunID: "99", RunAttempt: 1, Actor: "mallory"}}, nil,
			all(func(*runspec.Spec) {}),
		},
		{
			"only the token as input", runspec.Spec{},
			func(c *runspec.Context) { c.Inputs.Text = map[string]string{"token": "a.b.c"} },
			all(func(s *runspec.Spec) { s.Inputs = nil }),
		},
		{
			"no inputs", runspec.Spec{},
			func(c *runspec.Context) { c.Event, c.Inputs = "push", runspec.Inputs{Known: true} },
			all(func(s *runspec.Spec) { s.Event, s.Inputs = "push", nil }),
		},
		{
			"client payload of a repository_dispatch", runspec.Spec{},
			func(c *runspec.Context) { c.Event = "repository_dispatch" },
			all(func(s *runspec.Spec) { s.Event = "repository_dispatch" }),
		},
		{
			"token of another type", runspec.Spec{},
			func(c *runspec.Context) { c.Inputs.Other = []string{"token"} },
			all(func(*runspec.Spec) {}),
		},
		{
			// For another workflow they are not signed, so nobody needs them.
			"unknown inputs for another workflow", runspec.Spec{Workflow: "x.yml"},
			func(c *runspec.Context) { c.Inputs = runspec.Inputs{} },
			all(func(s *runspec.Spec) { s.Workflow, s.Event, s.Inputs = "x.yml", "", nil }),
		},
		{
			"unknown inputs and own ones", runspec.Spec{Inputs: map[string]string{"a": "b"}},
			func(c *runspec.Context) { c.Inputs = runspec.Inputs{} },
			all(func(s *runspec.Spec) { s.Inputs = map[string]string{"a": "b"} }),
		},
		{
			"no context", runspec.Spec{Repository: "acme/widgets", Signer: &runspec.Signer{RunID: "42"}},
			func(c *runspec.Context) { *c = runspec.Context{} },
			runspec.Spec{Version: 1, Repository: "acme/widgets"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			run, spec := signing(), test.spec
			if test.run != nil {
				test.run(&run)
			}
			if err := spec.Fill(run, "token"); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, spec); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFillTokenInput(t *testing.T) {
	var spec runspec.Spec
	if err := spec.Fill(signing(), "reason"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"dry": "", "token": "a.b.c"}, spec.Inputs); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
}

// A spec is signed and changed further; the context of the run stays its own.
func TestFillCopiesInputs(t *testing.T) {
	run := signing()
	var spec runspec.Spec
	if err := spec.Fill(run, "token"); err != nil {
		t.Fatal(err)
	}
	spec.Inputs["reason"] = "changed"
	if diff := cmp.Diff(signing(), run); diff != "" {
		t.Errorf("context after Fill (-want +got):\n%s", diff)
	}
}

func TestFillRefuses(t *testing.T) {
	tests := []struct {
		name string
		run  func(*runspec.Context)
		want string
	}{
		{"no payload", func(c *runspec.Context) { c.Inputs = runspec.Inputs{} }, "payload is missing"},
		{"an object as input", func(c *runspec.Context) { c.Inputs.Other = []string{"matrix", "token"} }, `"matrix"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			run := signing()
			test.run(&run)
			var spec runspec.Spec
			if err := spec.Fill(run, "token"); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Fill() = %v, want an error with %q", err, test.want)
			}
		})
	}
}
