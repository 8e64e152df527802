package github_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/pin"
)

const pins = "countersign/pins"

// publication is a change of two files on the head of main.
func publication(r *githubtest.Repo) github.Publication {
	return github.Publication{
		Repository: widgets, Branch: "main", Head: r.Head("main"),
		Changes: []github.Change{
			{Path: ".github/workflows/ci.yml", Content: []byte("on: push\r\n")},
			{Path: "README.md", Content: []byte("\ufeff# Widgets\n")},
		},
		Title: "Pin what is pulled in", Body: "| ref |\n| --- |\n",
	}
}

// onMutation calls f for each request of that mutation, and fails the request with
// what it returns.
func onMutation(name string, f func() *githubtest.Fault) func(int, *http.Request, []byte) *githubtest.Fault {
	return func(_ int, _ *http.Request, body []byte) *githubtest.Fault {
		if strings.Contains(string(body), "{"+name+"(") {
			return f()
		}
		return nil
	}
}

func mutations(s *githubtest.Server) (n int) {
	for _, r := range s.Requests() {
		if strings.Contains(r.Body, `"query":"mutation`) {
			n++
		}
	}
	return n
}

// branches are all branches but main.
func branches(t *testing.T, s *githubtest.Server) string {
	t.Helper()
	var names []string
	response, err := http.Get(s.URL() + "/repos/acme/widgets/branches?per_page=100")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var list []struct{ Name string }
	decode(t, response.Body, &list)
	for _, b := range list {
		if b.Name != "main" {
			names = append(names, b.Name)
		}
	}
	return strings.Join(names, " ")
}

func wantFiles(t *testing.T, r *githubtest.Repo, branch string, p github.Publication) {
	t.Helper()
	for _, c := range p.Changes {
		if got, ok := r.File(branch, c.Path); !ok || got != string(c.Content) {
			t.Errorf("%s on %s: %q, %t", c.Path, branch, got, ok)
		}
	}
}

func TestCommit(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	c, _ := newClient(t, s, token)
	p := publication(r)
	commit, err := c.Commit(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if commit == p.Head || commit != r.Head("main") || len(s.Requests()) != 1 {
		t.Errorf("%s, at %s, after %d requests", commit, r.Head("main"), len(s.Requests()))
	}
	wantFiles(t, r, "main", p)
	// The same again is on a head that is gone.
	_, err = c.Commit(t.Context(), p)
	wantError(t, err, "the branch main of acme/widgets has moved on", "run again")
	if r.Head("main") != commit {
		t.Error("the branch moved")
	}
}

func TestPullRequest(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	c, _ := newClient(t, s, token)
	heads := map[string]bool{}
	s.Fault(func(int, *http.Request, []byte) *githubtest.Fault {
		heads[r.Head(pins)] = true
		return nil
	})
	p := publication(r)
	publish := func(p github.Publication, wantChanged bool, wantMutations int) string {
		t.Helper()
		s.ResetRequests()
		url, changed, err := c.PullRequest(t.Context(), p, pins)
		if err != nil {
			t.Fatal(err)
		}
		if changed != wantChanged || mutations(s) != wantMutations {
			t.Errorf("changed %t with %d mutations", changed, mutations(s))
		}
		wantFiles(t, r, pins, p)
		pulls := r.PullRequests()
		last := pulls[len(pulls)-1]
		want := githubtest.PullRequest{Number: last.Number, Title: p.Title, Body: p.Body, Head: pins, Base: "main", State: "open", URL: url}
		if diff := cmp.Diff(want, last); diff != "" {
			t.Error(diff)
		}
		if got := branches(t, s); got != pins {
			t.Errorf("branches %s", got)
		}
		return url
	}
	url := publish(p, true, 4)
	first := r.Head(pins)
	publish(p, false, 0)
	if r.Head(pins) != first || r.Head("main") != p.Head {
		t.Error("a branch moved")
	}
	// A body alone.
	p.Body += "more\n"
	publish(p, true, 1)
	if r.Head(pins) != first {
		t.Error("the branch moved")
	}
	// Other content on the same head.
	p.Changes[1].Content = []byte("# Gadgets\n")
	publish(p, true, 3)
	second := r.Head(pins)
	// A new head.
	r.Commit("main", "meanwhile")
	p.Head, p.Title = r.Head("main"), "Pin more"
	if publish(p, true, 4) != url {
		t.Error("another pull request")
	}
	if n := len(r.PullRequests()); n != 1 {
		t.Errorf("%d pull requests", n)
	}
	// Somebody's commit on top is replaced.
	r.Commit(pins, "on top")
	third := r.Head(pins)
	publish(p, true, 3)
	delete(heads, "")
	delete(heads, first)
	delete(heads, second)
	delete(heads, third)
	for head := range heads {
		if _, ok := r.File(pins, "README.md"); !ok || head == p.Head {
			t.Errorf("the branch was at %s", head)
		}
	}
}

// The branch of a pull request is never without the commit that it is about.
func TestPullRequestMovesInOneStep(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	c, _ := newClient(t, s, token)
	p := publication(r)
	if _, _, err := c.PullRequest(t.Context(), p, pins); err != nil {
		t.Fatal(err)
	}
	r.Commit("main", "meanwhile")
	p.Head = r.Head("main")
	old := r.Head(pins)
	seen := map[string]bool{}
	s.Fault(func(int, *http.Request, []byte) *githubtest.Fault {
		seen[r.Head(pins)] = true
		return nil
	})
	if _, _, err := c.PullRequest(t.Context(), p, pins); err != nil {
		t.Fatal(err)
	}
	delete(seen, old)
	delete(seen, r.Head(pins))
	if len(seen) != 0 {
		t.Errorf("the branch was at %v", seen)
	}
}

// A closed pull request stays closed, and there is a new one.
func TestPullRequestClosed(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	c, _ := newClient(t, s, token)
	p := publication(r)
	if _, _, err := c.PullRequest(t.Context(), p, pins); err != nil {
		t.Fatal(err)
	}
	request, _ := http.NewRequest(http.MethodPatch, s.URL()+"/repos/acme/widgets/pulls/1", strings.NewReader(`{"state":"closed"}`))
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	_, changed, err := c.PullRequest(t.Context(), p, pins)
	if err != nil || !changed {
		t.Errorf("changed %t, %v", changed, err)
	}
	if got := r.PullRequests(); len(got) != 2 || got[0].State != "closed" || got[1].State != "open" {
		t.Errorf("%+v", got)
	}
}

// What goes wrong on the way leaves the branches as they were.
func TestPullRequestFaults(t *testing.T) {
	refused := &githubtest.Fault{GraphQLErrors: `[{"type":"FORBIDDEN","path":["x"],"message":"Resource not accessible by integration"}]`}
	for name, test := range map[string]struct {
		mutation      string
		fault         *githubtest.Fault
		says, advises string
		calls         int64 // of the mutation
	}{
		"no branch":     {"createRef", refused, "not accessible", "contents: write", 1},
		"no commit":     {"createCommitOnBranch", refused, "not accessible", "contents: write", 1},
		"no move":       {"updateRefs", refused, "not accessible", "contents: write", 2}, // with the removal
		"commit, 502":   {"createCommitOnBranch", &githubtest.Fault{Status: 502}, "it is not known whether the change was made: it answered 502", "look at the repository", 1},
		"commit, cut":   {"createCommitOnBranch", &githubtest.Fault{Cut: true}, "it is not known whether the change was made: the connection was cut", "look at the repository", 1},
		"commit, empty": {"createCommitOnBranch", &githubtest.Fault{Body: `{"data":{"createCommitOnBranch":null}}`}, "has no data", "", 1},
		"commit, none":  {"createCommitOnBranch", &githubtest.Fault{Body: `{"data":{"createCommitOnBranch":{"commit":null}}}`}, "has no commit", "", 1},
		"commit, html":  {"createCommitOnBranch", &githubtest.Fault{Body: `<html>`}, "no JSON", "", 1},
		"branch, cut":   {"createRef", &githubtest.Fault{Cut: true}, "not known", "", 1},
		"commit, 403":   {"createCommitOnBranch", &githubtest.Fault{Status: 403, Body: `{"message":"no"}`}, "answered 403", "", 1},
		"commit, saml":  {"createCommitOnBranch", &githubtest.Fault{GraphQLErrors: `[{"type":"FORBIDDEN","message":"SAML"}]`}, "SAML", "authorize the token", 1},
	} {
		for _, again := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", again), func(t *testing.T) {
				s := githubtest.New(t)
				r := s.Repo("acme/widgets")
				c, slept := newClient(t, s, token)
				p := publication(r)
				want := ""
				if again {
					if _, _, err := c.PullRequest(t.Context(), p, pins); err != nil {
						t.Fatal(err)
					}
					want = pins
					p.Changes[0].Content = []byte("other\n")
				}
				old := r.Head(pins)
				var calls atomic.Int64
				failed := false
				s.Fault(onMutation(test.mutation, func() *githubtest.Fault {
					calls.Add(1)
					if failed {
						return nil
					}
					failed = true
					return test.fault
				}))
				_, changed, err := c.PullRequest(t.Context(), p, pins)
				wantError(t, err, test.says, test.advises)
				if changed || r.Head(pins) != old || calls.Load() != test.calls || slept.total() != 0 {
					t.Errorf("changed %t, %s, %d calls, waited %v", changed, r.Head(pins), calls.Load(), slept.total())
				}
				if got := branches(t, s); got != want {
					t.Errorf("branches %q", got)
				}
			})
		}
	}
}

// Where the server did not look at a change it is sent again.
func TestPublishLimited(t *testing.T) {
	for name, fault := range map[string]*githubtest.Fault{
		"429":          {Status: 429, Header: header("Retry-After", "2")},
		"403":          {Status: 403, Body: secondary},
		"RATE_LIMITED": {GraphQLErrors: limited},
	} {
		t.Run(name, func(t *testing.T) {
			s := githubtest.New(t)
			r := s.Repo("acme/widgets")
			c, slept := newClient(t, s, token)
			s.Fault(first(1, fault))
			if _, err := c.Commit(t.Context(), publication(r)); err != nil {
				t.Fatal(err)
			}
			if slept.total() == 0 || len(s.Requests()) != 2 {
				t.Errorf("waited %v, %d requests", slept.total(), len(s.Requests()))
			}
		})
	}
}

// Others change the repository meanwhile.
func TestPublishRaces(t *testing.T) {
	t.Run("the base moved before", func(t *testing.T) {
		s := githubtest.New(t)
		r := s.Repo("acme/widgets")
		c, _ := newClient(t, s, token)
		p := publication(r)
		r.Commit("main", "meanwhile")
		_, _, err := c.PullRequest(t.Context(), p, pins)
		wantError(t, err, "the branch main of acme/widgets has moved on", "run again")
		if mutations(s) != 0 {
			t.Error("something was changed")
		}
		_, err = c.Commit(t.Context(), p)
		wantError(t, err, "has moved on", "")
		p.Branch = "gone"
		_, _, err = c.PullRequest(t.Context(), p, pins)
		wantError(t, err, "the branch gone of acme/widgets has moved on", "")
	})
	t.Run("the branch moves", func(t *testing.T) {
		for _, exists := range []bool{false, true} {
			s := githubtest.New(t)
			r := s.Repo("acme/widgets")
			if exists {
				r.Commit(pins, "an old one")
			}
			c, _ := newClient(t, s, token)
			theirs := ""
			s.Fault(onMutation("updateRefs", func() *githubtest.Fault {
				if theirs == "" {
					theirs = r.Commit(pins, "theirs")
				}
				return nil
			}))
			_, _, err := c.PullRequest(t.Context(), publication(r), pins)
			wantError(t, err, "the branch "+pins+" of acme/widgets was changed meanwhile", "run again")
			if r.Head(pins) != theirs || branches(t, s) != pins || len(r.PullRequests()) != 0 {
				t.Errorf("%s, %s, %+v", r.Head(pins), branches(t, s), r.PullRequests())
			}
		}
	})
	t.Run("the same pull request is opened", func(t *testing.T) {
		s := githubtest.New(t)
		r := s.Repo("acme/widgets")
		c, _ := newClient(t, s, token)
		p := publication(r)
		var url string
		other := false
		s.Fault(onMutation("createPullRequest", func() *githubtest.Fault {
			if !other {
				other = true
				c, _ := newClient(t, s, token)
				var err error
				if url, _, err = c.PullRequest(context.Background(), p, pins); err != nil {
					t.Error(err)
				}
			}
			return nil
		}))
		got, changed, err := c.PullRequest(t.Context(), p, pins)
		if err != nil || !changed || got != url || len(r.PullRequests()) != 1 {
			t.Errorf("%q, %t, %v; %+v", got, changed, err, r.PullRequests())
		}
	})
	t.Run("a fork has a pull request of that name", func(t *testing.T) {
		s := githubtest.New(t)
		r := s.Repo("acme/widgets")
		c, _ := newClient(t, s, token)
		p := publication(r)
		id := fmt.Sprintf("R_%d", r.ID())
		s.Fault(first(1, &githubtest.Fault{Body: `{"data":{"r0":{"__typename":"Repository","id":"` + id + `","base":{"prefix":"refs/heads/","name":"main","target":{"__typename":"Commit","oid":"` + p.Head + `"}},"branch":null,` +
			`"pullRequests":{"nodes":[{"id":"PR_1","url":"https://evil.invalid","title":"x","body":"","isCrossRepository":true}],"pageInfo":{"hasNextPage":false,"endCursor":null}}}}}`}))
		url, _, err := c.PullRequest(t.Context(), p, pins)
		if err != nil || len(r.PullRequests()) != 1 || url != r.PullRequests()[0].URL {
			t.Errorf("%q, %v, %+v", url, err, r.PullRequests())
		}
	})
}

// What cannot be published is refused before anything is asked.
func TestBadPublications(t *testing.T) {
	good := github.Publication{
		Repository: widgets, Branch: "main", Head: nobodysCommit, Title: "x", Changes: []github.Change{{Path: "x", Content: nil}},
	}
	for name, test := range map[string]struct {
		change func(*github.Publication)
		branch string
	}{
		"owner":       {func(p *github.Publication) { p.Repository.Owner = ".." }, pins},
		"branch":      {func(p *github.Publication) { p.Branch = "a..b" }, pins},
		"head":        {func(p *github.Publication) { p.Head = "main" }, pins},
		"no change":   {func(p *github.Publication) { p.Changes = nil }, pins},
		"title":       {func(p *github.Publication) { p.Title = " \n" }, pins},
		"up":          {func(p *github.Publication) { p.Changes[0].Path = "a/../../b" }, pins},
		"not clean":   {func(p *github.Publication) { p.Changes[0].Path = "a//b" }, pins},
		"from root":   {func(p *github.Publication) { p.Changes[0].Path = "/etc/passwd" }, pins},
		"no path":     {func(p *github.Publication) { p.Changes[0].Path = "" }, pins},
		"git's":       {func(p *github.Publication) { p.Changes[0].Path = "a/.Git/config" }, pins},
		"NUL":         {func(p *github.Publication) { p.Changes[0].Path = "a\x00b" }, pins},
		"twice":       {func(p *github.Publication) { p.Changes = append(p.Changes, p.Changes[0]) }, pins},
		"same branch": {func(*github.Publication) {}, "main"},
		"bad branch":  {func(*github.Publication) {}, "a b"},
	} {
		t.Run(name, func(t *testing.T) {
			c := silent(t, token)
			p := good
			p.Changes = []github.Change{good.Changes[0]}
			test.change(&p)
			if _, _, err := c.PullRequest(t.Context(), p, test.branch); err == nil {
				t.Error("taken")
			}
			if test.branch != pins {
				return
			}
			if _, err := c.Commit(t.Context(), p); err == nil {
				t.Error("taken")
			}
		})
	}
	c := silent(t, "")
	_, err := c.Commit(t.Context(), good)
	wantError(t, err, "publishing needs a token", "contents: write")
	_, _, err = c.PullRequest(t.Context(), good, pins)
	wantError(t, err, "publishing needs a token", "contents: write")
}

// Publishing has no way through REST.
func TestPublishWithoutGraphQL(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	viaOld.setUp(s)
	c, _ := newClient(t, s, token)
	_, err := c.Commit(t.Context(), publication(r))
	wantError(t, err, "no GraphQL API", "GITHUB_GRAPHQL_URL")
	_, _, err = c.PullRequest(t.Context(), publication(r), pins)
	wantError(t, err, "no GraphQL API", "GITHUB_GRAPHQL_URL")
	_, _, err = c.PullRequest(t.Context(), func() github.Publication {
		p := publication(r)
		p.Repository = pin.Repository{Owner: "acme", Name: "gadgets"}
		return p
	}(), pins)
	wantError(t, err, "no GraphQL API", "")
	s.Fault(nil)
	p := publication(r)
	p.Repository.Name = "gadgets"
	_, _, err = c.PullRequest(t.Context(), p, pins)
	wantError(t, err, "acme/gadgets does not exist", "contents: write")
}
