package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// TestPinsAction runs workflows that check and rewrite pins with the Action.
func TestPinsAction(t *testing.T) {
	host := newRunnerHost(t)
	t.Run("pins", func(t *testing.T) { testPins(t, host) })
	t.Run("readme", func(t *testing.T) { testReadmePins(t, host) })
}

// addFile adds a file to the commit of a repository.
func addFile(t *testing.T, repository, name, text string) {
	t.Helper()
	path := filepath.Join(repository, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, repository, "git", "add", ".")
	command(t, repository, "git", "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "--amend", "--no-edit")
}

// against are the arguments of act for a run that asks a server.
func against(server *githubtest.Server) []string {
	return []string{
		"--env", "GITHUB_API_URL=" + server.URL(), "--env", "GITHUB_GRAPHQL_URL=" + server.GraphQLURL(), "-s", "GITHUB_TOKEN=api-token",
	}
}

func testPins(t *testing.T, host runnerHost) {
	server := githubtest.New(t)
	server.SetToken("api-token")
	gears := server.Repo("acme/gears")
	commit := gears.Head("main")
	gears.Tag("v1", commit)
	gears.Tag("v1.2.3", commit)
	repository, _ := repositoryWith(t, "testdata/workflows/pins.yml")
	const example = "jobs:\n  a:\n    steps:\n      - uses: acme/gears@v1\n"
	addFile(t, repository, "docs/example.yml", example)

	r := host.runLogged(t, repository, "push", against(server)...)
	if r.exitCode != 0 {
		t.Fatalf("act ended with %d, want 0", r.exitCode)
	}
	if got := r.result("check"); got != "failure" {
		t.Errorf("the check ended with %q, want failure", got)
	}
	pinned := "uses: acme/gears@" + commit + " # v1.2.3"
	log := r.log()
	for _, text := range []string{
		// An annotation, as act shows it, the diff of the dry run, and the file.
		"acme/gears@v1: v1 is a tag", "+      - " + pinned, "has:       - " + pinned,
	} {
		if !strings.Contains(log, text) {
			t.Errorf("the log lacks %q", text)
		}
	}
	annotated := false
	for _, e := range r.events {
		if e.Command == "error" && e.Arg != "" && strings.Contains(e.Arg, "v1 is a tag") {
			annotated = true
		}
	}
	if !annotated {
		t.Error("there is no annotation")
	}
	for _, test := range []struct{ step, verified, failure, changed string }{
		{"check", "false", "unpinned", "false"},
		{"dry", "true", "", "false"},
		{"write", "true", "", "true"},
		{"again", "true", "", "false"},
	} {
		for name, want := range map[string]string{"verified": test.verified, "failure": test.failure, "pins-changed": test.changed, "pull-request-url": ""} {
			if got, ok := r.output(test.step, name); got != want || !ok {
				t.Errorf("step %s: the output %s is %q (set: %v), want %q", test.step, name, got, ok, want)
			}
		}
	}
	if !strings.Contains(r.summary(), "docs") {
		t.Errorf("the summary is %q", r.summary())
	}
}

// testReadmePins runs the example for a plugin's repository, which
// calls the reusable one when a release is published.
func testReadmePins(t *testing.T, host runnerHost) {
	server := githubtest.New(t)
	server.SetToken("api-token")
	repository, _ := repositoryWith(t, exampleWorkflow(t, "release"))
	readme := "# Gears\n\n```yml\nsteps:\n  - plugins:\n      - acme/gears#v1.0.0:\n          teeth: 12\n```\n"
	addFile(t, repository, "README.md", readme)

	gears := server.Repo("acme/gears-buildkite-plugin")
	gears.Tag("v1.0.0", gears.Head("main"))
	head := gears.Push("main", repository)
	gears.Tag("v1.1.0", head)
	path := eventFile(t, map[string]any{
		"action": "published", "ref": "refs/tags/v1.1.0", "release": map[string]any{"tag_name": "v1.1.0"},
		"repository": map[string]any{"default_branch": "main", "name": "gears-buildkite-plugin", "full_name": "acme/gears-buildkite-plugin"},
	})
	r := host.run(t, repository, "release", append(against(server), "-e", path, "--env", "GITHUB_REPOSITORY=acme/gears-buildkite-plugin",
		"--local-repository", checkoutAction+"="+checkoutOf(t), "--env", "CHECKOUT_FROM="+repository)...)
	if r.exitCode != 0 {
		t.Fatalf("act ended with %d, want 0", r.exitCode)
	}
	requests := gears.PullRequests()
	if len(requests) != 1 {
		t.Fatalf("there are %d pull requests, want 1", len(requests))
	}
	want := strings.Replace(readme, "acme/gears#v1.0.0:", "acme/gears#"+head+": # v1.1.0", 1)
	if got, _ := gears.File(requests[0].Head, "README.md"); got != want {
		t.Errorf("the README became %q, want %q", got, want)
	}
}

// checkoutAction is the action that act does itself, but not for another ref
// than that of the event.
const checkoutAction = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683"

// checkoutOf makes an action that does what the workflow needs of that one:
// it clones the repository and checks out the branch `ref`.
func checkoutOf(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	text := `name: checkout
description: Clone a branch
inputs:
  ref:
    description: The branch
  persist-credentials:
    description: Not used
runs:
  using: composite
  steps:
    - shell: bash
      env:
        REF: ${{ inputs.ref }}
      run: git clone -q --branch "$REF" "$CHECKOUT_FROM" .
`
	if err := os.WriteFile(filepath.Join(folder, "action.yml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return folder
}
