package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

func TestPinsConfig(t *testing.T) {
	p := newPinTest(t, map[string]string{
		"docs/a.yml": uses("acme/widgets@v4"), workflow: uses("acme/nothing@v1"),
		".github/countersign.yml": "files: [docs/*.yml]\n",
	})
	p.verify(exitRefused)
	p.program.env["COUNTERSIGN_FILES"] = workflow // goes before the config
	if _, stderr := p.verify(exitRefused); !strings.Contains(stderr, "unknown-repository") {
		t.Errorf("it says %q", stderr)
	}
	delete(p.program.env, "COUNTERSIGN_FILES")
	for config, want := range map[string]struct {
		code int
		says string
	}{
		"files: [docs/*.yml]\nrequire-digest: false\n":                                            {exitOK, "verified"},
		"files: [docs/*.yml]\ndeny: {owners: [Acme]}\n":                                           {exitRefused, "not-allowed"},
		"files: [docs/*.yml]\nallow: {repositories: [octocat/*]}\n":                               {exitRefused, "not-allowed"},
		"files: [docs/*.yml]\nexceptions: [{repository: acme/*, reason: x, until: 9999-12-31}]\n": {exitOK, "warning: unpinned"},
		"files: [docs/*.yml]\nexceptions: [{repository: acme/*, reason: x, until: 2020-01-01}]\n": {exitRefused, "error: unpinned"},
		"files: [docs/*.yml]\nrequire-digset: false\n":                                            {exitUsage, `did you mean`},
		"files: [docs/*.yml]\non-invalid: warn\n":                                                 {exitUsage, "on-invalid"},
		"files: [docs/*.yml]\nupdates: [{path: docs/*.yml, pattern: 'x(y)'}]\n":                   {exitUsage, "whose releases"},
	} {
		p.write(map[string]string{".github/countersign.yml": config})
		if _, stderr := p.verify(want.code); !strings.Contains(stderr, want.says) {
			t.Errorf("with %q it says %q, want %q", config, stderr, want.says)
		}
	}
}

// A plugin's own README follows its newest release, and so does what the config
// of the project or of Boomper matches.
func TestPinsOwnReleases(t *testing.T) {
	p := newPinTest(t, map[string]string{
		"README.md":               "`acme/gears#v1.0.0` and `curl https://acme.example/v1.0.0/gears`\n",
		"docs/install.txt":        "version 1.0.0\n",
		".github/countersign.yml": "updates: [{path: docs/*.txt, pattern: 'version ([0-9.]+)'}]\n",
		".github/boomper.yml":     "updates:\n- path: README.md\n  pattern: 'acme.example/(v.*)/gears'\n",
	})
	gears := p.server.Repo("acme/gears-buildkite-plugin")
	gears.Tag("v1.0.0", gears.Head("main"))
	next := gears.Commit("main", "1.1.0")
	gears.Tag("v1.1.0", next)
	gears.Release("v1.0.0", githubtest.Release{Published: time.Now().Add(-time.Hour)})
	gears.Release("v1.1.0", githubtest.Release{Published: time.Now()})
	p.program.env["GITHUB_REPOSITORY"] = "acme/gears-buildkite-plugin"
	_, stderr := p.verify(exitRefused, "--update", "patch")
	if !strings.Contains(stderr, "outdated: 3 places") {
		t.Errorf("it says %q", stderr)
	}
	p.verify(exitOK, "--write")
	want := p.files()
	want["README.md"] = "`acme/gears#" + next + " # v1.1.0` and `curl https://acme.example/v1.1.0/gears`\n"
	want["docs/install.txt"] = "version 1.1.0\n"
	p.want(want)

	// On a release it is the tag that is released, but never an older one.
	after := gears.Commit("main", "1.2.0")
	gears.Tag("v1.2.0", after)
	gears.Tag("v1.0.1", gears.Commit("main", "1.0.1"))
	p.program.env["GITHUB_EVENT_NAME"] = "release"
	p.program.env["GITHUB_REF"] = "refs/tags/v1.0.1"
	p.verify(exitOK, "--write")
	p.want(want)
	p.program.env["GITHUB_REF"] = "refs/tags/v1.2.0"
	p.verify(exitOK, "--write")
	want["README.md"] = "`acme/gears#" + after + " # v1.2.0` and `curl https://acme.example/v1.2.0/gears`\n"
	want["docs/install.txt"] = "version 1.2.0\n"
	p.want(want)
}

func TestPinsOverlap(t *testing.T) {
	p := newPinTest(t, map[string]string{
		"README.md":               "`acme/gears#v1.0.0`\n",
		".github/countersign.yml": "updates: [{path: README.md, pattern: 'gears#(v[0-9.]+)'}]\n",
	})
	gears := p.server.Repo("acme/gears-buildkite-plugin")
	gears.Tag("v1.0.0", gears.Head("main"))
	gears.Tag("v1.1.0", gears.Commit("main", "1.1.0"))
	p.program.env["GITHUB_REPOSITORY"] = "acme/gears-buildkite-plugin"
	files := p.files()
	if _, stderr := p.verify(exitUsage, "--write"); !strings.Contains(stderr, "README.md:1: two rewrites overlap") {
		t.Errorf("it says %q", stderr)
	}
	p.want(files)
}
