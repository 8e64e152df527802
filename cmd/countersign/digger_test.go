package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// The version of Digger's Action that the workflow uses.
const diggerAction = "diggerhq/digger@5836163954506313b3aa65aa185d3ca971de5e5c"

// A diggerJob is what runs the workflow for Digger: an orchestrator that signs and
// starts, and a stand-in for Digger's Action that keeps the spec it gets.
type diggerJob struct {
	host           runnerHost
	server         *githubtest.Server
	started        chan githubtest.Dispatch
	repository     string
	private        string
	public         string
	action, specAt string
}

// backendToken is what Digger's backend knows a job by.
const backendToken = "cli:0a1b2c3d-0000-4444-8888-0123456789ab"

func newDiggerJob(t *testing.T) (d diggerJob, spec string) {
	d = diggerJob{host: newRunnerHost(t), server: githubtest.New(t), started: make(chan githubtest.Dispatch, 1), action: t.TempDir()}
	d.private, d.public = newKeys(t)
	d.server.SetToken("api-token")
	d.server.OnDispatch(func(run githubtest.Dispatch) { d.started <- run })
	d.specAt = filepath.Join(d.action, "spec.json")
	// Digger's own Action hands its input on in this variable.
	text := "name: digger\ndescription: keeps its spec\ninputs:\n  digger-spec: {description: the spec}\nruns:\n  using: composite\n  steps:\n" +
		"    - shell: bash\n      env:\n        DIGGER_RUN_SPEC: ${{ inputs.digger-spec }}\n" +
		"      run: 'printf %s \"$DIGGER_RUN_SPEC\" >\"" + d.specAt + "\"; echo started'\n"
	if err := os.WriteFile(filepath.Join(d.action, "action.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var sha string
	d.repository, sha = repositoryWith(t, ".github/workflows/digger_workflow.yml")
	d.server.Repo("acme/widgets").Push("main", d.repository)
	return d, `{
 "job_id": "abc123",   "run_name": "digger plan staging By: octocat",
 "job": {"commands": ["digger plan"], "commit": "` + sha + `", "branch": "main", "requestedBy": "octocat",
         "backend_job_token": "` + backendToken + `", "pullRequestNumber": 7.0e0, "projectName": "stäging <&>"},
 "vcs": {"actor": "octocat", "repo_owner": "acme", "repo_name": "widgets", "workflow_file": "digger_workflow.yml"},
 "from_a_newer_orchestrator": [null, 1.50, {}]
}`
}

// sign has the orchestrator sign a spec and start its run.
func (d diggerJob) sign(t *testing.T, spec string, args ...string) githubtest.Dispatch {
	t.Helper()
	file := filepath.Join(t.TempDir(), "job.json")
	if err := os.WriteFile(file, []byte(spec), 0o600); err != nil {
		t.Fatal(err)
	}
	countersign(t, map[string]string{
		"COUNTERSIGN_KEY": d.private, "GITHUB_TOKEN": "api-token", "GITHUB_API_URL": d.server.URL(), "GITHUB_GRAPHQL_URL": d.server.GraphQLURL(),
	}, append([]string{"sign", "--format", "digger", "--spec", file, "--dispatch", "digger_workflow.yml"}, args...)...)
	return <-d.started
}

// run runs what was started, for the account of the orchestrator's GitHub App.
func (d diggerJob) run(t *testing.T, inputs map[string]string) workflowRun {
	t.Helper()
	if err := os.RemoveAll(d.specAt); err != nil {
		t.Fatal(err)
	}
	path := eventFile(t, map[string]any{"inputs": inputs, "ref": "refs/heads/main"})
	return d.host.runLogged(t, d.repository, "workflow_dispatch", append(against(d.server), "-e", path, "--actor", "digger[bot]",
		"--local-repository", diggerAction+"="+d.action,
		"--var", "DIGGER_PUBLIC_KEY="+d.public, "--var", "DIGGER_DISPATCHERS=digger[bot]")...)
}

// TestDiggerAction runs the workflow for Digger, as the orchestrator starts it and
// with inputs that it did not sign.
func TestDiggerAction(t *testing.T) {
	d, spec := newDiggerJob(t)
	var envelope, detached githubtest.Dispatch
	for _, form := range []struct {
		name string
		args []string
		to   *githubtest.Dispatch
	}{
		{"envelope", nil, &envelope},
		{"detached", []string{"--detached"}, &detached},
	} {
		t.Run(form.name, func(t *testing.T) {
			started := d.sign(t, spec, form.args...)
			*form.to = started
			if started.Workflow != ".github/workflows/digger_workflow.yml" || started.Ref != "refs/heads/main" || started.Inputs["run_name"] != "digger plan staging By: octocat" {
				t.Errorf("what was started is %+v", started)
			}
			r := d.run(t, started.Inputs)
			if r.exitCode != 0 || r.result("run the job") != "success" {
				t.Fatalf("the run ended with %d", r.exitCode)
			}
			// Digger gets the spec as it went in, byte for byte.
			if got, err := os.ReadFile(d.specAt); err != nil || string(got) != spec {
				t.Errorf("Digger got %q %v, want %q", got, err, spec)
			}
			for _, e := range r.events {
				if e.Command == "" && strings.Contains(e.Message, backendToken) {
					t.Errorf("the job's token is in the log: %s", e.Message)
				}
			}
		})
	}
	if t.Failed() {
		return
	}
	changed := func(inputs map[string]string, name, old, new string) map[string]string {
		out := map[string]string{}
		for k, v := range inputs {
			out[k] = v
		}
		if out[name] = strings.Replace(out[name], old, new, 1); out[name] == inputs[name] {
			t.Fatalf("%q is not in the input %s", old, name)
		}
		return out
	}
	for _, test := range []struct {
		name    string
		inputs  map[string]string
		failure string
	}{
		{"another command", changed(envelope.Inputs, "spec", "digger plan\"]", "digger apply\"]"), "bad-signature"},
		{"another spec", changed(detached.Inputs, "spec", "digger plan\"]", "digger apply\"]"), "bad-signature"},
		{"not signed", map[string]string{"spec": spec, "run_name": "digger plan"}, "missing-token"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := d.run(t, test.inputs)
			refusedWith1(t, r, test.failure)
			if !strings.Contains(r.log(), "signatureCerificationFailed") {
				t.Error("the log lacks the error that Digger documents")
			}
			if _, err := os.Stat(d.specAt); err == nil {
				t.Error("Digger ran")
			}
		})
	}
}
