package config_test

import (
	"strings"
	"testing"
)

func TestRefusal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file             string
		allowed, refused string // host/owner/name, separated by spaces
		because          string // of each that is refused
	}{
		{"", "github.com/acme/widgets evil.example/a/b //", "", ""},
		{"deny: {}", "github.com/acme/widgets", "", ""},
		{
			"allow: {hosts: [github.com]}",
			"github.com/acme/widgets GitHub.COM/acme/widgets github.com./acme/widgets github.com:443/acme/widgets",
			"evil.example/acme/widgets github.com.evil.example/acme/widgets evilgithub.com/acme/widgets /acme/widgets [::1]:443/acme/widgets",
			"is not in allow.hosts",
		},
		{
			"allow: {hosts: ['*.acme.example']}",
			"git.acme.example/a/b a.b.acme.example/a/b",
			"acme.example/a/b git.acme.example.evil/a/b gitXacme.example/a/b",
			"is not in allow.hosts",
		},
		{
			"allow: {owners: [acme, 'buildkite-*']}",
			"github.com/acme/widgets evil.example/ACME/other github.com/buildkite-plugins/docker github.com/Buildkite-/x",
			"github.com/acme2/widgets github.com/acm/widgets github.com/xacme/widgets github.com/buildkite/docker github.com//acme",
			"is not in allow.owners or allow.repositories",
		},
		{
			"allow: {repositories: ['acme/legacy-*', octocat/hello]}",
			"github.com/acme/legacy-x github.com/Acme/Legacy- github.com/octocat/HELLO",
			"github.com/acme/legacy github.com/acme/widgets github.com/octocat/hello2 github.com/x/acme/legacy-x github.com/acme/legacy-a/b",
			"is not in allow.owners or allow.repositories",
		},
		{
			"allow: {owners: [acme], repositories: [octocat/hello]}",
			"github.com/acme/widgets github.com/octocat/hello",
			"github.com/octocat/other",
			"is not in allow.owners or allow.repositories",
		},
		{
			"allow: {hosts: [github.com], owners: [acme]}",
			"github.com/acme/widgets",
			"evil.example/acme/widgets",
			"is not in allow.hosts",
		},
		{
			"allow: {hosts: [github.com], owners: [acme]}",
			"",
			"github.com/octocat/widgets",
			"is not in allow.owners or allow.repositories",
		},
		{
			"deny: {hosts: ['*.example']}",
			"github.com/a/b example/a/b",
			"evil.example/a/b EVIL.example:8443/a/b evil.example./a/b evil.example.:443/a/b",
			`is denied by "*.example" in deny.hosts`,
		},
		{
			"deny: {owners: [hubot, 'evil*']}",
			"github.com/acme/widgets github.com/hubot2/x github.com/acme/evil",
			"github.com/evil/x other.example/EVILer/x",
			`is denied by "evil*" in deny.owners`,
		},
		{
			"deny: {repositories: ['*/widgets']}",
			"github.com/acme/gadgets",
			"github.com/acme/widgets github.com/octocat/Widgets",
			`is denied by "*/widgets" in deny.repositories`,
		},
		{
			"allow: {owners: [acme], repositories: [acme/widgets]}\ndeny: {repositories: [acme/widgets]}",
			"github.com/acme/gadgets",
			"github.com/acme/widgets",
			`is denied by "acme/widgets" in deny.repositories`,
		},
		{
			"allow: {owners: ['*']}\ndeny: {owners: [hubot]}",
			"github.com/acme/gadgets",
			"github.com/hubot/x",
			`is denied by "hubot" in deny.owners`,
		},
		// A letter that is lower case for another one outside of ASCII alone.
		{"allow: {owners: [kite]}", "github.com/KITE/x", "github.com/\u212aite/x", "is not in allow.owners or allow.repositories"},
		{"allow: {owners: ['a.c']}", "github.com/a.c/x", "github.com/abc/x", "is not in allow.owners or allow.repositories"},
	} {
		config := parse(t, c.file)
		for repository := range strings.FieldsSeq(c.allowed) {
			if got := refusal(config.Refusal, repository); got != "" {
				t.Errorf("%s: %s is refused: %s", c.file, repository, got)
			}
		}
		for repository := range strings.FieldsSeq(c.refused) {
			if got := refusal(config.Refusal, repository); !strings.HasSuffix(got, c.because) || got == "" {
				t.Errorf("%s: %s is refused as %q, want %q", c.file, repository, got, c.because)
			}
		}
	}
}

func refusal(ask func(host, owner, name string) string, repository string) string {
	host, rest, _ := strings.Cut(repository, "/")
	owner, name, _ := strings.Cut(rest, "/")
	return ask(host, owner, name)
}
