package buildkite_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/runspec"
)

const (
	sha1   = "0123456789abcdef0123456789abcdef01234567"
	sha256 = sha1 + "89abcdef0123456789abcdef"
)

// full has every variable that is read.
var full = environment{
	"BUILDKITE_REPO": "git@github.com:acme/widgets.git", "BUILDKITE_COMMIT": sha1, "BUILDKITE_BRANCH": "main", "BUILDKITE_TAG": "",
	"BUILDKITE_PULL_REQUEST": "false", "BUILDKITE_BUILD_CREATOR": "Octo Cat", "BUILDKITE_BUILD_ID": "0190f7e2-0000-4000-8000-000000000000",
	"BUILDKITE_RETRY_COUNT": "0", "BUILDKITE_COMMAND": "make\nmake test",
}

func TestContext(t *testing.T) {
	t.Parallel()
	command := "make\nmake test"
	want := runspec.Context{
		ServerURL: "https://github.com", Repository: "acme/widgets", Ref: "refs/heads/main", SHA: sha1, Actor: "Octo Cat",
		RunID: "0190f7e2-0000-4000-8000-000000000000", RunAttempt: 1, Inputs: runspec.Inputs{Known: true}, Command: &command,
	}
	got, err := full.Context()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if full.Command() != command {
		t.Errorf("the command is %q", full.Command())
	}
	// A job without a command has the empty one, which nobody can have signed.
	command = ""
	want = runspec.Context{ServerURL: "https://github.com", Repository: "acme/widgets", Inputs: runspec.Inputs{Known: true}, Command: &command}
	got, err = environment{"BUILDKITE_REPO": "git@github.com:acme/widgets.git"}.Context()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("the repository alone: %v (-want +got):\n%s", err, diff)
	}
}

func TestContextFacts(t *testing.T) {
	t.Parallel()
	const absent = "\x00"
	for _, c := range []struct {
		change environment
		sha    string
		ref    string
		try    int
		err    string // in an error
	}{
		{change: environment{"BUILDKITE_COMMIT": sha256}, sha: sha256, ref: "refs/heads/main", try: 1},
		{change: environment{"BUILDKITE_COMMIT": "HEAD"}, ref: "refs/heads/main", try: 1},
		{change: environment{"BUILDKITE_COMMIT": ""}, ref: "refs/heads/main", try: 1},
		{change: environment{"BUILDKITE_COMMIT": sha1[:39]}, ref: "refs/heads/main", try: 1},
		{change: environment{"BUILDKITE_COMMIT": sha1 + "0"}, ref: "refs/heads/main", try: 1},
		{change: environment{"BUILDKITE_COMMIT": strings.ToUpper(sha1)}, ref: "refs/heads/main", try: 1},
		{change: environment{"BUILDKITE_COMMIT": sha1 + "\n"}, ref: "refs/heads/main", try: 1},
		{change: environment{"BUILDKITE_COMMIT": " " + sha1}, ref: "refs/heads/main", try: 1},
		{change: environment{"BUILDKITE_COMMIT": sha1[:39] + "g"}, ref: "refs/heads/main", try: 1},

		{change: environment{"BUILDKITE_TAG": "v1"}, sha: sha1, ref: "refs/tags/v1", try: 1},
		{change: environment{"BUILDKITE_TAG": absent, "BUILDKITE_PULL_REQUEST": absent}, sha: sha1, ref: "refs/heads/main", try: 1},
		{change: environment{"BUILDKITE_BRANCH": ""}, sha: sha1, try: 1},
		{change: environment{"BUILDKITE_BRANCH": "refs/heads/main"}, sha: sha1, ref: "refs/heads/refs/heads/main", try: 1},
		{change: environment{"BUILDKITE_PULL_REQUEST": ""}, sha: sha1, ref: "refs/heads/main", try: 1},
		// A fork may call its branch main, or tag it.
		{change: environment{"BUILDKITE_PULL_REQUEST": "12"}, sha: sha1, ref: "refs/pull/12/head", try: 1},
		{change: environment{"BUILDKITE_PULL_REQUEST": "12", "BUILDKITE_TAG": "v1"}, sha: sha1, ref: "refs/pull/12/head", try: 1},
		{change: environment{"BUILDKITE_PULL_REQUEST": "0"}, err: "BUILDKITE_PULL_REQUEST"},
		{change: environment{"BUILDKITE_PULL_REQUEST": "012"}, err: "BUILDKITE_PULL_REQUEST"},
		{change: environment{"BUILDKITE_PULL_REQUEST": "-1"}, err: "BUILDKITE_PULL_REQUEST"},
		{change: environment{"BUILDKITE_PULL_REQUEST": "true"}, err: "BUILDKITE_PULL_REQUEST"},
		{change: environment{"BUILDKITE_PULL_REQUEST": "False"}, err: "BUILDKITE_PULL_REQUEST"},
		{change: environment{"BUILDKITE_PULL_REQUEST": "1\n"}, err: "BUILDKITE_PULL_REQUEST"},
		{change: environment{"BUILDKITE_PULL_REQUEST": strings.Repeat("1", 19)}, err: "BUILDKITE_PULL_REQUEST"},

		{change: environment{"BUILDKITE_RETRY_COUNT": "4"}, sha: sha1, ref: "refs/heads/main", try: 5},
		{change: environment{"BUILDKITE_REBUILT_FROM_BUILD_ID": "0189"}, sha: sha1, ref: "refs/heads/main", try: 2},
		{change: environment{"BUILDKITE_REBUILT_FROM_BUILD_ID": "0189", "BUILDKITE_RETRY_COUNT": "1"}, sha: sha1, ref: "refs/heads/main", try: 3},
		{change: environment{"BUILDKITE_REBUILT_FROM_BUILD_ID": ""}, sha: sha1, ref: "refs/heads/main", try: 1},
		{change: environment{"BUILDKITE_RETRY_COUNT": absent}, sha: sha1, ref: "refs/heads/main", try: 0},
		{change: environment{"BUILDKITE_RETRY_COUNT": "2147483646"}, sha: sha1, ref: "refs/heads/main", try: 2147483647},
		{change: environment{"BUILDKITE_RETRY_COUNT": "2147483647"}, err: "BUILDKITE_RETRY_COUNT"},
		{change: environment{"BUILDKITE_RETRY_COUNT": "9223372036854775807"}, err: "BUILDKITE_RETRY_COUNT"},
		{change: environment{"BUILDKITE_RETRY_COUNT": ""}, err: "BUILDKITE_RETRY_COUNT"},
		{change: environment{"BUILDKITE_RETRY_COUNT": "-1"}, err: "BUILDKITE_RETRY_COUNT"},
		{change: environment{"BUILDKITE_RETRY_COUNT": "+0"}, err: "BUILDKITE_RETRY_COUNT"},
		{change: environment{"BUILDKITE_RETRY_COUNT": "00"}, err: "BUILDKITE_RETRY_COUNT"},
		{change: environment{"BUILDKITE_RETRY_COUNT": "1.0"}, err: "BUILDKITE_RETRY_COUNT"},
		{change: environment{"BUILDKITE_RETRY_COUNT": " 1"}, err: "BUILDKITE_RETRY_COUNT"},
		{change: environment{"BUILDKITE_REPO": absent}, err: "BUILDKITE_REPO"},
	} {
		e := maps.Clone(full)
		maps.Copy(e, c.change)
		maps.DeleteFunc(e, func(_, value string) bool { return value == absent })
		got, err := e.Context()
		if c.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%q: %v, want an error about %s", c.change, err, c.err)
				continue
			}
			wantError(t, c.err, err, err.Error())
			if diff := cmp.Diff(runspec.Context{}, got); diff != "" {
				t.Errorf("%q: there is a context beside the error:\n%s", c.change, diff)
			}
			continue
		}
		if err != nil || got.SHA != c.sha || got.Ref != c.ref || got.RunAttempt != c.try {
			t.Errorf("%q: %v: %q, %q, attempt %d", c.change, err, got.SHA, got.Ref, got.RunAttempt)
		}
	}
}

// remotes are addresses and what they name; empty: nothing.
var remotes = []struct{ remote, server, repository string }{
	{"https://github.com/acme/widgets", "https://github.com", "acme/widgets"},
	{"https://github.com/acme/widgets.git", "https://github.com", "acme/widgets"},
	{"https://github.com/acme/widgets/", "https://github.com", "acme/widgets"},
	{"https://github.com/acme/widgets.git/", "https://github.com", "acme/widgets"},
	{"https://GitHub.com:443/Acme/.github", "https://github.com", "Acme/.github"},
	{"https://ghe.example:8443/acme/widgets.git.git", "https://ghe.example:8443", "acme/widgets.git"},
	{"https://user:s3cret@github.com/acme/widgets", "https://github.com", "acme/widgets"},
	{"https://s3cret@github.com/acme/widgets", "https://github.com", "acme/widgets"},
	{"https://user%40acme:s3cret@github.com/acme/widgets", "https://github.com", "acme/widgets"},
	{"https://127.0.0.1:8080/acme/widgets", "https://127.0.0.1:8080", "acme/widgets"},
	{"ssh://git@github.com/acme/widgets.git", "https://github.com", "acme/widgets"},
	{"ssh://git@GITHUB.com:22/acme/widgets", "https://github.com", "acme/widgets"},
	{"ssh://github.com:443/acme/widgets", "https://github.com", "acme/widgets"},
	{"git@github.com:acme/widgets.git", "https://github.com", "acme/widgets"},
	{"git@github.com:acme/widgets", "https://github.com", "acme/widgets"},
	{"git@GitHub.com:acme/a_b-c.d", "https://github.com", "acme/a_b-c.d"},
	{"org-1234@github.com:acme/widgets.git", "https://github.com", "acme/widgets"},
	{"github.com:acme/widgets.git", "https://github.com", "acme/widgets"},

	{remote: ""},
	{remote: "acme/widgets"},
	{remote: "github.com/acme/widgets"},
	{remote: "/srv/git/acme/widgets.git"},
	{remote: "/acme/widgets"},
	{remote: "./acme/widgets"},
	{remote: "../github.com:acme/widgets"},
	{remote: `C:\acme\widgets`},
	{remote: "C:/acme/widgets"},
	{remote: "C:acme/widgets"},
	{remote: "file:///acme/widgets"},
	{remote: "file://github.com/acme/widgets"},
	{remote: "http://github.com/acme/widgets"},
	{remote: "git://github.com/acme/widgets"},
	{remote: "ftp://github.com/acme/widgets"},
	{remote: "git+ssh://git@github.com/acme/widgets"},
	{remote: "//github.com/acme/widgets"},
	{remote: "https:github.com/acme/widgets"},
	{remote: "ext::sh acme/widgets"},
	{remote: "ext::acme/widgets"},
	{remote: "https:///acme/widgets"},
	{remote: "https://:443/acme/widgets"},
	{remote: "https://git@/acme/widgets"},
	{remote: "git@:acme/widgets"},
	{remote: "https://github.com"},
	{remote: "https://github.com/"},
	{remote: "https://github.com/acme"},
	{remote: "https://github.com/acme/"},
	{remote: "https://github.com//acme/widgets"},
	{remote: "https://github.com/acme//widgets"},
	{remote: "https://github.com/acme/widgets//"},
	{remote: "https://github.com/acme/widgets/tree"},
	{remote: "https://github.com/acme/.git"},
	{remote: "https://github.com/acme/.."},
	{remote: "https://github.com/../widgets"},
	{remote: "https://github.com/./widgets"},
	{remote: "https://github.com/acme/...git"},
	{remote: "https://github.com/acme/wid%67ets"},
	{remote: "https://github.com/acme%2Fwidgets"},
	{remote: "https://github.com/%2e%2e/widgets"},
	{remote: "https://github.com/acme/widgets?a"},
	{remote: "https://github.com/acme/widgets?"},
	{remote: "https://github.com/acme/widgets#a"},
	{remote: "https://github.com/acme/widgets#"},
	{remote: "https://github.com/-acme/widgets"},
	{remote: "https://github.com/acme/wid gets"},
	{remote: "https://github.com/acme/wid\ngets"},
	{remote: " https://github.com/acme/widgets"},
	{remote: "https://github.com/acme/widgets\n"},
	{remote: "https://github.com/acme/wídgets"},
	{remote: "https://github.com./acme/widgets"},
	{remote: "https://github..com/acme/widgets"},
	{remote: "https://github.com@evil.example@github.com/acme/widgets"},
	{remote: "https://evil.example#@github.com/acme/widgets"},
	{remote: "https://evil.example?@github.com/acme/widgets"},
	{remote: `https://evil.example\@github.com/acme/widgets`},
	{remote: "https://evil.example%2f@github.com:x/acme/widgets"},
	{remote: "https://github.com:443:22/acme/widgets"},
	{remote: "https://github.com:/acme/widgets:", server: ""},
	{remote: "https://[::1]/acme/widgets"},
	{remote: "https://\u212aube.example/acme/widgets"},
	{remote: "https://github.com%00.evil.example/acme/widgets"},
	{remote: "ssh://-oProxyCommand=x/acme/widgets"},
	{remote: "-oProxyCommand=x:acme/widgets"},
	{remote: "-host.example:acme/widgets"},
	{remote: "git@github.com:/acme/widgets"},
	{remote: "git@github.com:acme"},
	{remote: "git@github.com:acme/widgets/x"},
	{remote: "git@github.com:22/acme/widgets"},
	{remote: "git@github.com:~acme/widgets"},
	{remote: "git@github.com:acme/widgets.git\n"},
	{remote: "git@a@github.com:acme/widgets"},
	{remote: "git@github.com:x:acme/widgets"},
	{remote: "git@[github.com]:acme/widgets"},
	{remote: "git@github_com:acme/widgets"},
}

func TestRemote(t *testing.T) {
	t.Parallel()
	for _, r := range remotes {
		c, err := environment{"BUILDKITE_REPO": r.remote}.Context()
		if r.server == "" {
			wantError(t, r.remote, err, "BUILDKITE_REPO is not the address of a repository on a server")
			continue
		}
		if err != nil || c.ServerURL != r.server || c.Repository != r.repository {
			t.Errorf("%q: %v: %q, %q", r.remote, err, c.ServerURL, c.Repository)
		}
		if want := r.server + "/" + r.repository; c.RepositoryURL(c.Repository) != want {
			t.Errorf("%q: the audience is %q, want %q", r.remote, c.RepositoryURL(c.Repository), want)
		}
	}
}
