package runner_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/oidctest"
	"github.com/countersign-ci/countersign/internal/runner"
)

const (
	audience     = "countersign:sha256:00"
	requestToken = "secret-request-token"
	requestQuery = "secret-of-the-query"
	identity     = "c2VjcmV0.aWRlbnRpdHk.dG9rZW4"
)

// job returns the variables of a job that may ask for an identity token.
func job(address, token string) runner.Getenv {
	return environment(map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": address, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": token})
}

// unslept fails where anybody sleeps.
func unslept(t *testing.T) func(time.Duration) {
	return func(d time.Duration) { t.Errorf("slept %v", d) }
}

// wantIdentityError checks that an error says what to do, and nothing secret.
func wantIdentityError(t *testing.T, name, got string, err error) {
	t.Helper()
	var told *runner.IdentityError
	if got != "" || !errors.As(err, &told) || told.Hint() == "" {
		t.Errorf("%s: %q, %v, want an IdentityError with a hint", name, got, err)
		return
	}
	for _, secret := range []string{requestToken, requestQuery, identity, "c2VjcmV0", audience} {
		if strings.Contains(err.Error()+told.Hint(), secret) {
			t.Errorf("%s: the error %q has %q", name, err, secret)
		}
	}
}

func TestIdentityToken(t *testing.T) {
	for _, audience := range []string{audience, "a&b=c d+e#f%2F?"} {
		p := oidctest.New(t, oidctest.Options{Alg: "EdDSA"})
		got, err := runner.IdentityToken(t.Context(), p.Client(), job(p.RequestURL(), p.RequestToken()), audience, unslept(t))
		if err != nil {
			t.Fatal(err)
		}
		if claims := claimsOf(t, got); claims["aud"] != audience || claims["repository"] != "acme/widgets" {
			t.Errorf("the claims are %v, want aud %q", claims, audience)
		}
		if n := p.Requests(oidctest.Request); n != 1 {
			t.Errorf("%d requests were made, want 1", n)
		}
	}
}

func TestNoIdentity(t *testing.T) {
	client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s was asked", r.URL)
		return nil, errors.New("no network")
	})}
	for name, getenv := range map[string]runner.Getenv{
		"nothing":    environment(nil),
		"no address": job("", requestToken),
		"no token":   job("https://runner.example/?"+requestQuery, ""),
	} {
		got, err := runner.IdentityToken(t.Context(), client, getenv, audience, unslept(t))
		wantIdentityError(t, name, got, err)
		if !errors.Is(err, runner.ErrNoIdentity) {
			t.Errorf("%s: the error is %v, want ErrNoIdentity", name, err)
		}
	}
	var told interface{ Hint() string }
	if !errors.As(runner.ErrNoIdentity, &told) || !strings.Contains(told.Hint(), "`permissions:`") || !strings.Contains(told.Hint(), "`id-token: write`") {
		t.Errorf("the hint of %v does not give the lines", runner.ErrNoIdentity)
	}
}

func TestIdentityAddress(t *testing.T) {
	for address, holds := range map[string]bool{
		"https://runner.example/x?" + requestQuery: true, "http://127.0.0.1:8080/?" + requestQuery: true, "http://127.8.9.1/": true,
		"http://[::1]:80": true, "https://runner.example": true, "https://10.0.0.1/": true,

		"http://runner.example/?" + requestQuery: false, "http://10.0.0.1/": false, "http://localhost/": false, "http://0.0.0.0/": false,
		"http://127.0.0.1.mallory.example/": false, "http://127.0.0.1@mallory.example/": false, "http://mallory@127.0.0.1/": false,
		"https://" + requestToken + "@runner.example/": false, "ftp://127.0.0.1/": false, "file:///etc/hostname": false,
		"runner.example": false, "//runner.example/": false, "https://": false, "https:///?" + requestQuery: false, "https://:443/": false,
		"https://runner.example/\n" + requestQuery: false, "https://[::1": false, "/" + requestQuery: false,
	} {
		asked := 0
		client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			asked++
			return answerWith(http.StatusOK, `{"value":"`+identity+`"}`), nil
		})}
		got, err := runner.IdentityToken(t.Context(), client, job(address, requestToken), audience, unslept(t))
		if holds && (err != nil || got != identity || asked != 1) {
			t.Errorf("%q: %q, %v after %d requests", address, got, err, asked)
		}
		if !holds {
			wantIdentityError(t, fmt.Sprintf("%q", address), got, err)
			if asked != 0 || errors.Is(err, runner.ErrNoIdentity) {
				t.Errorf("%q: %v after %d requests", address, err, asked)
			}
		}
	}
	for _, token := range []string{" ", "a b", "a\r\nX-Other: b", "a\x00", "ä", "a\x7f"} {
		client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			t.Errorf("%q was sent", token)
			return nil, errors.New("no network")
		})}
		got, err := runner.IdentityToken(t.Context(), client, job("https://runner.example", token), audience, unslept(t))
		wantIdentityError(t, fmt.Sprintf("%q", token), got, err)
	}
}

func TestIdentityRequest(t *testing.T) {
	for address, want := range map[string]string{
		"https://runner.example/a%2Fb?api-version=2.0":  "https://runner.example/a%2Fb?api-version=2.0&audience=a%26b%3D%23+%C3%A4",
		"https://runner.example/?b=1&a=%20;x&a=2#frag":  "https://runner.example/?b=1&a=%20;x&a=2&audience=a%26b%3D%23+%C3%A4",
		"https://runner.example":                        "https://runner.example?audience=a%26b%3D%23+%C3%A4",
		"https://runner.example/?":                      "https://runner.example/?audience=a%26b%3D%23+%C3%A4",
		"https://runner.example:8443/x?sig=" + identity: "https://runner.example:8443/x?sig=" + identity + "&audience=a%26b%3D%23+%C3%A4",
	} {
		client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodGet || r.URL.String() != want || r.Header.Get("Authorization") != "Bearer "+requestToken {
				t.Errorf("%s %s with %q, want GET %s", r.Method, r.URL, r.Header["Authorization"], want)
			}
			if end, ok := r.Context().Deadline(); !ok || time.Until(end) > 10*time.Second {
				t.Errorf("the request may take until %v, %t", end, ok)
			}
			return answerWith(http.StatusOK, `{"value":"`+identity+`"}`), nil
		})}
		if got, err := runner.IdentityToken(t.Context(), client, job(address, requestToken), "a&b=# ä", unslept(t)); got != identity {
			t.Errorf("%s: %q, %v", address, got, err)
		}
	}
}

func TestIdentityAnswer(t *testing.T) {
	long := func(size int) string {
		text := `{"count":1,"value":"` + identity + `"}`
		return text + strings.Repeat(" ", size-len(text))
	}
	for text, want := range map[string]string{
		`{"count":28,"value":"` + identity + `"}`: identity, `{"value":"` + identity + `"}`: identity, long(64 << 10): identity,

		"": "", "{": "", identity: "", "null": "", `"` + identity + `"`: "", `["` + identity + `"]`: "", `{}`: "", `{"value":null}`: "", `{"value":""}`: "",
		`{"value":["` + identity + `"]}`: "", `{"Value":"` + identity + `"}`: "", `{"value":{"value":"` + identity + `"}}`: "", `{"value":1}`: "",
		`{"value":"` + identity + `","value":"` + identity + `"}`: "", `{"` + identity + `":1,"` + identity + `":1}`: "", `{"value":"` + identity + `"} x`: "",
		`{"value":"` + identity + `\n::add-mask::x"}`: "", `{"value":" ` + identity + `"}`: "", `{"value":"` + identity + `="}`: "", `{"value":"a.b"}`: "",
		`{"value":"a.b."}`: "", `{"value":"a.b.c.d"}`: "", `{"value":"` + identity + `~"}`: "", "{\"value\":\"" + identity + "\xff\"}": "",
		long(64<<10 + 1): "", long(1 << 20): "",
	} {
		tries := 0
		client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			tries++
			return answerWith(http.StatusOK, text), nil
		})}
		got, err := runner.IdentityToken(t.Context(), client, job("https://runner.example/?"+requestQuery, requestToken), audience, unslept(t))
		if want == "" {
			wantIdentityError(t, fmt.Sprintf("%.200q", text), got, err)
		} else if err != nil || got != want {
			t.Errorf("%.200q: %q, %v", text, got, err)
		}
		if tries != 1 {
			t.Errorf("%.200q: %d tries, want 1", text, tries)
		}
	}
}

func TestIdentityRetries(t *testing.T) {
	type answer struct {
		status int
		err    error
		body   io.Reader
	}
	good, lost := answer{status: 200}, answer{err: errors.New("lost, at https://runner.example/?" + requestQuery + " " + identity)}
	cut := answer{status: 200, body: io.MultiReader(strings.NewReader(`{"value":"`+identity), failing{})}
	of := func(status int) answer { return answer{status: status} }
	tests := []struct {
		name    string
		answers []answer
		waits   []time.Duration
		holds   bool
	}{
		{"at once", []answer{good}, nil, true},
		{"500 first", []answer{of(500), good}, []time.Duration{1}, true},
		{"429 and 503 first", []answer{of(429), of(503), good}, []time.Duration{1, 2}, true},
		{"lost first", []answer{lost, good}, []time.Duration{1}, true},
		{"cut first", []answer{cut, good}, []time.Duration{1}, true},
		{"three faults", []answer{of(500), lost, of(429), good}, []time.Duration{1, 2}, false},
		{"lost three times", []answer{lost, lost, lost, good}, []time.Duration{1, 2}, false},
		{"400", []answer{of(400), good}, nil, false},
		{"401", []answer{of(401), good}, nil, false},
		{"403", []answer{of(403), good}, nil, false},
		{"404", []answer{of(404), good}, nil, false},
		{"201", []answer{of(201), good}, nil, false},
		{"204", []answer{of(204), good}, nil, false},
		{"302", []answer{of(302), good}, nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			left := test.answers
			client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
				a := left[0]
				left = left[1:]
				if a.err != nil {
					return nil, a.err
				}
				response := answerWith(a.status, `{"value":"`+identity+`"}`)
				if a.body != nil {
					response.Body = io.NopCloser(a.body)
				}
				return response, nil
			})}
			var waits []time.Duration
			sleep := func(d time.Duration) { waits = append(waits, d/time.Second) }
			got, err := runner.IdentityToken(t.Context(), client, job("https://runner.example/?"+requestQuery, requestToken), audience, sleep)
			if test.holds && (err != nil || got != identity) {
				t.Errorf("%q, %v", got, err)
			}
			if !test.holds {
				wantIdentityError(t, test.name, got, err)
			}
			if diff := cmp.Diff(test.waits, waits); diff != "" {
				t.Errorf("waits in seconds (-want +got):\n%s", diff)
			}
		})
	}
}

// transport answers without a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answerWith(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// failing is a connection that breaks.
type failing struct{}

func (failing) Read([]byte) (int, error) {
	return 0, &url.Error{Op: "Get", URL: requestQuery, Err: io.ErrUnexpectedEOF}
}

// claimsOf returns the claims of a token, which is not verified.
func claimsOf(t *testing.T, token string) (claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims
}
