package github_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/pin"
)

// calls are the ways to ask, each with what must not be decided in a fault.
var calls = map[string]func(context.Context, *github.Client, string) error{
	"Resolve": func(ctx context.Context, c *github.Client, commit string) error {
		_, err := c.Resolve(ctx, []pin.Question{{Repository: widgets, Tag: "v1.0.0", Series: "v1.", Commit: commit, IDs: true}})
		return err
	},
	"Holders": func(ctx context.Context, c *github.Client, commit string) error {
		_, err := c.Holders(ctx, []pin.Commit{{Repository: widgets, SHA: commit, Near: "v1"}})
		return err
	},
	"Versions": func(ctx context.Context, c *github.Client, _ string) error {
		_, err := c.Versions(ctx, []pin.Repository{widgets})
		return err
	},
	"DefaultBranch": func(ctx context.Context, c *github.Client, _ string) error {
		_, _, err := c.DefaultBranch(ctx, widgets)
		return err
	},
}

func inCalls(t *testing.T, modes []mode, test func(t *testing.T, s *githubtest.Server, m mode, call func(*github.Client) error)) {
	for _, m := range modes {
		for name, call := range calls {
			t.Run(m.name+" "+name, func(t *testing.T) {
				s := githubtest.New(t)
				r := s.Repo("acme/widgets")
				commit := r.Commit("main", "x")
				r.Tag("v1.0.0", commit)
				r.Release("v1.0.0", githubtest.Release{})
				test(t, s, m, func(c *github.Client) error { return call(t.Context(), c, commit) })
			})
		}
	}
}

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

const (
	secondary = `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}`
	limited   = `[{"type":"RATE_LIMITED","message":"API rate limit exceeded for user ID 583231."}]`
)

// What passes is waited for, as long as the server says.
func TestPassingFaults(t *testing.T) {
	reset := fmt.Sprint(now.Add(9 * time.Second).Unix())
	for name, test := range map[string]struct {
		fault   githubtest.Fault
		times   int
		want    []time.Duration
		graphQL bool // only
	}{
		"403, none left":          {githubtest.Fault{Status: 403, Header: header("x-ratelimit-remaining", "0", "x-ratelimit-reset", reset), Body: `{"message":"API rate limit exceeded"}`}, 1, []time.Duration{9 * time.Second}, false},
		"403, retry-after":        {githubtest.Fault{Status: 403, Header: header("Retry-After", "3"), Body: `{"message":"no"}`}, 1, []time.Duration{3 * time.Second}, false},
		"403, secondary":          {githubtest.Fault{Status: 403, Body: secondary}, 2, []time.Duration{time.Second, 2 * time.Second}, false},
		"429":                     {githubtest.Fault{Status: 429}, 3, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, false},
		"429, retry-after":        {githubtest.Fault{Status: 429, Header: header("Retry-After", "7")}, 2, []time.Duration{7 * time.Second, 7 * time.Second}, false},
		"429, retry-after 0":      {githubtest.Fault{Status: 429, Header: header("Retry-After", "0")}, 1, []time.Duration{time.Second}, false},
		"429, a date":             {githubtest.Fault{Status: 429, Header: header("Retry-After", now.Add(11*time.Second).Format(http.TimeFormat))}, 1, []time.Duration{11 * time.Second}, false},
		"429, a date gone by":     {githubtest.Fault{Status: 429, Header: header("Retry-After", now.Add(-time.Hour).Format(http.TimeFormat))}, 1, []time.Duration{time.Second}, false},
		"429, nonsense":           {githubtest.Fault{Status: 429, Header: header("Retry-After", "-5", "x-ratelimit-reset", "soon", "x-ratelimit-remaining", "0")}, 1, []time.Duration{time.Second}, false},
		"500":                     {githubtest.Fault{Status: 500, Body: "oops"}, 1, []time.Duration{time.Second}, false},
		"502":                     {githubtest.Fault{Status: 502, Body: "<html>"}, 4, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}, false},
		"503, retry-after":        {githubtest.Fault{Status: 503, Header: header("Retry-After", "5")}, 1, []time.Duration{5 * time.Second}, false},
		"504":                     {githubtest.Fault{Status: 504}, 1, []time.Duration{time.Second}, false},
		"cut":                     {githubtest.Fault{Cut: true}, 2, []time.Duration{time.Second, 2 * time.Second}, false},
		"RATE_LIMITED":            {githubtest.Fault{GraphQLErrors: limited}, 1, []time.Duration{time.Second}, true},
		"RATE_LIMITED with reset": {githubtest.Fault{GraphQLErrors: limited, Header: header("x-ratelimit-remaining", "0", "x-ratelimit-reset", reset)}, 1, []time.Duration{9 * time.Second}, true},
	} {
		t.Run(name, func(t *testing.T) {
			modes := []mode{viaGraphQL, viaREST}
			if test.graphQL {
				modes = modes[:1]
			}
			inCalls(t, modes, func(t *testing.T, s *githubtest.Server, m mode, call func(*github.Client) error) {
				c, slept := newClient(t, s, m.token)
				s.Fault(first(test.times, &test.fault))
				if err := call(c); err != nil {
					t.Fatal(err)
				}
				if status := test.fault.Status; m.token != "" && (status == 502 || status == 504) && len(slept.slept) < len(test.want) {
					return // a smaller request was tried first
				}
				if diff := cmp.Diff(test.want, slept.slept); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// What does not pass is no answer.
func TestLastingFaults(t *testing.T) {
	for name, test := range map[string]struct {
		fault         githubtest.Fault
		says, advises string
		tries         int // 0 is 1
		graphQL       bool
	}{
		"401":                    {githubtest.Fault{Status: 401, Body: `{"message":"Bad credentials"}`}, `answered 401: "Bad credentials"`, "COUNTERSIGN_GITHUB_TOKEN", 0, false},
		"403":                    {githubtest.Fault{Status: 403, Body: `{"message":"Resource not accessible by integration"}`}, "answered 403", "contents: read", 0, false},
		"403, single sign-on":    {githubtest.Fault{Status: 403, Header: header("X-GitHub-SSO", "required; url=https://github.com/orgs/acme/sso?secret=x"), Body: `{"message":"Resource protected"}`}, "answered 403", "authorize the token for the organization", 0, false},
		"404 that is not theirs": {githubtest.Fault{Status: 410, Body: "<html>gone</html>"}, "answered 410", "try again", 0, false},
		"429":                    {githubtest.Fault{Status: 429}, "limits the rate of requests, still after 5 tries", "try again later", 5, false},
		"429, too long":          {githubtest.Fault{Status: 429, Header: header("Retry-After", "300")}, "asks to wait 5m0s; one run waits 1m0s in all", "try again later", 0, false},
		"429, for ever":          {githubtest.Fault{Status: 429, Header: header("Retry-After", "4294967295")}, "asks to wait 8760h0m0s", "try again later", 0, false},
		"403, too long":          {githubtest.Fault{Status: 403, Header: header("x-ratelimit-remaining", "0", "x-ratelimit-reset", fmt.Sprint(now.Add(time.Hour).Unix()))}, "asks to wait 1h0m0s", "try again later", 0, false},
		"500":                    {githubtest.Fault{Status: 500}, "answered 500, 5 times", "try again later", 5, false},
		"503":                    {githubtest.Fault{Status: 503}, "answered 503, 5 times", "try again later", 5, false},
		"cut":                    {githubtest.Fault{Cut: true}, "the connection was cut", "check the network", 5, false},
		"no JSON":                {githubtest.Fault{Body: "<html>hello</html>"}, "no JSON", "", 0, false},
		"half of JSON":           {githubtest.Fault{Body: `{"data":{"r0":`}, "no JSON", "", 0, false},
		"null":                   {githubtest.Fault{Body: "null"}, "the answer", "", 0, false},
		"a text":                 {githubtest.Fault{Body: `"text"`}, "the answer", "", 0, false},
		"empty":                  {githubtest.Fault{Status: 200}, "the answer", "", 0, false},
		"empty object":           {githubtest.Fault{Body: "{}"}, "the answer", "", 0, false},
		"data of another type":   {githubtest.Fault{Body: `{"data":[]}`}, "no data", "", 0, true},
		"empty data":             {githubtest.Fault{Body: `{"data":{}}`}, "lacks r0", "", 0, true},
		"null data":              {githubtest.Fault{Body: `{"data":null}`}, "no data", "", 0, true},
		"null repository":        {githubtest.Fault{Body: `{"data":{"r0":null}}`}, "null, and no error says why", "", 0, true},
		"repository of no form":  {githubtest.Fault{Body: `{"data":{"r0":7}}`}, "r0 in the answer has the wrong form", "", 0, true},
		"errors without path":    {githubtest.Fault{GraphQLErrors: `[{"type":"NOT_FOUND","message":"no"}]`}, "(NOT_FOUND)", "", 0, true},
		"SAML":                   {githubtest.Fault{GraphQLErrors: `[{"type":"FORBIDDEN","path":["r0"],"extensions":{"saml_failure":true},"message":"Resource protected by organization SAML enforcement."}]`}, "SAML", "authorize the token for the organization", 0, true},
		"INTERNAL":               {githubtest.Fault{GraphQLErrors: `[{"type":"INTERNAL","path":["r0"],"message":"Something went wrong"}]`}, "Something went wrong", "try again later", 0, true},
		"RATE_LIMITED":           {githubtest.Fault{GraphQLErrors: limited}, "limits the rate", "try again later", 5, true},
		"token in the answer":    {githubtest.Fault{GraphQLErrors: `[{"message":"bad token ` + token + `"}]`}, "bad token …", "", 0, true},
		"RESOURCE_LIMITS":        {githubtest.Fault{GraphQLErrors: `[{"type":"RESOURCE_LIMITS_EXCEEDED","path":["r0"],"message":"Resource limits for this query exceeded."}]`}, "Resource limits", "", -1, true},
		"502":                    {githubtest.Fault{Status: 502}, "answered 502, 5 times", "try again later", -1, false},
		"redirect":               {githubtest.Fault{Status: 307, Header: header("Location", "https://elsewhere.invalid/?secret=x")}, "redirect", "", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			modes := []mode{viaGraphQL, viaREST}
			if test.graphQL {
				modes = modes[:1]
			}
			inCalls(t, modes, func(t *testing.T, s *githubtest.Server, m mode, call func(*github.Client) error) {
				c, slept := newClient(t, s, m.token)
				s.Fault(always(&test.fault))
				wantError(t, call(c), test.says, test.advises)
				if n := len(s.Requests()); test.tries >= 0 && n != max(test.tries, 1) {
					t.Errorf("%d requests", n)
				}
				if slept.total() > 60*time.Second {
					t.Errorf("waited %v", slept.total())
				}
			})
		})
	}
}

// Each part of an answer that is null without a reason, or for another one than
// NOT_FOUND, leaves all undecided.
func TestNulls(t *testing.T) {
	for _, kind := range []string{"", "FORBIDDEN", "INTERNAL", "SERVICE_UNAVAILABLE", "NOT_FOUND"} {
		for call, places := range map[string][]string{
			"Resolve":       {"r0", "r0/s*", "r0/s*/nodes", "r0/s*/pageInfo", "r0/databaseId", "r0/owner", "r0/owner/databaseId", "r0/t*", "r0/t*/target", "r0/defaultBranchRef", "r0/defaultBranchRef/c*", "r0/oc*"},
			"Holders":       {"r0", "r0/n0", "r0/h", "r0/h/nodes", "r0/t", "r0/t/nodes", "r0/o0", "r0/defaultBranchRef", "r0/defaultBranchRef/c0", "r0/h/nodes/0/c0"},
			"Versions":      {"r0", "r0/t", "r0/l", "r0/l/nodes"},
			"DefaultBranch": {"r0", "r0/defaultBranchRef/target", "r0/defaultBranchRef"},
		} {
			for _, place := range places {
				t.Run(call+" "+place+" "+kind, func(t *testing.T) {
					s := githubtest.New(t)
					r := s.Repo("acme/widgets")
					commit := r.Commit("main", "x")
					r.Tag("v1.0.0", commit)
					r.Branch("v1", commit)
					r.Release("v1.0.0", githubtest.Release{})
					c, _ := newClient(t, s, token)
					s.Fault(func(_ int, _ *http.Request, body []byte) *githubtest.Fault {
						if !bytes.Contains(body, []byte("repository(")) || bytes.Contains(body, []byte("b0:ref(")) {
							return nil
						}
						return &githubtest.Fault{Null: map[string]string{place: kind}}
					})
					err := calls[call](t.Context(), c, commit)
					// For these a null is an answer, if nothing else is said.
					answers := []string{"r0/t*", "r0/defaultBranchRef", "r0/defaultBranchRef/c*", "r0/defaultBranchRef/c0", "r0/oc*", "r0/o0", "r0/h/nodes/0/c0"}
					answer := slices.Contains(answers, place) && (kind == "" || kind == "NOT_FOUND") ||
						place == "r0" && kind == "NOT_FOUND"
					if answer && call != "DefaultBranch" {
						if err != nil {
							t.Error(err)
						}
						return
					}
					wantError(t, err, "", "")
					if kind == "FORBIDDEN" {
						wantError(t, err, "SAML", "authorize the token for the organization")
					}
				})
			}
		}
	}
}

// A null that something below it caused is not one of itself.
func TestNullFromBelow(t *testing.T) {
	s := githubtest.New(t)
	s.Fault(always(&githubtest.Fault{Body: `{"data":{"r0":{"__typename":"Repository","t0":null}},` +
		`"errors":[{"type":"NOT_FOUND","path":["r0","t0","target"],"message":"no"}]}`}))
	c, _ := newClient(t, s, token)
	_, err := c.Resolve(t.Context(), []pin.Question{{Repository: widgets, Tag: "v1"}})
	wantError(t, err, "r0/t0 in the answer is null because of r0/t0/target", "")
}

// The elements of a list too.
func TestNullNodes(t *testing.T) {
	end := `],"pageInfo":{"hasNextPage":false,"endCursor":null}}`
	for call, part := range map[string]string{
		"Resolve":  `"t0":null,"s1":{"nodes":[null` + end + `,"databaseId":1,"owner":{"databaseId":1},"defaultBranchRef":null,"oc2":null`,
		"Holders":  `"o0":{"__typename":"Commit","oid":"` + nobodysCommit + `"},"defaultBranchRef":null,"n0":{"nodes":[null` + end + `,"h":{"nodes":[` + end + `,"t":{"nodes":[` + end,
		"Versions": `"t":{"nodes":[` + end + `,"l":{"nodes":[null` + end,
	} {
		t.Run(call, func(t *testing.T) {
			s := githubtest.New(t)
			s.Fault(always(&githubtest.Fault{Body: `{"data":{"r0":{"__typename":"Repository",` + part + `}}}`}))
			c, _ := newClient(t, s, token)
			wantError(t, calls[call](t.Context(), c, nobodysCommit), "/nodes/0 is null", "")
		})
	}
}

// A null that is an answer is the right one.
func TestNullAnswers(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	commit := r.Commit("main", "x")
	r.Tag("v1.0.0", commit)
	s.Repo("acme/gadgets").Tag("v1.0.0", s.Repo("acme/gadgets").Head("main"))
	gadgets := pin.Repository{Owner: "acme", Name: "gadgets"}
	for name, test := range map[string]struct {
		place, kind string
		check       func(a []pin.Answer) bool
	}{
		"repository": {"r0", "NOT_FOUND", func(a []pin.Answer) bool { return a[0].NoRepository && a[1].Tag != nil }},
		"ref":        {"r0/t0", "", func(a []pin.Answer) bool { return !a[0].NoRepository && a[0].Tag == nil && a[0].OnDefault }},
		"ref, said":  {"r0/t0", "NOT_FOUND", func(a []pin.Answer) bool { return !a[0].NoRepository && a[0].Tag == nil }},
		"comparison": {"r0/defaultBranchRef/c1", "NOT_FOUND", func(a []pin.Answer) bool { return a[0].Tag != nil && !a[0].OnDefault }},
		"object":     {"r0/oc1", "", func(a []pin.Answer) bool { return a[0].Tag != nil && !a[0].OnDefault }},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := newClient(t, s, token)
			s.Fault(first(1, &githubtest.Fault{Null: map[string]string{test.place: test.kind}}))
			got, err := c.Resolve(t.Context(), []pin.Question{
				{Repository: widgets, Tag: "v1.0.0", Commit: commit}, {Repository: gadgets, Tag: "v1.0.0"},
			})
			if err != nil || !test.check(got) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// A server that has too much to do is asked for less, without waiting first.
func TestHalving(t *testing.T) {
	faults := map[string]*githubtest.Fault{
		"502": {Status: 502}, "504": {Status: 504},
		"RESOURCE_LIMITS_EXCEEDED": {GraphQLErrors: `[{"type":"RESOURCE_LIMITS_EXCEEDED","path":["r0"],"message":"Resource limits for this query exceeded."}]`},
	}
	for name, fault := range faults {
		for _, most := range []int{1, 10} {
			t.Run(fmt.Sprint(name, " ", most), func(t *testing.T) {
				s := githubtest.New(t)
				var questions []pin.Question
				for i := range 100 {
					name := fmt.Sprintf("repo%d", i)
					r := s.Repo("acme/" + name)
					r.Tag("v1", r.Head("main"))
					questions = append(questions, pin.Question{Repository: pin.Repository{Owner: "acme", Name: name}, Tag: "v1"})
				}
				s.Fault(func(_ int, _ *http.Request, body []byte) *githubtest.Fault {
					if bytes.Count(body, []byte("repository(")) > most {
						return fault
					}
					return nil
				})
				c, slept := newClient(t, s, token)
				got, err := c.Resolve(t.Context(), questions)
				if err != nil {
					t.Fatal(err)
				}
				for i, a := range got {
					if a.Tag == nil {
						t.Errorf("%d: %+v", i, a)
					}
				}
				if slept.total() != 0 || len(s.Requests()) > 200 {
					t.Errorf("waited %v, %d requests", slept.total(), len(s.Requests()))
				}
			})
		}
	}
	// Pages of branches become smaller too, down to one comparison a request.
	t.Run("branches", func(t *testing.T) {
		s := githubtest.New(t)
		r := s.Repo("acme/widgets")
		for i := range 20 {
			r.Commit(fmt.Sprintf("b%02d", i), "x")
		}
		s.Fault(func(_ int, _ *http.Request, body []byte) *githubtest.Fault {
			text := string(body)
			if strings.Contains(text, "refs/heads/") && !strings.Contains(text, "first:1,") && !strings.Contains(text, "first:1)") {
				return faults["RESOURCE_LIMITS_EXCEEDED"]
			}
			return nil
		})
		c, slept := newClient(t, s, token)
		if got := holder(t, c, pin.Commit{Repository: widgets, SHA: r.Head("b07"), Near: "v1"}); got.Branch != "b07" {
			t.Errorf("%+v", got)
		}
		if slept.total() != 0 {
			t.Errorf("waited %v", slept.total())
		}
	})
}

// All waits of a client are counted together, and requests at the same time wait
// at the same time.
func TestWaitsAddUp(t *testing.T) {
	s := githubtest.New(t)
	var questions []pin.Question
	for i := range 30 {
		name := fmt.Sprintf("repo%d", i)
		r := s.Repo("acme/" + name)
		r.Tag("v1", r.Head("main"))
		questions = append(questions, pin.Question{Repository: pin.Repository{Owner: "acme", Name: name}, Tag: "v1"})
	}
	c, slept := newClient(t, s, "")
	s.Fault(always(&githubtest.Fault{Status: 429, Header: header("Retry-After", "20")}))
	_, err := c.Resolve(t.Context(), questions)
	wantError(t, err, "asks to wait 20s; one run waits 1m0s in all", "COUNTERSIGN_GITHUB_TOKEN")
	if slept.total() != 60*time.Second {
		t.Errorf("waited %v", slept.total())
	}
	// Nothing is left for another call.
	s.Fault(always(&githubtest.Fault{Status: 503}))
	_, err = c.Versions(t.Context(), []pin.Repository{widgets})
	wantError(t, err, "which are used up", "")
	if slept.total() != 60*time.Second {
		t.Errorf("waited %v", slept.total())
	}
}

// A caller that gives up ends the call, also while it waits.
func TestCancel(t *testing.T) {
	for _, m := range []mode{viaGraphQL, viaREST} {
		s := githubtest.New(t)
		s.Repo("acme/widgets")
		s.Fault(always(&githubtest.Fault{Status: 429, Header: header("Retry-After", "20")}))
		ctx, cancel := context.WithCancel(t.Context())
		c, err := github.New(github.Config{
			APIURL: s.URL(), GraphQLURL: s.GraphQLURL(), Token: m.token,
			Sleep: func(ctx context.Context, d time.Duration) error { cancel(); return ctx.Err() },
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Resolve(ctx, []pin.Question{{Repository: widgets, Tag: "v1"}})
		wantError(t, err, "the request was ended", "")
		if !errors.Is(err, context.Canceled) || len(s.Requests()) != 1 {
			t.Errorf("%v after %d requests", err, len(s.Requests()))
		}
	}
}

// REST: a 404 of a repository's part is unknown only if the repository is there.
func TestRESTNotFound(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	r.Tag("v1", r.Head("main"))
	for name, test := range map[string]struct {
		fault githubtest.Fault
		says  string
	}{
		"refused":      {githubtest.Fault{Status: 403, Body: `{"message":"no"}`}, "answered 403"},
		"not GitHub's": {githubtest.Fault{Status: 404, Body: "<html>not found</html>"}, "answered 404"},
		"not JSON":     {githubtest.Fault{Body: "hello"}, "no JSON"},
	} {
		for part, path := range map[string]string{"repository": "/repos/acme/widgets", "ref": "/git/ref/tags/v2"} {
			t.Run(name+" "+part, func(t *testing.T) {
				s.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
					if strings.HasSuffix(r.URL.Path, path) {
						return &test.fault
					}
					return nil
				})
				c, _ := newClient(t, s, "")
				_, err := c.Resolve(t.Context(), []pin.Question{{Repository: widgets, Tag: "v2"}})
				wantError(t, err, test.says, "")
			})
		}
	}
}

// The server's word on refs and commits ends up in files.
func TestWordsOfTheServer(t *testing.T) {
	evil := `x\n::error::`
	for name, body := range map[string]string{
		"commit": `{"r0":{"__typename":"Repository","t0":{"prefix":"refs/tags/","name":"v1","target":{"__typename":"Commit","oid":"` + evil + `"}}}}`,
		"object": `{"r0":{"__typename":"Repository","t0":{"prefix":"refs/tags/","name":"v1","target":{"__typename":"Tag","oid":"` + evil + `","target":{"__typename":"Commit","oid":"` + nobodysCommit + `"}}}}}`,
	} {
		s := githubtest.New(t)
		s.Fault(always(&githubtest.Fault{Body: `{"data":` + body + `}`}))
		c, _ := newClient(t, s, token)
		_, err := c.Resolve(t.Context(), []pin.Question{{Repository: widgets, Tag: "v1"}})
		if wantError(t, err, "malformed", ""); t.Failed() {
			t.Error(name)
		}
	}
	s := githubtest.New(t)
	s.Fault(always(&githubtest.Fault{Body: `{"data":{"r0":{"__typename":"Repository","s0":{"pageInfo":{"hasNextPage":false},"nodes":[` +
		`{"prefix":"refs/tags/","name":"v1.` + evil + `","target":{"__typename":"Commit","oid":"` + nobodysCommit + `"}},` +
		`{"prefix":"refs/tags/","name":"v1.0.1","target":{"__typename":"Commit","oid":"` + evil + `"}},` +
		`{"prefix":"refs/tags/","name":"v1.0.0","target":{"__typename":"Commit","oid":"` + nobodysCommit + `"}}]}}}}`}))
	c, _ := newClient(t, s, token)
	got := resolve(t, c, pin.Question{Repository: widgets, Series: "v1."})
	if diff := cmp.Diff([]pin.Tag{{Name: "v1.0.0", Commit: nobodysCommit}}, got.Series); diff != "" {
		t.Error(diff)
	}
	end := `"pageInfo":{"hasNextPage":false,"endCursor":null}}`
	s.Fault(always(&githubtest.Fault{Body: `{"data":{"r0":{"__typename":"Repository","o0":{"__typename":"Commit","oid":"` + nobodysCommit + `"},` +
		`"defaultBranchRef":{"name":"` + evil + `","c0":{"status":"BEHIND"}},"h":{"nodes":[],` + end + `,"t":{"nodes":[],` + end + `}}}`}))
	_, err := c.Holders(t.Context(), []pin.Commit{{Repository: widgets, SHA: nobodysCommit}})
	wantError(t, err, "is no branch", "")
	s.Fault(always(&githubtest.Fault{Body: `{"data":{"r0":{"__typename":"Repository","o0":{"__typename":"Commit","oid":"` + nobodysCommit + `"},` +
		`"defaultBranchRef":null,"h":{"nodes":[{"prefix":"refs/pull/","name":"1/head","c0":{"status":"BEHIND"}}],` + end + `,"t":{"nodes":[],` + end + `}}}`}))
	_, err = c.Holders(t.Context(), []pin.Commit{{Repository: widgets, SHA: nobodysCommit}})
	wantError(t, err, "is no branch", "")
}
