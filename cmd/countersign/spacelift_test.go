package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/spacelifttest"
)

// TestSpaceliftAction runs the workflow that starts the signed runs of the stacks that
// a push touched. OPA then decides about what was sent as a worker's launcher would.
func TestSpaceliftAction(t *testing.T) {
	host := newRunnerHost(t)
	opa := tool(t, "opa")
	github := githubtest.New(t)
	github.SetToken("api-token")
	account := spacelifttest.New(t, spacelifttest.Options{
		Stacks: map[string]string{"network": "main", "app-prod": "release", "database": "main"},
		KeyID:  "01KEYID", KeySecret: "the-secret-of-the-api-key",
	})
	folder := t.TempDir()
	private, public := filepath.Join(folder, "runs.jwk"), filepath.Join(folder, "runs.pub.jwk")
	countersign(t, nil, "keygen", "--alg", "ES256", "--private", private, "--public", public)
	key, err := os.ReadFile(private)
	if err != nil {
		t.Fatal(err)
	}

	repository, _ := repositoryWith(t, ".github/workflows/spacelift.yml")
	commit := func(files map[string]string) (sha string) {
		for name, text := range files {
			path := filepath.Join(repository, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		command(t, repository, "git", "add", ".")
		command(t, repository, "git", "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "-m", "a change")
		return github.Repo("acme/widgets").Push("main", repository)
	}
	push := func(before, after string) workflowRun {
		path := eventFile(t, map[string]any{
			"ref": "refs/heads/main", "before": before, "after": after, "created": false, "deleted": false, "forced": false,
			"repository": map[string]any{"default_branch": "main", "full_name": "acme/widgets", "name": "widgets"},
		})
		return host.runLogged(t, repository, "push", append(against(github), "-e", path, "--actor", "octocat",
			"--var", "SPACELIFT_API_KEY_ENDPOINT="+account.URL(), "--var", "SPACELIFT_API_KEY_ID=01KEYID",
			"-s", "SPACELIFT_API_KEY_SECRET=the-secret-of-the-api-key", "-s", "SPACELIFT_RUN_KEY="+string(key))...)
	}

	first := commit(map[string]string{
		".github/stacks.yml": "version: 1\nstacks:\n  network: [infra/network/**]\n  database: [infra/database/**]\n  app-prod: [infra/app/**]\n",
		"infra/network/a.tf": "a", "infra/app/a.tf": "a", "infra/database/a.tf": "a",
	})
	sha := commit(map[string]string{"infra/network/a.tf": "b", "infra/app/b.tf": "b", "README.md": "b"})
	r := push(first, sha)
	if r.exitCode != 0 {
		t.Fatalf("the workflow ended with %d", r.exitCode)
	}
	runs := account.Runs()
	var started, urls []string
	for _, run := range runs {
		started = append(started, run.Stack+" "+run.Type+" "+run.SHA)
		urls = append(urls, account.RunURL(run))
	}
	if diff := cmp.Diff([]string{"network TRACKED " + sha, "app-prod PROPOSED " + sha}, started); diff != "" {
		t.Fatalf("started (-want +got):\n%s", diff)
	}
	if got, _ := r.output("sign", "run-url"); got != strings.Join(urls, "\n") {
		t.Errorf("the output run-url is %q, want %q", got, urls)
	}

	// What the launcher of each stack's worker says, of its own run and of the other's.
	policy := filepath.Join(folder, "policy.rego")
	if err := os.WriteFile(policy, []byte(countersign(t, nil, "policy", "spacelift", "--key", public)), 0o600); err != nil {
		t.Fatal(err)
	}
	denials := func(stack, metadata string) []string {
		input, err := json.Marshal(map[string]any{
			"run":                    map[string]any{"commit": map[string]any{"hash": sha}, "user_provided_metadata": []string{metadata}},
			"static_run_environment": map[string]any{"stack_slug": stack},
		})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "input.json")
		if err := os.WriteFile(path, input, 0o600); err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Result []struct{ Expressions []struct{ Value []string } }
		}
		if err := json.Unmarshal([]byte(command(t, ".", opa, "eval", "-f", "json", "-d", policy, "-i", path, "data.spacelift.deny")), &answer); err != nil {
			t.Fatal(err)
		}
		return answer.Result[0].Expressions[0].Value
	}
	for i, run := range runs {
		if got := denials(run.Stack, run.Metadata); len(got) != 0 {
			t.Errorf("the run of %s is denied: %q", run.Stack, got)
		}
		if got := denials(runs[1-i].Stack, run.Metadata); len(got) != 1 || !strings.Contains(got[0], "stack") {
			t.Errorf("the token for %s with %s is denied with %q", run.Stack, runs[1-i].Stack, got)
		}
	}
	// act shows outputs in its own lines; what the Action itself prints has no token.
	for _, e := range r.events {
		leaks := func(run spacelifttest.Run) bool { return strings.Contains(e.Message, run.Metadata) }
		if e.Command == "" && (slices.ContainsFunc(runs, leaks) || strings.Contains(e.Message, account.Token())) {
			t.Errorf("a token is in the log: %s", e.Message)
		}
	}

	// A push that touches no stack ends well, and starts nothing.
	next := commit(map[string]string{"README.md": "c"})
	r = push(sha, next)
	if r.exitCode != 0 || len(account.Runs()) != len(runs) || !strings.Contains(r.log(), "the push touched no stack") {
		t.Errorf("a push that touched no stack ended with %d and started %d runs", r.exitCode, len(account.Runs())-len(runs))
	}
}
