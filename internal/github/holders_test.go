package github_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/pin"
)

func TestHolders(t *testing.T) {
	inModes(t, func(t *testing.T, s *githubtest.Server, c *github.Client) {
		r := s.Repo("acme/widgets")
		one := r.Commit("main", "one")
		r.Commit("main", "two")
		old := r.Commit("releases/v1", "old")
		r.Commit("releases/v1", "newer")
		v4 := r.Commit("v4", "four")
		tip := r.Commit("wip", "the tip of a branch")
		detached := r.CommitOn(one, "released from a detached commit")
		annotated := r.AnnotatedTag("v2.0.0", detached)
		both := r.CommitOn(one, "tag and branch")
		r.Tag("v2.1.0", both)
		r.Branch("z", r.CommitOn(both, "on top"))
		fork := r.ForkCommit(one)
		onMain := r.AnnotatedTag("v0.1.0", one)
		below := r.CommitOn(one, "below a tag's commit")
		r.Tag("v2.2.0", r.CommitOn(below, "a tag's commit"))
		s.Private("acme/secret")
		for name, test := range map[string]struct {
			wanted pin.Commit
			want   pin.Holder
		}{
			"default branch":                   {pin.Commit{SHA: one}, pin.Holder{Branch: "main"}},
			"default branch and near":          {pin.Commit{SHA: one, Near: "v4"}, pin.Holder{Branch: "main"}},
			"near":                             {pin.Commit{SHA: v4, Near: "v4"}, pin.Holder{Branch: "v4"}},
			"near, not by that name":           {pin.Commit{SHA: v4, Near: "v3"}, pin.Holder{Branch: "v4"}},
			"behind a branch":                  {pin.Commit{SHA: old}, pin.Holder{Branch: "releases/v1"}},
			"tip":                              {pin.Commit{SHA: tip, Near: "v1"}, pin.Holder{Branch: "wip"}},
			"tag only":                         {pin.Commit{SHA: detached, Near: "v2"}, pin.Holder{Tag: "v2.0.0"}},
			"tag and branch":                   {pin.Commit{SHA: both}, pin.Holder{Branch: "z"}},
			"below a tag":                      {pin.Commit{SHA: below}, pin.Holder{}},
			"fork":                             {pin.Commit{SHA: fork, Near: "v1"}, pin.Holder{}},
			"nobody's":                         {pin.Commit{SHA: nobodysCommit}, pin.Holder{}},
			"tag object on the default branch": {pin.Commit{SHA: onMain, Near: "v1"}, pin.Holder{TagObject: true}},
			"tag object":                       {pin.Commit{SHA: annotated, Near: "v2"}, pin.Holder{TagObject: true}},
			"private":                          {pin.Commit{Repository: pin.Repository{Owner: "acme", Name: "secret"}, SHA: one}, pin.Holder{}},
			"no such repository":               {pin.Commit{Repository: pin.Repository{Owner: "acme", Name: "gadgets"}, SHA: one}, pin.Holder{}},
		} {
			t.Run(name, func(t *testing.T) {
				w := test.wanted
				if w.Repository == (pin.Repository{}) {
					w.Repository = widgets
				}
				if diff := cmp.Diff(test.want, holder(t, c, w)); diff != "" {
					t.Error(diff)
				}
			})
		}
	})
}

// Most that can be asked about is decided in one request.
func TestHolderRequests(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	one := r.Commit("main", "one")
	for i := range 12 {
		r.Commit(fmt.Sprintf("branch%d", i), "x")
	}
	detached := r.CommitOn(one, "detached")
	r.Tag("v1.0.0", detached)
	for name, sha := range map[string]string{
		"default": one, "a branch": r.Head("branch11"), "a tag": detached, "a fork": r.ForkCommit(one), "nobody": nobodysCommit,
	} {
		for _, near := range []string{"", "v1"} {
			c, _ := newClient(t, s, token)
			s.ResetRequests()
			holder(t, c, pin.Commit{Repository: widgets, SHA: sha, Near: near})
			if n := len(s.Requests()); n != 1 {
				t.Errorf("%s, near %q: %d requests", name, near, n)
			}
		}
	}
}

// Many commits of many repositories share requests.
func TestHoldersTogether(t *testing.T) {
	inModes(t, func(t *testing.T, s *githubtest.Server, c *github.Client) {
		var wanted []pin.Commit
		var want []pin.Holder
		for i := range 40 {
			name := fmt.Sprintf("repo%d", i%20)
			r := s.Repo("acme/" + name)
			w := pin.Commit{Repository: pin.Repository{Owner: "acme", Name: name}, Near: "v4"}
			var h pin.Holder
			switch i % 4 {
			case 0:
				w.SHA, h.Branch = r.Commit("v4", "x"), "v4"
			case 1:
				w.SHA, h.Tag = r.CommitOn(r.Head("main"), "x"), fmt.Sprintf("v4.0.%d", i)
				r.Tag(h.Tag, w.SHA)
			case 2:
				w.SHA = r.ForkCommit(r.Head("main"))
			case 3:
				w.SHA, h.Branch = r.Commit("other", "x"), "other"
			}
			wanted, want = append(wanted, w, w), append(want, h, h)
		}
		s.ResetRequests()
		got, err := c.Holders(t.Context(), wanted)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		graphQL := 0
		for _, r := range s.Requests() {
			if r.GraphQL {
				graphQL++
			}
		}
		if graphQL > 40 {
			t.Errorf("%d requests for 40 commits", graphQL)
		}
	})
}

// Commits near their versions' branches cost a request for four of them.
func TestHoldersNear(t *testing.T) {
	s := githubtest.New(t)
	var wanted []pin.Commit
	for i := range 20 {
		name := fmt.Sprintf("repo%d", i)
		wanted = append(wanted, pin.Commit{
			Repository: pin.Repository{Owner: "acme", Name: name}, SHA: s.Repo("acme/"+name).Commit("v4", "x"), Near: "v4",
		})
	}
	c, _ := newClient(t, s, token)
	got, err := c.Holders(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range got {
		if h.Branch != "v4" {
			t.Errorf("%d: %+v", i, h)
		}
	}
	if n := len(s.Requests()); n != 5 {
		t.Errorf("%d requests", n)
	}
	for _, r := range s.Requests() {
		if n := strings.Count(r.Body, "compare("); n > 50 {
			t.Errorf("%d comparisons in the text of a request", n)
		}
	}
}

// Commits that no branch holds cost less than a request each.
func TestHoldersByTag(t *testing.T) {
	s := githubtest.New(t)
	var wanted []pin.Commit
	for i := range 20 {
		name := fmt.Sprintf("repo%d", i)
		r := s.Repo("acme/" + name)
		w := pin.Commit{Repository: pin.Repository{Owner: "acme", Name: name}, SHA: r.CommitOn(r.Head("main"), "x"), Near: "v4"}
		r.Tag("v4.0.0", w.SHA)
		wanted = append(wanted, w)
	}
	c, _ := newClient(t, s, token)
	got, err := c.Holders(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range got {
		if h != (pin.Holder{Tag: "v4.0.0"}) {
			t.Errorf("%d: %+v", i, h)
		}
	}
	// Four of them in a request for branches nearby, three in one for all others
	// and the tags.
	if n := len(s.Requests()); n != 5+7 {
		t.Errorf("%d requests", n)
	}
}

// A bad digest in a large repository costs a bounded number of requests, and the
// answer says that not all was asked.
func TestHoldersBound(t *testing.T) {
	build := func(t *testing.T, branches, tags int) (*githubtest.Server, *githubtest.Repo, string) {
		s := githubtest.New(t)
		r := s.Repo("acme/widgets")
		root := r.Head("main")
		for i := range branches {
			r.Branch(fmt.Sprintf("b%04d", i), r.CommitOn(root, fmt.Sprint(i)))
		}
		for i := range tags {
			r.Tag(fmt.Sprintf("t%d", i), root)
		}
		return s, r, r.ForkCommit(root)
	}
	for _, test := range []struct {
		branches, tags int
		partial        bool
		most           int
	}{
		{499, 500, false, 15}, // with main
		{500, 1, true, 11},
		{1, 501, true, 5},
	} {
		t.Run(fmt.Sprint(test.branches, " ", test.tags), func(t *testing.T) {
			s, r, bad := build(t, test.branches, test.tags)
			c, _ := newClient(t, s, token)
			if got := holder(t, c, pin.Commit{Repository: widgets, SHA: bad, Near: "v1"}); got != (pin.Holder{Partial: test.partial}) {
				t.Errorf("%+v", got)
			}
			if n := len(s.Requests()); n > test.most {
				t.Errorf("%d requests", n)
			}
			// What is found is found for certain.
			name := fmt.Sprintf("b%04d", test.branches-10)
			if test.branches < 10 {
				name = "main"
			}
			if got := holder(t, c, pin.Commit{Repository: widgets, SHA: r.Head(name)}); got != (pin.Holder{Branch: name}) {
				t.Errorf("%+v", got)
			}
		})
	}
	t.Run("REST", func(t *testing.T) {
		s, _, bad := build(t, 120, 1)
		c, _ := newClient(t, s, "")
		if got := holder(t, c, pin.Commit{Repository: widgets, SHA: bad, Near: "v1"}); got != (pin.Holder{Partial: true}) {
			t.Errorf("%+v", got)
		}
		if n := len(s.Requests()); n > 60 {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("a tag in spite of many branches", func(t *testing.T) {
		s, r, bad := build(t, 600, 0)
		r.Tag("v1", bad)
		for _, m := range []mode{viaGraphQL, viaREST} {
			c, _ := newClient(t, s, m.token)
			if got := holder(t, c, pin.Commit{Repository: widgets, SHA: bad}); got != (pin.Holder{Tag: "v1", Partial: true}) {
				t.Errorf("%s: %+v", m.name, got)
			}
		}
	})
}

// Commits of one repository share the pages of its branches, and each is found
// where it is.
func TestHoldersShared(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	var wanted []pin.Commit
	var want []pin.Holder
	for i := range 90 {
		name := fmt.Sprintf("b%02d", i)
		r.Branch(name, r.CommitOn(r.Head("main"), name))
		if i%9 == 0 {
			wanted = append(wanted, pin.Commit{Repository: widgets, SHA: r.Head(name)})
			want = append(want, pin.Holder{Branch: name})
		}
	}
	r.Tag("v1.0.0", r.Head("b81")) // seen before that branch, and of less weight
	wanted, want = append(wanted, pin.Commit{Repository: widgets, SHA: r.ForkCommit(r.Head("main"))}), append(want, pin.Holder{})
	c, _ := newClient(t, s, token)
	got, err := c.Holders(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// 91 branches and 11 commits, 50 comparisons a request, and a first one.
	if n := len(s.Requests()); n > 1+91*11/50+1 {
		t.Errorf("%d requests", n)
	}
}

// An orphan branch has no ancestor in common with the commit.
func TestHoldersOrphan(t *testing.T) {
	answers := []string{
		`{"data":{"r0":{"__typename":"Repository","o0":{"__typename":"Commit","oid":"` + nobodysCommit + `"},` +
			`"defaultBranchRef":{"name":"main","c0":null},` +
			`"h":{"nodes":[{"prefix":"refs/heads/","name":"gh-pages","c0":null},{"prefix":"refs/heads/","name":"v1","c0":{"status":"BEHIND"}}],"pageInfo":{"hasNextPage":false,"endCursor":null}},` +
			`"t":{"nodes":[],"pageInfo":{"hasNextPage":false,"endCursor":null}}}}`,
		`,"errors":[{"path":["r0","h","nodes",0,"c0"],"message":"No common ancestor between gh-pages and ` + nobodysCommit + `."}]}`,
	}
	for _, body := range []string{answers[0] + "}", answers[0] + answers[1]} {
		s := githubtest.New(t)
		s.Fault(always(&githubtest.Fault{Body: body}))
		c, _ := newClient(t, s, token)
		if got := holder(t, c, pin.Commit{Repository: widgets, SHA: nobodysCommit}); got.Branch != "v1" {
			t.Errorf("%+v", got)
		}
	}
}
