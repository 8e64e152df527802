package pin_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/countersign-ci/countersign/internal/pin"
)

var configCases = []checkCase{
	{
		name: "only these owners", config: "allow: {owners: [acme]}",
		steps: "acme/widgets@v1.0.0\nocto/widgets@v1\ndocker://alpine@sha256:" + sha256Digest, want: "acme/widgets@{v1.0.0} # v1.0.0\nocto/widgets@v1\ndocker://alpine@sha256:" + sha256Digest,
		check:    []string{"fail not-allowed 5", "fail not-allowed 6", "fail unpinned 4"},
		findings: []string{"fail not-allowed 5", "fail not-allowed 6"},
	},
	{
		name: "only these hosts", config: "allow: {hosts: [github.com]}", file: ".buildkite/pipeline.yml",
		text:     "steps:\n  - plugins:\n      - acme/docker#{docker v1.0.0} # v1.0.0\n      - https://git.example.com/acme/docker#{docker v1.0.0} # v1.0.0\n",
		findings: []string{"fail not-allowed 4"},
	},
	{
		name: "images by their registry", config: "allow: {hosts: [github.com, ghcr.io]}",
		steps:    "docker://ghcr.io/acme/widgets@sha256:" + sha256Digest + "\ndocker://alpine@sha256:" + sha256Digest + "\ndocker://localhost:5000/alpine@sha256:" + sha256Digest,
		findings: []string{"fail not-allowed 5", "fail not-allowed 6"},
	},
	{
		name: "not this repository", config: "deny: {repositories: [acme/wid*]}",
		steps: "acme/widgets@{v1.0.0} # v1.0.0", findings: []string{"fail not-allowed 4"},
	},
	{
		name: "plugins in the tree", config: "vendored: deny", file: ".buildkite/pipeline.yml",
		text: "steps:\n  - plugins: [./docker]\n", findings: []string{"fail not-allowed 2"},
	},
	{
		name: "tags without a digest", config: "require-digest: false",
		steps: "acme/widgets@v1.0.0\nacme/widgets@v6", want: "acme/widgets@{v1.0.0} # v1.0.0\nacme/widgets@v6",
		check: []string{"fail unpinned 5"}, findings: []string{"fail unpinned 5"},
	},
	{
		name:   "an exception",
		config: "exceptions: [{repository: acme/widgets, rule: unpinned, reason: soon, until: " + today + "}]",
		steps:  "acme/widgets@v6\nacme/gone@v1", check: []string{"fail unknown-repository 5", "warn unpinned 4"}, findings: []string{"fail unknown-repository 5", "warn unpinned 4"},
	},
	{
		name:   "an exception of yesterday",
		config: "exceptions: [{repository: acme/widgets, rule: unpinned, reason: soon, until: " + yesterday + "}]",
		steps:  "acme/widgets@v6", findings: []string{"fail unpinned 4"},
	},
	{
		name:   "no exception for what shows an attack",
		config: "exceptions: [{repository: acme/*, reason: soon, until: " + today + "}]",
		steps:  "acme/widgets@{v1.0.0} # v1.1.0\nacme/widgets@{fork}\nacme/widgets@" + sha1Digest + "0",
		findings: []string{
			"fail digest-mismatch 4", "fail impostor-commit 5", "fail malformed-digest 6",
		},
	},
	{
		name:   "an exception for an update hides no digest of a fork",
		config: "exceptions: [{repository: acme/*, rule: outdated, reason: soon, until: " + today + "}]",
		options: func(o *pin.Options) {
			o.Update = pin.UpdateLatest
		},
		steps: "acme/widgets@{fork}", findings: []string{"fail impostor-commit 4"},
		check: []string{"fail impostor-commit 4", "warn outdated 4"},
	},
}

const (
	today     = "2026-11-22"
	yesterday = "2026-11-21"
)

func TestConfig(t *testing.T) {
	for _, c := range configCases {
		t.Run(c.name, c.run)
	}
}

func ownGears(released string) func(*pin.Options) {
	return func(o *pin.Options) {
		o.Own, o.OwnVersion = pin.Repository{Owner: "acme", Name: "gears"}, released
	}
}

const gearsPattern = `updates: [{path: docs/*.txt, pattern: 'gears[ @](v?[0-9][0-9.a-z-]*)'}]`

var patternCases = []checkCase{
	{
		name: "the newest release", file: "docs/a.txt", config: gearsPattern, options: ownGears(""), prepare: versioned("v1.0.0:3 v1.1.0:2 v1.2.0 v2.0.0-rc.1:1"),
		text: "gears v1.0.0, gears 1.0.0, gears v1.1.0 and gears v9.0.0\n", want: "gears v1.1.0, gears 1.1.0, gears v1.1.0 and gears v9.0.0\n",
	},
	{
		name: "what runs a release", file: "docs/a.txt", config: gearsPattern, options: ownGears("v1.0.0"), prepare: versioned("v0.9.0:3 v1.0.0:2 v1.1.0:1"),
		text: "gears v0.9.0 gears@v1.1.0", want: "gears v1.0.0 gears@v1.1.0",
	},
	{
		name: "another path", file: "docs/sub/a.txt", config: gearsPattern, options: ownGears(""), prepare: versioned("v1.0.0:3 v1.1.0:2"),
		text: "gears v1.0.0",
	},
	{
		name: "checked where updates are", file: "docs/a.txt", config: gearsPattern, prepare: versioned("v1.0.0:3 v1.1.0:2"),
		options: func(o *pin.Options) { ownGears("")(o); o.Update = pin.UpdateMajor },
		text:    "text\r\nmore gears v1.0.0\r\n", want: "text\r\nmore gears v1.1.0\r\n", check: []string{"fail outdated 2"},
	},
	{
		name: "beside a pin", file: "docs/README.md", config: `updates: [{path: docs/*, pattern: 'since gears (v[0-9.]*[0-9])'}]`, options: ownGears(""), prepare: versioned("v1.0.0:3 v1.1.0:2"),
		text:  "since gears v1.0.0: `uses: acme/gears@v1.0.0`\n",
		want:  "since gears v1.1.0: `uses: acme/gears@{gears v1.1.0} # v1.1.0`\n",
		check: []string{"fail unpinned 1"},
	},
	{
		name: "nothing where something else is in doubt", file: "docs/README.md", config: `updates: [{path: docs/*, pattern: 'since gears (v[0-9.]*[0-9])'}]`, options: ownGears(""), prepare: versioned("v1.0.0:3 v1.1.0:2"),
		text: "since gears v1.0.0: `uses: acme/gone@v1.0.0`\n", findings: []string{"fail unknown-repository 1"},
	},
	{
		name: "no release", file: "docs/a.txt", config: gearsPattern, options: ownGears(""), prepare: versioned("one"),
		text: "gears v1.0.0",
	},
}

func TestPatterns(t *testing.T) {
	for _, c := range patternCases {
		t.Run(c.name, func(t *testing.T) {
			if c.file == "docs/a.txt" || c.file == "docs/sub/a.txt" {
				c.runText(t)
			} else {
				c.run(t)
			}
		})
	}
}

// runText runs a case of a file that is read for patterns alone.
func (c checkCase) runText(t *testing.T) {
	s := newStand(t)
	c.prepare(s)
	o := c.optionsFor(t, s)
	for _, write := range []bool{false, true} {
		o.Write = write
		file := &pin.File{Name: c.file, Text: []byte(c.text)}
		result, err := pin.Check(t.Context(), s.client(t, "secret"), []*pin.File{file}, o)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, change := range result.Changes {
			got = string(change.New)
		}
		want, wantFindings := "", c.check
		if write {
			want, wantFindings = c.want, c.findings
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("rewritten (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(wantFindings, shortly(result.Findings)); diff != "" {
			t.Errorf("findings (-want +got)\n%s", diff)
		}
	}
}

// Two rewrites of the same bytes are refused, whoever asks for them.
func TestOverlap(t *testing.T) {
	s := newStand(t)
	for name, c := range map[string]checkCase{
		"a pattern and a ref":     {config: `updates: [{path: README.md, pattern: 'docker#(v[0-9.]*[0-9])'}]`, text: "`acme/docker#v1.0.0`\n"},
		"a pattern and a comment": {config: `updates: [{path: README.md, pattern: '# (v[0-9.]*[0-9])'}]`, text: "`acme/docker#{docker v1.0.0} # v1.0.0`\n"},
		"two patterns":            {config: `updates: [{path: README.md, pattern: 'since (v[0-9.]*[0-9])'}, {path: "*.md", pattern: ' (v1[0-9.]*[0-9])'}]`, text: "\n\nsince v1.0.0\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c.options = own("")
			o := c.optionsFor(t, s)
			o.Write = true
			result, err := pin.Check(t.Context(), s.client(t, "secret"), find(t, []txtar.File{{Name: "README.md", Data: []byte(s.fill(t, c.text))}}), o)
			var overlap *pin.OverlapError
			if !errors.As(err, &overlap) || overlap.File != "README.md" || overlap.Hint() == "" {
				t.Errorf("error %v and %v", err, result)
			}
		})
	}
}
