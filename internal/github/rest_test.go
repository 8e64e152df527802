package github_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/pin"
)

// at answers one path of the REST API with a text and the others from the model.
func at(path, body string) func(int, *http.Request, []byte) *githubtest.Fault {
	return func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
		if strings.HasSuffix(r.URL.Path, "/repos/acme/widgets"+path) {
			return &githubtest.Fault{Body: body}
		}
		return nil
	}
}

// Servers have answered for a name with refs that only begin so.
func TestRESTOtherRef(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	ref := func(name string) string {
		return `{"ref":"` + name + `","node_id":"x","url":"x","object":{"type":"commit","sha":"` + r.Head("main") + `","url":"x"}}`
	}
	for _, other := range []string{"refs/tags/v1.0.0", "refs/heads/v1", "refs/tags/V1"} {
		s.Fault(at("/git/ref/tags/v1", ref(other)))
		c, _ := newClient(t, s, "")
		if got := resolve(t, c, pin.Question{Repository: widgets, Tag: "v1"}); got.Tag != nil {
			t.Errorf("%s: %+v", other, got.Tag)
		}
	}
	s.Fault(at("/git/ref/tags/v1", "["+ref("refs/tags/v1.0.0")+"]"))
	c, _ := newClient(t, s, "")
	_, err := c.Resolve(t.Context(), []pin.Question{{Repository: widgets, Tag: "v1"}})
	wantError(t, err, "another form than GitHub's", "")
}

// What has GitHub's form in part only decides nothing.
func TestRESTForms(t *testing.T) {
	for path, bodies := range map[string][]string{
		"":                            {`{}`, `{"id":1}`, `{"id":1,"owner":{"id":2},"default_branch":"a..b"}`, `[]`},
		"/git/ref/tags/v1":            {`{}`, `{"ref":"refs/tags/v1"}`, `{"ref":"refs/tags/v1","object":{"type":"commit","sha":"main"}}`},
		"/branches":                   {`{}`, `null`, ``, `[{}]`, `[{"name":"a b","commit":{"sha":"` + nobodysCommit + `"}}]`},
		"/tags":                       {`{}`, `null`, ``},
		"/releases":                   {`{}`, `null`, ``, `"x"`},
		"/git/matching-refs/tags/v1.": {`{}`, `null`, ``, `[{"ref":"refs/tags/v1.0","object":{}}]`},
		"/compare/":                   {`{}`, `{"status":"sideways"}`},
		"/git/commits/":               {`{}`},
		"/git/tags/":                  {`{}`, `{"sha":"` + nobodysCommit + `"}`},
	} {
		for _, body := range bodies {
			t.Run(path+" "+body, func(t *testing.T) {
				s := githubtest.New(t)
				r := s.Repo("acme/widgets")
				fork := r.ForkCommit(r.Head("main"))
				object := r.AnnotatedTag("v1", fork)
				at := at(path, body)
				if strings.HasSuffix(path, "/") && path != "" {
					at = func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
						if strings.Contains(r.URL.Path, path) {
							return &githubtest.Fault{Body: body}
						}
						return nil
					}
				}
				s.Fault(func(n int, r *http.Request, b []byte) *githubtest.Fault {
					f := at(n, r, b)
					if f != nil {
						f.Status = http.StatusOK // an empty body too is an answer
					}
					return f
				})
				c, _ := newClient(t, s, "")
				_, err := c.Resolve(t.Context(), []pin.Question{{Repository: widgets, Tag: "v1", Series: "v1.", Commit: fork, IDs: true}})
				if err == nil {
					_, err = c.Holders(t.Context(), []pin.Commit{{Repository: widgets, SHA: fork}, {Repository: widgets, SHA: object}})
				}
				if err == nil {
					_, err = c.Versions(t.Context(), []pin.Repository{widgets})
				}
				wantError(t, err, "the answer is no JSON", "")
			})
		}
	}
}

// A digest is what it is itself, not what the server makes of it.
func TestRESTDigests(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	fork := r.ForkCommit(r.Head("main"))
	object := r.AnnotatedTag("v1", r.Head("main"))
	c, _ := newClient(t, s, "")
	s.Fault(at("/git/commits/"+object, `{"sha":"`+r.Head("main")+`"}`))
	if got := holder(t, c, pin.Commit{Repository: widgets, SHA: object}); got != (pin.Holder{TagObject: true}) {
		t.Errorf("%+v", got)
	}
	s.Fault(func(n int, q *http.Request, b []byte) *githubtest.Fault {
		if strings.HasSuffix(q.URL.Path, "/git/commits/"+fork) {
			return &githubtest.Fault{Status: http.StatusNotFound, Body: `{"message":"Not Found"}`}
		}
		return at("/git/tags/"+fork, `{"sha":"`+object+`","object":{"type":"commit","sha":"`+fork+`"}}`)(n, q, b)
	})
	if got := holder(t, c, pin.Commit{Repository: widgets, SHA: fork}); got != (pin.Holder{}) {
		t.Errorf("%+v", got)
	}
}

// A digest of nothing costs no search.
func TestRESTMadeUpDigest(t *testing.T) {
	s := githubtest.New(t)
	s.Repo("acme/widgets")
	c, _ := newClient(t, s, "")
	if got := holder(t, c, pin.Commit{Repository: widgets, SHA: nobodysCommit, Near: "v1"}); got != (pin.Holder{}) {
		t.Errorf("%+v", got)
	}
	if n := len(s.Requests()); n != 3 {
		t.Errorf("%d requests", n)
	}
}

// Each thing is asked once, also by several questions and calls.
func TestRESTAsksOnce(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	commit := r.Commit("main", "x")
	r.AnnotatedTag("v1.0.0", commit)
	c, _ := newClient(t, s, "")
	var questions []pin.Question
	for range 3 {
		for _, name := range []string{"widgets", "Widgets"} {
			questions = append(questions,
				pin.Question{Repository: pin.Repository{Owner: "acme", Name: name}, Tag: "v1.0.0"},
				pin.Question{Repository: pin.Repository{Owner: "acme", Name: name}, Tag: "v1.0.0", Commit: commit},
				pin.Question{Repository: pin.Repository{Owner: "acme", Name: name}, Series: "v1.", IDs: true})
		}
	}
	for range 2 {
		if _, err := c.Resolve(t.Context(), questions); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Holders(t.Context(), []pin.Commit{{Repository: widgets, SHA: commit}}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	for _, r := range s.Requests() {
		seen[strings.ToLower(r.Path)+"?"+r.Query]++
	}
	for path, n := range seen {
		if n != 1 {
			t.Errorf("%d times %s", n, path)
		}
	}
}

// Names that are no versions come last; among two that are the same the name counts.
func TestRESTSeriesOrder(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	for _, name := range []string{"v1.x", "v1.2.0", "v1.10.0", "v1.a", "v1.2", "v1.10.0-rc.1"} {
		r.Tag(name, r.Head("main"))
	}
	c, _ := newClient(t, s, "")
	var got []string
	for _, tag := range resolve(t, c, pin.Question{Repository: widgets, Series: "v1."}).Series {
		got = append(got, tag.Name)
	}
	if diff := cmp.Diff([]string{"v1.10.0", "v1.10.0-rc.1", "v1.2", "v1.2.0", "v1.a", "v1.x"}, got); diff != "" {
		t.Error(diff)
	}
}

// Without anything handed in a client waits by the clock, until its caller gives up.
func TestOwnClock(t *testing.T) {
	s := githubtest.New(t)
	s.Fault(always(&githubtest.Fault{Status: 429, Header: header("Retry-After", "50")}))
	c, err := github.New(github.Config{APIURL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = c.Versions(ctx, []pin.Repository{widgets})
	wantError(t, err, "the request was ended: context deadline exceeded", "")
}
