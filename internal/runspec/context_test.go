package runspec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/runspec"
)

func TestWorkflow(t *testing.T) {
	for ref, want := range map[string]string{
		"acme/widgets/.github/workflows/deploy.yml@refs/heads/main":                 ".github/workflows/deploy.yml",
		"acme/widgets/.github/workflows/deploy.yml@refs/tags/v1":                    ".github/workflows/deploy.yml",
		"acme/widgets/.github/workflows/deploy.yml@refs/pull/1/merge":               ".github/workflows/deploy.yml",
		"acme/widgets/.github/workflows/deploy.yml@evil.yml@refs/heads/main":        ".github/workflows/deploy.yml@evil.yml",
		"acme/widgets/.github/workflows/deploy.yml@refs@refs/heads/main":            ".github/workflows/deploy.yml@refs",
		"acme/widgets/.github/workflows/evil.yml@refs/heads/x@refs/heads/main":      ".github/workflows/evil.yml",
		"acme/widgets/.github/workflows/evil.yml@refs/heads/a/deploy.yml@refs/x":    ".github/workflows/evil.yml",
		"acme/widgets/.github/workflows/evil.yml@refs/heads/.github/workflows/a.ym": ".github/workflows/evil.yml",
		"": "",
		"acme/widgets/.github/workflows/deploy.yml":      "",
		"acme/widgets/.github/workflows/deploy.yml@main": "",
		"acme/widgets@refs/heads/main":                   "",
		"@refs/heads/a/b/c":                              "",
	} {
		c := runspec.Context{WorkflowRef: ref}
		if got := c.Workflow(); got != want {
			t.Errorf("Workflow() of %q = %q, want %q", ref, got, want)
		}
	}
}

// A workflow that an organisation requires runs for one repository and lies in
// another, where it may have the path of the signed one.
func TestWorkflowElsewhere(t *testing.T) {
	for repository, want := range map[string]string{
		"acme/rules":   ".github/workflows/deploy.yml",
		"Acme/Rules":   ".github/workflows/deploy.yml",
		"acme/widgets": "acme/rules/.github/workflows/deploy.yml",
	} {
		c := runspec.Context{Repository: repository, WorkflowRef: "acme/rules/.github/workflows/deploy.yml@refs/heads/main"}
		if got := c.Workflow(); got != want {
			t.Errorf("for a run of %s: Workflow() = %q, want %q", repository, got, want)
		}
	}
}

func TestRepositoryURL(t *testing.T) {
	for _, test := range []struct{ server, want string }{
		{"", "https://github.com/acme/widgets"},
		{"https://github.com", "https://github.com/acme/widgets"},
		{"https://ghe.example", "https://ghe.example/acme/widgets"},
	} {
		c := runspec.Context{ServerURL: test.server}
		if got := c.RepositoryURL("acme/widgets"); got != test.want {
			t.Errorf("with the server %q: %q, want %q", test.server, got, test.want)
		}
	}
}

func TestIsKnown(t *testing.T) {
	for _, test := range []struct {
		name string
		run  runspec.Context
		want bool
	}{
		{"nothing", runspec.Context{}, false},
		// These alone are set by people too, and on other systems.
		{"account", runspec.Context{Actor: "octocat", ServerURL: "https://github.com", Inputs: runspec.Inputs{Known: true}}, false},
		{"repository", runspec.Context{Repository: "acme/widgets"}, true},
		{"commit", runspec.Context{SHA: commit}, true},
		{"run", runspec.Context{RunID: "1"}, true},
		{"attempt", runspec.Context{RunAttempt: 2}, true},
		{"event", runspec.Context{Event: "push"}, true},
		{"runner", runspec.Context{OnRunner: true}, true},
	} {
		if got := test.run.IsKnown(); got != test.want {
			t.Errorf("%s: IsKnown() = %t, want %t", test.name, got, test.want)
		}
	}
}

func TestFacts(t *testing.T) {
	run := runspec.Context{
		ServerURL: "https://ghe.example", Repository: "acme/widgets", RepositoryID: "1", RepositoryOwnerID: "2",
		Ref: "refs/heads/main", SHA: commit, WorkflowRef: "acme/widgets/.github/workflows/deploy.yml@refs/heads/main",
		Event: "push", Actor: "octocat", ActorID: "3", TriggeringActor: "hubot", RunID: "4", RunAttempt: 5,
	}
	want := &runspec.Spec{
		Repository: "acme/widgets", RepositoryID: "1", RepositoryOwnerID: "2", Ref: "refs/heads/main", SHA: commit,
		Workflow: ".github/workflows/deploy.yml", Event: "push", Actor: "octocat", ActorID: "3",
	}
	if diff := cmp.Diff(want, run.Facts()); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

func TestSameName(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"octocat", "octocat", true},
		{"octocat", "OctoCat", true},
		{"AZaz09-_./", "azAZ09-_./", true},
		{"octocat", "octocat ", false},
		{"octocat", "octoca", false},
		{"octocat", "octodog", false},
		// One bit is what letters differ in; it is not case elsewhere.
		{"a@b", "a`b", false},
		{"a[b", "a{b", false},
		{"a0b", "a\x10b", false},
		// Folding beyond ASCII would take these for k, s and each other.
		{"kate", "\u212aate", false},
		{"sam", "\u017fam", false},
		{"ÄRGER", "ärger", false},
		{"ärger", "ärger", true},
		{"i", "\u0130", false},
		{"ss", "ß", false},
		// Bytes that are no text are compared as bytes.
		{"\xff", "\xff", true},
		{"\xff", "\xfe", false},
		{"\xff", "\ufffd", false},
		{"\xc1", "\xe1", false},
	} {
		if got := runspec.SameName(test.a, test.b); got != test.want {
			t.Errorf("SameName(%q, %q) = %t, want %t", test.a, test.b, got, test.want)
		}
		if got := runspec.SameName(test.b, test.a); got != test.want {
			t.Errorf("SameName(%q, %q) = %t, want %t", test.b, test.a, got, test.want)
		}
	}
}

func TestSignedIn(t *testing.T) {
	run := runspec.Context{Repository: "acme/widgets", RunID: "42", RunAttempt: 2}
	signer := runspec.Signer{Repository: "Acme/Widgets", RunID: "42", RunAttempt: 2}
	tests := []struct {
		name   string
		change func(*runspec.Context, *runspec.Signer)
		want   bool
	}{
		{"same", func(*runspec.Context, *runspec.Signer) {}, true},
		{"other run", func(c *runspec.Context, _ *runspec.Signer) { c.RunID = "43" }, false},
		{"later attempt", func(c *runspec.Context, _ *runspec.Signer) { c.RunAttempt = 3 }, false},
		{"earlier attempt", func(c *runspec.Context, _ *runspec.Signer) { c.RunAttempt = 1 }, false},
		// Run ids are unique to a server's repositories, but a signer names its own.
		{"other repository", func(_ *runspec.Context, s *runspec.Signer) { s.Repository = "acme/other" }, false},
		{"repository unknown", func(c *runspec.Context, s *runspec.Signer) { s.Repository = "" }, false},
		{"repository unknown on both sides", func(c *runspec.Context, s *runspec.Signer) { c.Repository, s.Repository = "", "" }, false},
		{"run unknown on both sides", func(c *runspec.Context, s *runspec.Signer) { c.RunID, s.RunID = "", "" }, false},
		{"attempt unknown on both sides", func(c *runspec.Context, s *runspec.Signer) { c.RunAttempt, s.RunAttempt = 0, 0 }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, s := run, signer
			test.change(&c, &s)
			if got := (&runspec.Spec{Signer: &s}).SignedIn(c); got != test.want {
				t.Errorf("SignedIn() = %t, want %t", got, test.want)
			}
		})
	}
	if (&runspec.Spec{}).SignedIn(run) {
		t.Error("a spec without a signer counts as signed in this run")
	}
	if (&runspec.Spec{Signer: &runspec.Signer{}}).SignedIn(runspec.Context{}) {
		t.Error("two unknown runs count as the same")
	}
}
