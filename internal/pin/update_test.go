package pin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/pin"
)

// versioned makes a repository acme/gears with tags, each on a commit of its own,
// and with releases where a number of days behind the name says how old they are:
// "v1.0.0 v1.1.0:30 v2.0.0:3 v3.0.0-rc.1:1 v4.0.0:draft".
func versioned(tags string) func(*stand) {
	return func(s *stand) {
		r := s.Repo("acme/gears")
		for _, tag := range strings.Fields(tags) {
			name, days, released := strings.Cut(tag, ":")
			s.digests["gears "+name] = r.Commit("main", name)
			r.Tag(name, r.Head("main"))
			switch age, err := time.ParseDuration(days + "h"); {
			case days == "draft":
				r.Release(name, githubtest.Release{Draft: true})
			case days == "pre":
				r.Release(name, githubtest.Release{Prerelease: true, Published: now.AddDate(0, -1, 0)})
			case released && err == nil:
				r.Release(name, githubtest.Release{Published: now.Add(-24 * age)})
			}
		}
	}
}

func updating(u pin.Update, days int) func(*pin.Options) {
	return func(o *pin.Options) { o.Update, o.MinAge = u, time.Duration(days)*24*time.Hour }
}

const manyVersions = "v1.0.0:90 v1.0.1:80 v1.1.0:70 v1.2.0-rc.1:60 v1.2.0:50 v2.0.0:40 v2.1.0:3 v3.0.0:draft v2.2.0-rc.1:2 v2.3.0:pre"

var updateCases = []checkCase{
	{
		name: "none", options: updating(pin.UpdateNone, 0), prepare: versioned(manyVersions),
		steps: "acme/gears@{gears v1.0.0} # v1.0.0",
	},
	{
		name: "patch", options: updating(pin.UpdatePatch, 0), prepare: versioned(manyVersions),
		steps: "acme/gears@{gears v1.0.0} # v1.0.0\nacme/gears@v1.0.0\nacme/gears@{gears v1.0.1} # v1.0.1",
		want:  "acme/gears@{gears v1.0.1} # v1.0.1\nacme/gears@{gears v1.0.1} # v1.0.1\nacme/gears@{gears v1.0.1} # v1.0.1",
		check: []string{"fail outdated 4", "fail outdated 5", "fail unpinned 5"},
	},
	{
		name: "minor", options: updating(pin.UpdateMinor, 0), prepare: versioned(manyVersions),
		steps: "acme/gears@{gears v1.0.0} # v1.0.0 and why", want: "acme/gears@{gears v1.2.0} # v1.2.0 and why",
		check: []string{"fail outdated 4"},
	},
	{
		name: "major", options: updating(pin.UpdateMajor, 0), prepare: versioned(manyVersions),
		steps: "acme/gears@{gears v1.0.0} # v1.0.0\nacme/gears@{gears v1.0.0}",
		want:  "acme/gears@{gears v2.1.0} # v2.1.0\nacme/gears@{gears v1.0.0}", check: []string{"fail outdated 4"},
	},
	{
		name: "latest, also for what names no version", options: updating(pin.UpdateLatest, 0), prepare: versioned(manyVersions),
		steps: "acme/gears@{gears v1.0.0} # v1.0.0\nacme/gears@{gears v1.0.0} # keep",
		want:  "acme/gears@{gears v2.1.0} # v2.1.0\nacme/gears@{gears v2.1.0} # v2.1.0 # keep",
		check: []string{"fail outdated 4", "fail outdated 5"},
	},
	{
		name: "never backwards", options: updating(pin.UpdateLatest, 0), prepare: versioned("v1.0.0:9 v2.0.0:10"),
		steps: "acme/gears@{gears v2.0.0} # v2.0.0",
	},
	{
		name: "a pre-release follows pre-releases", options: updating(pin.UpdateMajor, 0), prepare: versioned(manyVersions),
		steps: "acme/gears@{gears v1.2.0-rc.1} # v1.2.0-rc.1", want: "acme/gears@{gears v2.3.0} # v2.3.0",
		check: []string{"fail outdated 4"},
	},
	{
		name: "a draft is no version", options: updating(pin.UpdateLatest, 0), prepare: versioned("v1.0.0:9 v2.0.0:draft"),
		steps: "acme/gears@{gears v1.0.0} # v1.0.0",
	},
	{
		name: "too young", options: updating(pin.UpdateMajor, 7), prepare: versioned(manyVersions),
		steps: "acme/gears@{gears v1.0.0} # v1.0.0", want: "acme/gears@{gears v2.0.0} # v2.0.0",
		check: []string{"fail outdated 4"},
	},
	{
		name: "exactly old enough", options: updating(pin.UpdateMajor, 3), prepare: versioned(manyVersions),
		steps: "acme/gears@{gears v1.0.0} # v1.0.0", want: "acme/gears@{gears v2.1.0} # v2.1.0",
		check: []string{"fail outdated 4"},
	},
	{
		name: "a tag without a release has no age", options: updating(pin.UpdateMajor, 1), prepare: versioned("v1.0.0:30 v1.1.0:20 v1.2.0"),
		steps: "acme/gears@{gears v1.0.0} # v1.0.0", want: "acme/gears@{gears v1.1.0} # v1.1.0",
		check: []string{"fail outdated 4"},
	},
	{
		name: "a tag without a release counts where age does not", options: updating(pin.UpdateMajor, 0), prepare: versioned("v1.0.0:30 v1.1.0:20 v1.2.0"),
		steps: "acme/gears@{gears v1.0.0} # v1.0.0", want: "acme/gears@{gears v1.2.0} # v1.2.0",
		check: []string{"fail outdated 4"},
	},
	{
		name: "numbers count, not letters", options: updating(pin.UpdateMajor, 0), prepare: versioned("v1.9.0 v1.10.0 v1.9.9"),
		steps: "acme/gears@{gears v1.9.0} # v1.9.0", want: "acme/gears@{gears v1.10.0} # v1.10.0",
		check: []string{"fail outdated 4"},
	},
	{
		name: "a moved tag is not updated away", options: updating(pin.UpdateMajor, 0), prepare: versioned(manyVersions),
		steps: "acme/gears@{gears v1.0.1} # v1.0.0", findings: []string{"fail digest-mismatch 4"},
	},
	{
		name: "a digest of a fork is not updated away", options: updating(pin.UpdateLatest, 0), prepare: versioned(manyVersions),
		steps: "acme/widgets@{fork}", findings: []string{"fail impostor-commit 4"},
		check: []string{"fail impostor-commit 4", "fail outdated 4"},
	},
	{
		name: "not to a commit that nothing but a tag holds, where a branch is required", prepare: func(s *stand) {
			versioned("v1.0.0 v1.1.0")(s)
			s.Repo("acme/gears").Tag("v1.1.0", s.Repo("acme/gears").CommitOn(s.digests["gears v1.0.0"], "detached"))
		},
		options: func(o *pin.Options) { o.Update, o.RequireBranch = pin.UpdateMajor, true },
		steps:   "acme/gears@{gears v1.0.0} # v1.0.0", findings: []string{"fail impostor-commit 4"},
		check: []string{"fail outdated 4"},
	},
	{
		name: "a branch is not updated", options: updating(pin.UpdateLatest, 0), prepare: versioned(manyVersions),
		steps: "acme/gears@main", findings: []string{"fail unpinned 4"},
	},
	{
		name: "a plugin", file: ".buildkite/pipeline.yml", options: updating(pin.UpdateMinor, 0),
		text:  "steps:\n  - plugins:\n      - acme/docker#{docker v1.0.0}: # v1.0.0\n      - acme/docker#v1.0.0@git-sha1:{docker v1.0.0}:\n",
		want:  "steps:\n  - plugins:\n      - acme/docker#{docker v1.2.0}: # v1.2.0\n      - acme/docker#v1.2.0@git-sha1:{docker v1.2.0}:\n",
		check: []string{"fail outdated 3", "fail outdated 4"},
	},
}

func TestUpdates(t *testing.T) {
	for _, c := range updateCases {
		t.Run(c.name, c.run)
	}
}

func own(released string) func(*pin.Options) {
	return func(o *pin.Options) {
		o.Own, o.OwnVersion = pin.Repository{Owner: "acme", Name: "Docker-buildkite-plugin"}, released
	}
}

var ownCases = []checkCase{
	{
		name: "the newest release", file: "README.md", options: own(""),
		text:  "```yml\n- acme/docker#v1.0.0:\n- acme/docker#{docker v1.1.0}: # v1.1.0\n- acme/docker#v1.1.0@git-sha1:{docker v1.1.0}:\n```\n",
		want:  "```yml\n- acme/docker#{docker v1.2.0}: # v1.2.0\n- acme/docker#{docker v1.2.0}: # v1.2.0\n- acme/docker#v1.2.0@git-sha1:{docker v1.2.0}:\n```\n",
		check: []string{"fail unpinned 2"},
	},
	{
		name: "what is not its own", file: "README.md", options: own(""),
		text: "`acme/widgets#v1.0.0` and `uses: acme/widgets@{v1.0.0} # v1.0.0`\n", findings: []string{"fail unknown-repository 1"},
	},
	{
		name: "not in a pipeline", file: ".buildkite/pipeline.yml", options: own(""),
		text: "steps: [{plugins: [acme/docker#{docker v1.0.0}]}] # v1.0.0\n",
	},
	{
		name: "never backwards", file: "docs/use.md", options: own(""), prepare: func(s *stand) {
			r := s.Repo("acme/docker-buildkite-plugin")
			r.Tag("v3.0.0", r.Commit("main", "not released"))
			s.digests["docker v3.0.0"] = r.Head("main")
		},
		text: "`acme/docker#{docker v3.0.0} # v3.0.0`\n",
	},
	{
		name: "the tag of the release event", file: "README.md", options: own("v1.1.0"),
		text: "`acme/docker#v1.0.0`\n", want: "`acme/docker#{docker v1.1.0} # v1.1.0`\n",
		check: []string{"fail unpinned 1"},
	},
	{
		name: "the tag of the release event, never backwards", file: "README.md", options: own("v1.1.0"),
		text: "`acme/docker#{docker v1.2.0} # v1.2.0`\n",
	},
	{
		name: "the tag of the release event, which is a pre-release", file: "README.md", options: own("v2.0.0-rc.1"),
		text: "`acme/docker#{docker v1.2.0} # v1.2.0`\n",
	},
	{
		name: "a repository that has no releases", file: "README.md", prepare: versioned("v1.0.0 v1.1.0"),
		options: func(o *pin.Options) { o.Own = pin.Repository{Owner: "acme", Name: "gears"} },
		text:    "`uses: acme/gears@v1.0.0`\n", want: "`uses: acme/gears@{gears v1.1.0} # v1.1.0`\n",
		check: []string{"fail unpinned 1"},
	},
}

func TestOwn(t *testing.T) {
	for _, c := range ownCases {
		t.Run(c.name, c.run)
	}
}
