package cli

import (
	"os/exec"
	"strings"
	"testing"
)

// published makes the tree of a test a checkout of a branch of acme/app, which
// the server has too.
func (p *pinTest) published() {
	p.t.Helper()
	p.t.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"}, {"add", "."},
		{"-c", "user.name=octocat", "-c", "user.email=octocat@example.com", "commit", "-q", "-m", "first"},
	} {
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			p.t.Fatalf("git %s: %v\n%s", args[0], err, out)
		}
	}
	p.server.Repo("acme/app").Push("main", ".")
	p.program.env["GITHUB_REPOSITORY"] = "acme/app"
}

func TestPinsPublishCommit(t *testing.T) {
	p := newPinTest(t, map[string]string{workflow: uses("acme/widgets@v4")})
	p.published()
	app := p.server.Repo("acme/app")
	before := app.Head("main")
	p.verify(exitOK, "--write", "--publish", "commit")
	want := uses("acme/widgets@" + p.v422 + " # v4.2.2")
	if got, _ := app.File("main", workflow); got != want || app.Head("main") == before {
		t.Errorf("the branch has %q", got)
	}
	p.want(map[string]string{workflow: want})
}

// A branch that has moved on is not written to, and neither are the files.
func TestPinsPublishRace(t *testing.T) {
	for _, publish := range []string{"commit", "pull-request"} {
		p := newPinTest(t, map[string]string{workflow: uses("acme/widgets@v4")})
		p.published()
		app := p.server.Repo("acme/app")
		moved := app.Commit("main", "somebody else's")
		p.verify(exitUndecided, "--write", "--publish", publish)
		if app.Head("main") != moved || len(app.PullRequests()) != 0 {
			t.Errorf("%s: it was published", publish)
		}
		p.want(map[string]string{workflow: uses("acme/widgets@v4")})
	}
}

func TestPinsPullRequest(t *testing.T) {
	p := newPinTest(t, map[string]string{workflow: uses("acme/widgets@v4")})
	p.published()
	app := p.server.Repo("acme/app")
	before := app.Head("main")
	p.verify(exitOK, "--write", "--publish", "pull-request")
	want := uses("acme/widgets@" + p.v422 + " # v4.2.2")
	requests := app.PullRequests()
	if len(requests) != 1 || requests[0].Head != "countersign/pins" || requests[0].Base != "main" || app.Head("main") != before {
		t.Fatalf("the pull requests are %+v", requests)
	}
	if got, _ := app.File("countersign/pins", workflow); got != want {
		t.Errorf("the branch has %q", got)
	}
	if body := requests[0].Body; !strings.Contains(body, "| where | was | is | version |") || !strings.Contains(body, p.v422) {
		t.Errorf("the body is %q", body)
	}

	// The next run brings the one pull request up to date.
	next := p.widgets.Commit("main", "5.0.0")
	p.widgets.Tag("v5.0.0", next)
	p.write(map[string]string{workflow: uses("acme/widgets@v4")})
	p.verify(exitOK, "--write", "--publish", "pull-request", "--update", "latest")
	if got, _ := app.File("countersign/pins", workflow); got != uses("acme/widgets@"+next+" # v5.0.0") {
		t.Errorf("the branch has %q", got)
	}
	if requests := app.PullRequests(); len(requests) != 1 || !strings.Contains(requests[0].Body, next) {
		t.Errorf("the pull requests are %+v", requests)
	}
}

// What else is changed in a file would go along.
func TestPinsPublishRefuses(t *testing.T) {
	p := newPinTest(t, map[string]string{workflow: uses("acme/widgets@v4")})
	p.verify(exitUsage, "--write", "--publish", "commit") // whose tree is it?
	p.program.env["GITHUB_REPOSITORY"] = "acme/app"
	p.verify(exitUndecided, "--write", "--publish", "commit") // no checkout
	p.published()
	changed := map[string]string{workflow: uses("acme/widgets@v4", "acme/widgets@v4.2.2")}
	p.write(changed)
	before := p.server.Repo("acme/app").Head("main")
	p.verify(exitUndecided, "--write", "--publish", "commit")
	p.want(changed)
	if p.server.Repo("acme/app").Head("main") != before {
		t.Error("it was published")
	}
	p.write(map[string]string{workflow: uses("acme/widgets@v4")})
	if out, err := exec.Command("git", "checkout", "-q", "--detach").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p.verify(exitUsage, "--write", "--publish", "commit")
}
