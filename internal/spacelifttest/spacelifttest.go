// Package spacelifttest is a stand-in for the GraphQL API of one Spacelift account, on
// loopback. Only tests import it.
//
//	server := spacelifttest.New(t, spacelifttest.Options{
//		Stacks: map[string]string{"network": "main"}, KeyID: "01KEYID", KeySecret: "sekret",
//	})
//	// …the program runs with SPACELIFT_API_KEY_ENDPOINT=server.URL() …
//	runs := server.Runs()
//
// It knows the operations that the stock spacectl sends to start a run, and one for a
// stack's branch:
//
//	mutation apiKeyUser    a key for a token
//	query    debugInfo     the version of a server that is somebody's own
//	query    stack         id and branch, or id and name; null for an unknown one
//	mutation runTrigger    with and without forceApply
//
// It takes what that program sends and nothing else: what is no POST of such an
// operation with exactly its variables, or lacks the headers, fails the test. What a
// right client may meet, a wrong key, an unknown stack, an older server, is answered as
// the server does.
package spacelifttest

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
)

// Options are what an account has.
type Options struct {
	Stacks map[string]string // a branch by the stack's id
	// KeyID and KeySecret are those of the one API key.
	KeyID, KeySecret string
	// CheckSecret, if set, says instead of KeySecret whether a secret is right, as
	// that of an OIDC key is decided.
	CheckSecret func(secret string) bool
	// SelfHostedVersion is such as 5.0.1; empty is Spacelift's own server.
	SelfHostedVersion string
}

// A Run is a run that was started.
type Run struct {
	ID         string
	Stack, SHA string
	Type       string // TRACKED or PROPOSED
	Metadata   string // the header's value
	ForceApply bool   // whether the operation was the one with that argument
}

// A Request is a request that the server got, answered or not.
type Request struct {
	Method, Path string
	Header       http.Header
	Body         string
	// Operation is the field that the body asks for, such as runTrigger; empty where
	// it is none that is known.
	Operation string
}

// A Server is a stand-in for one account. All methods may be called at any time and by
// several goroutines at once.
type Server struct {
	t       testing.TB
	url     string
	options Options

	mu       sync.Mutex
	requests []Request
	runs     []Run
	tokens   map[string]bool
	count    int
	fault    func(n int, r Request) *Fault
	closed   bool
}

// New starts a server that is closed when the test ends. What a client gets wrong is
// reported by t.Errorf.
func New(t testing.TB, options Options) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	options.Stacks = maps.Clone(options.Stacks)
	s := &Server{t: t, url: "http://" + listener.Addr().String(), options: options, tokens: map[string]bool{}}
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

// URL is the account's address, without a slash at its end.
func (s *Server) URL() string { return s.url }

// RunURL is the page of a run.
func (s *Server) RunURL(r Run) string { return s.url + "/stack/" + r.Stack + "/run/" + r.ID }

// Token returns a token that the server takes, as SPACELIFT_API_TOKEN has one. Its
// audience is [Server.URL].
func (s *Server) Token() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newToken()
}

// newToken makes a JWT; the server knows it by its text. The caller holds s.mu.
func (s *Server) newToken() string {
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err) // the stand-in's own values
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	token := part(map[string]any{"alg": "HS256", "typ": "JWT"}) + "." +
		part(map[string]any{"aud": []string{s.url}, "exp": validUntil, "jti": len(s.tokens)}) + ".c2lnbmF0dXJl"
	s.tokens[token] = true
	return token
}

// Revoke makes the server take no token that it gave so far.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token := range s.tokens {
		s.tokens[token] = false
	}
}

// Runs returns the runs in the order in which they were started.
func (s *Server) Runs() []Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.runs)
}

// Requests returns the requests since the last [Server.ResetRequests], in the order in
// which they came.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ResetRequests forgets the requests so far.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// errorf reports a fault of the client. The caller holds s.mu.
func (s *Server) errorf(format string, args ...any) {
	s.t.Helper()
	if !s.closed {
		s.t.Errorf("spacelifttest: "+format, args...)
	}
}
