package github_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/pin"
)

func TestChangedNames(t *testing.T) {
	t.Parallel()
	s := githubtest.New(t)
	c, _ := newClient(t, s, token)
	good := strings.Repeat("1", 40)
	for _, g := range []github.Range{
		{Base: good}, {Head: "main", Base: good}, {Head: good[:39], Base: good}, {Head: "../" + good[3:]}, {Head: strings.Repeat("A", 40)},
		{Head: good + "/x"}, {Base: "main", Head: good}, {Base: good[:7], Head: good}, {Base: good + "..." + good, Head: good},
		{Base: "refs/heads/main", Head: good}, {Base: "main", Head: good, FromMergeBase: true}, {Base: "refs/tags/v1", Head: good, FromMergeBase: true},
		{Base: "refs/heads/", Head: good, FromMergeBase: true}, {Base: "refs/heads/../main", Head: good, FromMergeBase: true},
		{Base: "refs/heads/a..b", Head: good, FromMergeBase: true}, {Base: "HEAD", Head: good, FromMergeBase: true},
	} {
		got, err := c.Changed(t.Context(), widgets, g)
		wantError(t, err, "cannot be the name of", "correct the name")
		if got != nil {
			t.Errorf("%+v: %q", g, got)
		}
	}
	for _, r := range []pin.Repository{{Owner: "acme", Name: ".."}, {Owner: "acme/x", Name: "widgets"}, {}} {
		_, err := c.Changed(t.Context(), r, github.Range{Base: good, Head: good})
		wantError(t, err, "cannot be the name of", "correct the name")
	}
	if n := len(s.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// What is not there has not changed nothing.
func TestChangedAbsent(t *testing.T) {
	t.Parallel()
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	s.Private("acme/secrets")
	head := r.Head("main")
	for _, test := range []struct {
		repository string
		g          github.Range
		says       string
	}{
		{"widgets", github.Range{Base: nobodysCommit, Head: head}, "acme/widgets has no commit " + nobodysCommit},
		{"widgets", github.Range{Base: head, Head: nobodysCommit}, "acme/widgets has no commit " + nobodysCommit},
		{"widgets", github.Range{Head: nobodysCommit}, "acme/widgets has no commit " + nobodysCommit},
		{"widgets", github.Range{Base: nobodysCommit, Head: head, FromMergeBase: true}, "acme/widgets has no commit " + nobodysCommit},
		{"widgets", github.Range{Base: "refs/heads/main", Head: nobodysCommit, FromMergeBase: true}, "acme/widgets has no commit " + nobodysCommit},
		{"widgets", github.Range{Base: "refs/heads/next", Head: head, FromMergeBase: true}, "acme/widgets has no branch next"},
		{"secrets", github.Range{Base: head, Head: head}, "acme/secrets has no commit " + head},
		{"gone", github.Range{Head: head}, "acme/gone has no commit " + head},
	} {
		c, _ := newClient(t, s, token)
		got, err := c.Changed(t.Context(), pin.Repository{Owner: "acme", Name: test.repository}, test.g)
		wantError(t, err, test.says+", or the token may not see it", "--stack")
		if got != nil {
			t.Errorf("%+v: %q", test.g, got)
		}
	}
}

// What has GitHub's form in part only decides nothing.
func TestChangedForms(t *testing.T) {
	t.Parallel()
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	base := r.CommitFiles(tree("a 1"), r.Head("main"))
	head := r.CommitFiles(tree("a 2"), base)
	compared := func(files string) string {
		return fmt.Sprintf(`{"status":"ahead","base_commit":{"sha":%q},"merge_base_commit":{"sha":%q},"files":%s}`, base, base, files)
	}
	listed := func(entry string) string { return `{"sha":"x","truncated":false,"tree":[` + entry + `]}` }
	entry := func(path, mode, sha string) string {
		return listed(fmt.Sprintf(`{"path":%q,"mode":%q,"type":"blob","sha":%q}`, path, mode, sha))
	}
	const form, list = "another form than GitHub's", "has more files at"
	for _, test := range []struct{ path, body, says string }{
		{"/compare/", `{}`, form},
		{"/compare/", `[]`, form},
		{"/compare/", `null`, "no JSON"},
		{"/compare/", strings.Replace(compared("[]"), base, head, 1), form},
		{"/compare/", strings.Replace(compared("[]"), base, "main", 2), form},
		{"/compare/", fmt.Sprintf(`{"base_commit":{"sha":%q},"merge_base_commit":{"sha":"main"},"files":[]}`, base), form},
		{"/compare/", fmt.Sprintf(`{"base_commit":{"sha":%q},"files":[]}`, base), form},
		{"/compare/", compared(`{}`), form},
		{"/compare/", compared(`[{}]`), form},
		{"/compare/", compared(`[null]`), form},
		{"/compare/", compared(`[{"filename":"b","status":"renamed"}]`), form},
		{"/compare/", compared(`[]`), ""},
		{"/git/trees/", `{}`, form},
		{"/git/trees/", `{"sha":"x","tree":[]}`, form},
		{"/git/trees/", entry("", "100644", base), form},
		{"/git/trees/", entry("a", "", base), form},
		{"/git/trees/", entry("a", "100644", "x"), form},
		{"/git/trees/", entry("a", "100644", base), ""},
		{"/git/trees/", strings.Replace(entry("a", "100644", base), "false", "true", 1), list},
	} {
		s.Fault(func(_ int, q *http.Request, _ []byte) *githubtest.Fault {
			if strings.Contains(q.URL.Path, test.path) {
				return &githubtest.Fault{Status: http.StatusOK, Body: test.body}
			}
			return nil
		})
		c, _ := newClient(t, s, token)
		g := github.Range{Base: base, Head: head}
		if test.path == "/git/trees/" {
			g.Base = ""
		}
		got, err := c.Changed(t.Context(), widgets, g)
		if test.says == "" {
			if err != nil {
				t.Errorf("%s: %v", test.body, err)
			}
			continue
		}
		if got != nil {
			t.Errorf("%s: %q", test.body, got)
		}
		wantError(t, err, test.says, map[bool]string{true: "name the stacks with --stack"}[test.says == list])
	}
}

// An answer without files does not say that there are none.
func TestChangedFilesAbsent(t *testing.T) {
	t.Parallel()
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	base := r.CommitFiles(tree("a 1"), r.Head("main"))
	head := r.CommitFiles(tree("a 2"), base)
	for _, rest := range []string{"", `,"files":null`} {
		s.Fault(func(_ int, q *http.Request, _ []byte) *githubtest.Fault {
			if strings.Contains(q.URL.Path, "/compare/") {
				return &githubtest.Fault{Body: fmt.Sprintf(`{"base_commit":{"sha":%q},"merge_base_commit":{"sha":%q}%s}`, base, base, rest)}
			}
			return nil
		})
		c, _ := newClient(t, s, token)
		wantChanged(t, c, github.Range{Base: base, Head: head}, []string{"a"})
	}
}

func TestChangedFaults(t *testing.T) {
	t.Parallel()
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	base := r.CommitFiles(tree("a 1"), r.Head("main"))
	dropped := r.CommitFiles(tree("a 3"), r.Head("main"))
	head := r.CommitFiles(tree("a 2"), base)
	for _, g := range []github.Range{{Base: base, Head: head}, {Base: dropped, Head: head}, {Head: head}, {Base: "refs/heads/main", Head: head, FromMergeBase: true}} {
		s.Fault(first(2, &githubtest.Fault{Status: http.StatusBadGateway}))
		c, slept := newClient(t, s, token)
		wantChanged(t, c, g, []string{"a"})
		if slept.total() == 0 {
			t.Errorf("%+v: nothing was waited", g)
		}
		for status, says := range map[int]string{http.StatusInternalServerError: "answered 500", http.StatusForbidden: "answered 403", http.StatusNotFound: "answered 404"} {
			s.Fault(always(&githubtest.Fault{Status: status}))
			c, _ := newClient(t, s, token)
			got, err := c.Changed(t.Context(), widgets, g)
			wantError(t, err, says, "")
			if got != nil {
				t.Errorf("%+v: %q", g, got)
			}
		}
	}
}
