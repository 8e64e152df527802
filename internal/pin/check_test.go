package pin_test

import (
	"testing"

	"github.com/countersign-ci/countersign/internal/pin"
)

func requireBranch(o *pin.Options) { o.RequireBranch = true }

var tagCases = []checkCase{
	{
		name: "a tag", steps: "acme/widgets@v1.0.0", want: "acme/widgets@{v1.0.0} # v1.0.0",
		check: []string{"fail unpinned 4"},
	},
	{
		name: "moving tags", steps: "acme/widgets@v1 # keep\nacme/widgets@v1.0",
		want:  "acme/widgets@{v1.1.0} # v1.1.0 # keep\nacme/widgets@{v1.0.1} # v1.0.1",
		check: []string{"fail unpinned 4", "fail unpinned 5"},
	},
	{
		name: "a tag with an object of its own, and one of a tag", steps: "acme/widgets@v2.0.0\nacme/widgets@v2.1.0",
		want:  "acme/widgets@{v2.0.0} # v2.0.0\nacme/widgets@{v2.1.0} # v2.1.0",
		check: []string{"fail unpinned 4", "fail unpinned 5"},
	},
	{name: "pins", steps: "acme/widgets@{v1.0.0} # v1.0.0\nacme/widgets@{v2.1.0} # v2.1.0\nacme/widgets@{v5.0.0} # v5.0.0\nacme/widgets@{v1.0.0}"},
	{
		name: "a moved tag", steps: "acme/widgets@{v1.0.0} # v1.1.0\nacme/widgets@v1",
		findings: []string{"fail digest-mismatch 4", "fail unpinned 5"},
	},
	{
		name: "a tag that was moved while its digest stayed", steps: "acme/widgets@{v1.0.1} # v1.0.1\nacme/widgets@v1.0.0",
		prepare:  func(s *stand) { s.Repo("acme/widgets").Tag("v1.0.1", s.digests["v2.0.0"]) },
		findings: []string{"fail digest-mismatch 4", "fail unpinned 5"},
	},
	{
		name: "a tag that was moved to a fork", steps: "acme/widgets@v1.0.1\nacme/widgets@v1.0.0",
		prepare:  func(s *stand) { s.Repo("acme/widgets").Tag("v1.0.1", s.digests["fork"]) },
		check:    []string{"fail unpinned 4", "fail unpinned 5"},
		findings: []string{"warn impostor-commit 4"},
		want:     "acme/widgets@{fork} # v1.0.1\nacme/widgets@{v1.0.0} # v1.0.0",
	},
	{
		name: "a digest that only a fork has", steps: "acme/widgets@{fork}\nacme/widgets@{fork} # v1.0.0\nacme/widgets@v1",
		findings: []string{"fail digest-mismatch 5", "fail impostor-commit 4", "fail impostor-commit 5", "fail unpinned 6"},
	},
	{
		name: "a commit that only a tag holds", steps: "acme/widgets@v3.0.0\nacme/widgets@{v3.0.0} # v3.0.0\nacme/widgets@{v3.0.0}",
		want:     "acme/widgets@{v3.0.0} # v3.0.0\nacme/widgets@{v3.0.0} # v3.0.0\nacme/widgets@{v3.0.0}",
		check:    []string{"warn impostor-commit 5", "warn impostor-commit 6", "fail unpinned 4"},
		findings: []string{"warn impostor-commit 4", "warn impostor-commit 5", "warn impostor-commit 6"},
	},
	{
		name: "a commit that only a tag holds, where a branch is required", options: requireBranch,
		steps:    "acme/widgets@v3.0.0\nacme/widgets@{v3.0.0} # v3.0.0\nacme/widgets@{v3.0.0}\nacme/widgets@v5.0.0",
		check:    []string{"fail impostor-commit 5", "fail impostor-commit 6", "fail unpinned 4", "fail unpinned 7"},
		findings: []string{"fail impostor-commit 4", "fail impostor-commit 5", "fail impostor-commit 6", "fail unpinned 7"},
	},
	{
		name: "a commit of another branch, where a branch is required", options: requireBranch,
		steps: "acme/widgets@v5.0.0\nacme/widgets@{v5.0.0}", want: "acme/widgets@{v5.0.0} # v5.0.0\nacme/widgets@{v5.0.0}",
		check: []string{"fail unpinned 4"},
	},
	{
		name: "the digest of a tag object", steps: "acme/widgets@{object}\nacme/widgets@{object} # v2.0.0\nacme/widgets@{outer} # v2.1.0\nacme/widgets@v1",
		findings: []string{
			"fail digest-mismatch 5", "fail digest-mismatch 6",
			"fail impostor-commit 4", "fail impostor-commit 5", "fail impostor-commit 6", "fail unpinned 7",
		},
	},
	{
		name: "a branch", steps: "acme/widgets@v6\nacme/widgets@main\nacme/widgets@v1.0.0",
		want:     "acme/widgets@v6\nacme/widgets@main\nacme/widgets@{v1.0.0} # v1.0.0",
		check:    []string{"fail unpinned 4", "fail unpinned 5", "fail unpinned 6"},
		findings: []string{"fail unpinned 4", "fail unpinned 5"},
	},
	{
		name: "the digest of a branch that has the name of a tag", steps: "acme/widgets@{branch} # v1.0.0",
		findings: []string{"fail digest-mismatch 4"},
	},
	{name: "an unknown tag", steps: "acme/widgets@v1\nacme/widgets@v9", findings: []string{"fail unknown-ref 5", "fail unpinned 4"}},
	{name: "an unknown tag with a digest", steps: "acme/widgets@{v1.0.0} # v9.0.0\nacme/widgets@v1", findings: []string{"fail unknown-ref 4", "fail unpinned 5"}},
	{name: "an unknown repository", steps: "acme/widgets@v1\nacme/gone@v1", findings: []string{"fail unknown-repository 5", "fail unpinned 4"}},
	{name: "a private repository", steps: "acme/widgets@v1\nacme/secret@v1", findings: []string{"fail unknown-repository 5", "fail unpinned 4"}},
	{name: "a digest of an unknown repository", steps: "acme/gone@{v1.0.0}", findings: []string{"fail unknown-repository 4"}},
	{
		name: "series", steps: "acme/widgets@{v1.1.0} # v1\nacme/widgets@{v1.0.0} # v1 and why\nacme/widgets@{v1.0.0} # v1.0",
		want: "acme/widgets@{v1.1.0} # v1.1.0\nacme/widgets@{v1.0.0} # v1.0.0 and why\nacme/widgets@{v1.0.0} # v1.0.0",
	},
	{
		name: "a digest of no version of a series", steps: "acme/widgets@{v2.0.0} # v1\nacme/widgets@{v1.1.0} # v1.0\nacme/widgets@v1",
		findings: []string{"fail digest-mismatch 4", "fail digest-mismatch 5", "fail unpinned 6"},
	},
	{
		name: "a series without a moving tag", steps: "acme/widgets@{v2.0.0} # v2\nacme/widgets@{v1.0.0} # v2",
		findings: []string{"fail digest-mismatch 5"},
	},
	{
		name: "a moving tag whose commit has no exact version", steps: "acme/widgets@v7\nacme/widgets@{v1.0.0} # v7",
		prepare: func(s *stand) { s.Repo("acme/widgets").Tag("v7", s.digests["v1.0.0"]) },
		want:    "acme/widgets@{v1.0.0} # v7\nacme/widgets@{v1.0.0} # v7", check: []string{"fail unpinned 4"},
	},
	{
		name: "an exact version is preferred over a pre-release of the same commit", steps: "acme/widgets@v8",
		prepare: func(s *stand) {
			for _, name := range []string{"v8", "v8.0.0-rc.2", "v8.0.0", "v8.0.0-rc.1"} {
				s.Repo("acme/widgets").Tag(name, s.digests["v1.0.0"])
			}
		},
		want: "acme/widgets@{v1.0.0} # v8.0.0", check: []string{"fail unpinned 4"},
	},
	{
		name: "even if the pre-release is of a later version", steps: "acme/widgets@v8",
		prepare: func(s *stand) {
			for _, name := range []string{"v8", "v8.1.0-rc.1", "v8.0.0"} {
				s.Repo("acme/widgets").Tag(name, s.digests["v1.0.0"])
			}
		},
		want: "acme/widgets@{v1.0.0} # v8.0.0", check: []string{"fail unpinned 4"},
	},
	{
		name: "a series is what names begin with", steps: "acme/widgets@{v1.0.0} # 4\nacme/widgets@{v1.0.1} # 4\nacme/widgets@{v1.1.0} # 4\nacme/widgets@{v2.0.0} # 4",
		prepare: func(s *stand) {
			r := s.Repo("acme/widgets")
			r.Tag("4", s.digests["v3.0.0"])
			r.Tag("14.0.0", s.digests["v1.0.0"])
			r.Tag("v4.0.0", s.digests["v1.0.1"])
			r.Tag("3.4.0", s.digests["v1.1.0"])
			r.Tag("4.0.0", s.digests["v2.0.0"])
		},
		findings: []string{"fail digest-mismatch 4", "fail digest-mismatch 5", "fail digest-mismatch 6"},
	},
	{
		name: "names of tags have a case", steps: "acme/widgets@{v1.0.0} # v4\nacme/widgets@{v1.0.1} # v4.1.0\nacme/widgets@V4.0.0",
		prepare: func(s *stand) {
			r := s.Repo("acme/widgets")
			r.Tag("v4", s.digests["v3.0.0"])
			r.Tag("V4.0.0", s.digests["v1.0.0"])
			r.Tag("V4.1.0", s.digests["v1.0.1"])
		},
		findings: []string{"fail digest-mismatch 4", "fail unknown-ref 5", "fail unpinned 6"},
	},
	{
		name: "names in other case", steps: "Acme/Widgets@v1.0.0\nACME/widgets@{v1.0.0} # v1.0.0",
		want: "Acme/Widgets@{v1.0.0} # v1.0.0\nACME/widgets@{v1.0.0} # v1.0.0", check: []string{"fail unpinned 4"},
	},
	{
		name: "digests of other lengths", file: ".buildkite/pipeline.yml",
		text:     "steps:\n  - plugins:\n      - acme/docker#v1.0.0@git-sha256:" + sha256Digest + "\n      - acme/docker@git-sha256:" + sha256Digest + "\n",
		findings: []string{"fail digest-mismatch 3", "fail impostor-commit 3", "fail impostor-commit 4"},
	},
	{
		name: "plugins", file: ".buildkite/pipeline.yml",
		text:  "steps:\n  - plugins:\n      - acme/docker#v1.0.0:\n      - acme/docker#v1.1.0@git-sha1:{docker v1.1.0}:\n      - acme/docker#{docker v1.2.0}: # v1.2.0\n",
		want:  "steps:\n  - plugins:\n      - acme/docker#{docker v1.0.0}: # v1.0.0\n      - acme/docker#v1.1.0@git-sha1:{docker v1.1.0}:\n      - acme/docker#{docker v1.2.0}: # v1.2.0\n",
		check: []string{"fail unpinned 3"},
	},
	{
		name: "plugins in the other style", file: ".buildkite/pipeline.yml", options: func(o *pin.Options) { o.Style = pin.StyleGitSHA1 },
		text:  "steps:\n  - plugins:\n      - acme/docker#v1.0.0:\n      - acme/docker#{docker v1.2.0}: # v1.2.0\n",
		want:  "steps:\n  - plugins:\n      - acme/docker#v1.0.0@git-sha1:{docker v1.0.0}:\n      - acme/docker#{docker v1.2.0}: # v1.2.0\n",
		check: []string{"fail unpinned 3"},
	},
	{
		name: "a moved tag of a plugin", file: ".buildkite/pipeline.yml",
		text:     "steps:\n  - plugins:\n      - acme/docker#v1.1.0@git-sha1:{docker v1.0.0}:\n      - acme/docker#{docker v1.0.0}: # v1.1.0\n",
		findings: []string{"fail digest-mismatch 3", "fail digest-mismatch 4"},
	},
	{
		name: "a digest beside the name of a branch", file: ".buildkite/pipeline.yml",
		text:     "steps:\n  - plugins:\n      - acme/docker#main@git-sha1:{docker v1.1.0}:\n      - acme/docker#main@git-sha1:{fork}:\n",
		findings: []string{"fail impostor-commit 4"},
	},
}

func TestTags(t *testing.T) {
	for _, c := range tagCases {
		t.Run(c.name, c.run)
	}
}
