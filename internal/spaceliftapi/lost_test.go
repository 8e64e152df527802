package spaceliftapi_test

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
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/spaceliftapi"
	"github.com/countersign-ci/countersign/internal/spacelifttest"
)

// What may have been done is never asked for again.
func TestLost(t *testing.T) {
	result := func(v string) spacelifttest.Fault { return spacelifttest.Fault{Body: `{"data":` + v + `}`} }
	for name, fault := range map[string]spacelifttest.Fault{
		"cut":                        {Cut: true},
		"cut after it was started":   {Cut: true, Late: true},
		"half":                       {Half: true},
		"500":                        {Status: 500},
		"502 after it was started":   {Status: 502, Late: true},
		"503":                        {Status: 503, Header: header("Retry-After", "1")},
		"504":                        {Status: 504, Body: "<html>" + runToken},
		"half of a 429":              {Status: 429, Body: "slow down", Half: true},
		"a page":                     {Body: "<html>"},
		"nothing":                    {Status: 204},
		"large":                      {Body: strings.Repeat(" ", 1<<20+1)},
		"JSON":                       {Body: `[]`},
		"no errors, as it should be": {Body: `{"data":null,"errors":[]}`},
		"errors of no form":          {Body: `{"errors":["x"]}`},
		"a run and an error":         {Body: `{"data":{"runTrigger":{"id":"01RUN"}},"errors":[{"message":"m"}]}`},
		"a run and no right":         {Body: `{"data":{"runTrigger":{"id":"01RUN"}},"errors":[{"message":"unauthorized"}]}`},
		"data: null":                 result(`null`),
		"no run":                     result(`{}`),
		"null":                       result(`{"runTrigger":null}`),
		"a list":                     result(`{"runTrigger":[{"id":"01RUN"}]}`),
		"no id":                      result(`{"runTrigger":{}}`),
		"an empty id":                result(`{"runTrigger":{"id":""}}`),
		"a number":                   result(`{"runTrigger":{"id":1}}`),
		"a folder above":             result(`{"runTrigger":{"id":".."}}`),
		"a path":                     result(`{"runTrigger":{"id":"../../x"}}`),
		"a query":                    result(`{"runTrigger":{"id":"x?y"}}`),
		"a command":                  result(`{"runTrigger":{"id":"x\n::set-output name=x::y"}}`),
		"a token":                    result(`{"runTrigger":{"id":"x ` + runToken + `"}}`),
		"a long id":                  result(`{"runTrigger":{"id":"` + strings.Repeat("x", 256) + `"}}`),
	} {
		s, c, slept := loggedIn(t, options())
		s.On("runTrigger", fault)
		url, err := c.Trigger(t.Context(), proposed())
		if wantError(t, c, err, "it is not known whether the run was started: ", "look at the runs"); !errors.Is(err, spaceliftapi.ErrLost) || url != "" {
			t.Errorf("%s: %q, error %v", name, url, err)
		}
		if n := len(s.Requests()); n != 1 || slept.slept != nil || len(s.Runs()) > 1 {
			t.Errorf("%s: %d requests, %d runs", name, n, len(s.Runs()))
		}
	}
}

// What was not started is told as such.
func TestNotStarted(t *testing.T) {
	for name, test := range map[string]struct {
		fault         spacelifttest.Fault
		says, advises string
	}{
		"an error":   {spacelifttest.Fault{Errors: `[{"message":"stack is locked"}]`}, `"stack is locked"`, "see the message, and look at the runs"},
		"repeated":   {spacelifttest.Fault{Errors: echo}, `"no … here …"`, "see the message"},
		"400":        {spacelifttest.Fault{Status: 400, Body: "<html>"}, "answered 400", "no run was started"},
		"431":        {spacelifttest.Fault{Status: 431}, "answered 431", "no run was started"},
		"a redirect": {spacelifttest.Fault{Status: 308, Header: header("Location", "/elsewhere")}, "a redirect", "SPACELIFT_API_KEY_ENDPOINT"},
	} {
		s, c, _ := loggedIn(t, options())
		s.On("runTrigger", test.fault)
		_, err := c.Trigger(t.Context(), proposed())
		if wantError(t, c, err, test.says, test.advises); errors.Is(err, spaceliftapi.ErrLost) || len(s.Requests()) != 1 {
			t.Errorf("%s: error %v after %d requests", name, err, len(s.Requests()))
		}
	}
}

// A request that was not looked at is sent again.
func TestLimited(t *testing.T) {
	s, c, slept := loggedIn(t, options())
	s.First(2, "runTrigger", spacelifttest.Fault{Status: 429, Header: header("Retry-After", "3")})
	if _, err := c.Trigger(t.Context(), proposed()); err != nil || len(s.Runs()) != 1 {
		t.Errorf("error %v, %d runs", err, len(s.Runs()))
	}
	if diff := cmp.Diff(seconds(3, 3), slept.slept); diff != "" {
		t.Error(diff)
	}
	s.On("runTrigger", spacelifttest.Fault{Status: 429})
	_, err := c.Trigger(t.Context(), proposed())
	if wantError(t, c, err, "answered 429, still after 5 tries", "no run was started"); errors.Is(err, spaceliftapi.ErrLost) || len(s.Runs()) != 1 {
		t.Errorf("error %v, %d runs", err, len(s.Runs()))
	}
}

// A caller that goes away does not know, unless nothing was sent.
func TestTriggerEnded(t *testing.T) {
	s, c, _ := loggedIn(t, options())
	ctx, cancel := context.WithCancelCause(t.Context())
	s.Fault(func(int, spacelifttest.Request) *spacelifttest.Fault {
		cancel(errors.New("interrupted"))
		return &spacelifttest.Fault{Hang: true, Late: true}
	})
	_, err := c.Trigger(ctx, proposed())
	if wantError(t, c, err, "interrupted", "look at the runs"); !errors.Is(err, spaceliftapi.ErrLost) {
		t.Errorf("error %v", err)
	}
	n := len(s.Requests())
	_, err = c.Trigger(ctx, proposed())
	if wantError(t, c, err, "ended: interrupted", "no run was started"); errors.Is(err, spaceliftapi.ErrLost) || len(s.Requests()) != n {
		t.Errorf("error %v", err)
	}

	c, err = spaceliftapi.New(silent(), spaceliftapi.Credentials{Endpoint: "https://acme.app.spacelift.io", Token: "a.b.c"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Trigger(t.Context(), proposed())
	if wantError(t, c, err, "no answer came in time", "look at the runs"); !errors.Is(err, spaceliftapi.ErrLost) {
		t.Errorf("error %v", err)
	}
}

// A connection that is not made has started nothing, and is tried again.
func TestNoConnection(t *testing.T) {
	s := spacelifttest.New(t, options())
	refusals := 2
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if refusals > 0 {
			refusals--
			return nil, errors.New("refused")
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	slept := &clock{}
	c, err := spaceliftapi.New(&http.Client{Transport: transport}, spaceliftapi.Credentials{Token: s.Token()}, slept.sleep)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Trigger(t.Context(), proposed()); err != nil || len(s.Runs()) != 1 {
		t.Errorf("error %v, %d runs", err, len(s.Runs()))
	}
	if diff := cmp.Diff(seconds(1, 2), slept.slept); diff != "" {
		t.Error(diff)
	}
	refusals = 100
	transport.CloseIdleConnections()
	_, err = c.Trigger(t.Context(), proposed())
	if wantError(t, c, err, "refused, still after 5 tries", "no run was started"); errors.Is(err, spaceliftapi.ErrLost) || len(s.Runs()) != 1 {
		t.Errorf("error %v, %d runs", err, len(s.Runs()))
	}
}

// A server whose certificate nobody vouches for gets nothing.
func TestCertificate(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	c, slept := clientOf(t, spaceliftapi.Credentials{Endpoint: server.URL, Token: runToken})
	_, err := c.Trigger(t.Context(), proposed())
	if wantError(t, c, err, "certificate", "no run was started"); errors.Is(err, spaceliftapi.ErrLost) || slept.slept != nil || asked.Load() != 0 {
		t.Errorf("error %v, waited %v, %d requests", err, slept.slept, asked.Load())
	}
}

// The transport of net/http sends some requests again of its own accord: those on a
// connection that was used before and was cut. No run is to be started so.
func TestTransportRepeatsNothing(t *testing.T) {
	for _, two := range []bool{false, true} {
		var asked, connections atomic.Int64
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Spacelift-User-Provided-Run-Metadata") != "" {
				asked.Add(1)
				panic(http.ErrAbortHandler)
			}
			_, _ = w.Write([]byte(`{"data":{"stack":{"id":"network","branch":"main"}}}`))
		}))
		server.EnableHTTP2 = two
		server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		}
		server.StartTLS()
		t.Cleanup(server.Close)
		slept := &clock{}
		c, err := spaceliftapi.New(server.Client(), spaceliftapi.Credentials{Endpoint: server.URL, Token: runToken}, slept.sleep)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Branch(t.Context(), "network"); err != nil {
			t.Fatal(err)
		}
		_, err = c.Trigger(t.Context(), proposed())
		if wantError(t, c, err, "not known", ""); !errors.Is(err, spaceliftapi.ErrLost) || asked.Load() != 1 || connections.Load() != 1 {
			t.Errorf("HTTP/2 %v: error %v, %d requests, %d connections", two, err, asked.Load(), connections.Load())
		}
	}
}

// What a transport could send a second time is not given to it, and one that does not
// tell of its connections may have sent what it was given.
func TestOtherTransport(t *testing.T) {
	n := 0
	c, err := spaceliftapi.New(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		n++
		if _, ok := r.Context().Deadline(); !ok || r.GetBody != nil || r.Header.Get("Idempotency-Key") != "" {
			t.Errorf("request %+v", r)
		}
		return nil, errors.New("no")
	})}, spaceliftapi.Credentials{Endpoint: "https://acme.app.spacelift.io", Token: "a.b.c"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Trigger(t.Context(), proposed()); !errors.Is(err, spaceliftapi.ErrLost) || n != 1 {
		t.Errorf("error %v after %d requests", err, n)
	}
}

// What is no HTTP is quoted by net/http, with whatever the server repeats.
func TestMalformed(t *testing.T) {
	s := spacelifttest.New(t, options())
	broken := ""
	c, err := spaceliftapi.New(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if broken != "" {
			return nil, fmt.Errorf("malformed HTTP response %q", broken)
		}
		return http.DefaultTransport.RoundTrip(r)
	})}, spaceliftapi.Credentials{Endpoint: s.URL(), KeyID: keyID, KeySecret: secret}, (&clock{}).sleep)
	if err != nil {
		t.Fatal(err)
	}
	broken = "secret=" + secret
	wantError(t, c, c.Login(t.Context()), `malformed HTTP response "secret=…"`, "later")
	broken = ""
	if err := c.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	broken = c.Secrets()[1] + " and " + runToken
	_, err = c.Trigger(t.Context(), proposed())
	wantError(t, c, err, `malformed HTTP response "… and …"`, "look at the runs")
	run := proposed()
	run.Token = "run-token" // no JWT
	broken = run.Token
	if _, err = c.Trigger(t.Context(), run); err == nil || strings.Contains(err.Error(), run.Token) {
		t.Errorf("error %v", err)
	}
}

// Neither a redirect nor its target is asked, and the bearer goes nowhere else.
func TestRedirect(t *testing.T) {
	var strangers atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers.Add(1) }))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{other.URL + "/graphql", "/graphql"} {
			s, c, _ := loggedIn(t, options())
			s.Fault(func(int, spacelifttest.Request) *spacelifttest.Fault {
				return &spacelifttest.Fault{Status: status, Header: header("Location", to)}
			})
			_, err := c.Branch(t.Context(), "network")
			_, err2 := c.Trigger(t.Context(), proposed())
			if !errors.Is(err, spaceliftapi.ErrRedirect) || !errors.Is(err2, spaceliftapi.ErrRedirect) || len(s.Requests()) != 2 {
				t.Errorf("%d: errors %v, %v, %d requests", status, err, err2, len(s.Requests()))
			}
		}
	}
	if n := strangers.Load(); n != 0 {
		t.Errorf("%d requests to another host", n)
	}
}
