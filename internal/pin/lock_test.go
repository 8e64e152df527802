package pin_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/pin"
)

func TestParseLock(t *testing.T) {
	for _, c := range locks {
		t.Run(c.name, func(t *testing.T) {
			l, err := pin.ParseLock([]byte(c.text))
			if err != nil || c.err != "" {
				if err == nil || c.err == "" || !strings.HasPrefix(err.Error(), c.err) {
					t.Errorf("error %v, want %s…", err, c.err)
				}
				return
			}
			var rules []string
			for _, r := range l.Refs() {
				if rule := r.Says().Rule; rule != "" {
					rules = append(rules, rule)
				}
			}
			if diff := cmp.Diff(c.rules, rules); diff != "" {
				t.Errorf("rules (-want +got)\n%s", diff)
			}
		})
	}
}

// lockOf returns a lockfile with an entry on line 5 and what it uses on line 11.
func lockOf(used, ref, commit string) string {
	return `version: v0.0.2
workflows:
  .github/workflows/ci.yml: [` + used + `]
dependencies:
  ` + used + `:
    ref: ` + ref + `
    commit: sha1-` + commit + `
    owner_id: OWNER
    repo_id: REPO
    uses: [acme/widgets@v2.0.0]
  acme/widgets@v2.0.0: {ref: v2.0.0, commit: "sha1-{v2.0.0}", owner_id: OWNER, repo_id: REPO}
`
}

var lockCases = []checkCase{
	{name: "good", lock: lockOf("acme/widgets@v1", "v1.1.0", "{v1.1.0}"), steps: "acme/widgets@v1\nAcme/Widgets/sub@v1"},
	{name: "an older commit of a moving tag", lock: lockOf("acme/widgets@v1", "v1.0.0", "{v1.0.0}"), steps: "acme/widgets@v1"},
	{name: "the moving tag is the ref", lock: lockOf("acme/widgets@v1", "v1", "{v1.0.0}"), steps: "acme/widgets@v1"},
	{name: "a branch", lock: lockOf("acme/widgets@main", "v1.1.0", "{v1.1.0}"), steps: "acme/widgets@main"},
	{name: "a branch is the ref", lock: lockOf("acme/widgets@main", "main", "{v1.1.0}"), steps: "acme/widgets@main"},
	{name: "a digest", lock: lockOf("acme/widgets@{v1.1.0}", "v1.1.0", "{v1.1.0}"), steps: "acme/widgets@{v1.1.0} # v1"},
	{name: "a digest is the ref", lock: lockOf("acme/widgets@{v1.1.0}", "{v1.1.0}", "{v1.1.0}"), steps: "acme/widgets@{v1.1.0}"},
	{
		name: "nothing of the workflow moves", lock: lockOf("acme/widgets@v1", "v1.1.0", "{v1.1.0}"), options: func(o *pin.Options) { o.Update = pin.UpdateLatest },
		steps: "acme/widgets@v1\nacme/widgets@{v1.0.0} # v1",
	},
	{
		name: "a ref that the lockfile lacks", lock: lockOf("acme/widgets@v1", "v1.1.0", "{v1.1.0}"),
		steps: "acme/widgets@v1\nacme/widgets@v1.0.0\nacme/docker@v1", findings: []string{"fail unpinned 5", "fail unpinned 6"},
	},
	{
		name: "a workflow that the lockfile does not list", lock: lockOf("acme/widgets@v1", "v1.1.0", "{v1.1.0}"), file: ".github/workflows/other.yml",
		steps: "acme/widgets@v1", want: "acme/widgets@{v1.1.0} # v1.1.0", check: []string{"fail unpinned 4"},
	},
	{
		name: "a moved tag", lock: lockOf("acme/widgets@v1.0.1", "v1.0.1", "{v1.0.0}"),
		steps: "acme/widgets@v1.0.1", findings: []string{"fail digest-mismatch lock:5"},
	},
	{
		name: "a commit of another series", lock: lockOf("acme/widgets@v1", "v1", "{v2.0.0}"),
		steps: "acme/widgets@v1", findings: []string{"fail digest-mismatch lock:5"},
	},
	{
		name: "the ref is another version than the workflow names", lock: lockOf("acme/widgets@v1", "v2.0.0", "{v2.0.0}"),
		steps: "acme/widgets@v1", findings: []string{"fail digest-mismatch lock:5"},
	},
	{
		name: "the ref is another name of the same commit", lock: lockOf("acme/widgets@v1.0.0", "one", "{v1.0.0}"), steps: "acme/widgets@v1.0.0",
		prepare: func(s *stand) { s.Repo("acme/widgets").Tag("one", s.digests["v1.0.0"]) },
	},
	{
		name: "the ref is a branch where the workflow names a tag", lock: lockOf("acme/widgets@v1.0.0", "main", "{v2.0.0}"),
		steps: "acme/widgets@v1.0.0", findings: []string{"fail digest-mismatch lock:5"},
	},
	{
		name: "a commit of a fork", lock: lockOf("acme/widgets@main", "main", "{fork}"),
		steps: "acme/widgets@main", findings: []string{"fail impostor-commit lock:5"},
	},
	{
		name: "a commit that only a tag holds", lock: lockOf("acme/widgets@v3.0.0", "v3.0.0", "{v3.0.0}"),
		steps: "acme/widgets@v3.0.0", findings: []string{"warn impostor-commit lock:5"},
	},
	{
		name: "a tag object", lock: lockOf("acme/widgets@main", "main", "{object}"),
		steps: "acme/widgets@main", findings: []string{"fail impostor-commit lock:5"},
	},
	{
		name: "another repository", lock: strings.Replace(lockOf("acme/widgets@v1", "v1.1.0", "{v1.1.0}"), "repo_id: REPO", "repo_id: 1", 1),
		steps: "acme/widgets@v1", findings: []string{"fail unknown-repository lock:5"},
	},
	{
		name: "another owner", lock: strings.Replace(lockOf("acme/widgets@v1", "v1.1.0", "{v1.1.0}"), "owner_id: OWNER", "owner_id: 1", 1),
		steps: "acme/widgets@v1", findings: []string{"fail unknown-repository lock:5"},
	},
	{
		name: "no repository", lock: lockOf("acme/gone@v1", "v1", "{v1.1.0}"),
		steps: "acme/gone@v1", findings: []string{"fail unknown-repository lock:5"},
	},
	{
		name: "no tag", lock: lockOf("acme/widgets@v9.0.0", "v9.0.0", "{v1.1.0}"),
		steps: "acme/widgets@v9.0.0", findings: []string{"fail unknown-ref lock:5"},
	},
	{
		name: "what an action uses is not locked", lock: strings.Replace(lockOf("acme/widgets@v1", "v1.1.0", "{v1.1.0}"), "uses: [acme/widgets@v2.0.0]", "uses: [acme/widgets@v2.1.0]", 1),
		steps: "acme/widgets@v1", findings: []string{"fail unpinned lock:10"},
	},
	{
		name: "a short commit", lock: lockOf("acme/widgets@v1", "v1.1.0", "0123456"),
		steps: "acme/widgets@v1", findings: []string{"fail short-digest lock:5"},
	},
	{
		name: "a bad entry stands against every rewrite", lock: lockOf("acme/widgets@v1.0.1", "v1.0.1", "{v1.0.0}"), file: "action.yml",
		text:     "runs:\n  steps:\n    - uses: acme/widgets@v1\n",
		findings: []string{"fail digest-mismatch lock:5", "fail unpinned 3"},
	},
}

func TestLock(t *testing.T) {
	for _, c := range lockCases {
		t.Run(c.name, c.run)
	}
}
