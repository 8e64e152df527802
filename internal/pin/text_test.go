package pin_test

import (
	"regexp"
	"strings"
	"testing"

	pipeline "github.com/buildkite/go-pipeline"

	"github.com/countersign-ci/countersign/internal/pin"
	"github.com/countersign-ci/countersign/internal/report"
)

var fullDigest = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

const (
	sha1Digest   = "0123456789abcdef0123456789abcdef01234567"
	sha256Digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// A textCase is the text of a ref and what it says.
type textCase struct {
	text                        string
	kind                        pin.Kind
	repository, version, commit string
	rule                        string
}

func (c textCase) check(t *testing.T, got pin.Said) {
	t.Helper()
	want := pin.Said{Kind: c.kind, Repository: c.repository, Version: c.version, Commit: c.commit, Rule: c.rule}
	got.Host, got.Base, got.Style = "", "", ""
	if c.rule != "" {
		got.Repository, got.Version, got.Commit = "", "", ""
	}
	if got != want {
		t.Errorf("%q says %+v, want %+v", c.text, got, want)
	}
}

var usesCases = []textCase{
	{text: "acme/widgets@v1", kind: pin.Action, repository: "acme/widgets", version: "v1"},
	{text: "acme/widgets/sub/folder@v1.2.3", kind: pin.Action, repository: "acme/widgets", version: "v1.2.3"},
	{text: "acme/widgets@" + sha1Digest, kind: pin.Action, repository: "acme/widgets", commit: sha1Digest},
	{text: "acme/widgets@" + sha256Digest, kind: pin.Action, repository: "acme/widgets", commit: sha256Digest},
	{text: "acme/widgets/.github/workflows/a.yml@v1", kind: pin.Workflow, repository: "acme/widgets", version: "v1"},
	{text: "Acme/.github@release/v1", kind: pin.Action, repository: "Acme/.github", version: "release/v1"},
	{text: "acme/widgets@v1@v2", kind: pin.Action, repository: "acme/widgets", version: "v1@v2"},
	{text: "acme/widgets@20240131", kind: pin.Action, repository: "acme/widgets", version: "20240131"},
	{text: "acme/widgets@decade", kind: pin.Action, repository: "acme/widgets", version: "decade"},
	{text: "acme/widgets@refs/tags/v1", kind: pin.Action, repository: "acme/widgets", version: "refs/tags/v1"},

	{text: "./action", kind: pin.Local},
	{text: "./.github/workflows/a.yml", kind: pin.Local},
	{text: "$/action", kind: pin.Local},
	{text: "docker://alpine@sha256:" + sha256Digest, kind: pin.Image, commit: sha256Digest},
	{text: "docker://ghcr.io/a/b:v1@sha256:" + sha256Digest, kind: pin.Image, commit: sha256Digest},

	{text: "", kind: pin.Action, rule: report.Unpinned},
	{text: "acme", kind: pin.Action, rule: report.Unpinned},
	{text: "acme@v1", kind: pin.Action, rule: report.Unpinned},
	{text: "/widgets@v1", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/@v1", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/..@v1", kind: pin.Action, rule: report.Unpinned},
	{text: "../widgets@v1", kind: pin.Action, rule: report.Unpinned},
	{text: "-acme/widgets@v1", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/wid gets@v1", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets?a@v1", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@@", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@a@{1}", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@-v1", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@/v1", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@v1/", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@a//b", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@a/.b", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@.a", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@a.", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@a.lock/b", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@a~1", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@a^1", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@a:b", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@a?b", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@a*", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@a[b", kind: pin.Action, rule: report.Unpinned},
	{text: `acme/widgets@a\b`, kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@a\x7f", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@a.lockb", kind: pin.Action, repository: "acme/widgets", version: "a.lockb"},
	{text: "acme/widgets@a@", kind: pin.Action, repository: "acme/widgets", version: "a@"},
	{text: "acme/widgets@é", kind: pin.Action, repository: "acme/widgets", version: "é"},
	{text: "acme/widgets@v1..2", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@../x", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@v1\n", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@${{ x }}", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@v1.lock", kind: pin.Action, rule: report.Unpinned},
	{text: "acme/widgets@" + strings.Repeat("v", 256), kind: pin.Action, rule: report.Unpinned},
	{text: strings.Repeat("a", 101) + "/widgets@v1", kind: pin.Action, rule: report.Unpinned},
	{text: "docker://alpine", kind: pin.Image, rule: report.Unpinned},
	{text: "docker://alpine@sha256:" + sha1Digest, kind: pin.Image, rule: report.MalformedDigest},
	{text: "docker://alpine@" + sha256Digest, kind: pin.Image, rule: report.MalformedDigest},
	{text: "docker://alpine@sha1:" + sha1Digest, kind: pin.Image, rule: report.MalformedDigest},
	{text: "acme/widgets@0a1b2c3", kind: pin.Action, rule: report.ShortDigest},
	{text: "acme/widgets@" + sha1Digest[:39], kind: pin.Action, rule: report.ShortDigest},
	{text: "acme/widgets@ABCDEF0", kind: pin.Action, rule: report.ShortDigest},
	{text: "acme/widgets@" + sha1Digest + "0", kind: pin.Action, rule: report.MalformedDigest},
	{text: "acme/widgets@" + sha256Digest[:63], kind: pin.Action, rule: report.MalformedDigest},
	{text: "acme/widgets@" + sha256Digest + "0", kind: pin.Action, rule: report.MalformedDigest},
	{text: "acme/widgets@" + strings.ToUpper(sha1Digest), kind: pin.Action, rule: report.MalformedDigest},
	{text: "acme/.github/workflows/a.yml@v1", kind: pin.Action, repository: "acme/.github", version: "v1"},
}

func TestParseUses(t *testing.T) {
	for _, c := range usesCases {
		got := pin.ParseUses(c.text)
		c.check(t, got)
		checkSaid(t, c.text, got, "@")
	}
}

const docker = "buildkite-plugins/docker-buildkite-plugin"

var pluginCases = []textCase{
	{text: "docker#v3.2.0", kind: pin.Plugin, repository: docker, version: "v3.2.0"},
	{text: "docker#main", kind: pin.Plugin, repository: docker, version: "main"},
	{text: "docker#feature/x", kind: pin.Plugin, repository: docker, version: "feature/x"},
	{text: "docker#" + sha1Digest, kind: pin.Plugin, repository: docker, commit: sha1Digest},
	{text: "docker#v3.2.0@git-sha1:" + sha1Digest, kind: pin.Plugin, repository: docker, version: "v3.2.0", commit: sha1Digest},
	{text: "docker#v3.2.0@git-sha256:" + sha256Digest, kind: pin.Plugin, repository: docker, version: "v3.2.0", commit: sha256Digest},
	{text: "docker@git-sha1:" + sha1Digest, kind: pin.Plugin, repository: docker, commit: sha1Digest},
	{text: "docker#a@b@git-sha1:" + sha1Digest, kind: pin.Plugin, repository: docker, version: "a@b", commit: sha1Digest},
	{text: "acme/docker#v1", kind: pin.Plugin, repository: "acme/docker-buildkite-plugin", version: "v1"},
	{text: "github.com/acme/docker#v1", kind: pin.Plugin, repository: "acme/docker", version: "v1"},
	{text: "GitHub.com/acme/docker/sub#v1", kind: pin.Plugin, repository: "acme/docker", version: "v1"},
	{text: "https://github.com/acme/docker.git#v1", kind: pin.Plugin, repository: "acme/docker", version: "v1"},
	{text: "https://github.com/acme/docker.git/sub#v1", kind: pin.Plugin, repository: "acme/docker", version: "v1"},
	{text: "https://git:x@github.com/acme/docker#v1", kind: pin.Plugin, repository: "acme/docker", version: "v1"},
	{text: "ssh://git@github.com/acme/docker.git#v1", kind: pin.Plugin, repository: "acme/docker", version: "v1"},
	{text: "git@github.com:acme/docker.git#v1", kind: pin.Plugin, repository: "acme/docker", version: "v1"},
	{text: "git@github.com:acme/docker.git@git-sha1:" + sha1Digest, kind: pin.Plugin, repository: "acme/docker", commit: sha1Digest},
	{text: "//github.com/acme/docker#v1", kind: pin.Plugin, repository: "acme/docker", version: "v1"},
	{text: "git.example.com/acme/docker#v1", kind: pin.Plugin, repository: "acme/docker", version: "v1"},

	{text: "./docker", kind: pin.Local},
	{text: ".buildkite/plugins/docker#v1", kind: pin.Local},
	{text: "../docker", kind: pin.Local},
	{text: "/docker", kind: pin.Local},
	{text: `\docker`, kind: pin.Local},
	{text: `C:\docker`, kind: pin.Local},
	{text: "C:/docker", kind: pin.Local},
	{text: "file:///docker", kind: pin.Local},

	{text: "", kind: pin.Plugin, rule: report.Unpinned},
	{text: "docker", kind: pin.Plugin, rule: report.Unpinned},
	{text: "docker#", kind: pin.Plugin, rule: report.Unpinned},
	{text: "docker#..", kind: pin.Plugin, rule: report.Unpinned},
	{text: "docker#$VERSION", kind: pin.Plugin, rule: report.Unpinned},
	{text: "docker #v1", kind: pin.Plugin, rule: report.Unpinned},
	{text: "acme/..#v1", kind: pin.Plugin, repository: "acme/..-buildkite-plugin", version: "v1"},
	{text: "acme/%2e%2e#v1", kind: pin.Plugin, rule: report.Unpinned},
	{text: "?/acme/docker#v1", kind: pin.Plugin, rule: report.Unpinned},
	{text: "%/acme/docker#v1", kind: pin.Plugin, rule: report.Unpinned},
	{text: "docker?x#v1", kind: pin.Plugin, rule: report.Unpinned},
	{text: "github.com/acme#v1", kind: pin.Plugin, rule: report.Unpinned},
	{text: "https://github.com/acme#v1", kind: pin.Plugin, rule: report.Unpinned},
	{text: "https://github.com//acme/docker#v1", kind: pin.Plugin, rule: report.Unpinned},
	{text: "https://github.com/acme/..#v1", kind: pin.Plugin, rule: report.Unpinned},
	{text: "https:///acme/docker#v1", kind: pin.Plugin, rule: report.Unpinned},
	{text: "FILE:///acme/docker#v1", kind: pin.Plugin, rule: report.Unpinned},
	{text: "https://%zz/acme/docker#v1", kind: pin.Plugin, rule: report.Unpinned},
	{text: "zip+https://example.com/docker.zip#v1", kind: pin.Plugin, rule: report.Unpinned},
	{text: "zip+https://example.com/docker.zip#" + sha1Digest, kind: pin.Plugin, rule: report.Unpinned},
	{text: "docker#0a1b2c3", kind: pin.Plugin, rule: report.ShortDigest},
	{text: "docker#" + sha1Digest[:39], kind: pin.Plugin, rule: report.ShortDigest},
	{text: "docker#v1@git-sha1:" + sha1Digest[:39], kind: pin.Plugin, rule: report.ShortDigest},
	{text: "docker#v1@git-sha1:" + sha1Digest[:7], kind: pin.Plugin, rule: report.ShortDigest},
	{text: "docker#v1@git-sha256:" + sha1Digest, kind: pin.Plugin, rule: report.ShortDigest},
	{text: "docker@git-sha1:" + sha1Digest[:7], kind: pin.Plugin, rule: report.ShortDigest},
	{text: "docker#" + sha1Digest + "0", kind: pin.Plugin, rule: report.MalformedDigest},
	{text: "docker#" + strings.ToUpper(sha1Digest), kind: pin.Plugin, rule: report.MalformedDigest},
	{text: "docker#v1@git-sha1:" + sha1Digest + "0", kind: pin.Plugin, rule: report.MalformedDigest},
	{text: "docker#v1@git-sha1:" + strings.ToUpper(sha1Digest), kind: pin.Plugin, rule: report.MalformedDigest},
	{text: "docker#v1@git-sha1:" + sha256Digest, kind: pin.Plugin, rule: report.MalformedDigest},
	{text: "docker#v1@git-sha1:", kind: pin.Plugin, rule: report.MalformedDigest},
	{text: "docker#v1@git-sha1", kind: pin.Plugin, rule: report.MalformedDigest},
	{text: "docker#v1@sha:" + sha1Digest, kind: pin.Plugin, rule: report.MalformedDigest},
	{text: "docker#v1@sha1:" + sha1Digest, kind: pin.Plugin, rule: report.MalformedDigest},
	{text: "docker#v1@Git-SHA1:" + sha1Digest, kind: pin.Plugin, rule: report.MalformedDigest},
	{text: "docker#v1@", kind: pin.Plugin, rule: report.MalformedDigest},
	{text: "docker@sha:" + sha1Digest, kind: pin.Plugin, rule: report.MalformedDigest},
	{text: "docker@Git-SHA1:" + sha1Digest, kind: pin.Plugin, rule: report.MalformedDigest},
	{text: "docker#@git-sha1:" + sha1Digest, kind: pin.Plugin, rule: report.MalformedDigest},
	{text: "docker#v1#v2", kind: pin.Plugin, rule: report.MalformedDigest},
	{text: "docker#v1@git-sha1:" + sha1Digest + "#v2", kind: pin.Plugin, rule: report.MalformedDigest},
	{text: "docker#" + sha1Digest + "@git-sha1:" + sha1Digest, kind: pin.Plugin, rule: report.MalformedDigest},
}

func TestParsePlugin(t *testing.T) {
	for _, c := range pluginCases {
		got := pin.ParsePlugin(c.text)
		c.check(t, got)
		checkSaid(t, c.text, got, "#")
		checkSource(t, c.text, got)
	}
}

// checkSource holds the repository that a source names against what Buildkite's
// own library makes of it, where that adds a host to a name without one.
func checkSource(t *testing.T, text string, s pin.Said) {
	t.Helper()
	source, _, _ := strings.Cut(text, "#")
	full := (&pipeline.Plugin{Source: source}).FullSource()
	if s.Rule != "" || s.Style != pin.StyleCommit || full == source {
		return
	}
	if want, ok := strings.CutPrefix(full, "github.com/"); !ok || s.Repository != want || s.Host != "github.com" {
		t.Errorf("%q is %s on %s, Buildkite makes %s of it", text, s.Repository, s.Host, full)
	}
}
