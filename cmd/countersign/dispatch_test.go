package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// dispatchTarget makes acme/widgets with the workflow deploy.yml, here and on a server,
// and returns its folder, its commit, and the runs that the server starts.
func dispatchTarget(t *testing.T, server *githubtest.Server) (folder, sha string, started chan githubtest.Dispatch) {
	t.Helper()
	started = make(chan githubtest.Dispatch, 1)
	server.OnDispatch(func(d githubtest.Dispatch) { started <- d })
	text, err := os.ReadFile(filepath.Join(projectRoot(t), "testdata", "workflows", "once.yml"))
	if err != nil {
		t.Fatal(err)
	}
	workflow := filepath.Join(t.TempDir(), "deploy.yml")
	if err := os.WriteFile(workflow, text, 0o600); err != nil {
		t.Fatal(err)
	}
	folder, sha = repositoryWith(t, workflow)
	if head := server.Repo("acme/widgets").Push("main", folder); head != sha {
		t.Fatalf("the stand-in has %s, and the repository %s", head, sha)
	}
	return folder, sha, started
}

// TestDispatchAction runs the example that signs and starts a run. What
// it starts runs here as GitHub would run it; its token works once.
func TestDispatchAction(t *testing.T) {
	host := newRunnerHost(t)
	private, public := newKeys(t)
	server := githubtest.New(t)
	server.SetToken("api-token")
	target, sha, started := dispatchTarget(t, server)
	orchestrator, _ := repositoryWith(t, exampleWorkflow(t, "start"))
	r := host.run(t, orchestrator, "workflow_dispatch", append(against(server), "--actor", "octocat",
		"--env", "GITHUB_REPOSITORY=acme/orchestrator", "--env", "GITHUB_REPOSITORY_ID=1", "--env", "GITHUB_REPOSITORY_OWNER_ID=2",
		"-s", "COUNTERSIGN_KEY="+private, "-s", "DEPLOY_TOKEN=api-token", "--input", "reason=weekly")...)
	if r.exitCode != 0 || len(started) != 1 {
		t.Fatalf("the workflow ended with %d and started %d runs, want 0 and 1", r.exitCode, len(started))
	}
	url, _ := r.output("sign", "run-url")
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://127.0.0.1") || !strings.Contains(url, "/acme/widgets/actions/runs/") {
		t.Errorf("the output run-url is %q", url)
	}
	run := <-started
	if run.Workflow != ".github/workflows/deploy.yml" || run.Ref != "refs/heads/main" || run.SHA != sha || run.Inputs["reason"] != "weekly" {
		t.Errorf("what was started is %+v", run)
	}

	first := host.runStarted(t, target, server, run, public, "1")
	if first.exitCode != 0 || first.result("deploy") != "success" {
		t.Fatalf("the run ended with %d, want 0", first.exitCode)
	}
	if verified, _ := first.output("verify", "verified"); verified != "true" {
		t.Errorf("verified is %q", verified)
	}
	// The same token in another run: whoever saw it in the log starts the run again.
	second := host.runStarted(t, target, server, run, public, "2")
	refusedWith1(t, second, "replayed")
	if verified, _ := second.output("verify", "verified"); verified != "false" {
		t.Errorf("verified is %q in the second run", verified)
	}
}

// runStarted runs what a dispatch started, for the account that the API token is of.
func (h runnerHost) runStarted(t *testing.T, repository string, server *githubtest.Server, d githubtest.Dispatch, public, id string) workflowRun {
	t.Helper()
	path := eventFile(t, map[string]any{"inputs": d.Inputs, "ref": d.Ref, "workflow": d.Workflow})
	widgets := server.Repo(d.Repository)
	return h.runLogged(t, repository, "workflow_dispatch", append(against(server), "-e", path, "--actor", "hubot",
		"--env", "GITHUB_REPOSITORY="+d.Repository, "--env", "GITHUB_RUN_ID="+id,
		"--env", "GITHUB_WORKFLOW_REF="+d.Repository+"/"+d.Workflow+"@"+d.Ref,
		"--env", "GITHUB_REPOSITORY_ID="+strconv.FormatInt(widgets.ID(), 10), "--env", "GITHUB_REPOSITORY_OWNER_ID="+strconv.FormatInt(widgets.OwnerID(), 10),
		"--var", "COUNTERSIGN_PUBLIC_KEY="+public)...)
}
