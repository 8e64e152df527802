package ledger_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/ledger"
)

const token = "ghs_0123456789abcdefghijABCDEFGHIJ012345"

var expires = time.Date(2026, 11, 22, 23, 59, 59, 0, time.UTC)

// key is the SHA-256 of use's issuer, a zero byte, and its id.
const (
	day   = "2026-11-22"
	key   = "52c53cff7aa9e8e3c66a03dadc9c84896ab6d2bf8f782987cbde23ecde9b0295"
	entry = day + "/" + key
)

// use is a token's use by the first attempt of a run.
func use(commit string) ledger.Use {
	return ledger.Use{
		Issuer: "https://github.com/acme/orchestrator", ID: "AAECAwQFBgcICQoLDA0ODw", Expires: expires,
		Repository: "acme/widgets", RunID: "1658821493", Attempt: 1, Commit: commit,
	}
}

// attempt is use by another attempt, which is allowed.
func attempt(commit string, n int) ledger.Use {
	u := use(commit)
	u.Attempt, u.AllowRerun = n, true
	return u
}

// noWait is a wait that takes no time.
func noWait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// onGitHub is a ledger in a repository of a stand-in, through a client with that
// token and, where it is not nil, that transport. Its waits take no time.
func onGitHub(t testing.TB, s *githubtest.Server, repository, token string, transport http.RoundTripper) *ledger.GitRefs {
	t.Helper()
	return waiting(t, s, repository, token, transport, noWait)
}

func waiting(t testing.TB, s *githubtest.Server, repository, token string, transport http.RoundTripper, sleep func(context.Context, time.Duration) error) *ledger.GitRefs {
	t.Helper()
	if transport == nil {
		own := &http.Transport{}
		t.Cleanup(own.CloseIdleConnections)
		transport = own
	}
	c, err := github.New(github.Config{
		APIURL: s.URL(), GraphQLURL: s.GraphQLURL(), Token: token,
		HTTP: &http.Client{Transport: transport}, Sleep: sleep,
	})
	if err != nil {
		t.Fatal(err)
	}
	g, err := ledger.NewGitRefs(c, repository)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func inDir(t testing.TB, path string) *ledger.Dir {
	t.Helper()
	d, err := ledger.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// outcome is what the error of a use says: passed, used or unknown.
func outcome(err error) string {
	switch {
	case err == nil:
		return "passed"
	case errors.Is(err, ledger.ErrUsed):
		return "used"
	}
	return "unknown"
}

// want checks the outcome of a use, and that a refusal says what to do and no
// secret.
func want(t testing.TB, err error, outcomeWanted, says, advises string) {
	t.Helper()
	if outcome(err) != outcomeWanted {
		t.Fatalf("%s, want %s: %v", outcome(err), outcomeWanted, err)
	}
	if err == nil {
		return
	}
	var hint interface{ Hint() string }
	if !errors.As(err, &hint) || hint.Hint() == "" {
		t.Fatalf("error %q has no hint", err)
	}
	if !strings.Contains(err.Error(), says) || !strings.Contains(hint.Hint(), advises) {
		t.Errorf("error %q, hint %q: want %q, %q", err, hint.Hint(), says, advises)
	}
	for _, secret := range []string{token, use("").ID} {
		if strings.Contains(err.Error()+hint.Hint(), secret) {
			t.Errorf("error %q holds %q", err, secret)
		}
	}
}

// requests are the requests that a stand-in had, such as "POST git/refs".
func requests(s *githubtest.Server) (all []string) {
	for _, r := range s.Requests() {
		path := r.Path
		if _, below, ok := strings.Cut(path, "/repos/"); ok {
			parts := strings.SplitN(below, "/", 5)
			path = strings.Join(parts[2:min(4, len(parts))], "/")
		}
		all = append(all, r.Method+" "+path)
	}
	return all
}
