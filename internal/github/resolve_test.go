package github_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/pin"
)

const nobodysCommit = "0123456789abcdef0123456789abcdef01234567"

func TestResolve(t *testing.T) {
	inModes(t, func(t *testing.T, s *githubtest.Server, c *github.Client) {
		r := s.Repo("acme/widgets")
		one := r.Commit("main", "one")
		two := r.Commit("main", "two")
		side := r.Commit("releases/v5", "side")
		fork := r.ForkCommit(one)
		r.Tag("v1.0.0", one)
		annotated := r.AnnotatedTag("v4.0.0", one)
		outer := r.AnnotatedTag("v4.0.1", annotated)
		r.Tag("v4.1.0", two)
		r.Tag("v40.0.0", two)
		r.Tag("x-v4.9.9", two)
		r.Tag("release/v9", two)
		r.Branch("v7", one)
		r.Branch("refs/tags/v8", side) // a short name that reads like a full one
		r.Branch("v4.1.0", one)        // a branch of a tag's name
		s.Private("acme/secret")
		ask := func(q pin.Question) pin.Question {
			if q.Repository == (pin.Repository{}) {
				q.Repository = widgets
			}
			return q
		}
		series := []pin.Tag{
			{Name: "v4.1.0", Commit: two},
			{Name: "v4.0.1", Commit: one, Object: outer},
			{Name: "v4.0.0", Commit: one, Object: annotated},
		}
		for name, test := range map[string]struct {
			question pin.Question
			want     pin.Answer
		}{
			"lightweight tag":           {pin.Question{Tag: "v1.0.0"}, pin.Answer{Tag: &pin.Tag{Name: "v1.0.0", Commit: one}}},
			"annotated tag":             {pin.Question{Tag: "v4.0.0"}, pin.Answer{Tag: &pin.Tag{Name: "v4.0.0", Commit: one, Object: annotated}}},
			"tag of a tag":              {pin.Question{Tag: "v4.0.1"}, pin.Answer{Tag: &pin.Tag{Name: "v4.0.1", Commit: one, Object: outer}}},
			"slashes":                   {pin.Question{Tag: "release/v9"}, pin.Answer{Tag: &pin.Tag{Name: "release/v9", Commit: two}}},
			"branch of the same name":   {pin.Question{Tag: "v4.1.0"}, pin.Answer{Tag: &pin.Tag{Name: "v4.1.0", Commit: two}}},
			"branch only":               {pin.Question{Tag: "v7"}, pin.Answer{Branch: true}},
			"branch with a long name":   {pin.Question{Tag: "v8"}, pin.Answer{}},
			"no such tag":               {pin.Question{Tag: "v4"}, pin.Answer{}},
			"another case":              {pin.Question{Tag: "V1.0.0"}, pin.Answer{}},
			"no such repository":        {pin.Question{Repository: pin.Repository{Owner: "acme", Name: "gadgets"}, Tag: "v1.0.0"}, pin.Answer{NoRepository: true}},
			"private repository":        {pin.Question{Repository: pin.Repository{Owner: "acme", Name: "secret"}, Tag: "v1", IDs: true}, pin.Answer{NoRepository: true}},
			"another way to write it":   {pin.Question{Repository: pin.Repository{Owner: "ACME", Name: "Widgets"}, Tag: "v1.0.0"}, pin.Answer{Tag: &pin.Tag{Name: "v1.0.0", Commit: one}}},
			"series":                    {pin.Question{Tag: "v4.1.0", Series: "v4."}, pin.Answer{Tag: &pin.Tag{Name: "v4.1.0", Commit: two}, Series: series}},
			"empty series":              {pin.Question{Series: "v3."}, pin.Answer{}},
			"held by the default":       {pin.Question{Commit: one}, pin.Answer{OnDefault: true}},
			"head of the default":       {pin.Question{Commit: two}, pin.Answer{OnDefault: true}},
			"held by another branch":    {pin.Question{Commit: side}, pin.Answer{}},
			"in a fork":                 {pin.Question{Commit: fork}, pin.Answer{}},
			"nobody's":                  {pin.Question{Commit: nobodysCommit}, pin.Answer{}},
			"a tag object as a commit":  {pin.Question{Commit: annotated}, pin.Answer{}},
			"ids":                       {pin.Question{IDs: true}, pin.Answer{RepositoryID: r.ID(), OwnerID: r.OwnerID()}},
			"nothing":                   {pin.Question{}, pin.Answer{}},
			"nothing of no repository":  {pin.Question{Repository: pin.Repository{Owner: "acme", Name: "gadgets"}}, pin.Answer{NoRepository: true}},
			"everything":                {pin.Question{Tag: "v4.1.0", Series: "v4.", Commit: one, IDs: true}, pin.Answer{Tag: &pin.Tag{Name: "v4.1.0", Commit: two}, Series: series, OnDefault: true, RepositoryID: r.ID(), OwnerID: r.OwnerID()}},
			"a user's repository's ids": {pin.Question{Repository: pin.Repository{Owner: "octocat", Name: "hello"}, IDs: true}, pin.Answer{RepositoryID: s.Repo("octocat/hello").ID(), OwnerID: 583231}},
		} {
			t.Run(name, func(t *testing.T) {
				got := resolve(t, c, ask(test.question))
				if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Error(diff)
				}
			})
		}
	})
}

// All together, in another order than by repository, with repetitions.
func TestResolveTogether(t *testing.T) {
	inModes(t, func(t *testing.T, s *githubtest.Server, c *github.Client) {
		var questions []pin.Question
		var want []pin.Answer
		for i := range 230 {
			name := fmt.Sprintf("repo%d", i%7)
			r := s.Repo("acme/" + name)
			tag := fmt.Sprintf("v1.0.%d", i%50)
			q := pin.Question{Repository: pin.Repository{Owner: "acme", Name: name}, Tag: tag}
			commit := ""
			for j, old := range questions {
				if old.Repository == q.Repository && old.Tag == tag {
					commit = want[j].Tag.Commit
				}
			}
			if commit == "" {
				commit = r.Commit("main", tag)
				r.Tag(tag, commit)
			}
			questions = append(questions, q)
			want = append(want, pin.Answer{Tag: &pin.Tag{Name: tag, Commit: commit}})
		}
		got, err := c.Resolve(t.Context(), questions)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOneMissingRepository(t *testing.T) {
	inModes(t, func(t *testing.T, s *githubtest.Server, c *github.Client) {
		r := s.Repo("acme/widgets")
		r.Tag("v1.0.0", r.Head("main"))
		gadgets := pin.Repository{Owner: "acme", Name: "gadgets"}
		got, err := c.Resolve(t.Context(), []pin.Question{
			{Repository: gadgets, Tag: "v1.0.0"},
			{Repository: widgets, Tag: "v1.0.0"},
			{Repository: gadgets, Commit: r.Head("main")},
		})
		if err != nil {
			t.Fatal(err)
		}
		if !got[0].NoRepository || !got[2].NoRepository || got[1].Tag == nil {
			t.Errorf("%+v", got)
		}
	})
}

func TestEmptyRepository(t *testing.T) {
	inModes(t, func(t *testing.T, s *githubtest.Server, c *github.Client) {
		s.Repo("acme/widgets").Delete("refs/heads/main")
		got := resolve(t, c, pin.Question{Repository: widgets, Tag: "v1", Series: "v1.", Commit: nobodysCommit})
		if diff := cmp.Diff(pin.Answer{}, got, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		if got := holder(t, c, pin.Commit{Repository: widgets, SHA: nobodysCommit, Near: "v1"}); got != (pin.Holder{}) {
			t.Errorf("%+v", got)
		}
	})
}

// Tags of tags are followed as far as the bound; beyond it nothing is decided.
func TestNestedTags(t *testing.T) {
	inModes(t, func(t *testing.T, s *githubtest.Server, c *github.Client) {
		r := s.Repo("acme/widgets")
		commit := r.Head("main")
		object := commit
		for i := range 7 {
			object = r.AnnotatedTag(fmt.Sprintf("v1.0.%d", i+1), object)
		}
		if got := resolve(t, c, pin.Question{Repository: widgets, Tag: "v1.0.6"}); got.Tag == nil || got.Tag.Commit != commit {
			t.Errorf("%+v", got.Tag)
		}
		_, err := c.Resolve(t.Context(), []pin.Question{{Repository: widgets, Tag: "v1.0.7"}})
		wantError(t, err, `"v1.0.7" is not decided: it leads through more than 6 tag objects`, "name the commit")
	})
}

// 25 versions of one commit each: the first 20 are asked, and the rest only where
// the commit is not among them.
func TestSeriesPages(t *testing.T) {
	inModes(t, func(t *testing.T, s *githubtest.Server, c *github.Client) {
		r := s.Repo("acme/widgets")
		var commits []string
		for i := range 230 {
			commits = append(commits, r.Commit("main", fmt.Sprint(i)))
			tag := fmt.Sprintf("v4.0.%d", i)
			if i%2 == 0 {
				r.AnnotatedTag(tag, commits[i])
			} else {
				r.Tag(tag, commits[i])
			}
		}
		for name, test := range map[string]struct {
			question pin.Question
			enough   int
			all      bool
		}{
			"without a commit":    {pin.Question{}, 20, false},
			"newest":              {pin.Question{Commit: commits[229]}, 20, false},
			"the tag's":           {pin.Question{Tag: "v4.0.7", Commit: commits[7]}, 20, false},
			"behind the first 20": {pin.Question{Commit: commits[200]}, 30, false},
			"on the third page":   {pin.Question{Commit: commits[3]}, 227, true},
			"of no version":       {pin.Question{Commit: nobodysCommit}, 230, true},
		} {
			t.Run(name, func(t *testing.T) {
				q := test.question
				q.Repository, q.Series = widgets, "v4."
				got := resolve(t, c, q).Series
				if len(got) < test.enough || !test.all && len(got) > 130 {
					t.Fatalf("%d versions", len(got))
				}
				for i, tag := range got {
					n := 229 - i
					if tag.Name != fmt.Sprintf("v4.0.%d", n) || tag.Commit != commits[n] || (tag.Object != "") != (n%2 == 0) {
						t.Fatalf("at %d: %+v", i, tag)
					}
				}
			})
		}
	})
}

// Of so many versions not all are asked.
func TestSeriesBound(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	for i := range 700 {
		r.Tag(fmt.Sprintf("v4.0.%d", i), r.Head("main"))
	}
	old := r.Commit("main", "the oldest version has another commit")
	r.Tag("v4.0.0", old)
	c, _ := newClient(t, s, token)
	got := resolve(t, c, pin.Question{Repository: widgets, Series: "v4.", Commit: nobodysCommit})
	if len(got.Series) != 500 || len(s.Requests()) > 6 {
		t.Errorf("%d versions in %d requests", len(got.Series), len(s.Requests()))
	}
}

// Several versions and pages, asked by several questions at once.
func TestSeriesShared(t *testing.T) {
	s := githubtest.New(t)
	var questions []pin.Question
	for i := range 12 {
		name := fmt.Sprintf("acme/repo%d", i)
		r := s.Repo(name)
		for n := range 60 {
			r.Tag(fmt.Sprintf("v1.0.%d", n), r.Commit("main", "x"))
		}
		for _, commit := range []string{nobodysCommit, strings.Repeat("a", 40)} {
			questions = append(questions, pin.Question{
				Repository: pin.Repository{Owner: "acme", Name: fmt.Sprintf("repo%d", i)}, Series: "v1.", Commit: commit,
			})
		}
	}
	c, _ := newClient(t, s, token)
	got, err := c.Resolve(t.Context(), questions)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range got {
		if len(a.Series) != 60 {
			t.Errorf("%d: %d versions", i, len(a.Series))
		}
	}
	if n := len(s.Requests()); n != 1+2 {
		t.Errorf("%d requests", n)
	}
}

// What is no commit is no tag to pin, and a branch may stand in for it.
func TestTagOfNoCommit(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	c, _ := newClient(t, s, token)
	commit, err := c.Commit(t.Context(), github.Publication{
		Repository: widgets, Branch: "main", Head: r.Head("main"), Title: "a file",
		Changes: []github.Change{{Path: "README.md", Content: []byte("text\n")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const blob = "8e27be7d6154a1f68ea9160ef0e18691d20560dc" // git hash-object
	r.Tag("v1", blob)
	r.AnnotatedTag("v2", blob)
	for _, m := range []mode{viaGraphQL, viaREST} {
		c, _ := newClient(t, s, m.token)
		for _, tag := range []string{"v1", "v2"} {
			if got := resolve(t, c, pin.Question{Repository: widgets, Tag: tag, Commit: commit}); got.Tag != nil || got.Branch || !got.OnDefault {
				t.Errorf("%s %s: %+v", m.name, tag, got)
			}
		}
		if got := holder(t, c, pin.Commit{Repository: widgets, SHA: blob}); got != (pin.Holder{}) {
			t.Errorf("%s: %+v", m.name, got)
		}
	}
}

// A branch may be named like a digest that git cannot make for this repository.
func TestBranchNamedLikeADigest(t *testing.T) {
	inModes(t, func(t *testing.T, s *githubtest.Server, c *github.Client) {
		r := s.Repo("acme/widgets")
		digest := strings.Repeat("ab", 32)
		r.Branch(digest, r.Head("main"))
		if got := resolve(t, c, pin.Question{Repository: widgets, Commit: digest}); got.OnDefault {
			t.Errorf("%+v", got)
		}
		if got := holder(t, c, pin.Commit{Repository: widgets, SHA: digest, Near: digest[:7]}); got != (pin.Holder{}) {
			t.Errorf("%+v", got)
		}
	})
}

// The speed that was found possible: how many requests are needed.
func TestRequestCounts(t *testing.T) {
	build := func(t *testing.T, repos, each int) (*githubtest.Server, []pin.Question, []string) {
		s := githubtest.New(t)
		var questions []pin.Question
		var commits []string
		for i := range repos {
			name := fmt.Sprintf("repo%d", i)
			r := s.Repo("acme/" + name)
			for n := range each {
				commit := r.Commit("main", "x")
				tag := fmt.Sprintf("v4.0.%d", n)
				r.Tag(tag, commit)
				questions = append(questions, pin.Question{Repository: pin.Repository{Owner: "acme", Name: name}, Tag: tag})
				commits = append(commits, commit)
			}
		}
		return s, questions, commits
	}
	run := func(t *testing.T, s *githubtest.Server, c *github.Client, questions []pin.Question, want int) {
		t.Helper()
		s.ResetRequests()
		got, err := c.Resolve(t.Context(), questions)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range got {
			if questions[i].Tag != "" && a.Tag == nil || questions[i].Commit != "" && !a.OnDefault {
				t.Fatalf("%+v: %+v", questions[i], a)
			}
		}
		if n := len(s.Requests()); n != want {
			t.Errorf("%d requests, want %d", n, want)
		}
	}
	t.Run("100", func(t *testing.T) {
		s, tags, commits := build(t, 100, 1)
		c, _ := newClient(t, s, token)
		run(t, s, c, append(slices.Clone(tags), tags...), 1)
		onlyCommits, series, pinned := slices.Clone(tags), slices.Clone(tags), slices.Clone(tags)
		for i := range tags {
			onlyCommits[i].Tag, onlyCommits[i].Commit = "", commits[i]
			series[i].Series = "v4."
			pinned[i].Commit = commits[i]
		}
		run(t, s, c, onlyCommits, 2)
		run(t, s, c, series, 2)
		run(t, s, c, pinned, 2)
	})
	t.Run("10,000", func(t *testing.T) {
		s, tags, commits := build(t, 100, 100)
		c, _ := newClient(t, s, token)
		run(t, s, c, tags, 100)
		pinned := slices.Clone(tags)
		for i := range tags {
			pinned[i].Tag, pinned[i].Commit = "", commits[i]
		}
		run(t, s, c, pinned, 200)
	})
}
