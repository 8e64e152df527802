package github_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/pin"
)

func TestNew(t *testing.T) {
	for _, test := range []struct{ api, graphQL, token, want string }{
		{"", "", "", ""},
		{"https://api.github.com", "", token, ""},
		{"https://api.github.com/", "https://api.github.com/graphql", token, ""},
		{"https://ghe.example/api/v3", "", token, ""},
		{"http://127.0.0.1:8080/api/v3", "", token, ""},
		{"http://[::1]:8080", "", token, ""},
		{"http://api.github.com", "", token, "not reached through https"},
		{"http://localhost:8080", "", token, "not reached through https"},
		{"http://127.0.0.1.evil.example", "", token, "not reached through https"},
		{"http://10.0.0.1", "", token, "not reached through https"},
		{"ftp://127.0.0.1", "", token, "not reached through https"},
		{"api.github.com", "", token, "no URL with a host"},
		{"https://", "", token, "no URL with a host"},
		{"https://:443", "", token, "no URL with a host"},
		{"https:api.github.com", "", token, "no URL with a host"},
		{"https://a b", "", token, "no URL with a host"},
		{"https://octocat:secret@api.github.com", "", token, "has a user"},
		{"https://octocat@api.github.com", "", token, "has a user"},
		{"https://api.github.com?secret=x", "", token, "a query"},
		{"https://api.github.com?", "", token, "a query"},
		{"https://api.github.com#secret=x", "", token, "a fragment"},
		{"https://api.github.com", "http://api.github.com/graphql", token, "not reached through https"},
		{"https://api.github.com", "https://x:y@api.github.com/graphql", token, "has a user"},
		{"https://api.github.com", "", token + "\n", "the token has a space"},
		{"https://api.github.com", "", " " + token, "the token has a space"},
		{"https://api.github.com", "", token + "\u00a0", "the token has a space"},
	} {
		_, err := github.New(github.Config{APIURL: test.api, GraphQLURL: test.graphQL, Token: test.token})
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%q %q: %v", test.api, test.graphQL, err)
		case test.want != "":
			wantError(t, err, test.want, "")
		}
	}
}

// A roundTripper answers without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{}, Request: r,
		Body: io.NopCloser(strings.NewReader(body)),
	}
}

func with(t *testing.T, config github.Config, f roundTripper) *github.Client {
	t.Helper()
	config.HTTP = &http.Client{Transport: f}
	config.Sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	c, err := github.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Where GitHub has its two APIs.
func TestAddresses(t *testing.T) {
	for _, test := range []struct{ api, graphQL, want, wantREST string }{
		{"", "", "https://api.github.com/graphql", "https://api.github.com/repos/acme/widgets/git/ref/tags/v1"},
		{"https://api.github.com", "", "https://api.github.com/graphql", "https://api.github.com/repos/acme/widgets/git/ref/tags/v1"},
		{"https://api.acme.ghe.com/", "", "https://api.acme.ghe.com/graphql", "https://api.acme.ghe.com/repos/acme/widgets/git/ref/tags/v1"},
		{"https://ghe.example/api/v3", "", "https://ghe.example/api/graphql", "https://ghe.example/api/v3/repos/acme/widgets/git/ref/tags/v1"},
		{"https://ghe.example/api/v3/", "", "https://ghe.example/api/graphql", "https://ghe.example/api/v3/repos/acme/widgets/git/ref/tags/v1"},
		{"https://ghe.example/x/api/v3", "", "https://ghe.example/x/api/graphql", "https://ghe.example/x/api/v3/repos/acme/widgets/git/ref/tags/v1"},
		{"https://ghe.example/a/../api/v3", "https://other.example/q", "https://other.example/q", "https://ghe.example/api/v3/repos/acme/widgets/git/ref/tags/v1"},
	} {
		var got []string
		c := with(t, github.Config{APIURL: test.api, GraphQLURL: test.graphQL, Token: token}, func(r *http.Request) (*http.Response, error) {
			got = append(got, r.URL.String())
			if r.Header.Get("Authorization") != "Bearer "+token {
				t.Errorf("%s: no token", r.URL)
			}
			if r.Method == http.MethodPost {
				return answer(r, 404, ""), nil
			}
			return answer(r, 200, `{"ref":"refs/tags/v1","object":{"type":"commit","sha":"`+nobodysCommit+`"}}`), nil
		})
		resolve(t, c, pin.Question{Repository: widgets, Tag: "v1"})
		if len(got) != 2 || got[0] != test.want || got[1] != test.wantREST {
			t.Errorf("%q %q: %q", test.api, test.graphQL, got)
		}
	}
}

// The token goes to the configured hosts alone, and no redirect to another one, or
// to another port or scheme, is followed.
func TestTokenStays(t *testing.T) {
	var others atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		others.Add(1)
		_, _ = io.WriteString(w, `{"ref":"refs/tags/v1","object":{"type":"commit","sha":"`+nobodysCommit+`"}}`)
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{other.URL, strings.Replace(other.URL, "127.0.0.1", "localhost", 1), "//" + strings.TrimPrefix(other.URL, "http://")} {
			for _, path := range []string{"graphql", "repos"} {
				s := githubtest.New(t)
				s.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
					if strings.Contains(r.URL.Path, path) {
						return &githubtest.Fault{Status: status, Header: header("Location", to+"/x?secret="+token)}
					}
					return &githubtest.Fault{Status: 404}
				})
				c, slept := newClient(t, s, token)
				_, err := c.Resolve(t.Context(), []pin.Question{{Repository: widgets, Tag: "v1"}})
				wantError(t, err, "redirect", "")
				_, err = c.Commit(t.Context(), github.Publication{
					Repository: widgets, Branch: "main", Head: nobodysCommit, Title: "x", Changes: []github.Change{{Path: "x"}},
				})
				wantError(t, err, "", "")
				if slept.total() != 0 {
					t.Errorf("waited %v", slept.total())
				}
			}
		}
	}
	if n := others.Load(); n != 0 {
		t.Errorf("%d requests to another host", n)
	}
}

// The scheme counts too: what is sent in the clear anybody can read.
func TestTokenStaysEncrypted(t *testing.T) {
	c := with(t, github.Config{APIURL: "https://api.github.com:8443"}, func(r *http.Request) (*http.Response, error) {
		if r.URL.Scheme != "https" {
			t.Errorf("a request to %s", r.URL)
		}
		a := answer(r, 301, "")
		a.Header.Set("Location", "http://api.github.com:8443/x")
		return a, nil
	})
	_, err := c.Resolve(t.Context(), []pin.Question{{Repository: widgets, Tag: "v1"}})
	wantError(t, err, "a redirect to it is not followed", "")
}

// A repository that was renamed is found where it is now, but not in circles.
func TestRenamed(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/gadgets")
	r.Tag("v1", r.Head("main"))
	s.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
		if rest, ok := strings.CutPrefix(r.URL.Path, "/api/v3/repos/acme/widgets"); ok {
			return &githubtest.Fault{Status: 301, Header: header("Location", "/api/v3/repos/acme/gadgets"+rest), Body: `{"message":"Moved Permanently"}`}
		}
		return nil
	})
	c, _ := newClient(t, s, "")
	if got := resolve(t, c, pin.Question{Repository: widgets, Tag: "v1", IDs: true}); got.Tag == nil || got.RepositoryID != r.ID() {
		t.Errorf("%+v", got)
	}
	s.ResetRequests()
	s.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
		return &githubtest.Fault{Status: 301, Header: header("Location", r.URL.Path+"?secret=x")}
	})
	_, err := c.Resolve(t.Context(), []pin.Question{{Repository: widgets, Tag: "v2"}})
	wantError(t, err, "more than 3 redirects", "")
	if n := len(s.Requests()); n != 4 {
		t.Errorf("%d requests", n)
	}
}

// endless is an answer without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestHugeAnswer(t *testing.T) {
	for _, m := range []mode{viaGraphQL, viaREST} {
		tries := 0
		c := with(t, github.Config{Token: m.token}, func(r *http.Request) (*http.Response, error) {
			tries++
			a := answer(r, 200, "")
			a.Body = io.NopCloser(endless{})
			return a, nil
		})
		_, err := c.Resolve(t.Context(), []pin.Question{{Repository: widgets, Tag: "v1"}})
		wantError(t, err, "more than 16777216 bytes", "")
		if tries != 1 {
			t.Errorf("%d tries", tries)
		}
	}
}

// An attempt that gets no answer in time is one that failed.
func TestTimeout(t *testing.T) {
	for _, m := range []mode{viaGraphQL, viaREST} {
		tries := 0
		c, err := github.New(github.Config{
			Token: m.token,
			HTTP: &http.Client{Timeout: time.Millisecond, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				tries++
				<-r.Context().Done()
				return nil, r.Context().Err()
			})},
			Sleep: func(context.Context, time.Duration) error { return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Resolve(t.Context(), []pin.Question{{Repository: widgets, Tag: "v1"}})
		wantError(t, err, "deadline exceeded", "check the network")
		if tries != 5 {
			t.Errorf("%d tries", tries)
		}
	}
}

// A certificate that is not trusted will not be so a second later.
func TestFinalErrors(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	transport := &http.Transport{TLSClientConfig: &tls.Config{}}
	defer transport.CloseIdleConnections()
	tries := 0
	c := with(t, github.Config{APIURL: server.URL, Token: token}, func(r *http.Request) (*http.Response, error) {
		tries++
		return transport.RoundTrip(r)
	})
	_, err := c.Resolve(t.Context(), []pin.Question{{Repository: widgets, Tag: "v1"}})
	wantError(t, err, "certificate", "check the network")
	if tries != 1 {
		t.Errorf("%d tries", tries)
	}
}

// No more requests are under way at once than the server likes.
func TestAtOnce(t *testing.T) {
	for _, test := range []struct {
		mode
		most int64
	}{{viaGraphQL, 6}, {viaREST, 8}} {
		t.Run(test.name, func(t *testing.T) {
			var now, most atomic.Int64
			var all sync.WaitGroup
			full := make(chan struct{})
			var once sync.Once
			c := with(t, github.Config{Token: test.token}, func(r *http.Request) (*http.Response, error) {
				all.Add(1)
				defer all.Done()
				n := now.Add(1)
				defer now.Add(-1)
				for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
				}
				if n == test.most {
					for range 20000 {
						runtime.Gosched() // for those that may not come
					}
					once.Do(func() { close(full) })
				}
				<-full
				return answer(r, 400, `{"message":"no"}`), nil
			})
			var questions []pin.Question
			for i := range 3000 {
				questions = append(questions, pin.Question{Repository: widgets, Tag: fmt.Sprintf("v%d", i)})
			}
			_, err := c.Resolve(t.Context(), questions)
			wantError(t, err, "answered 400", "")
			all.Wait()
			if most.Load() != test.most {
				t.Errorf("%d at once", most.Load())
			}
		})
	}
}

// What net/http says of a failure has the URL in it, and only its cause is told.
func TestNoURLInErrors(t *testing.T) {
	for _, m := range []mode{viaGraphQL, viaREST} {
		c := with(t, github.Config{Token: m.token}, func(r *http.Request) (*http.Response, error) {
			return nil, errors.New("the network is gone")
		})
		_, err := c.Holders(t.Context(), []pin.Commit{{Repository: widgets, SHA: nobodysCommit}})
		wantError(t, err, "api.github.com: the network is gone", "check the network")
		if strings.Contains(err.Error(), "http") {
			t.Error(err)
		}
	}
}
