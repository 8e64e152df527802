// Package githubtest is a stand-in for GitHub's API, REST and GraphQL, on
// loopback. Only tests import it.
//
// A test builds a model, repositories with a real commit graph, and the server
// answers whatever is asked from that model alone:
//
//	server := githubtest.New(t)
//	repo := server.Repo("acme/widgets")
//	repo.Tag("v1.0.0", repo.Commit("main", "first"))
//
// Nothing is answered that GitHub could not answer, and nothing is taken that
// it would not take: each query is validated against its GraphQL schema, each
// REST body, sent or answered, against its OpenAPI description. What does not
// fit fails the test. Both files come from ../shared/github beside the module;
// where that folder is absent the test is skipped.
//
// Where GitHub's behaviour is not known the stand-in does what is harder on a
// client: refs(query:) ignores case, drafts are listed, a name that is no full
// ref is looked up as gitrevisions(7) says, and a tag object's id counts as its
// commit wherever git would peel it.
//
// The accounts octocat, hubot and github-actions[bot] are there from the start
// with their real ids; every other owner of a repository is an organization.
package githubtest

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	restBase     = "/api/v3"
	graphQLPath  = "/api/graphql"
	maxBody      = 64 << 20
	firstRepoID  = 456789
	firstOwnerID = 123456
)

// A Server is a stand-in for one GitHub server. All methods may be called at any
// time and by several goroutines at once.
type Server struct {
	t     testing.TB
	url   string // without a path
	specs *specs

	mu       sync.Mutex
	repos    map[string]*Repo // by lower-case owner/name
	byID     map[int64]*Repo
	accounts map[string]*account // by lower-case login
	requests []Request
	count    int
	delay    time.Duration
	token    string
	fault    func(n int, r *http.Request, body []byte) *Fault
	closed   bool

	dispatches []Dispatch
	onDispatch func(Dispatch)
}

// A Request is a request that the server was sent, answered or not.
type Request struct {
	Method  string
	Path    string // as sent: no %2e decoded, no .. removed
	Query   string // as sent, without the question mark
	Header  http.Header
	Body    string
	GraphQL bool
}

// New starts a server that is closed when the test ends. What the client or the
// stand-in gets wrong is reported by t.Errorf.
func New(t testing.TB) *Server {
	t.Helper()
	specs, err := load()
	switch {
	case err != nil:
		t.Fatalf("GitHub's descriptions: %v", err)
	case specs == nil:
		t.Skip("there is no ../shared/github beside the module: without GitHub's descriptions a stand-in proves nothing")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		t: t, specs: specs, url: "http://" + listener.Addr().String(),
		repos: map[string]*Repo{}, byID: map[int64]*Repo{}, accounts: map[string]*account{},
	}
	for _, a := range wellKnown {
		s.accounts[a.login] = &a
	}
	server := &http.Server{Handler: http.HandlerFunc(s.serve)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with ErrServerClosed
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
		// A handler may outlive the connection; t must not hear of it then.
		s.mu.Lock()
		defer s.mu.Unlock()
		s.closed = true
	})
	return s
}

// URL is where the REST API is, without a final slash.
func (s *Server) URL() string { return s.url + restBase }

// GraphQLURL is where the GraphQL API is.
func (s *Server) GraphQLURL() string { return s.url + graphQLPath }

// Requests returns the requests since the last [Server.ResetRequests], in the
// order in which they came.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// ResetRequests forgets the requests so far.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// SetDelay makes each request wait before it is answered.
func (s *Server) SetDelay(delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = delay
}

// SetToken makes the server refuse every request that does not bear the token.
// Without it REST is open to all, and GraphQL to any token.
func (s *Server) SetToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}

// Private makes a repository that exists and answers as if it did not.
func (s *Server) Private(name string) {
	r := s.Repo(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	r.private = true
}

// Repo returns the repository of that owner/name. At first use it comes into
// being with one commit on its default branch, main.
func (s *Server) Repo(name string) *Repo {
	s.t.Helper()
	owner, base, ok := strings.Cut(name, "/")
	if !ok || owner == "" || base == "" || strings.Contains(base, "/") {
		s.t.Fatalf("%q is no owner/name", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.repos[strings.ToLower(name)]; r != nil {
		return r
	}
	return s.newRepo(owner, base)
}

// errorf reports a fault of the client or of the stand-in. The caller holds s.mu.
func (s *Server) errorf(format string, args ...any) {
	s.t.Helper()
	if !s.closed {
		s.t.Errorf("githubtest: "+format, args...)
	}
}
