package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

const (
	diggerFile     = "digger_workflow.yml"
	diggerWorkflow = ".github/workflows/" + diggerFile
	// diggerYAML is a workflow with Digger's inputs, and one for a signature.
	diggerYAML = `on:
  workflow_dispatch:
    inputs:
      spec: {required: true}
      run_name: {}
      signature: {}
jobs: {}
`
)

// A jobDispatch is an orchestrator, and a server that has acme/widgets with the
// workflow for Digger on the branch feature.
type jobDispatch struct {
	*dispatchTest
	head string // of feature
}

func newJobDispatch(t *testing.T) jobDispatch {
	t.Helper()
	d := jobDispatch{dispatchTest: newDispatchTest(t)}
	d.widgets.CommitFile("main", diggerWorkflow, diggerYAML)
	d.head = d.widgets.CommitFile("feature", diggerWorkflow, diggerYAML)
	return d
}

// job returns a spec for the head of feature, with changes: old and new.
func (d jobDispatch) job(changes ...string) string {
	d.t.Helper()
	spec := changed(d.t, jobSpec, otherSHA, d.head)
	spec = changed(d.t, spec, `"branch": "main"`, `"branch": "feature"`)
	for i := 0; i < len(changes); i += 2 {
		spec = changed(d.t, spec, changes[i], changes[i+1])
	}
	return spec
}

// start signs a spec and starts its run.
func (d jobDispatch) start(code int, spec string, args ...string) (stdout, stderr string) {
	d.t.Helper()
	path := filepath.Join(d.t.TempDir(), "spec.json")
	if err := os.WriteFile(path, []byte(spec), 0o600); err != nil {
		d.t.Fatal(err)
	}
	stdout, stderr = d.signFor(code, append([]string{"--format", "digger", "--spec", path, "--dispatch", diggerFile}, args...)...)
	if strings.Contains(stderr, jobToken) {
		d.t.Errorf("%.300q shows the job's token: %s", args, stderr)
	}
	return stdout, stderr
}

// verifyRun checks the inputs of a run in the run's environment.
func (d jobDispatch) verifyRun(run githubtest.Dispatch) (code int, output, stderr string) {
	d.t.Helper()
	event, err := json.Marshal(map[string]any{"inputs": run.Inputs, "ref": run.Ref})
	if err != nil {
		d.t.Fatal(err)
	}
	folder := d.t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "event.json"), event, 0o600); err != nil {
		d.t.Fatal(err)
	}
	v := newDiggerTest(d.t).away()
	code, _, stderr = v.with(map[string]string{
		"INPUT_MODE": "verify", "INPUT_FORMAT": "digger", "INPUT_KEY": d.read(d.public), "INPUT_DISPATCHERS": "digger[bot]",
		"INPUT_SPEC": run.Inputs["spec"], "INPUT_TOKEN": run.Inputs["signature"],
		"GITHUB_REPOSITORY": run.Repository, "GITHUB_REF": run.Ref, "GITHUB_SHA": run.SHA, "GITHUB_EVENT_NAME": "workflow_dispatch",
		"GITHUB_EVENT_PATH": filepath.Join(folder, "event.json"), "GITHUB_ACTOR": "digger[bot]", "GITHUB_TRIGGERING_ACTOR": "digger[bot]",
		"GITHUB_WORKFLOW_REF": run.Repository + "/" + run.Workflow + "@" + run.Ref, "GITHUB_RUN_ID": fmt.Sprint(run.ID), "GITHUB_RUN_ATTEMPT": "1",
	}).runNow()
	return code, v.outputs()["spec"], stderr
}

// runNow runs the Action at the time that it is.
func (d *diggerTest) runNow() (code int, stdout, stderr string) { return d.program.run() }

// TestDiggerDispatch starts the run that a spec is for, and the run accepts it.
func TestDiggerDispatch(t *testing.T) {
	for _, args := range [][]string{nil, {"--dispatch", diggerWorkflow}, {"--detached"}, {"--detached", "--json"}} {
		d := newJobDispatch(t)
		spec := d.job()
		stdout, stderr := d.start(exitOK, spec, args...)
		run := d.started()
		token := strings.TrimSuffix(stdout, "\n")
		if len(args) > 1 && args[1] == "--json" {
			var s signed
			if err := json.Unmarshal([]byte(stdout), &s); err != nil || !strings.Contains(s.RunURL, "/actions/runs/") {
				t.Fatalf("it prints %s: %v", stdout, err)
			}
			token = s.Token
		}
		want := githubtest.Dispatch{
			ID: run.ID, Repository: "acme/widgets", Workflow: diggerWorkflow, Ref: "refs/heads/feature", SHA: d.head,
			Inputs: map[string]string{"run_name": "digger plan staging By: octocat", "spec": token, "signature": ""},
		}
		inner := strings.TrimSpace(spec)
		if len(args) > 0 && args[0] == "--detached" {
			want.Inputs["spec"], want.Inputs["signature"], inner = spec, token, spec
		}
		if diff := gocmp.Diff(want, run); diff != "" {
			t.Errorf("%q: the run (-want +got):\n%s", args, diff)
		}
		if code, output, stderr := d.verifyRun(run); code != exitOK || output != inner {
			t.Errorf("%q: the run ended with %d and the spec %q: %s", args, code, output, stderr)
		}
		run.SHA = otherSHA
		if code, output, stderr := d.verifyRun(run); code != exitRefused || output != "" || !strings.Contains(stderr, "wrong-commit") {
			t.Errorf("%q: on another commit the run ended with %d: %s", args, code, stderr)
		}
		url := fmt.Sprintf("/acme/widgets/actions/runs/%d", run.ID)
		if !strings.Contains(stderr, "started: ") || !strings.Contains(d.read(d.out), url) {
			t.Errorf("%q: it says %q", args, stderr)
		}
	}
}

// TestDiggerDispatchWhere finds the run's repository, branch and commit in the spec.
func TestDiggerDispatchWhere(t *testing.T) {
	const owner = `"repo_owner": "acme", "repo_name": "widgets"`
	for _, test := range []struct {
		name    string
		changes []string
		args    []string
		setUp   func(jobDispatch)
		ref     string // of the run, or what is said where it is refused
		code    int
	}{
		{name: "the branch", ref: "refs/heads/feature"},
		{name: "a full name", changes: []string{owner, `"repo_full_name": "acme/widgets"`}, ref: "refs/heads/feature"},
		{name: "no workflow named", changes: []string{`, "workflow_file": "digger_workflow.yml"`, ""}, ref: "refs/heads/feature"},
		{name: "no run name", changes: []string{`"run_name": "digger plan staging By: octocat",`, ""}, ref: "refs/heads/feature"},
		{name: "no branch", changes: []string{`"branch": "feature", `, "", `"commit": `, `"was": `}, ref: "refs/heads/main"},
		{name: "a tag of the branch's name", setUp: func(d jobDispatch) { d.widgets.Tag("feature", d.widgets.Head("main")) }, ref: "refs/heads/feature"},
		{name: "another branch at that commit", args: []string{"--ref", "same"}, setUp: func(d jobDispatch) { d.widgets.Branch("same", d.head) }, ref: "refs/heads/same"},
		{name: "a tag at that commit", args: []string{"--ref", "refs/tags/v1"}, setUp: func(d jobDispatch) { d.widgets.Tag("v1", d.head) }, ref: "refs/tags/v1"},

		{name: "another branch", args: []string{"--ref", "main"}, code: exitRefused, ref: "nothing was started"},
		{name: "a branch that moved on", setUp: func(d jobDispatch) { d.widgets.Commit("feature", "next") }, code: exitRefused, ref: "sha is to be "},
		{name: "no branch, another commit", changes: []string{`"branch": "feature", `, ""}, code: exitRefused, ref: "sha is to be "},
		{name: "no such branch", changes: []string{`"branch": "feature"`, `"branch": "gone"`}, code: exitUsage, ref: `no branch or tag "refs/heads/gone"`},
		{name: "no name of a branch", changes: []string{`"branch": "feature"`, `"branch": "a..b"`}, code: exitUsage, ref: "cannot be the name of a tag or a branch"},
		{name: "a branch in full", changes: []string{`"branch": "feature"`, `"branch": "refs/heads/feature"`}, code: exitUsage, ref: "no branch or tag"},
		{name: "another workflow", changes: []string{`"digger_workflow.yml"`, `"other.yml"`}, code: exitUsage, ref: `the spec is for the workflow "other.yml" and --dispatch names "digger_workflow.yml"`},
		{name: "the workflow of --dispatch", args: []string{"--dispatch", "deploy.yml"}, code: exitUsage, ref: "give --dispatch the workflow that the spec names"},
		{name: "no repository", changes: []string{owner + ", ", ""}, code: exitUsage, ref: "it is not known in which repository"},
		{name: "no name of a repository", changes: []string{owner, `"repo_full_name": "acme"`}, code: exitUsage, ref: "cannot be the name of a repository"},
		{name: "dots as a repository", changes: []string{owner, `"repo_owner": "acme", "repo_name": ".."`}, code: exitUsage, ref: "cannot be the name of a repository"},
		{name: "a folder as a repository", changes: []string{owner, `"repo_full_name": "acme/widgets/actions"`}, code: exitUsage, ref: "cannot be the name of a repository"},
		{name: "no such repository", changes: []string{owner, `"repo_owner": "acme", "repo_name": "gone"`}, code: exitUsage, ref: "there is no repository acme/gone"},
	} {
		for _, form := range [][]string{nil, {"--detached"}} {
			t.Run(test.name+strings.Join(form, ""), func(t *testing.T) {
				d := newJobDispatch(t)
				if test.setUp != nil {
					test.setUp(d)
				}
				_, stderr := d.start(test.code, d.job(test.changes...), append(form, test.args...)...)
				if test.code != exitOK {
					if d.notStarted(0); !strings.Contains(stderr, test.ref) {
						t.Errorf("it says %q, want %q", stderr, test.ref)
					}
					return
				}
				if run := d.started(); run.Ref != test.ref {
					t.Errorf("the run is at %s, want %s", run.Ref, test.ref)
				}
			})
		}
	}
}

// TestDiggerDispatchLimits goes up to GitHub's limit for inputs as JSON, which counts
// the escapes of a JSON text.
func TestDiggerDispatchLimits(t *testing.T) {
	for _, form := range [][]string{nil, {"--detached"}} {
		fits := func(n int) (jobDispatch, string) {
			d := newJobDispatch(t)
			return d, d.job(`"abc123"`, `"`+strings.Repeat("a", n)+`"`)
		}
		d, spec := fits(60000)
		d.start(exitOK, spec, form...)
		var sent struct{ Inputs json.RawMessage }
		if err := json.Unmarshal([]byte(d.posts()[0]), &sent); err != nil {
			t.Fatal(err)
		}
		over := 65535 - len(sent.Inputs)
		d, spec = fits(60000 + over)
		d.start(exitOK, spec, form...)
		d.started()
		d, spec = fits(60000 + over + 1)
		_, stderr := d.start(exitUsage, spec, form...)
		if d.notStarted(0); !strings.Contains(stderr, "a dispatch takes 65535") {
			t.Errorf("%q: it says %q", form, stderr)
		}
	}
}

// TestDiggerDispatchAnswers has a server refuse, and lose its answer. What sign does
// then is the same as for a token.
func TestDiggerDispatchAnswers(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault *githubtest.Fault
		setUp func(jobDispatch)
		args  []string
		code  int
		says  []string
		runs  int
	}{
		{name: "no workflow", fault: &githubtest.Fault{Status: 404, Body: `{"message": "Not Found"}`}, code: exitUsage, says: []string{"no workflow " + diggerFile}},
		{name: "no permission", fault: &githubtest.Fault{Status: 403, Body: `{"message": "Resource not accessible by integration"}`}, code: exitUndecided, says: []string{"actions: write"}},
		{name: "an answer that is lost", fault: &githubtest.Fault{Cut: true}, code: exitUndecided, says: []string{"it is not known whether the run was started", "look at the runs"}, runs: 1},
		{
			name: "no input for the signature", args: []string{"--detached"}, code: exitUsage, says: []string{"Unexpected inputs", `the input "signature"`},
			setUp: func(d jobDispatch) {
				d.head = d.widgets.CommitFile("feature", diggerWorkflow, strings.Replace(diggerYAML, "      signature: {}\n", "", 1))
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newJobDispatch(t)
			if test.setUp != nil {
				test.setUp(d)
				d.head = d.widgets.Head("feature")
			}
			if test.fault != nil {
				d.onPost(func([]byte) *githubtest.Fault { return test.fault })
			}
			_, stderr := d.start(test.code, d.job(), test.args...)
			for _, text := range test.says {
				if !strings.Contains(stderr, text) {
					t.Errorf("it says %q, want %q", stderr, text)
				}
			}
			if n := len(d.server.Dispatches()); n != test.runs || len(d.posts()) != 1 {
				t.Errorf("%d runs were started by %d requests", n, len(d.posts()))
			}
		})
	}
}

// TestDiggerDispatchSecrets has a server repeat what it was sent.
func TestDiggerDispatchSecrets(t *testing.T) {
	for _, form := range [][]string{nil, {"--detached"}} {
		d := newJobDispatch(t)
		d.onPost(func(body []byte) *githubtest.Fault {
			var sent struct{ Inputs map[string]string }
			if err := json.Unmarshal(body, &sent); err != nil || sent.Inputs["spec"] == "" {
				t.Errorf("the body is %s", body)
			}
			text, _ := json.Marshal(map[string]string{"message": apiToken + " and " + sent.Inputs["signature"] + sent.Inputs["spec"] + " with " + jobToken})
			return &githubtest.Fault{Status: http.StatusUnprocessableEntity, Body: string(text)}
		})
		// The job's token comes first, for a message is cut.
		_, stderr := d.start(exitUsage, d.job(`"job_id": "abc123",`, `"backend": {"backend_job_token": "`+jobToken+`"},`), form...)
		if !strings.Contains(stderr, `"… and …`) {
			t.Errorf("%q: it says %q", form, stderr)
		}
	}
}
