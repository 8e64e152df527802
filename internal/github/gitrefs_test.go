package github_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/pin"
)

const aRef = "refs/countersign/2026-11-22/x"

func TestGitRefs(t *testing.T) {
	s := githubtest.New(t)
	s.SetToken(token)
	commit := s.Repo("acme/widgets").Head("main")
	c, slept := newClient(t, s, token)
	ctx := t.Context()
	object, err := c.CreateTagObject(ctx, widgets, github.TagObject{Name: "x", Message: "what\n\nit says", Commit: commit})
	if err != nil {
		t.Fatal(err)
	}
	if message, err := c.TagMessage(ctx, widgets, object); message != "what\n\nit says" || err != nil {
		t.Errorf("%q, %v", message, err)
	}
	if message, err := c.TagMessage(ctx, widgets, commit); message != "" || err != nil {
		t.Errorf("of a commit: %q, %v", message, err)
	}
	// A ref is asked for each time, before and after.
	for _, want := range []string{"", object} {
		if got, err := c.Ref(ctx, widgets, aRef); got != want || err != nil {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
		err := c.CreateRef(ctx, widgets, aRef, object)
		if (want == "") != (err == nil) || want != "" && !errors.Is(err, github.ErrRefExists) {
			t.Errorf("creating: %v", err)
		}
	}
	for _, name := range []string{aRef + "y", "refs/countersign/a", "refs/countersignal/a"} {
		if err := c.CreateRef(ctx, widgets, name, commit); err != nil {
			t.Fatal(err)
		}
	}
	names, err := c.RefsBelow(ctx, widgets, "refs/countersign/")
	if diff := cmp.Diff([]string{aRef, aRef + "y", "refs/countersign/a"}, names); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for range 2 { // that it is gone already is no error
		if err := c.DeleteRef(ctx, widgets, aRef); err != nil {
			t.Error(err)
		}
	}
	if got, err := c.Ref(ctx, widgets, aRef); got != "" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if names, err := c.RefsBelow(ctx, widgets, "refs/none/"); len(names) != 0 || err != nil {
		t.Errorf("%q, %v", names, err)
	}
	if slept.total() != 0 {
		t.Errorf("slept %v", slept.total())
	}
}

// Each change is sent once; a lost answer is told apart from all others.
func TestGitRefsAnswers(t *testing.T) {
	exists := `{"message":"Reference already exists"}`
	for _, test := range []struct {
		name         string
		fault        githubtest.Fault
		lost, exists bool
		says         string
		requests     int
	}{
		{"cut", githubtest.Fault{Cut: true}, true, false, "cut", 1},
		{"500", githubtest.Fault{Status: 500}, true, false, "500", 1},
		{"502", githubtest.Fault{Status: 502, Late: true}, true, false, "502", 1},
		{"520", githubtest.Fault{Status: 520, Body: "a proxy"}, true, false, "520", 1},
		{"201 and cut short", githubtest.Fault{Status: 201, Body: `{"ref"`}, true, false, "not whole", 1},
		{"201 and empty", githubtest.Fault{Status: 201}, true, false, "not whole", 1},
		{"201 and another", githubtest.Fault{Status: 201, Body: `{"sha":"x"}`}, true, false, "not whole", 1},
		{"200", githubtest.Fault{Status: 200, Body: `{}`}, false, false, "another form", 1},
		{"202", githubtest.Fault{Status: 202, Body: `{}`}, false, false, "", 1},
		{"404", githubtest.Fault{Status: 404, Body: `{"message":"Not Found"}`}, false, false, "404", 1},
		{"409", githubtest.Fault{Status: 409, Body: exists}, false, false, "409", 1},
		{"exists", githubtest.Fault{Status: 422, Body: exists}, false, true, "exists", 1},
		{"exists, and more", githubtest.Fault{Status: 422, Body: `{"message":"Reference already exists "}`}, false, false, "422", 1},
		{"exists, in an array", githubtest.Fault{Status: 422, Body: `{"message":"Validation Failed","errors":[` + exists + `]}`}, false, false, "422", 1},
		{"429", githubtest.Fault{Status: 429}, false, false, "limits", 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := githubtest.New(t)
			commit := s.Repo("acme/widgets").Head("main")
			s.Fault(always(&test.fault))
			for what, do := range map[string]func(*github.Client) error{
				"ref": func(c *github.Client) error { return c.CreateRef(t.Context(), widgets, aRef, commit) },
				"tag": func(c *github.Client) error {
					id, err := c.CreateTagObject(t.Context(), widgets, github.TagObject{Name: "x", Message: "x", Commit: commit})
					if err == nil {
						t.Error(id)
					}
					return err
				},
			} {
				c, _ := newClient(t, s, token)
				s.ResetRequests()
				err := do(c)
				if errors.Is(err, github.ErrLost) != test.lost || errors.Is(err, github.ErrRefExists) != (test.exists && what == "ref") || len(s.Requests()) != test.requests {
					t.Errorf("%s: %v after %d requests", what, err, len(s.Requests()))
				}
				if what == "ref" && !test.exists {
					wantError(t, err, test.says, "")
				}
			}
		})
	}
}

// A server that sends a change elsewhere has not made it: with 307 it is sent
// again, and a GET that a 301 makes of it creates nothing.
func TestGitRefsRedirected(t *testing.T) {
	for status, works := range map[int]bool{http.StatusTemporaryRedirect: true, http.StatusMovedPermanently: false} {
		s := githubtest.New(t)
		commit := s.Repo("acme/widgets").Head("main")
		s.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
			if strings.Contains(r.URL.Path, "/acme/old/") {
				to := s.URL() + "/repos/acme/widgets/git/ref/heads/main"
				if works {
					to = s.URL() + "/repos/acme/widgets/git/refs"
				}
				return &githubtest.Fault{Status: status, Header: http.Header{"Location": {to}}}
			}
			return nil
		})
		c, _ := newClient(t, s, token)
		err := c.CreateRef(t.Context(), pin.Repository{Owner: "acme", Name: "old"}, aRef, commit)
		if (err == nil) != works || errors.Is(err, github.ErrRefExists) || errors.Is(err, github.ErrLost) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// Nothing is sent that has a bad name, or no token.
func TestGitRefsNames(t *testing.T) {
	s := githubtest.New(t)
	c, _ := newClient(t, s, token)
	anonymous, _ := newClient(t, s, "")
	ctx, sha := t.Context(), strings.Repeat("a", 40)
	for _, name := range []string{"", "heads/main", "refs/", "refs/../x", "refs/a b", "refs/a..b", "refs/a.lock", "refs//a", "refs/a/", "/refs/a"} {
		_, err := c.Ref(ctx, widgets, name)
		wantError(t, err, "cannot be the name", "")
		_, err = c.RefsBelow(ctx, widgets, name+"^/")
		wantError(t, err, "cannot be the name", "")
		wantError(t, c.CreateRef(ctx, widgets, name, sha), "cannot be the name", "")
		wantError(t, c.DeleteRef(ctx, widgets, name), "cannot be the name", "")
	}
	bad := pin.Repository{Owner: "acme", Name: ".."}
	for _, id := range []string{"", "main", sha[1:], strings.ToUpper(sha), sha + "/.."} {
		_, err := c.TagMessage(ctx, widgets, id)
		wantError(t, err, "cannot be the name", "")
		wantError(t, c.CreateRef(ctx, widgets, aRef, id), "cannot be the name", "")
		_, err = c.CreateTagObject(ctx, widgets, github.TagObject{Name: "x", Commit: id})
		wantError(t, err, "cannot be the name", "")
	}
	_, err := c.CreateTagObject(ctx, widgets, github.TagObject{Name: "..", Commit: sha})
	wantError(t, err, "cannot be the name", "")
	_, err = c.TagMessage(ctx, bad, sha)
	wantError(t, err, "cannot be the name", "")
	wantError(t, c.DeleteRef(ctx, bad, aRef), "cannot be the name", "")
	wantError(t, anonymous.CreateRef(ctx, widgets, aRef, sha), "needs a token", "contents: write")
	if n := len(s.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	for _, text := range []string{"", "acme", "acme/", "/widgets", "acme/widgets/x", "acme/..", "a b/c"} {
		if _, err := github.ParseRepository(text); err == nil {
			t.Errorf("%q is a repository", text)
		}
	}
	if r, err := github.ParseRepository("acme/widgets"); r != widgets || err != nil {
		t.Errorf("%v, %v", r, err)
	}
}

// What the server says of a ref must be about that ref.
func TestRefAnswers(t *testing.T) {
	sha := strings.Repeat("a", 40)
	for body, status := range map[string]int{
		`{"ref":"refs/heads/main","object":{"sha":"` + sha + `"}}`: 200,
		`{"ref":"` + aRef + `","object":{"sha":"x"}}`:              200,
		`[]`:                         200,
		`{"message":"Git is empty"}`: 409,
		`not found`:                  404,
		`{"message":"Resource not accessible by integration"}`: 403,
	} {
		s := githubtest.New(t)
		s.Repo("acme/widgets")
		s.Fault(always(&githubtest.Fault{Status: status, Body: body}))
		c, _ := newClient(t, s, token)
		got, err := c.Ref(t.Context(), widgets, aRef)
		if got != "" {
			t.Errorf("%s: %s", body, got)
		}
		wantError(t, err, "", "")
	}
}

func TestPause(t *testing.T) {
	c, slept := newClient(t, githubtest.New(t), token)
	for range 2 {
		if err := c.Pause(t.Context(), 30*time.Second); err != nil {
			t.Error(err)
		}
	}
	wantError(t, c.Pause(t.Context(), time.Second), "used up", "later")
	if slept.total() != time.Minute {
		t.Errorf("slept %v", slept.total())
	}
}
