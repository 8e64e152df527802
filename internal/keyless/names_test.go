package keyless_test

import (
	"testing"

	"github.com/countersign-ci/countersign/internal/keyless"
)

func TestNames(t *testing.T) {
	t.Parallel()
	const repository = "acme/orchestrator"
	for _, test := range []struct {
		issuer, iss, repository string
		want                    bool
	}{
		{github, "https://github.com/acme/orchestrator", repository, true},
		{github, "https://github.com/Acme/Orchestrator", repository, true},
		{github, "https://GitHub.com/acme/orchestrator", repository, true},
		{github, "https://github.com/acme/gadgets", repository, false},
		{github, "https://github.com/mallory/orchestrator", repository, false},
		{github, "https://ghe.example/acme/orchestrator", repository, false},
		{github, "https://github.com.mallory.example/acme/orchestrator", repository, false},
		{github, "https://www.github.com/acme/orchestrator", repository, false},
		{github, "https://token.actions.githubusercontent.com/acme/orchestrator", repository, false},

		// One form of a URL.
		{github, "https://github.com/acme/orchestrator/", repository, false},
		{github, "https://github.com//acme/orchestrator", repository, false},
		{github, "https://github.com/x/../acme/orchestrator", repository, false},
		{github, "https://github.com/acme/orchestrator?", repository, false},
		{github, "https://github.com/acme/orchestrator?a=b", repository, false},
		{github, "https://github.com/acme/orchestrator#", repository, false},
		{github, "https://github.com/acme/orchestrator#a", repository, false},
		{github, "https://octocat@github.com/acme/orchestrator", repository, false},
		{github, "https://@github.com/acme/orchestrator", repository, false},
		{github, "https://github.com@mallory.example/acme/orchestrator", repository, false},
		{github, "https://github.com:443/acme/orchestrator", repository, false},
		{github, "https://github.com:/acme/orchestrator", repository, false},
		{github, "https://github.com/acme%2Forchestrator", repository, false},
		{github, "https://github.com/%61cme/orchestrator", repository, false},
		{github, "https://github.com/acme/orchestrator%00", repository, false},
		{github, "https://github.com/acme\\orchestrator", repository, false},
		{github, "HTTPS://github.com/acme/orchestrator", repository, false},
		{github, "http://github.com/acme/orchestrator", repository, false},
		{github, "//github.com/acme/orchestrator", repository, false},
		{github, "github.com/acme/orchestrator", repository, false},
		{github, " https://github.com/acme/orchestrator", repository, false},
		{github, "https://github.com/acme/orchestrator\n", repository, false},
		{github, "https:///acme/orchestrator", repository, false},
		{github, "https://github.com", repository, false},
		{github, "", repository, false},
		{github, "https://github.com/", "", false},
		{github, "https://github.com", "", false},
		{github, "https://github.com/acme/\u212a", "acme/k", false},
		{github, "https://github.com/acme/%E2%84%AA", "acme/\u212a", false},

		// An enterprise of github.com may have an issuer of its own below it.
		{github + "/acme-corp", "https://github.com/acme/orchestrator", repository, true},
		{github + "/acme-corp", "https://ghe.example/acme/orchestrator", repository, false},
		// A GitHub Enterprise Server.
		{"https://ghe.example/_services/token", "https://ghe.example/acme/orchestrator", repository, true},
		{"https://ghe.example/_services/token", "https://GHE.example/acme/orchestrator", repository, true},
		{"https://ghe.example/_services/token", "https://github.com/acme/orchestrator", repository, false},
		{"https://ghe.example/_services/token", "https://ghe.example:8443/acme/orchestrator", repository, false},
		{"https://ghe.example:8443/_services/token", "https://ghe.example:8443/acme/orchestrator", repository, true},
		{"https://ghe.example:8443/_services/token", "https://ghe.example/acme/orchestrator", repository, false},
		// Data residency.
		{"https://token.actions.acme.ghe.com", "https://acme.ghe.com/acme/orchestrator", repository, true},
		{"https://token.actions.acme.ghe.com", "https://github.com/acme/orchestrator", repository, false},
		{"https://token.actions.acme.ghe.com/acme", "https://acme.ghe.com/acme/orchestrator", repository, true},
		{"https://token.actions.acme.ghe.com/acme", "https://github.com/acme/orchestrator", repository, false},
		{"https://token.actions.acme.ghe.com", "https://hubot.ghe.com/acme/orchestrator", repository, false},
		{"https://token.actions.acme.ghe.com", "https://token.actions.acme.ghe.com/acme/orchestrator", repository, false},
		// Where its jobs run cannot be told from another issuer.
		{gitlab, "https://gitlab.example/acme/group/x", "acme/group/x", true},
		{gitlab, "https://gitlab.example/acme/group/y", "acme/group/x", false},
		{gitlab, "https://code.acme.example:8443/acme/x", "acme/x", true},
		{gitlab, "http://gitlab.example/acme/x", "acme/x", false},
		{gitlab, "https:///acme/x", "acme/x", false},
		{gitlab, "https://:443/acme/x", "acme/x", false},
		{gitlab, "https:/acme/x", "acme/x", false},
		{gitlab, "https:acme/x", "acme/x", false},
		{gitlab, "HTTPS://gitlab.example/acme/x", "acme/x", false},
		{gitlab, "https://octocat@gitlab.example/acme/x", "acme/x", false},
		{gitlab, "https://gitlab.example/acme/x?", "acme/x", false},
		{gitlab, "https://gitlab.example/acme/x/", "acme/x", false},
		{gitlab, "https://gitlab.example/acme%2Fx", "acme/x", false},
		{"https://agent.buildkite.com", "https://buildkite.com/acme/deploy", "acme/deploy", true},
		{"https://token.actions.githubusercontent.com.acme.example", "https://git.acme.example/acme/orchestrator", repository, true},
	} {
		issuer := keyless.Issuer{URL: test.issuer}
		if got := issuer.Names(test.iss, test.repository); got != test.want {
			t.Errorf("%q is of %s, says %s: %t", test.iss, test.repository, test.issuer, got)
		}
	}
}

func TestRepositoryOf(t *testing.T) {
	t.Parallel()
	for claims, want := range map[string]string{
		`{"repository":"acme/a"}`:                                               "acme/a",
		`{"project_path":"acme/group/a"}`:                                       "acme/group/a",
		`{"organization_slug":"acme","pipeline_slug":"a"}`:                      "acme/a",
		`{"organization_slug":"acme"}`:                                          "",
		`{"pipeline_slug":"a"}`:                                                 "",
		`{"organization_slug":"","pipeline_slug":"a"}`:                          "",
		`{"organization_slug":"acme","pipeline_slug":1}`:                        "",
		`{"repository":"acme/a","project_path":"acme/b"}`:                       "acme/a",
		`{"project_path":"acme/b","organization_slug":"c","pipeline_slug":"d"}`: "acme/b",
		`{"repository":1}`:                                                      "",
		`{"repository":true}`:                                                   "",
		`{"repository":null}`:                                                   "",
		`{"repository":["acme/a"]}`:                                             "",
		`{"repository":{"acme/a":1}}`:                                           "",
		`{"Repository":"acme/a"}`:                                               "",
		`{"sub":"repo:acme/a:ref:refs/heads/main"}`:                             "",
		`{}`: "",
	} {
		if got := keyless.RepositoryOf(value(t, claims)); got != want {
			t.Errorf("%s is of %q, want %q", claims, got, want)
		}
	}
}

// TestOpenNames has a trusted identity sign as somebody else.
func TestOpenNames(t *testing.T) {
	t.Parallel()
	id := githubProvider().trust(t, "repository_owner_id=123456")
	for _, test := range []struct {
		name    string
		change  func(*forge)
		outcome error
	}{
		{"its repository", func(*forge) {}, nil},
		{"another iss", func(f *forge) { f.claims = with(t, claims, "acme/orchestrator", "acme/gadgets") }, keyless.ErrWrongIssuer},
		{"another server", func(f *forge) {
			f.claims = with(t, claims, "github.com/acme/orchestrator", "ghe.example/acme/orchestrator")
		}, keyless.ErrWrongIssuer},
		{"another repository", func(f *forge) { f.identity["repository"] = "acme/gadgets" }, keyless.ErrWrongIssuer},
		{"no repository", func(f *forge) { f.identity["repository"] = absent{} }, keyless.ErrWrongIssuer},
		{"a project", func(f *forge) {
			f.identity["repository"], f.identity["project_path"] = "acme/gadgets", "acme/orchestrator"
		}, keyless.ErrWrongIssuer},
		{"both", func(f *forge) {
			f.identity["repository"], f.identity["repository_owner_id"] = "mallory/x", "666"
		}, keyless.ErrUntrustedIdentity},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newForge()
			test.change(f)
			if test.outcome == nil {
				wantAccepted(t, keyless.Issuers{id}, run, f.token(t))
			} else {
				wantRefused(t, keyless.Issuers{id}, run, f.token(t), test.outcome)
			}
		})
	}
	// GitLab's and Buildkite's tokens name no repository.
	for _, p := range []struct {
		url, pair, iss string
		more           map[string]any
	}{
		{gitlab, "project_path=acme/group/x", "https://gitlab.example/acme/group/x", map[string]any{"project_path": "acme/group/x"}},
		{"https://agent.buildkite.com", "organization_slug=acme", "https://buildkite.com/acme/deploy", map[string]any{
			"organization_slug": "acme", "pipeline_slug": "deploy", "build_number": 5, "build_tag": nil, "step_key": nil,
		}},
	} {
		f := newForge()
		f.provider.url, f.header["typ"] = p.url, absent{}
		f.claims = with(t, claims, "https://github.com/acme/orchestrator", p.iss)
		f.identity = map[string]any{"iss": p.url, "sub": "x", "iat": issued, "nbf": issued, "exp": issued + 300}
		for name, v := range p.more {
			f.identity[name] = v
		}
		issuers := keyless.Issuers{f.provider.trust(t, p.pair)}
		wantAccepted(t, issuers, run, f.token(t))
		f.claims = with(t, claims, "https://github.com/acme/orchestrator", p.iss+"x")
		wantRefused(t, issuers, run, f.token(t), keyless.ErrWrongIssuer)
	}
}
