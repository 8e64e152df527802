package policy_test

import (
	"slices"
	"testing"

	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// expected are the facts that the good scene supplies.
var expected = map[string]string{
	"environment": "environment=production",
	"stack":       "stack=staging-vpc",
	"commands":    `commands=["terraform init","terraform plan"]`,
}

// without returns the good scene's supplied facts but for one.
func (s *scene) without(name string) policy.Expect { return s.expecting(name, "") }

// expecting returns the good scene's supplied facts with another one.
func (s *scene) expecting(name, text string) policy.Expect {
	var texts []string
	for n, t := range expected {
		if n != name {
			texts = append(texts, t)
		}
	}
	if text != "" {
		texts = append(texts, text)
	}
	return expectation(texts...)
}

// expectation returns supplied facts that are known to be sound.
func expectation(texts ...string) policy.Expect {
	e, err := policy.ParseExpect(texts)
	if err != nil {
		panic(err)
	}
	return e
}

// job returns the command of a job.
func job(command string) *string { return &command }

// signedBy makes the spec's signer the run at hand, in some attempt.
func (s *scene) signedBy(attempt int) {
	s.spec.Signer = &runspec.Signer{Repository: "Acme/Widgets", RunID: "42", RunAttempt: attempt}
}

// runChanges are about the run at hand.
var runChanges = []change{
	{"other repository", func(s *scene) {
		s.run.Repository, s.policy.Audience = "acme/gadgets", s.claims.Audience
		s.run.WorkflowRef = "acme/gadgets/.github/workflows/deploy.yml@refs/heads/main"
	}, about(report.WrongRepository)},
	{"workflow of that path in another repository", func(s *scene) {
		s.run.WorkflowRef = "acme/gadgets/.github/workflows/deploy.yml@refs/heads/main"
	}, about(report.WrongWorkflow)},
	{"repository in another case", func(s *scene) { s.run.Repository = "Acme/WIDGETS" }, nil},
	{"other repository and owner of that name", func(s *scene) { s.run.RepositoryID, s.run.RepositoryOwnerID = "1", "2" }, about(report.WrongRepository)},
	{"other repository of that name", func(s *scene) { s.run.RepositoryID = "1" }, about(report.WrongRepository)},
	{"other owner of that name", func(s *scene) { s.run.RepositoryOwnerID = "1" }, about(report.WrongRepository)},
	{"repository ids not in the run", func(s *scene) { s.run.RepositoryID, s.run.RepositoryOwnerID = "", "" }, nil},
	{"repository ids not in the spec", func(s *scene) { s.spec.RepositoryID, s.spec.RepositoryOwnerID = "", "" }, nil},
	{"no repository in the run", func(s *scene) { s.run.Repository, s.policy.Audience = "", s.claims.Audience }, about(report.WrongRepository)},
	{"repository with a letter that folds", func(s *scene) {
		s.run.Repository, s.policy.Audience = "acme/widget\u017f", s.claims.Audience
		s.run.WorkflowRef = "acme/widget\u017f/.github/workflows/deploy.yml@refs/heads/main"
	}, about(report.WrongRepository)},

	{"other actor", func(s *scene) { s.run.Actor, s.run.ActorID = "mallory", "666" }, about(report.WrongActor)},
	{"actor in another case", func(s *scene) { s.run.Actor = "OctoCat" }, nil},
	{"other account of that name", func(s *scene) { s.run.ActorID = "666" }, about(report.WrongActor)},
	{"same account under another name", func(s *scene) { s.run.Actor = "octocat2" }, about(report.WrongActor)},
	{"actor id not in the run", func(s *scene) { s.run.ActorID = "" }, nil},
	{"actor id not in the spec", func(s *scene) { s.spec.ActorID = "" }, nil},
	{"other actor without ids", func(s *scene) { s.run.Actor, s.run.ActorID, s.spec.ActorID = "mallory", "", "" }, about(report.WrongActor)},
	{"no actor in the run", func(s *scene) { s.run.Actor, s.run.ActorID = "", "" }, about(report.WrongActor)},
	// The bot has a number of its own.
	{"dispatcher", func(s *scene) {
		s.run.Actor, s.run.ActorID, s.run.TriggeringActor = "Acme-Bot", "1", "acme-bot"
		s.policy.Dispatchers = []string{"other-bot", "acme-bot"}
	}, nil},
	{"bot that is no dispatcher", func(s *scene) {
		s.run.Actor, s.run.ActorID = "acme-bot2", "1"
		s.policy.Dispatchers = []string{"acme-bot"}
	}, about(report.WrongActor)},
	// It stands for the actor and for nothing else.
	{"dispatcher on another commit, ref and repository", func(s *scene) {
		s.run.Actor, s.run.TriggeringActor, s.policy.Dispatchers = "acme-bot", "acme-bot", []string{"acme-bot"}
		s.run.SHA, s.run.Ref, s.run.Event, s.run.WorkflowRef = otherCommit, "refs/heads/x", "push", ""
		s.run.Repository, s.policy.Audience = "acme/gadgets", s.claims.Audience
		s.policy.Expect = expectation("environment=staging", "stack=x")
	}, about(report.WrongCommit, report.WrongEnvironment, report.WrongEvent, report.WrongRef, report.WrongRepository,
		report.WrongStack, report.WrongWorkflow)},
	{"dispatcher that somebody re-ran", func(s *scene) {
		s.run.Actor, s.run.ActorID, s.run.TriggeringActor = "acme-bot", "1", "mallory"
		s.policy.Dispatchers = []string{"acme-bot"}
	}, about(report.WrongTriggeringActor)},

	{"other triggering actor", func(s *scene) { s.run.TriggeringActor = "mallory" }, about(report.WrongTriggeringActor)},
	{"triggering actor in another case", func(s *scene) { s.run.TriggeringActor = "OCTOCAT" }, nil},
	{"triggering actor not told", func(s *scene) { s.run.TriggeringActor = "" }, nil},
	{"dispatcher triggers", func(s *scene) {
		s.run.TriggeringActor, s.policy.Dispatchers = "ACME-bot", []string{"acme-bot"}
	}, nil},
	{"other triggering actor although re-runs are allowed", func(s *scene) {
		s.run.TriggeringActor, s.run.RunAttempt, s.policy.AllowRerun = "mallory", 2, true
	}, about(report.WrongTriggeringActor)},
	{"re-run by somebody else", func(s *scene) {
		s.run.TriggeringActor, s.run.RunAttempt = "mallory", 2
	}, about(report.Rerun, report.WrongTriggeringActor)},

	{"second attempt", func(s *scene) { s.run.RunAttempt = 2 }, about(report.Rerun)},
	{"attempt not told", func(s *scene) { s.run.RunAttempt = 0 }, about(report.Rerun)},
	{"second attempt allowed", func(s *scene) { s.run.RunAttempt, s.policy.AllowRerun = 2, true }, nil},
	{"attempt not told but allowed", func(s *scene) { s.run.RunAttempt, s.policy.AllowRerun = 0, true }, nil},
	{"second attempt, signed in it", func(s *scene) { s.run.RunAttempt = 2; s.signedBy(2) }, nil},
	{"second attempt, signed in the first", func(s *scene) { s.run.RunAttempt = 2; s.signedBy(1) }, about(report.Rerun)},
	{"second attempt, signed in another repository", func(s *scene) {
		s.run.RunAttempt = 2
		s.signedBy(2)
		s.spec.Signer.Repository = "acme/orchestrator"
	}, about(report.Rerun)},
	{"second attempt, signed in another run", func(s *scene) {
		s.run.RunAttempt = 2
		s.signedBy(2)
		s.spec.Signer.RunID = "41"
	}, about(report.Rerun)},
	{"second attempt, signed nowhere", func(s *scene) { s.run.RunAttempt, s.spec.Signer = 2, nil }, about(report.Rerun)},
	{"attempt not told, signed in it", func(s *scene) { s.run.RunAttempt = 0; s.signedBy(0) }, about(report.Rerun)},
	{"second attempt, run not told", func(s *scene) {
		s.run.RunAttempt, s.run.RunID = 2, ""
		s.signedBy(2)
		s.spec.Signer.RunID = ""
	}, about(report.Rerun)},

	{"other commit", func(s *scene) { s.run.SHA = otherCommit }, about(report.WrongCommit)},
	{"commit in another case", func(s *scene) { s.run.SHA = "0123456789ABCDEF0123456789abcdef01234567" }, about(report.WrongCommit)},
	{"no commit in the run", func(s *scene) { s.run.SHA = "" }, about(report.WrongCommit)},
	{"other ref", func(s *scene) { s.run.Ref = "refs/heads/main2" }, about(report.WrongRef)},
	{"tag of that name", func(s *scene) { s.run.Ref = "refs/tags/main" }, about(report.WrongRef)},
	{"ref in another case", func(s *scene) { s.run.Ref = "refs/heads/Main" }, about(report.WrongRef)},
	{"no ref in the run", func(s *scene) { s.run.Ref = "" }, about(report.WrongRef)},
	{"other workflow", func(s *scene) { s.run.WorkflowRef = "acme/widgets/.github/workflows/evil.yml@refs/heads/main" }, about(report.WrongWorkflow)},
	{"workflow in another case", func(s *scene) { s.run.WorkflowRef = "acme/widgets/.github/workflows/Deploy.yml@refs/heads/main" }, about(report.WrongWorkflow)},
	{"workflow that begins alike", func(s *scene) {
		s.run.WorkflowRef = "acme/widgets/.github/workflows/deploy.yml@evil.yml@refs/heads/main"
	}, about(report.WrongWorkflow)},
	{"ref that ends like the workflow", func(s *scene) {
		s.run.WorkflowRef = "acme/widgets/.github/workflows/evil.yml@refs/heads/.github/workflows/deploy.yml@refs/heads/main"
	}, about(report.WrongWorkflow)},
	{"no workflow in the run", func(s *scene) { s.run.WorkflowRef = "" }, about(report.WrongWorkflow)},
	{"other event", func(s *scene) { s.run.Event = "repository_dispatch" }, about(report.WrongEvent)},
	{"no event in the run", func(s *scene) { s.run.Event = "" }, about(report.WrongEvent)},

	{"other environment", func(s *scene) { s.policy.Expect = s.expecting("environment", "environment=staging") }, about(report.WrongEnvironment)},
	{"environment in another case", func(s *scene) { s.policy.Expect = s.expecting("environment", "environment=Production") }, nil},
	{"environment not supplied", func(s *scene) { s.policy.Expect = s.without("environment") }, about(report.WrongEnvironment)},
	{"environment neither supplied nor signed", func(s *scene) {
		s.policy.Expect, s.spec.Environment = s.without("environment"), ""
	}, nil},
	{"other stack", func(s *scene) { s.policy.Expect = s.expecting("stack", "stack=prod-vpc") }, about(report.WrongStack)},
	{"stack in another case", func(s *scene) { s.policy.Expect = s.expecting("stack", "stack=Staging-VPC") }, about(report.WrongStack)},
	{"stack not supplied", func(s *scene) { s.policy.Expect = s.without("stack") }, about(report.WrongStack)},

	{"other commands", func(s *scene) { s.policy.Expect = s.expecting("commands", `commands=["terraform apply"]`) }, about(report.WrongCommands)},
	{"a command less", func(s *scene) { s.policy.Expect = s.expecting("commands", `commands=["terraform init"]`) }, about(report.WrongCommands)},
	{"a command more", func(s *scene) { s.spec.Commands = append(slices.Clone(s.spec.Commands), "rm -rf /") }, about(report.WrongCommands)},
	{"commands in another order", func(s *scene) { slices.Reverse(s.spec.Commands) }, about(report.WrongCommands)},
	{"commands in another case", func(s *scene) { s.spec.Commands[1] = "Terraform plan" }, about(report.WrongCommands)},
	{"commands split elsewhere", func(s *scene) { s.spec.Commands = []string{"terraform", "init terraform plan"} }, about(report.WrongCommands)},
	{"commands not supplied", func(s *scene) { s.policy.Expect = s.without("commands") }, nil},
	{"the job's command is signed", func(s *scene) { s.run.Command = &s.spec.Commands[1] }, nil},
	{"the job's command is part of a signed one", func(s *scene) { s.run.Command = job("terraform") }, about(report.WrongCommands)},
	{"the job's command is all of the signed ones", func(s *scene) {
		s.run.Command = job("terraform init\nterraform plan")
	}, about(report.WrongCommands)},
	{"the job's command is empty", func(s *scene) { s.run.Command = job("") }, about(report.WrongCommands)},
	{"the job's command and none signed", func(s *scene) {
		s.run.Command, s.spec.Commands, s.policy.Expect = job("terraform plan"), nil, s.without("commands")
	}, about(report.WrongCommands)},
	{"no commands at all", func(s *scene) {
		s.spec.Commands, s.policy.Expect = []string{}, s.expecting("commands", `commands=[]`)
	}, nil},

	// The signer's own facts are no limit.
	{"no signer", func(s *scene) { s.spec.Signer = nil }, nil},
}

// inputChanges are about the inputs of a dispatch.
var inputChanges = []change{
	{"input changed", func(s *scene) { s.run.Inputs.Text["reason"] = "daily" }, about(report.WrongInputs)},
	{"input in another case", func(s *scene) { s.run.Inputs.Text["reason"] = "Weekly" }, about(report.WrongInputs)},
	{"input with a space more", func(s *scene) { s.run.Inputs.Text["reason"] = "weekly " }, about(report.WrongInputs)},
	{"input missing", func(s *scene) { delete(s.run.Inputs.Text, "reason") }, about(report.WrongInputs)},
	{"input empty", func(s *scene) { s.run.Inputs.Text["reason"] = "" }, about(report.WrongInputs)},
	{"all inputs missing", func(s *scene) { s.run.Inputs.Text = nil }, about(report.WrongInputs)},
	{"input more", func(s *scene) { s.run.Inputs.Text["force"] = "true" }, about(report.WrongInputs)},
	{"input more, empty", func(s *scene) { s.run.Inputs.Text["force"] = "" }, nil},
	{"signed as empty", func(s *scene) { s.run.Inputs.Text["dry"] = "" }, nil},
	{"signed as empty, and set", func(s *scene) { s.run.Inputs.Text["dry"] = "false" }, about(report.WrongInputs)},
	{"name in another case", func(s *scene) {
		s.run.Inputs.Text = map[string]string{"Reason": "weekly"}
	}, about(report.WrongInputs)},
	{"none signed", func(s *scene) { s.spec.Inputs = nil }, about(report.WrongInputs)},
	{"none signed and none given", func(s *scene) { s.spec.Inputs, s.run.Inputs.Text = nil, map[string]string{"token": "a.b.c"} }, nil},
	{"empty set signed and none given", func(s *scene) { s.spec.Inputs, s.run.Inputs.Text = map[string]string{}, nil }, nil},
	{"inputs signed for an event that has none", func(s *scene) {
		s.run.Event, s.spec.Event, s.run.Inputs = "push", "push", runspec.Inputs{Known: true}
	}, about(report.WrongInputs)},

	{"token under another name", func(s *scene) { s.policy.TokenInput = "permit" }, about(report.WrongInputs)},
	{"token input named", func(s *scene) {
		s.policy.TokenInput, s.run.Inputs.Text = "permit", map[string]string{"reason": "weekly", "permit": "a.b.c"}
	}, nil},
	// No token holds itself; who signs a value for it means something else.
	{"token's input signed", func(s *scene) { s.spec.Inputs["token"] = "other" }, about(report.WrongInputs)},
	{"token's input of another type", func(s *scene) {
		delete(s.run.Inputs.Text, "token")
		s.run.Inputs.Other = []string{"token"}
	}, nil},

	{"unsigned input allowed", func(s *scene) {
		s.run.Inputs.Text["region"], s.policy.AllowUnsignedInputs = "eu", []string{"zone", "region"}
	}, nil},
	{"unsigned input of another name", func(s *scene) {
		s.run.Inputs.Text["force"], s.policy.AllowUnsignedInputs = "true", []string{"region"}
	}, about(report.WrongInputs)},
	{"unsigned input in another case", func(s *scene) {
		s.run.Inputs.Text["Region"], s.policy.AllowUnsignedInputs = "eu", []string{"region"}
	}, about(report.WrongInputs)},
	// To be allowed is to be free where nothing is signed, and only there.
	{"signed input changed although allowed", func(s *scene) {
		s.run.Inputs.Text["reason"], s.policy.AllowUnsignedInputs = "daily", []string{"reason"}
	}, about(report.WrongInputs)},
	{"signed input missing although allowed", func(s *scene) {
		delete(s.run.Inputs.Text, "reason")
		s.policy.AllowUnsignedInputs = []string{"reason"}
	}, about(report.WrongInputs)},

	{"value that is no text", func(s *scene) { s.run.Inputs.Other = []string{"matrix"} }, about(report.WrongInputs)},
	{"value that is no text in place of a signed one", func(s *scene) {
		s.run.Inputs = runspec.Inputs{Known: true, Other: []string{"reason"}}
	}, about(report.WrongInputs)},
	{"value that is no text in place of an empty one", func(s *scene) { s.run.Inputs.Other = []string{"dry"} }, about(report.WrongInputs)},
	{"value that is no text, allowed", func(s *scene) {
		s.run.Inputs.Other, s.policy.AllowUnsignedInputs = []string{"matrix"}, []string{"matrix"}
	}, nil},
	{"payload missing", func(s *scene) { s.run.Inputs = runspec.Inputs{} }, about(report.WrongInputs)},
	{"payload missing and none signed", func(s *scene) { s.run.Inputs, s.spec.Inputs = runspec.Inputs{}, nil }, about(report.WrongInputs)},
	{"payload missing and supplied", func(s *scene) {
		s.run.Inputs, s.policy.Expect = runspec.Inputs{}, s.expecting("inputs", `inputs={"reason":"weekly"}`)
	}, nil},
	{"supplied although the run tells its own", func(s *scene) {
		s.run.Inputs.Text["reason"] = "daily"
		s.policy.Expect = s.expecting("inputs", `inputs={"reason":"weekly"}`)
	}, about(report.WrongInputs)},
	{"payload missing and supplied otherwise", func(s *scene) {
		s.run.Inputs, s.policy.Expect = runspec.Inputs{}, s.expecting("inputs", `inputs={"reason":"daily"}`)
	}, about(report.WrongInputs)},
}

// Each input that differs has a finding of its own.
func TestVerifyInputsOneByOne(t *testing.T) {
	s := good()
	s.run.Inputs = runspec.Inputs{
		Known: true, Text: map[string]string{"reason": "daily", "force": "true", "token": "a.b.c"}, Other: []string{"matrix"},
	}
	r, _ := s.verify(t)
	if got := rules(r, report.Fail); len(got) != 3 {
		t.Errorf("%q fail, and three inputs differ", got)
	}
}
