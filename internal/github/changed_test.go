package github_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/githubtest"
)

type files = map[string]githubtest.File

// tree makes files of lines: a path and a content, with a mode between them or not.
func tree(lines ...string) files {
	all := files{}
	for _, line := range lines {
		fields := strings.Fields(line)
		f := githubtest.File{Content: fields[len(fields)-1]}
		if len(fields) > 2 {
			f.Mode = fields[1]
		}
		all[fields[0]] = f
	}
	return all
}

// plus returns some files and those of more lines; without any content a file is
// removed.
func plus(some files, lines ...string) files {
	all := maps.Clone(some)
	for _, line := range lines {
		if path, ok := strings.CutPrefix(line, "- "); ok {
			delete(all, path)
			continue
		}
		maps.Copy(all, tree(line))
	}
	return all
}

// manyFiles are n files.
func manyFiles(n int) (lines, paths []string) {
	for i := range n {
		paths = append(paths, fmt.Sprintf("many/%03d.tf", i))
		lines = append(lines, paths[i]+" x")
	}
	return lines, paths
}

// askedFor returns what the requests were about, in the order of the alphabet.
func askedFor(s *githubtest.Server) string {
	var all []string
	for _, q := range s.Requests() {
		path := strings.Split(q.Path, "/")[6:] // behind /api/v3/repos/acme/widgets
		what := path[0]
		if what == "git" {
			what = path[1]
		}
		if q.Query != map[string]string{"compare": "per_page=1", "trees": "recursive=1"}[what] {
			what += "?" + q.Query
		}
		all = append(all, what)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func wantChanged(t *testing.T, c *github.Client, g github.Range, want []string) {
	t.Helper()
	got, err := c.Changed(t.Context(), widgets, g)
	if err != nil {
		t.Fatal(err)
	}
	if len(want)+len(got) == 0 {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
}

// Each difference is seen in the comparison and in the trees alike.
func TestChangedFiles(t *testing.T) {
	t.Parallel()
	old := tree("infra/app/main.tf 1", "infra/app/run.sh 2", "link 120000 infra/app", "sub 160000 "+nobodysCommit, "README.md 3")
	for _, test := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"nothing", nil, nil},
		{"added", []string{"infra/network/main.tf 4"}, []string{"infra/network/main.tf"}},
		{"changed", []string{"infra/app/main.tf 4"}, []string{"infra/app/main.tf"}},
		{"deleted", []string{"- README.md"}, []string{"README.md"}},
		{"renamed", []string{"- infra/app/main.tf", "infra/network/main.tf 1"}, []string{"infra/app/main.tf", "infra/network/main.tf"}},
		{"in another case", []string{"- README.md", "readme.md 3"}, []string{"README.md", "readme.md"}},
		{"copied", []string{"infra/network/main.tf 1"}, []string{"infra/network/main.tf"}},
		{"swapped", []string{"infra/app/main.tf 2", "infra/app/run.sh 1"}, []string{"infra/app/main.tf", "infra/app/run.sh"}},
		{"mode alone", []string{"infra/app/run.sh 100755 2"}, []string{"infra/app/run.sh"}},
		{"where a link leads", []string{"link 120000 infra/network"}, []string{"link"}},
		{"link to file", []string{"link infra/app"}, []string{"link"}},
		{"file to link", []string{"README.md 120000 3"}, []string{"README.md"}},
		{"submodule", []string{"sub 160000 " + strings.Repeat("2", 40)}, []string{"sub"}},
		{"submodule added", []string{"modules/x 160000 " + nobodysCommit}, []string{"modules/x"}},
		{"submodule removed", []string{"- sub"}, []string{"sub"}},
		{"submodule to folder", []string{"- sub", "sub/main.tf 4"}, []string{"sub", "sub/main.tf"}},
		{"file to folder", []string{"- README.md", "README.md/a 3"}, []string{"README.md", "README.md/a"}},
		{"all", []string{"- README.md", "- link", "- sub", "- infra/app/main.tf", "- infra/app/run.sh"}, slices.Sorted(maps.Keys(old))},
		{"odd names", []string{"a%2Fb 4", "a?b#c 4", "ä/€ 4", `a\b 4`}, []string{"a%2Fb", "a?b#c", `a\b`, "ä/€"}},
	} {
		for how, requests := range map[string]string{"push": "compare", "force push": "compare trees trees", "unrelated": "compare trees trees"} {
			t.Run(test.name+" by "+how, func(t *testing.T) {
				s := githubtest.New(t)
				r := s.Repo("acme/widgets")
				before := r.CommitFiles(old, r.Head("main"))
				parents := map[string][]string{"push": {before}, "force push": {r.Head("main")}}[how]
				after := r.CommitFiles(plus(old, test.lines...), parents...)
				if before == after {
					t.Fatal("the commits are one")
				}
				c, _ := newClient(t, s, token)
				wantChanged(t, c, github.Range{Base: before, Head: after}, test.want)
				if got := askedFor(s); got != requests {
					t.Errorf("asked %s, want %s", got, requests)
				}
			})
		}
	}
}

func TestChangedRanges(t *testing.T) {
	t.Parallel()
	old := tree("app/a 1", "app/b 1")
	lines299, paths299 := manyFiles(299)
	lines301, paths301 := manyFiles(301)
	for _, test := range []struct {
		name     string
		build    func(r *githubtest.Repo, first string) github.Range // first has the old files and is main
		want     []string
		requests string
	}{
		{"several commits", func(r *githubtest.Repo, first string) github.Range {
			one := r.CommitFiles(plus(old, "net/x 1"), first)
			two := r.CommitFiles(plus(old, "net/x 1", "- app/a"), one)
			return github.Range{Base: first, Head: r.CommitFiles(plus(old, "net/x 2", "- app/a"), two)}
		}, []string{"app/a", "net/x"}, "compare"},
		{"changed and changed back", func(r *githubtest.Repo, first string) github.Range {
			return github.Range{Base: first, Head: r.CommitFiles(old, r.CommitFiles(plus(old, "app/a 2"), first))}
		}, nil, "compare"},
		{"same commit", func(_ *githubtest.Repo, first string) github.Range {
			return github.Range{Base: first, Head: first}
		}, nil, "compare"},
		{"force push that drops a commit", func(r *githubtest.Repo, first string) github.Range {
			kept := r.CommitFiles(plus(old, "net/x 1"), first)
			dropped := r.CommitFiles(plus(old, "net/x 1", "app/a 2"), kept)
			return github.Range{Base: dropped, Head: r.CommitFiles(plus(old, "net/x 1", "db/y 1"), kept)}
		}, []string{"app/a", "db/y"}, "compare trees trees"},
		{"force push back to an older commit", func(r *githubtest.Repo, first string) github.Range {
			return github.Range{Base: r.CommitFiles(plus(old, "app/a 2"), first), Head: first}
		}, []string{"app/a"}, "compare trees trees"},
		{"rebase of the same change", func(r *githubtest.Repo, first string) github.Range {
			moved := r.CommitFiles(plus(old, "db/y 1"), first)
			return github.Range{
				Base: r.CommitFiles(plus(old, "app/a 2"), first),
				Head: r.CommitFiles(plus(old, "db/y 1", "app/a 2"), moved),
			}
		}, []string{"db/y"}, "compare trees trees"},
		{"merge of main into a branch", func(r *githubtest.Repo, first string) github.Range {
			branch := r.CommitFiles(plus(old, "app/a 2"), first)
			main := r.CommitFiles(plus(old, "net/x 1"), first)
			return github.Range{Base: branch, Head: r.CommitFiles(plus(old, "app/a 2", "net/x 1"), branch, main)}
		}, []string{"net/x"}, "compare"},
		{"merge of a branch into main", func(r *githubtest.Repo, first string) github.Range {
			branch := r.CommitFiles(plus(old, "app/a 2"), first)
			main := r.CommitFiles(plus(old, "net/x 1"), first)
			return github.Range{Base: main, Head: r.CommitFiles(plus(old, "app/a 2", "net/x 1"), main, branch)}
		}, []string{"app/a"}, "compare"},
		{"299 files", func(r *githubtest.Repo, first string) github.Range {
			return github.Range{Base: first, Head: r.CommitFiles(plus(old, lines299...), first)}
		}, paths299, "compare"},
		{"300 files", func(r *githubtest.Repo, first string) github.Range {
			return github.Range{Base: first, Head: r.CommitFiles(plus(old, append(lines299, "zz/z 1")...), first)}
		}, append(slices.Clone(paths299), "zz/z"), "compare trees trees"},
		{"301 files", func(r *githubtest.Repo, first string) github.Range {
			return github.Range{Base: first, Head: r.CommitFiles(plus(old, lines301...), first)}
		}, paths301, "compare trees trees"},
		{"many commits", func(r *githubtest.Repo, first string) github.Range {
			head := first
			for i := range 5 {
				head = r.CommitFiles(plus(old, lines299[:i+1]...), head)
			}
			return github.Range{Base: first, Head: head}
		}, paths299[:5], "compare"},
		{"first push", func(_ *githubtest.Repo, first string) github.Range {
			return github.Range{Head: first}
		}, []string{"app/a", "app/b"}, "trees"},
		{"first push with a submodule and a link", func(r *githubtest.Repo, _ string) github.Range {
			return github.Range{Head: r.CommitFiles(tree("d/s 160000 "+nobodysCommit, "d/l 120000 x"))}
		}, []string{"d/l", "d/s"}, "trees"},
		{"new branch", func(r *githubtest.Repo, first string) github.Range {
			r.Branch("main", r.CommitFiles(plus(old, "net/x 1"), first)) // main went on
			return github.Range{Base: "refs/heads/main", Head: r.CommitFiles(plus(old, "app/a 2"), first), FromMergeBase: true}
		}, []string{"app/a"}, "compare ref"},
		{"new branch beside one whose name has a slash", func(r *githubtest.Repo, first string) github.Range {
			r.Branch("release/v1", r.CommitFiles(plus(old, "net/x 1"), first))
			r.Tag("release/v1", first)
			return github.Range{Base: "refs/heads/release/v1", Head: r.CommitFiles(plus(old, "app/a 2"), first), FromMergeBase: true}
		}, []string{"app/a"}, "compare ref"},
		{"new branch and the id of main", func(r *githubtest.Repo, first string) github.Range {
			main := r.CommitFiles(plus(old, "net/x 1"), first)
			return github.Range{Base: main, Head: r.CommitFiles(plus(old, "app/a 2"), first), FromMergeBase: true}
		}, []string{"app/a"}, "compare"},
		{"new branch without a commit of its own", func(_ *githubtest.Repo, first string) github.Range {
			return github.Range{Base: "refs/heads/main", Head: first, FromMergeBase: true}
		}, nil, "compare ref"},
		{"new branch with 301 files", func(r *githubtest.Repo, first string) github.Range {
			r.Branch("main", r.CommitFiles(plus(old, "net/x 1"), first))
			return github.Range{Base: "refs/heads/main", Head: r.CommitFiles(plus(old, lines301...), first), FromMergeBase: true}
		}, paths301, "compare ref trees trees"},
		{"new branch that has nothing in common", func(r *githubtest.Repo, _ string) github.Range {
			return github.Range{Base: "refs/heads/main", Head: r.CommitFiles(tree("app/a 1", "docs/x 1")), FromMergeBase: true}
		}, []string{"app/a", "docs/x"}, "compare ref trees trees"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := githubtest.New(t)
			r := s.Repo("acme/widgets")
			first := r.CommitFiles(old)
			r.Branch("main", first)
			g := test.build(r, first)
			c, _ := newClient(t, s, token)
			wantChanged(t, c, g, test.want)
			if got := askedFor(s); got != test.requests {
				t.Errorf("asked %s, want %s", got, test.requests)
			}
		})
	}
}
