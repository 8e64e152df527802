package jwks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/countersign-ci/countersign/internal/jwks"
	"github.com/countersign-ci/countersign/internal/oidctest"
)

func TestDiscover(t *testing.T) {
	for _, path := range []string{"", "/_services/token"} {
		p := oidctest.New(t, oidctest.Options{Alg: "ES256", Path: path})
		got, err := jwks.Discover(t.Context(), p.Client(), p.Issuer())
		if err != nil || !bytes.Equal(got.Set, p.JWKS()) || got.Cached {
			t.Errorf("Discover = %q, %v, want %q", got.Set, err, p.JWKS())
		}
		if document, keys := p.Requests(oidctest.Discovery), p.Requests(oidctest.KeySet); document != 1 || keys != 1 {
			t.Errorf("the document was asked for %d times and the keys %d times, want 1 and 1", document, keys)
		}
	}
}

func TestDiscoverFaults(t *testing.T) {
	tests := []struct {
		path    string
		fault   oidctest.Fault
		refused bool // a check failed, rather than the network or the answer
		keys    int  // requests for the keys
	}{
		{oidctest.Discovery, oidctest.OtherIssuer, true, 0},
		{oidctest.Discovery, oidctest.OtherHost, true, 0},
		{oidctest.Discovery, oidctest.OtherPort, true, 0},
		{oidctest.Discovery, oidctest.PlainKeys, true, 0},
		{oidctest.Discovery, oidctest.TwoIssuers, true, 0},
		{oidctest.Discovery, oidctest.Broken, false, 0},
		{oidctest.Discovery, oidctest.Redirect, false, 0},
		{oidctest.Discovery, oidctest.NotJSON, false, 0},
		{oidctest.KeySet, oidctest.HugeKeys, false, 1},
		{oidctest.KeySet, oidctest.Broken, false, 1},
		{oidctest.KeySet, oidctest.Redirect, false, 1},
		{oidctest.KeySet, oidctest.NotJSON, false, 1},
	}
	for _, test := range tests {
		t.Run(string(test.fault), func(t *testing.T) {
			p := oidctest.New(t, oidctest.Options{Alg: "EdDSA"})
			p.SetFault(test.path, test.fault)
			got, err := jwks.Discover(t.Context(), p.Client(), p.Issuer())
			wantError(t, test.path, got.Set, err)
			if errors.Is(err, jwks.ErrIssuer) != test.refused || errors.Is(err, jwks.ErrAddress) {
				t.Errorf("the error is %v", err)
			}
			if n := p.Requests(oidctest.KeySet); n != test.keys {
				t.Errorf("the keys were asked for %d times, want %d", n, test.keys)
			}
			if n := p.OtherRequests(); n != 0 {
				t.Errorf("the other host was asked %d times", n)
			}
		})
	}
}

// Nobody but the caller and the caller's roots says who the host is.
func TestDiscoverUntrusted(t *testing.T) {
	p, other := oidctest.New(t, oidctest.Options{Alg: "EdDSA"}), oidctest.New(t, oidctest.Options{Alg: "EdDSA"})
	got, err := jwks.Discover(t.Context(), other.Client(), p.Issuer())
	wantError(t, "certificate of another authority", got.Set, err)
	if errors.Is(err, jwks.ErrIssuer) || p.Requests(oidctest.Discovery) != 0 {
		t.Errorf("the error is %v, after %d requests", err, p.Requests(oidctest.Discovery))
	}
}

// site answers requests to an issuer without a network, by address; an address that
// it does not have is 404.
type site map[string]string

func (s site) client() *http.Client {
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		body, ok := s[r.URL.String()]
		if !ok {
			return respond(http.StatusNotFound, strings.NewReader(secret), ""), nil
		}
		return respond(http.StatusOK, strings.NewReader(body), ""), nil
	})}
}

const (
	issuer   = "https://issuer.example"
	document = issuer + "/.well-known/openid-configuration"
	keysAt   = issuer + "/keys"
)

// An issuer is asked for as it is written, and its document names it so.
func TestDiscoverIssuer(t *testing.T) {
	for asked, named := range map[string]map[string]bool{
		issuer:              {issuer: true, issuer + "/": false, "HTTPS://issuer.example": false, "https://Issuer.example": false, "": false},
		issuer + "/":        {issuer + "/": true, issuer: false},
		issuer + ":443":     {issuer + ":443": true, issuer: false},
		issuer + "/acme":    {issuer + "/acme": true, issuer: false, issuer + "/acme/": false, issuer + "/acm": false, issuer + "/acme2": false},
		issuer + "/acme/":   {issuer + "/acme/": true, issuer + "/acme": false},
		issuer + "/a%2Fb":   {issuer + "/a%2Fb": true, issuer + "/a/b": false},
		issuer + "/a/../b":  {issuer + "/a/../b": true, issuer + "/b": false},
		"https://[2001::1]": {"https://[2001::1]": true},
	} {
		for name, holds := range named {
			base, err := url.Parse(asked)
			if err != nil {
				t.Fatal(err)
			}
			keys := "https://" + base.Host + "/keys"
			s := site{
				strings.TrimSuffix(asked, "/") + "/.well-known/openid-configuration": fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, name, keys),
				keys: keySet,
			}
			got, err := jwks.Discover(t.Context(), s.client(), asked)
			if holds && (err != nil || string(got.Set) != keySet) {
				t.Errorf("%s, named %s: %q, %v", asked, name, got.Set, err)
			}
			if !holds && !errors.Is(err, jwks.ErrIssuer) {
				t.Errorf("%s, named %s: %q, %v, want ErrIssuer", asked, name, got.Set, err)
			}
		}
	}
}

func TestDiscoverAddress(t *testing.T) {
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s was asked", r.URL)
		return nil, errors.New("no network")
	})}
	cache, _ := newCache(t)
	for _, address := range []string{
		"", "issuer.example", "//issuer.example", "http://issuer.example", "ftp://issuer.example", "file:///etc/hostname",
		"https://", "https:///path", "https://:443", "https:issuer.example", "https://user@issuer.example",
		"https://user:" + secret + "@issuer.example", "https://@issuer.example", issuer + "?", issuer + "?a=" + secret, issuer + "#",
		issuer + "#" + secret, issuer + "/%zz", issuer + "/\n", " " + issuer, "https://[::1",
	} {
		got, err := jwks.Discover(t.Context(), client, address)
		wantError(t, fmt.Sprintf("%q", address), got.Set, err)
		if !errors.Is(err, jwks.ErrAddress) || errors.Is(err, jwks.ErrIssuer) {
			t.Errorf("%q: the error is %v, want ErrAddress", address, err)
		}
		put(t, cache, address, keySet, time.Hour) // what lies there changes nothing
		source := jwks.Source{Client: client, Cache: cache}
		if _, err := source.Keys(t.Context(), address, false); !errors.Is(err, jwks.ErrAddress) {
			t.Errorf("%q: the source's error is %v, want ErrAddress", address, err)
		}
	}
}

func TestDiscoverDocument(t *testing.T) {
	tests := []struct {
		name, document string
		refused        bool
	}{
		{"empty", ``, false},
		{"cut", `{"issuer":"` + issuer + `"`, false},
		{"two values", `{} {}`, false},
		{"HTML", `<html>` + secret, false},
		{"null", `null`, true},
		{"list", `[]`, true},
		{"text", `"` + secret + `"`, true},
		{"nothing in it", `{}`, true},
		{"no issuer", `{"jwks_uri":"` + keysAt + `"}`, true},
		{"issuer in another case", `{"Issuer":"` + issuer + `","jwks_uri":"` + keysAt + `"}`, true},
		{"issuer null", `{"issuer":null,"jwks_uri":"` + keysAt + `"}`, true},
		{"issuers in a list", `{"issuer":["` + issuer + `"],"jwks_uri":"` + keysAt + `"}`, true},
		{"no keys", `{"issuer":"` + issuer + `"}`, true},
		{"keys in a list", `{"issuer":"` + issuer + `","jwks_uri":["` + keysAt + `"]}`, true},
		{"equal issuers", `{"issuer":"` + issuer + `","issuer":"` + issuer + `","jwks_uri":"` + keysAt + `"}`, true},
		{"two issuers", `{"issuer":"https://mallory.example","issuer":"` + issuer + `","jwks_uri":"` + keysAt + `"}`, true},
		{"two issuers, one escaped", `{"\u0069ssuer":"https://mallory.example","issuer":"` + issuer + `","jwks_uri":"` + keysAt + `"}`, true},
		{"two key sets", `{"issuer":"` + issuer + `","jwks_uri":"https://mallory.example/","jwks_uri":"` + keysAt + `"}`, true},
		{"equal names elsewhere", `{"issuer":"` + issuer + `","jwks_uri":"` + keysAt + `","x":{"y":1,"y":1}}`, true},
	}
	for _, test := range tests {
		s := site{document: test.document, keysAt: keySet}
		got, err := jwks.Discover(t.Context(), s.client(), issuer)
		wantError(t, test.name, got.Set, err)
		if errors.Is(err, jwks.ErrIssuer) != test.refused {
			t.Errorf("%s: the error is %v", test.name, err)
		}
	}
}

func TestDiscoverKeysAddress(t *testing.T) {
	for address, holds := range map[string]bool{
		keysAt: true, issuer + ":443/keys": true, "https://ISSUER.example/keys": true, "HTTPS://issuer.example/keys": true,
		issuer + "/": true, issuer: true, issuer + "/keys?v=1": true,

		"http://issuer.example/keys": false, "http://issuer.example:443/keys": false, issuer + ":8443/keys": false,
		"https://issuer.example.mallory.example/keys": false, "https://mallory.example/keys": false, "https://api.issuer.example/keys": false,
		"https://issuer.example@mallory.example/keys": false, "https://mallory@issuer.example/keys": false,
		"https://mallory.example/?" + secret: false, "https://mallory.example/#" + issuer: false, "https://mallory.example\\@issuer.example/": false,
		"//issuer.example/keys": false, "/keys": false, "keys": false, "": false, "https:///keys": false, "https:issuer.example": false,
		"file:///etc/hostname": false, "https://[::1": false, "https://issuer.example\n/": false, " " + keysAt: false,
	} {
		text, err := json.Marshal(map[string]string{"issuer": issuer, "jwks_uri": address})
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			body := keySet
			if r.URL.String() == document {
				body = string(text)
			} else if !holds {
				t.Errorf("%q: %s was asked", address, r.URL)
			}
			return respond(http.StatusOK, strings.NewReader(body), ""), nil
		})}
		got, err := jwks.Discover(t.Context(), client, issuer)
		if holds && (err != nil || string(got.Set) != keySet) {
			t.Errorf("%q: %q, %v", address, got.Set, err)
		}
		if !holds {
			wantError(t, fmt.Sprintf("%q", address), got.Set, err)
			if !errors.Is(err, jwks.ErrIssuer) {
				t.Errorf("%q: the error is %v, want ErrIssuer", address, err)
			}
		}
	}
}

func TestDiscoverSet(t *testing.T) {
	for text, refused := range map[string]bool{
		``: false, `{`: false, secret: false, `{"keys":[]} {}`: false,
		`[]`: true, `null`: true, `{}`: true, `{"keys":{}}`: true, `{"keys":null}`: true, `{"Keys":[]}`: true,
		`{"keys":[],"keys":[]}`: true, `{"keys":[{"kid":"a","kid":"b"}]}`: true, "{\"keys\":[\"\xff\"]}": true,
	} {
		s := site{document: `{"issuer":"` + issuer + `","jwks_uri":"` + keysAt + `"}`, keysAt: text}
		got, err := jwks.Discover(t.Context(), s.client(), issuer)
		wantError(t, text, got.Set, err)
		if errors.Is(err, jwks.ErrIssuer) != refused {
			t.Errorf("%q: the error is %v", text, err)
		}
	}
}

// Both answers are bounded, and both have to come in one time.
func TestDiscoverBounds(t *testing.T) {
	const good = `{"issuer":"` + issuer + `","jwks_uri":"` + keysAt + `"}`
	for name, long := range map[string]string{"document": document, "key set": keysAt} {
		for size, holds := range map[int]bool{1 << 20: true, 1<<20 + 1: false} {
			s := site{document: good, keysAt: keySet}
			s[long] += strings.Repeat(" ", size-len(s[long]))
			_, err := jwks.Discover(t.Context(), s.client(), issuer)
			if (err == nil) != holds || errors.Is(err, jwks.ErrIssuer) {
				t.Errorf("a %s of %d bytes: %v", name, size, err)
			}
		}
	}

	var ends []time.Time
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		end, ok := r.Context().Deadline()
		if left := time.Until(end); !ok || left > jwks.Timeout || left < jwks.Timeout/2 {
			t.Errorf("a request may take %s, %t, want %s", left, ok, jwks.Timeout)
		}
		ends = append(ends, end)
		body := good
		if r.URL.Path == "/keys" {
			body = keySet
		}
		return respond(http.StatusOK, strings.NewReader(body), ""), nil
	})}
	if _, err := jwks.Discover(t.Context(), client, issuer); err != nil {
		t.Error(err)
	}
	if len(ends) != 2 || !ends[0].Equal(ends[1]) {
		t.Errorf("the requests end at %v, want two at one time", ends)
	}
}

// An issuer that does not answer holds nobody up for longer than the context lasts.
func TestDiscoverHang(t *testing.T) {
	for _, path := range []string{oidctest.Discovery, oidctest.KeySet} {
		t.Run(path, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			over := make(chan struct{})
			var server *httptest.Server
			server, _ = serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == path {
					cancel()
					<-over
				}
				fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, server.URL, server.URL+oidctest.KeySet)
			})
			t.Cleanup(func() { close(over) })
			got, err := jwks.Discover(ctx, server.Client(), server.URL)
			wantError(t, path, got.Set, err)
			if !errors.Is(err, context.Canceled) || errors.Is(err, jwks.ErrIssuer) {
				t.Errorf("the error is %v, want that the context ended", err)
			}
		})
	}
}
