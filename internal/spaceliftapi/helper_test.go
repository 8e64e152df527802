package spaceliftapi_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/spaceliftapi"
	"github.com/countersign-ci/countersign/internal/spacelifttest"
)

const (
	keyID    = "01KEYID"
	secret   = `s3cret"of\the-key`
	runToken = "eyJhbGciOiJIUzI1NiJ9.eyJzcGFjZWxpZnRfc3RhY2siOiJuZXR3b3JrIn0.c2lnbmF0dXJlLW9mLXRoZS1ydW4"
	sha      = "0123456789abcdef0123456789abcdef01234567"
)

// options are those of an account with one stack, network, that follows main.
func options() spacelifttest.Options {
	return spacelifttest.Options{Stacks: map[string]string{"network": "main"}, KeyID: keyID, KeySecret: secret}
}

func tracked() spaceliftapi.Run {
	return spaceliftapi.Run{Stack: "network", SHA: sha, Type: spaceliftapi.Tracked, Token: runToken}
}

func proposed() spaceliftapi.Run {
	r := tracked()
	r.Type = spaceliftapi.Proposed
	return r
}

// A clock counts what a client waits.
type clock struct{ slept []time.Duration }

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.slept = append(c.slept, d)
	return ctx.Err()
}

func newClient(t *testing.T, s *spacelifttest.Server) (*spaceliftapi.Client, *clock) {
	t.Helper()
	return clientOf(t, spaceliftapi.Credentials{Endpoint: s.URL(), KeyID: keyID, KeySecret: secret})
}

func clientOf(t *testing.T, credentials spaceliftapi.Credentials) (*spaceliftapi.Client, *clock) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	slept := &clock{}
	c, err := spaceliftapi.New(&http.Client{Transport: transport}, credentials, slept.sleep)
	if err != nil {
		t.Fatal(err)
	}
	return c, slept
}

// loggedIn returns a client after Login, on a server with the requests so far forgotten.
func loggedIn(t *testing.T, o spacelifttest.Options) (*spacelifttest.Server, *spaceliftapi.Client, *clock) {
	t.Helper()
	s := spacelifttest.New(t, o)
	c, slept := newClient(t, s)
	if err := c.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.ResetRequests()
	return s, c, slept
}

// roundTripper is a transport that is not net/http's.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// silent is a client that gets no answer, and waits a millisecond for it.
func silent() *http.Client {
	return &http.Client{Timeout: time.Millisecond, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})}
}

// count counts the requests for an operation.
func count(s *spacelifttest.Server, operation string) (n int) {
	for _, r := range s.Requests() {
		if r.Operation == operation {
			n++
		}
	}
	return n
}

type hinted interface {
	error
	Hint() string
}

// wantError checks that an error says and advises what it should, and holds no secret.
func wantError(t *testing.T, c *spaceliftapi.Client, err error, says, advises string) {
	t.Helper()
	var e hinted
	if !errors.As(err, &e) {
		t.Fatalf("error %v, not of this package", err)
	}
	if !strings.Contains(err.Error(), says) {
		t.Errorf("error %q does not say %q", err, says)
	}
	if e.Hint() == "" || !strings.Contains(e.Hint(), advises) {
		t.Errorf("hint %q does not say %q", e.Hint(), advises)
	}
	secrets := []string{secret, runToken, "eyJ", "of-the-run", "s3cret"}
	if c != nil {
		secrets = append(secrets, c.Secrets()...)
	}
	for _, s := range secrets {
		if strings.Contains(err.Error()+e.Hint(), s) {
			t.Errorf("error %q, hint %q: holds %q", err, e.Hint(), s)
		}
	}
}

func wantCredentialsError(t *testing.T, c *spaceliftapi.Client, err error, says, advises string) {
	t.Helper()
	var e *spaceliftapi.CredentialsError
	if !errors.As(err, &e) {
		t.Errorf("error %v is none of credentials", err)
	}
	wantError(t, c, err, says, advises)
}
