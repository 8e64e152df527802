package github_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/pin"
)

var (
	widgets = pin.Repository{Owner: "acme", Name: "widgets"}
	_       = pin.Server((*github.Client)(nil))
)

const token = "ghp_0123456789abcdefghijABCDEFGHIJ012345"

// now is the clock of the clients.
var now = time.Date(2025, 5, 1, 12, 0, 0, 0, time.UTC)

// A clock counts what a client waits.
type clock struct {
	sync.Mutex
	slept []time.Duration
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.Lock()
	defer c.Unlock()
	c.slept = append(c.slept, d)
	return ctx.Err()
}

func (c *clock) total() (sum time.Duration) {
	c.Lock()
	defer c.Unlock()
	for _, d := range c.slept {
		sum += d
	}
	return sum
}

// A mode is how a client asks.
type mode struct {
	name, token string
	setUp       func(*githubtest.Server)
}

var (
	viaGraphQL = mode{name: "GraphQL", token: token}
	viaREST    = mode{name: "REST"}
	viaOld     = mode{name: "server without GraphQL", token: token, setUp: func(s *githubtest.Server) {
		s.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
			if strings.HasSuffix(r.URL.Path, "/graphql") {
				return &githubtest.Fault{Status: http.StatusNotFound, Body: "404 page not found"}
			}
			return nil
		})
	}}
)

// inModes runs a test with GraphQL, with REST, and with REST because there is no
// GraphQL. Each has a server of its own, which build fills.
func inModes(t *testing.T, test func(t *testing.T, s *githubtest.Server, c *github.Client)) {
	for _, m := range []mode{viaGraphQL, viaREST, viaOld} {
		t.Run(m.name, func(t *testing.T) {
			s := githubtest.New(t)
			if m.setUp != nil {
				m.setUp(s)
			}
			c, _ := newClient(t, s, m.token)
			test(t, s, c)
		})
	}
}

func newClient(t *testing.T, s *githubtest.Server, token string) (*github.Client, *clock) {
	t.Helper()
	return clientAt(t, s.URL(), s.GraphQLURL(), token)
}

func clientAt(t *testing.T, api, graphQL, token string) (*github.Client, *clock) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	slept := &clock{}
	c, err := github.New(github.Config{
		APIURL: api, GraphQLURL: graphQL, Token: token,
		HTTP: &http.Client{Transport: transport}, Sleep: slept.sleep,
		Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, slept
}

// resolve asks one question.
func resolve(t *testing.T, c *github.Client, q pin.Question) pin.Answer {
	t.Helper()
	answers, err := c.Resolve(t.Context(), []pin.Question{q})
	if err != nil {
		t.Fatal(err)
	}
	return answers[0]
}

func holder(t *testing.T, c *github.Client, w pin.Commit) pin.Holder {
	t.Helper()
	holders, err := c.Holders(t.Context(), []pin.Commit{w})
	if err != nil {
		t.Fatal(err)
	}
	return holders[0]
}

// wantError checks that an error is one of the package, says and advises what it
// should, and holds no secret.
func wantError(t *testing.T, err error, says, advises string) {
	t.Helper()
	var e *github.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, not of this package", err)
	}
	if !strings.Contains(err.Error(), says) {
		t.Errorf("error %q does not say %q", err, says)
	}
	if e.Hint() == "" || !strings.Contains(e.Hint(), advises) {
		t.Errorf("hint %q does not say %q", e.Hint(), advises)
	}
	for _, secret := range []string{token, "secret=", "?"} {
		if strings.Contains(err.Error()+e.Hint(), secret) {
			t.Errorf("error %q, hint %q: holds %q", err, e.Hint(), secret)
		}
	}
}

// always makes every request fail in one way.
func always(f *githubtest.Fault) func(int, *http.Request, []byte) *githubtest.Fault {
	return func(int, *http.Request, []byte) *githubtest.Fault { return f }
}

// first makes the first n requests fail.
func first(n int, f *githubtest.Fault) func(int, *http.Request, []byte) *githubtest.Fault {
	return func(i int, _ *http.Request, _ []byte) *githubtest.Fault {
		if i <= n {
			return f
		}
		return nil
	}
}

func decode(t *testing.T, from io.Reader, v any) {
	t.Helper()
	if err := json.NewDecoder(from).Decode(v); err != nil {
		t.Fatal(err)
	}
}
