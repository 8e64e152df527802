package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// exampleWorkflow writes the workflow of that name to a file, after it was linted.
func exampleWorkflow(t *testing.T, name string) (file string) {
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
// here or with what it is about. A block without a name is a job out of one of them.
func TestDocumentWorkflows(t *testing.T) {
	var names, jobs []string
	whole := ""
	for _, text := range blocksIn(t, "yaml") {
		if rest, named := strings.CutPrefix(text, "name: "); named {
			name, _, _ := strings.Cut(rest, "\n")
			names = append(names, name)
			whole += text
		} else {
			jobs = append(jobs, text)
		}
	}
	want := []string{"deploy", "artifacts", "artifact-gate", "keyless", "pins", "release", "start", "signed-dispatch"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("workflows (-want +got):\n%s", diff)
	}
	for _, text := range jobs {
		if !strings.Contains(whole, "\n"+text) {
			t.Errorf("no workflow has this job:\n%s", text)
		}
	}
	if len(jobs) != 3 {
		t.Errorf("there are %d jobs to copy, want 3", len(jobs))
	}
}

// TestREADMEDeploy runs the workflow to copy, with the token that the README's commands
// sign: it runs the signed command, and without a token nothing.
func TestREADMEDeploy(t *testing.T) {
	host := newRunnerHost(t)
	repository, _ := repositoryWith(t, exampleWorkflow(t, "deploy"))
	readme := documents(t)[0]
	i := slices.IndexFunc(readme.blocks, func(b codeBlock) bool { return b.language == "sh" })
	c := exec.Command("bash", "-euc", readme.blocks[i].text)
	c.Dir = repository
	c.Env = append(ownEnvironment(), "PATH="+filepath.Dir(buildProgram(t))+string(os.PathListSeparator)+os.Getenv("PATH"))
	if output, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	token, public := fileText(t, filepath.Join(repository, "run.jwt")), fileText(t, filepath.Join(repository, "orchestrator.pub.jwk"))
	args := []string{"--actor", "octocat", "--input", "reason=weekly", "--var", "COUNTERSIGN_PUBLIC_KEY=" + string(public)}
	r := host.runLogged(t, repository, "workflow_dispatch", append(args, "--input", "token="+strings.TrimSpace(string(token)))...)
	if r.exitCode != 0 || !strings.Contains(r.log(), "\ndeploying\n") {
		t.Errorf("with a token the workflow ended with %d", r.exitCode)
	}
	r = host.runLogged(t, repository, "workflow_dispatch", args...)
	if r.exitCode != 1 || !strings.Contains(r.log(), "missing-token") || strings.Contains(r.log(), "Main actions/checkout") {
		t.Errorf("without a token the workflow ended with %d, want 1", r.exitCode)
	}
}

// TestDocumentPins runs the check of pins. It refuses its own workflow, whose
// Countersign is a tag, until it is pinned.
func TestDocumentPins(t *testing.T) {
	host := newRunnerHost(t)
	server := githubtest.New(t)
	own := server.Repo("countersign-ci/countersign")
	commit := own.Head("main")
	own.Tag("v1", commit)
	checkout := server.Repo("actions/checkout")
	checkout.Tag("v4.2.2", checkout.Head("main"))
	repository, _ := repositoryWith(t, exampleWorkflow(t, "pins"))
	r := host.runLogged(t, repository, "pull_request", against(server)...)
	if r.exitCode != 1 || !strings.Contains(r.log(), "countersign-ci/countersign@v1: v1 is a tag") || !strings.Contains(r.log(), "digest-mismatch") {
		t.Errorf("the workflow ended with %d, want 1 for a tag and for what is no commit of the tag", r.exitCode)
	}
}
