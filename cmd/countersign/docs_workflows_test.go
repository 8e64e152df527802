package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// readmeWorkflow writes the workflow of that name to a file, after it was linted.
func readmeWorkflow(t *testing.T, name string) (file string) {
	t.Helper()
	actionlint := tool(t, "actionlint")
	for _, text := range blocksIn(t, "yaml") {
		if !strings.HasPrefix(text, "name: "+name+"\n") {
			continue
		}
		file := filepath.Join(t.TempDir(), name+".yml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		command(t, ".", actionlint, "-shellcheck=", "-pyflakes=", file)
		return file
	}
	t.Fatalf("no document has the workflow %s", name)
	return ""
}

// TestDocumentWorkflows knows all workflows of the documents: each is run by a test,
// `start`, `keyless`, `artifacts` and `release` by those of the Action.
func TestDocumentWorkflows(t *testing.T) {
	var names []string
	for _, text := range blocksIn(t, "yaml") {
		name, _, _ := strings.Cut(strings.TrimPrefix(text, "name: "), "\n")
		names = append(names, name)
	}
	if diff := cmp.Diff([]string{"deploy", "artifacts", "keyless", "pins", "release", "start"}, names); diff != "" {
		t.Errorf("workflows (-want +got):\n%s", diff)
	}
}

// TestREADMEDeploy runs the workflow to copy: with a token it runs the signed
// command, and without one nothing.
func TestREADMEDeploy(t *testing.T) {
	host := newRunnerHost(t)
	private, public := newKeys(t)
	repository, sha := repositoryWith(t, readmeWorkflow(t, "deploy"))
	token := countersign(t, map[string]string{"COUNTERSIGN_KEY": private}, "sign",
		"--issuer", "https://github.com/acme/orchestrator", "--repository", "acme/widgets", "--sha", sha,
		"--actor", "octocat", "--inputs", `{"reason":"weekly"}`, "--command", "echo deploying now")
	args := []string{"--actor", "octocat", "--input", "reason=weekly", "--var", "COUNTERSIGN_PUBLIC_KEY=" + public}
	r := host.runLogged(t, repository, "workflow_dispatch", append(args, "--input", "token="+token)...)
	if r.exitCode != 0 || !strings.Contains(r.log(), "\ndeploying now\n") {
		t.Errorf("with a token the workflow ended with %d", r.exitCode)
	}
	r = host.runLogged(t, repository, "workflow_dispatch", args...)
	if r.exitCode != 1 || !strings.Contains(r.log(), "missing-token") || strings.Contains(r.log(), "Main actions/checkout") {
		t.Errorf("without a token the workflow ended with %d, want 1", r.exitCode)
	}
}

// TestREADMEPins runs the check of pins. It refuses its own workflow, whose
// Countersign is a tag, until it is pinned.
func TestREADMEPins(t *testing.T) {
	host := newRunnerHost(t)
	server := githubtest.New(t)
	own := server.Repo("countersign-ci/countersign")
	commit := own.Head("main")
	own.Tag("v1", commit)
	checkout := server.Repo("actions/checkout")
	checkout.Tag("v4.2.2", checkout.Head("main"))
	repository, _ := repositoryWith(t, readmeWorkflow(t, "pins"))
	r := host.runLogged(t, repository, "pull_request", against(server)...)
	if r.exitCode != 1 || !strings.Contains(r.log(), "countersign-ci/countersign@v1: v1 is a tag") || !strings.Contains(r.log(), "digest-mismatch") {
		t.Errorf("the workflow ended with %d, want 1 for a tag and for what is no commit of the tag", r.exitCode)
	}
}
