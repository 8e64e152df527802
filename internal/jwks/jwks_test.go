package jwks_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/jwks"
)

const (
	keySet = `{"keys":[]}`
	// secret stands in every body that is no key set.
	secret = "what-a-body-says"
)

// serve starts an https server on loopback that counts requests.
func serve(t *testing.T, handler http.HandlerFunc) (server *httptest.Server, requests *atomic.Int32) {
	t.Helper()
	requests = new(atomic.Int32)
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		handler(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of connections that clients refuse
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, requests
}

func answer(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, keySet) }

func TestFetch(t *testing.T) {
	var accept, method string
	server, requests := serve(t, func(w http.ResponseWriter, r *http.Request) {
		accept, method = r.Header.Get("Accept"), r.Method
		answer(w, r)
	})
	got, err := jwks.Fetch(t.Context(), server.Client(), server.URL+"/keys?a=b")
	if err != nil || string(got) != keySet {
		t.Fatalf("Fetch = %q, %v, want %q", got, err, keySet)
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests were made, want 1", n)
	}
	if method != http.MethodGet || !strings.Contains(accept, "application/jwk-set+json") {
		t.Errorf("a %s request that accepts %q", method, accept)
	}
}

func TestFetchSize(t *testing.T) {
	const limit = 1 << 20
	for size, holds := range map[int]bool{limit: true, limit + 1: false, 3 * limit: false} {
		server, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat(" ", size))
		})
		got, err := jwks.Fetch(t.Context(), server.Client(), server.URL)
		if holds && (err != nil || len(got) != size) || !holds && (err == nil || got != nil) {
			t.Errorf("with %d bytes: %d bytes, %v", size, len(got), err)
		}
	}
}

func TestFetchStatus(t *testing.T) {
	for _, status := range []int{201, 203, 204, 206, 300, 302, 304, 400, 401, 403, 404, 429, 500, 503} {
		server, requests := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status) // a redirect without a target is an answer too
			if status != http.StatusNoContent && status != http.StatusNotModified {
				_, _ = io.WriteString(w, secret)
			}
		})
		got, err := jwks.Fetch(t.Context(), server.Client(), server.URL)
		wantError(t, fmt.Sprint(status), got, err)
		if n := requests.Load(); n != 1 {
			t.Errorf("%d: %d requests were made, want 1", status, n)
		}
	}
}

// wantError checks that there is an error that says nothing of any body.
func wantError(t *testing.T, name string, got []byte, err error) {
	t.Helper()
	if err == nil || got != nil {
		t.Errorf("%s: Fetch = %q, %v, want an error alone", name, got, err)
	}
	if err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("%s: the error %q quotes the answer", name, err)
	}
}

// redirect returns a handler for a chain of redirects on one server: /n leads
// to /n-1, and /0 answers.
func redirect(w http.ResponseWriter, r *http.Request) {
	var left int
	if _, err := fmt.Sscanf(r.URL.Path, "/%d", &left); err != nil || left == 0 {
		answer(w, r)
		return
	}
	http.Redirect(w, r, fmt.Sprintf("/%d", left-1), http.StatusFound)
}

func TestFetchRedirects(t *testing.T) {
	for redirects, holds := range map[int]bool{1: true, 2: true, 3: true, 4: false, 9: false} {
		server, requests := serve(t, redirect)
		got, err := jwks.Fetch(t.Context(), server.Client(), fmt.Sprintf("%s/%d", server.URL, redirects))
		if !holds {
			wantError(t, fmt.Sprintf("%d redirects", redirects), got, err)
			if n := requests.Load(); n != 4 {
				t.Errorf("with %d redirects: %d requests were made, want 4", redirects, n)
			}
			continue
		}
		if err != nil || string(got) != keySet {
			t.Errorf("with %d redirects: Fetch = %q, %v", redirects, got, err)
		}
	}
}

func TestFetchRedirectSameHost(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var server *httptest.Server
		server, _ = serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				answer(w, r)
				return
			}
			http.Redirect(w, r, server.URL+"/keys", status)
		})
		if got, err := jwks.Fetch(t.Context(), server.Client(), server.URL); err != nil || string(got) != keySet {
			t.Errorf("%d: Fetch = %q, %v", status, got, err)
		}
	}
}

// Another host answers well, and must not even be asked.
func TestFetchRedirectElsewhere(t *testing.T) {
	other, asked := serve(t, answer)
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answer(w, r)
	}))
	t.Cleanup(plain.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(other.URL, "https://"), ":")

	for name, target := range map[string]func(self string) string{
		"other port":          func(string) string { return other.URL },
		"other name":          func(string) string { return "https://localhost:" + port },
		"http":                func(string) string { return plain.URL },
		"http on the host":    func(self string) string { return "http" + strings.TrimPrefix(self, "https") },
		"host as a user name": func(self string) string { return self + "@" + strings.TrimPrefix(other.URL, "https://") },
		"without a scheme":    func(string) string { return "//" + strings.TrimPrefix(other.URL, "https://") },
		"file":                func(string) string { return "file:///etc/hostname" },
		"no URL":              func(self string) string { return self + "/%zz?" + secret },
		"with a query":        func(string) string { return other.URL + "/?" + secret },
	} {
		t.Run(name, func(t *testing.T) {
			var server *httptest.Server
			server, _ = serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", target(server.URL))
				w.WriteHeader(http.StatusFound)
				_, _ = io.WriteString(w, secret)
			})
			got, err := jwks.Fetch(t.Context(), server.Client(), server.URL)
			wantError(t, name, got, err)
			if n := asked.Load(); n != 0 {
				t.Errorf("the other host was asked %d times", n)
			}
		})
	}
}

// The second redirect is held against the address that was given, not against
// the one before it.
func TestFetchRedirectLater(t *testing.T) {
	other, asked := serve(t, answer)
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/second" {
			http.Redirect(w, r, other.URL, http.StatusFound)
			return
		}
		http.Redirect(w, r, "/second", http.StatusFound)
	})
	got, err := jwks.Fetch(t.Context(), server.Client(), server.URL)
	wantError(t, "second redirect", got, err)
	if n := asked.Load(); n != 0 {
		t.Errorf("the other host was asked %d times", n)
	}
}

// The caller's client is used as it is, and not changed.
func TestFetchLeavesClient(t *testing.T) {
	server, _ := serve(t, redirect)
	client := server.Client()
	own := errors.New("own")
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return own }
	if _, err := jwks.Fetch(t.Context(), client, server.URL+"/1"); err != nil {
		t.Error(err)
	}
	if err := client.CheckRedirect(nil, nil); !errors.Is(err, own) {
		t.Errorf("the client's own check was replaced: %v", err)
	}
}

func TestFetchAddress(t *testing.T) {
	server, requests := serve(t, answer)
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		answer(w, r)
	}))
	t.Cleanup(plain.Close)
	host := strings.TrimPrefix(server.URL, "https://")
	for _, address := range []string{
		"", "/keys", host, "//" + host, plain.URL, "http://" + host, "ftp://" + host, "file:///etc/hostname", "https://", "https:///keys",
		"https:" + host, "https://user@" + host, "https://user:" + secret + "@" + host, "https://@" + host,
		"https://" + host + "/\x00", "https://" + host + "/%zz", "https://[::1", " " + server.URL,
	} {
		got, err := jwks.Fetch(t.Context(), server.Client(), address)
		wantError(t, fmt.Sprintf("%q", address), got, err)
	}
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

func TestFetchRefusedConnection(t *testing.T) {
	server, _ := serve(t, answer)
	client, address := server.Client(), server.URL
	server.Close()
	got, err := jwks.Fetch(t.Context(), client, address)
	wantError(t, "closed server", got, err)
}

func TestFetchUntrustedServer(t *testing.T) {
	server, requests := serve(t, answer)
	got, err := jwks.Fetch(t.Context(), &http.Client{Transport: &http.Transport{}}, server.URL)
	wantError(t, "certificate of nobody", got, err)
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests were answered", n)
	}
}

// A server that stalls, before or within its answer, holds nobody up for longer
// than the context lasts.
func TestFetchStalled(t *testing.T) {
	for name, before := range map[string]func(http.ResponseWriter){
		"before the answer": func(http.ResponseWriter) {},
		"within the answer": func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, secret)
			w.(http.Flusher).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			over := make(chan struct{})
			server, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				before(w)
				cancel()
				<-over
			})
			t.Cleanup(func() { close(over) }) // before the server waits for its handlers
			got, err := jwks.Fetch(ctx, server.Client(), server.URL)
			wantError(t, name, got, err)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("the error is %v, want that the context ended", err)
			}
		})
	}
}

// An answer that ends before it is whole is no key set.
func TestFetchCutAnswer(t *testing.T) {
	server, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, secret)
	})
	got, err := jwks.Fetch(t.Context(), server.Client(), server.URL)
	wantError(t, "cut answer", got, err)
}

// roundTripper answers without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// respond returns an answer without a network.
func respond(status int, body io.Reader, location string) *http.Response {
	return &http.Response{StatusCode: status, Body: io.NopCloser(body), Header: http.Header{"Location": {location}}}
}

// A redirect from https to http is not followed, although the host is the same.
func TestFetchRedirectDown(t *testing.T) {
	var asked []string
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.String())
		if len(asked) > 1 {
			return respond(http.StatusOK, strings.NewReader(keySet), ""), nil
		}
		return respond(http.StatusFound, strings.NewReader(secret), "http://keys.example/"), nil
	})}
	got, err := jwks.Fetch(t.Context(), client, "https://keys.example/")
	wantError(t, "http", got, err)
	if len(asked) != 1 {
		t.Errorf("%q were asked", asked)
	}
}

// endless is an answer without an end, which counts what is read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read > 8<<20 {
		return 0, errors.New("nobody stopped reading")
	}
	e.read += len(p)
	return len(p), nil
}

func TestFetchEndless(t *testing.T) {
	body := &endless{}
	client := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return respond(http.StatusOK, body, ""), nil
	})}
	got, err := jwks.Fetch(t.Context(), client, "https://keys.example/")
	wantError(t, "endless answer", got, err)
	if body.read > 2<<20 {
		t.Errorf("%d bytes were read", body.read)
	}
}

func TestFetchTimeout(t *testing.T) {
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		deadline, ok := r.Context().Deadline()
		if left := time.Until(deadline); !ok || left > jwks.Timeout || left < jwks.Timeout/2 {
			t.Errorf("the request may take %s, %t, want %s", left, ok, jwks.Timeout)
		}
		return respond(http.StatusOK, strings.NewReader(keySet), ""), nil
	})}
	if got, err := jwks.Fetch(t.Context(), client, "https://keys.example"); err != nil || string(got) != keySet {
		t.Errorf("Fetch = %q, %v", got, err)
	}
}
