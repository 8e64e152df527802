package runner_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/oidctest"
	"github.com/countersign-ci/countersign/internal/runner"
)

// What is asked with goes to no other address, not even on the same host.
func TestIdentityRedirect(t *testing.T) {
	p := oidctest.New(t, oidctest.Options{Alg: "EdDSA"})
	p.SetFault(oidctest.Request, oidctest.Redirect)
	got, err := runner.IdentityToken(t.Context(), p.Client(), job(p.RequestURL(), p.RequestToken()), audience, unslept(t))
	wantIdentityError(t, "another host", got, err)
	if n := p.OtherRequests(); n != 0 {
		t.Errorf("the other host was asked %d times", n)
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		asked := 0
		client := &http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error { return nil },
			Transport: transport(func(r *http.Request) (*http.Response, error) {
				asked++
				response := answerWith(status, `{"value":"`+identity+`"}`)
				if asked > 1 {
					response.StatusCode = http.StatusOK
				}
				response.Header.Set("Location", "/again?"+requestQuery)
				return response, nil
			}),
		}
		got, err := runner.IdentityToken(t.Context(), client, job("https://runner.example/?"+requestQuery, requestToken), audience, unslept(t))
		wantIdentityError(t, fmt.Sprint(status), got, err)
		if asked != 1 || client.CheckRedirect(nil, nil) != nil {
			t.Errorf("%d: %d requests were made, want 1", status, asked)
		}
	}
}

// Real connections that fail say why, as far as that is no secret.
func TestIdentityConnection(t *testing.T) {
	p, other := oidctest.New(t, oidctest.Options{Alg: "EdDSA"}), oidctest.New(t, oidctest.Options{Alg: "EdDSA"})
	closed := httptest.NewServer(nil)
	closed.Close()
	// No HTTP, but all that is secret, in one line.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = fmt.Fprintf(c, "%s %s %s\r\n\r\n", identity, requestToken, requestQuery)
			c.Close()
		}
	}()
	strange := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/%zz?"+requestQuery+identity)
		w.WriteHeader(http.StatusFound)
	}))
	strange.Config.ErrorLog = log.New(io.Discard, "", 0)
	strange.Start()
	t.Cleanup(strange.Close)

	for name, test := range map[string]struct {
		client        *http.Client
		address, says string
	}{
		"certificate of nobody": {other.Client(), p.RequestURL(), "certificate"},
		"closed":                {p.Client(), closed.URL + "/?" + requestQuery, "refused"},
		"no HTTP":               {p.Client(), "http://" + listener.Addr().String() + "/?" + requestQuery, "no whole answer"},
		"a redirect to no URL":  {p.Client(), strange.URL + "/?" + requestQuery, "no whole answer"},
	} {
		got, err := runner.IdentityToken(t.Context(), test.client, job(test.address, requestToken), audience, func(time.Duration) {})
		wantIdentityError(t, name, got, err)
		if err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: the error is %q, want that it says %q", name, err, test.says)
		}
	}
}

// A caller who gives up is not kept by tries that are left.
func TestIdentityCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		cancel()
		return answerWith(http.StatusServiceUnavailable, ""), nil
	})}
	got, err := runner.IdentityToken(ctx, client, job("https://runner.example/?"+requestQuery, requestToken), audience, unslept(t))
	wantIdentityError(t, "cancelled", got, err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, want that the context ended", err)
	}
}
