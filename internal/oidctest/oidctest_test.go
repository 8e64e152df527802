package oidctest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/countersign-ci/countersign/internal/oidctest"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

// get asks an address, and returns the status and the body.
func get(t *testing.T, client *http.Client, address string, header http.Header) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// verify verifies a token with keys that another library parses, and returns its parts.
func verify(t *testing.T, set []byte, token string) (header, claims map[string]any, err error) {
	t.Helper()
	keys, err := jwk.Parse(set)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jwt.Parse(token, func(token *jwt.Token) (any, error) {
		id, _ := token.Header["kid"].(string)
		k, ok := keys.LookupKeyID(id)
		if !ok {
			return nil, jwt.ErrTokenUnverifiable
		}
		if alg, _ := k.Algorithm(); alg.String() != token.Method.Alg() {
			t.Errorf("a key for %s, a token with %s", alg, token.Method.Alg())
		}
		var public any
		return public, jwk.Export(k, &public)
	}, jwt.WithTimeFunc(clock))
	if parsed == nil {
		return nil, nil, err
	}
	return parsed.Header, parsed.Claims.(jwt.MapClaims), err
}

func TestProvider(t *testing.T) {
	for alg, path := range map[string]string{"": "", "RS256": "/_services/token", "ES256": "/acme", "EdDSA": ""} {
		p := oidctest.New(t, oidctest.Options{Alg: alg, Path: path, Now: clock})
		_, body := get(t, p.Client(), p.Issuer()+oidctest.Discovery, nil)
		var document struct {
			Issuer string
			Keys   string `json:"jwks_uri"`
		}
		if err := json.Unmarshal([]byte(body), &document); err != nil || document.Issuer != p.Issuer() || !strings.HasSuffix(p.Issuer(), path) {
			t.Fatalf("the document is %s, %v", body, err)
		}
		_, set := get(t, p.Client(), document.Keys, nil)
		if set != string(p.JWKS()) {
			t.Errorf("the keys are %s, want %s", set, p.JWKS())
		}
		header, claims, err := verify(t, []byte(set), p.Token("countersign:sha256:00", nil))
		if err != nil {
			t.Fatal(err)
		}
		if alg == "" {
			alg = "RS256"
		}
		delete(header, "x5t")
		if diff := cmp.Diff(map[string]any{"typ": "JWT", "alg": alg, "kid": p.KID()}, header); diff != "" {
			t.Errorf("header (-want +got):\n%s", diff)
		}
		want := oidctest.Claims()
		maps.Copy(want, map[string]any{
			"iss": p.Issuer(), "aud": "countersign:sha256:00", "sub": "repo:acme/widgets:ref:refs/heads/main", "jti": claims["jti"],
			"iat": float64(noon.Unix()), "nbf": float64(noon.Unix() - 600), "exp": float64(noon.Unix() + 300),
		})
		if diff := cmp.Diff(want, claims); diff != "" {
			t.Errorf("claims (-want +got):\n%s", diff)
		}
		if _, again, _ := verify(t, []byte(set), p.Token("", nil)); again["jti"] == claims["jti"] || len(claims["jti"].(string)) != 36 || again["aud"] != "https://github.com/acme" {
			t.Errorf("the next token has jti %q and aud %q", again["jti"], again["aud"])
		}
		if n := p.Requests(oidctest.Discovery); n != 1 {
			t.Errorf("%d requests are counted for the document, want 1", n)
		}
	}
}

func TestClaims(t *testing.T) {
	for name, v := range oidctest.Claims() {
		if reflect.TypeOf(v).Kind() != reflect.String {
			t.Errorf("%s is %v, not a text", name, v)
		}
	}
	p := oidctest.New(t, oidctest.Options{Alg: "EdDSA", Now: clock})
	p.SetClaims(map[string]any{"environment": "production:eu", "sha": nil, "run_id": "1", "aud": []string{"a", "b"}})
	_, claims, err := verify(t, p.JWKS(), p.Token("x", map[string]any{"run_id": "2", "iat": 1}))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	for _, name := range []string{"environment", "sub", "sha", "run_id", "aud", "iat"} {
		got[name] = claims[name]
	}
	want := map[string]any{
		"environment": "production:eu", "sub": "repo:acme/widgets:environment:production%3Aeu", "sha": nil, "run_id": "2",
		"aud": []any{"a", "b"}, "iat": 1.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	for _, sub := range []any{"own", nil} {
		p.SetClaims(map[string]any{"sub": sub})
		if _, claims, _ = verify(t, p.JWKS(), p.Token("x", nil)); claims["sub"] != sub {
			t.Errorf("sub is %v, want %v", claims["sub"], sub)
		}
	}
}

func TestRotation(t *testing.T) {
	p := oidctest.New(t, oidctest.Options{Alg: "ES256", KID: "first", Now: clock})
	first, before := p.Token("x", nil), p.JWKS()
	p.Rotate()
	second, both := p.Token("x", nil), p.JWKS()
	p.Drop()
	for name, test := range map[string]struct {
		set           []byte
		first, second bool
	}{"before": {before, true, false}, "both": {both, true, true}, "after": {p.JWKS(), false, true}} {
		for token, holds := range map[string]bool{first: test.first, second: test.second} {
			if header, _, err := verify(t, test.set, token); (err == nil) != holds || (header["kid"] == "first") != (token == first) {
				t.Errorf("%s: the token of the key %v: %v, want %t", name, header["kid"], err, holds)
			}
		}
	}
	// Another provider with that id has another key.
	other := oidctest.New(t, oidctest.Options{Alg: "ES256", KID: "first", Now: clock})
	if _, _, err := verify(t, before, other.Token("x", nil)); err == nil {
		t.Error("another provider's token is verified")
	}
}

func TestRequest(t *testing.T) {
	p := oidctest.New(t, oidctest.Options{Alg: "EdDSA", Now: clock})
	bearer := http.Header{"Authorization": {"Bearer " + p.RequestToken()}}
	for query, audience := range map[string]string{"": "https://github.com/acme", "&audience=": "https://github.com/acme", "&audience=a%3Ab%26c": "a:b&c"} {
		response, body := get(t, p.Client(), p.RequestURL()+query, bearer)
		var answer struct {
			Count int
			Value string
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil || response.StatusCode != http.StatusOK || answer.Count != len(answer.Value) {
			t.Fatalf("%d %s, %v", response.StatusCode, body, err)
		}
		if _, claims, err := verify(t, p.JWKS(), answer.Value); err != nil || claims["aud"] != audience {
			t.Errorf("%q: the audience is %v, %v, want %q", query, claims["aud"], err, audience)
		}
	}
	address, _, _ := strings.Cut(p.RequestURL(), "?")
	for name, test := range map[string]struct {
		address       string
		authorization []string
		want          int
	}{
		"no bearer":    {p.RequestURL(), nil, 401},
		"other bearer": {p.RequestURL(), []string{"Bearer x"}, 401},
		"no scheme":    {p.RequestURL(), []string{p.RequestToken()}, 401},
		"no version":   {address + "?audience=x", bearer["Authorization"], 400},
		"elsewhere":    {p.Issuer() + "/x", bearer["Authorization"], 404},
	} {
		if response, body := get(t, p.Client(), test.address, http.Header{"Authorization": test.authorization}); response.StatusCode != test.want {
			t.Errorf("%s: %d %s, want %d", name, response.StatusCode, body, test.want)
		}
	}
}

func TestFaults(t *testing.T) {
	p := oidctest.New(t, oidctest.Options{Alg: "EdDSA", Now: clock})
	direct := *p.Client()
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	at := func(path string, fault oidctest.Fault) (*http.Response, string) {
		t.Helper()
		p.SetFault(path, fault)
		defer p.SetFault(path, oidctest.None)
		return get(t, &direct, p.Issuer()+path, nil)
	}
	document := func(fault oidctest.Fault) (issuer, keys string) {
		t.Helper()
		_, body := at(oidctest.Discovery, fault)
		var d struct {
			Issuer string
			Keys   string `json:"jwks_uri"`
		}
		if err := json.Unmarshal([]byte(body), &d); err != nil {
			t.Fatal(err)
		}
		return d.Issuer, d.Keys
	}
	good := p.Issuer() + oidctest.KeySet
	if issuer, keys := document(oidctest.OtherIssuer); issuer == p.Issuer() || keys != good {
		t.Errorf("the issuer is %s with its keys at %s", issuer, keys)
	}
	if issuer, keys := document(oidctest.PlainKeys); issuer != p.Issuer() || !strings.HasPrefix(keys, "http://127.0.0.1:") {
		t.Errorf("the issuer is %s with its keys at %s", issuer, keys)
	}
	// Elsewhere are the right keys, so that only a check keeps one from them.
	for _, fault := range []oidctest.Fault{oidctest.OtherHost, oidctest.OtherPort} {
		issuer, keys := document(fault)
		if _, set := get(t, p.Client(), keys, nil); issuer != p.Issuer() || keys == good || set != string(p.JWKS()) {
			t.Errorf("%s: the keys at %s are %s", fault, keys, set)
		}
	}
	if n := p.OtherRequests(); n != 1 {
		t.Errorf("%d requests to the other host are counted, want 1", n)
	}
	if _, body := at(oidctest.Discovery, oidctest.TwoIssuers); strings.Count(body, `"issuer":`) != 2 || !json.Valid([]byte(body)) {
		t.Errorf("the document is %s", body)
	}
	if _, body := at(oidctest.KeySet, oidctest.EqualKIDs); strings.Count(body, p.KID()) != 2 {
		t.Errorf("the keys are %s", body)
	}
	if _, body := at(oidctest.KeySet, oidctest.HugeKeys); len(body) < 10<<20 || !json.Valid([]byte(body)) {
		t.Errorf("the keys have %d bytes", len(body))
	}
	for _, path := range []string{oidctest.Discovery, oidctest.KeySet} {
		if r, _ := at(path, oidctest.Broken); r.StatusCode != 500 {
			t.Errorf("%s answers %d", path, r.StatusCode)
		}
		if _, body := at(path, oidctest.NotJSON); json.Valid([]byte(body)) {
			t.Errorf("%s answers %s", path, body)
		}
		r, _ := at(path, oidctest.Redirect)
		if location := r.Header.Get("Location"); r.StatusCode != 307 || strings.HasPrefix(location, p.Issuer()) {
			t.Errorf("%s: %d to %s", path, r.StatusCode, location)
		} else if r, body := get(t, p.Client(), location, nil); r.StatusCode != 200 || !json.Valid([]byte(body)) {
			t.Errorf("%s: %d %s", location, r.StatusCode, body)
		}
	}
	p.SetCacheControl("max-age=60")
	if r, _ := get(t, p.Client(), good, nil); r.Header.Get("Cache-Control") != "max-age=60" {
		t.Errorf("the header is %v", r.Header)
	}
}

// A provider that hangs lets go when the client does.
func TestHang(t *testing.T) {
	p := oidctest.New(t, oidctest.Options{Alg: "EdDSA"})
	p.SetFault(oidctest.KeySet, oidctest.Hang)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sent := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { cancel() }}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, sent), http.MethodGet, p.Issuer()+oidctest.KeySet, nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := p.Client().Do(r); !errors.Is(err, context.Canceled) {
		response.Body.Close()
		t.Errorf("the answer is %d, %v", response.StatusCode, err)
	}
}

func TestAuthority(t *testing.T) {
	p, other := oidctest.New(t, oidctest.Options{Alg: "EdDSA"}), oidctest.New(t, oidctest.Options{Alg: "EdDSA"})
	if !strings.HasPrefix(p.Issuer(), "https://127.0.0.1:") {
		t.Errorf("the issuer is %s", p.Issuer())
	}
	if text, err := os.ReadFile(p.WriteCA()); err != nil || string(text) != string(p.CA()) {
		t.Errorf("the file has %s, %v", text, err)
	}
	for name, client := range map[string]*http.Client{"another authority": other.Client(), "the system": {Transport: &http.Transport{}}} {
		if r, err := client.Get(p.Issuer() + oidctest.Discovery); err == nil {
			r.Body.Close()
			t.Errorf("%s vouches for the provider", name)
		}
	}
}
