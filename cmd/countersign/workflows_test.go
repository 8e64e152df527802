package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// A workflowFile is a workflow of the project, or its action.yml.
type workflowFile struct {
	name string // its path from the root of the project
	root *yaml.Node
}

// workflowFiles returns the project's workflows and its action.yml.
func workflowFiles(t *testing.T) (files []workflowFile) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(projectRoot(t), ".github", "workflows", "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no workflows: %v", err)
	}
	for _, path := range append(paths, filepath.Join(projectRoot(t), "action.yml")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var document yaml.Node
		if err := yaml.Unmarshal(text, &document); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		name, err := filepath.Rel(projectRoot(t), path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, workflowFile{filepath.ToSlash(name), document.Content[0]})
	}
	return files
}

// get returns the value of a key of a mapping, or a node of kind 0.
func get(n *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		i := -1
		if n.Kind == yaml.MappingNode {
			i = slices.IndexFunc(n.Content, func(c *yaml.Node) bool { return c.Value == key })
			for i%2 == 1 { // a value that reads like the key
				next := slices.IndexFunc(n.Content[i+1:], func(c *yaml.Node) bool { return c.Value == key })
				if i += 1 + next; next < 0 {
					i = -1
				}
			}
		}
		if i < 0 {
			return &yaml.Node{}
		}
		n = n.Content[i+1]
	}
	return n
}

// mappings returns all mappings of a document.
func mappings(n *yaml.Node) (all []*yaml.Node) {
	if n.Kind == yaml.MappingNode {
		all = append(all, n)
	}
	for _, c := range n.Content {
		all = append(all, mappings(c)...)
	}
	return all
}

// A used is an action or a workflow at a commit that a `uses:` names.
type used struct{ repository, commit, version string }

var usesForm = regexp.MustCompile(`^([\w.-]+/[\w.-]+)(?:/[\w./-]+)?@([0-9a-f]{40})$`)

// pinnedUses returns what the workflows use of other repositories, and of the
// project's own at a commit. What is not pinned fails the test.
func pinnedUses(t *testing.T) (all []used) {
	t.Helper()
	for _, file := range workflowFiles(t) {
		for _, m := range mappings(file.root) {
			uses := get(m, "uses")
			if uses.Kind != yaml.ScalarNode || strings.HasPrefix(uses.Value, "./") {
				continue
			}
			form := usesForm.FindStringSubmatch(uses.Value)
			version := strings.TrimPrefix(uses.LineComment, "# ")
			isVersion := regexp.MustCompile(`^v\d+\.\d+\.\d+$`).MatchString(version)
			switch {
			case form == nil:
				t.Errorf("%s:%d: %s names no commit", file.name, uses.Line, uses.Value)
			case !isVersion && (form[1] != ownRepository || version != "main"):
				t.Errorf("%s:%d: %s has the comment %q, and it should be its version", file.name, uses.Line, uses.Value, uses.LineComment)
			default:
				all = append(all, used{form[1], form[2], version})
			}
		}
	}
	slices.SortFunc(all, func(a, b used) int { return strings.Compare(a.repository+a.commit, b.repository+b.commit) })
	return slices.Compact(all)
}

// TestWorkflowPins checks that all that the workflows use is pinned, and what is of
// the project itself to one commit of its history.
func TestWorkflowPins(t *testing.T) {
	own := slices.DeleteFunc(pinnedUses(t), func(u used) bool { return u.repository != ownRepository })
	if len(own) != 1 {
		t.Fatalf("the workflows use the project itself as %q, and it should be at one commit", own)
	}
	git := func(args ...string) string {
		c := exec.Command("git", args...)
		c.Dir, c.Env = projectRoot(t), ownEnvironment()
		output, err := c.Output()
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(string(output))
	}
	if git("rev-parse", "--is-shallow-repository") != "false" {
		t.Skip("without the history it is not known whether the commit is of it")
	}
	if said := git("merge-base", "--is-ancestor", own[0].commit, "HEAD"); said != "" {
		t.Errorf("%s is no commit of the history: %s", own[0].commit, said)
	}
}

// TestWorkflowForm checks what every workflow has to have: least permissions, an end,
// no credentials that stay, and scripts into which nothing is pasted.
func TestWorkflowForm(t *testing.T) {
	for _, file := range workflowFiles(t) {
		for _, m := range mappings(file.root) {
			if run := get(m, "run"); strings.Contains(run.Value, "${{") {
				t.Errorf("%s:%d: a script with ${{ }} in it; hand the value over in env", file.name, run.Line)
			}
			uses := get(m, "uses")
			if strings.HasPrefix(uses.Value, "actions/checkout@") && get(m, "with", "persist-credentials").Value != "false" {
				t.Errorf("%s:%d: a checkout without persist-credentials: false", file.name, uses.Line)
			}
		}
		if file.name == "action.yml" {
			continue
		}
		var permissions map[string]string
		top := get(file.root, "permissions")
		if err := top.Decode(&permissions); err != nil || permissions == nil {
			t.Errorf("%s: the permissions at the top are %q %v", file.name, top.Value, err)
		}
		delete(permissions, "contents")
		if len(permissions) > 0 || get(top, "contents").Value != "" && get(top, "contents").Value != "read" {
			t.Errorf("%s: the permissions at the top are more than contents: read", file.name)
		}
		jobs := get(file.root, "jobs").Content
		for i := 0; i+1 < len(jobs); i += 2 {
			if get(jobs[i+1], "timeout-minutes").Value == "" && get(jobs[i+1], "uses").Value == "" {
				t.Errorf("%s:%d: the job %s has no timeout-minutes", file.name, jobs[i].Line, jobs[i].Value)
			}
		}
	}
}

// hold gives a repository of the stand-in a commit with that id on its main branch.
// Nobody can make a commit for an id; git is told that another one is in its place.
func hold(t *testing.T, repo *githubtest.Repo, commit string) {
	t.Helper()
	folder, other := repositoryWith(t, "testdata/workflows/pins.yml")
	command(t, folder, "git", "update-ref", "refs/replace/"+commit, other)
	if err := os.WriteFile(filepath.Join(folder, ".git", "refs", "heads", "main"), []byte(commit+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := repo.Push("main", folder); got != commit {
		t.Fatalf("%s was pushed, and not %s", got, commit)
	}
}

// withWorkflowRefs is a stand-in with all that the workflows use: the repositories,
// the tags and the commits.
func withWorkflowRefs(t *testing.T) *githubtest.Server {
	t.Helper()
	server := githubtest.New(t)
	server.SetToken("api-token")
	for _, u := range pinnedUses(t) {
		repo := server.Repo(u.repository)
		hold(t, repo, u.commit)
		if u.version != "main" {
			repo.Tag(u.version, u.commit)
		}
	}
	return server
}

// TestPinsJob runs the job of the project's own CI that checks what the workflows use.
func TestPinsJob(t *testing.T) {
	host := newRunnerHost(t)
	server := withWorkflowRefs(t)
	check := func() workflowRun {
		return host.run(t, projectRoot(t), "push", append(against(server), "-W", ".github/workflows/ci.yml", "-j", "pins")...)
	}
	r := check()
	if verified, _ := r.output("pins", "verified"); r.exitCode != 0 || verified != "true" {
		t.Errorf("the job ended with %d, verified is %q", r.exitCode, verified)
	}
	// A tag that was moved is seen.
	checkout := server.Repo("actions/checkout")
	checkout.Tag("v4.2.2", checkout.Commit("main", "another"))
	r = check()
	if failure, _ := r.output("pins", "failure"); r.exitCode != 1 || failure != "digest-mismatch" {
		t.Errorf("with a tag that was moved the job ended with %d and the failure %q", r.exitCode, failure)
	}
}

// TestUpdatePins runs the workflow that follows new versions: one that is new in the
// same major, but not of yesterday.
func TestUpdatePins(t *testing.T) {
	host := newRunnerHost(t)
	server := withWorkflowRefs(t)
	checkout := server.Repo("actions/checkout")
	days := func(n int) githubtest.Release {
		return githubtest.Release{Published: time.Now().Add(-time.Duration(n) * 24 * time.Hour)}
	}
	next := checkout.Commit("main", "next")
	for _, version := range []struct {
		name   string
		commit string
		days   int
	}{
		{"v4.3.0", next, 8},
		{"v4.4.0", checkout.Commit("main", "too young"), 2},
		{"v5.0.0", checkout.Commit("main", "another major"), 30},
	} {
		checkout.Tag(version.name, version.commit)
		checkout.Release(version.name, days(version.days))
	}
	repository, _ := repositoryWith(t, ".github/workflows/update-pins.yml")
	addFile(t, repository, "action.yml", "runs: {using: composite, steps: []}\n")
	const path = ".github/workflows/update-pins.yml"
	own := server.Repo(ownRepository)
	own.Branch("before", own.Head("main"))
	own.Push("main", repository)
	before, _ := own.File("main", path)
	run := func(name string) workflowRun {
		return host.run(t, repository, "workflow_dispatch", "--env", "GITHUB_API_URL="+server.URL(), "--env", "GITHUB_GRAPHQL_URL="+server.GraphQLURL(),
			"-s", "GITHUB_TOKEN=cannot-write", "-s", "PINS_TOKEN=api-token", "--env", "GITHUB_REPOSITORY="+name)
	}
	if r := run("acme/fork"); r.exitCode != 0 || len(own.PullRequests()) != 0 || r.result("pins") != "" {
		t.Errorf("in a fork the workflow ended with %d", r.exitCode)
	}
	r := run(ownRepository)
	requests := own.PullRequests()
	if r.exitCode != 0 || len(requests) != 1 {
		t.Fatalf("the workflow ended with %d and there are %d pull requests, want 0 and 1", r.exitCode, len(requests))
	}
	want := strings.ReplaceAll(before, "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2", "actions/checkout@"+next+" # v4.3.0")
	got, _ := own.File(requests[0].Head, path)
	if diff := cmp.Diff(want, got); diff != "" || want == before {
		t.Errorf("the workflow became (-want +got):\n%s", diff)
	}
}
