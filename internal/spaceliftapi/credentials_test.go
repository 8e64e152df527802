package spaceliftapi_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/spaceliftapi"
)

// tokenOf makes a JWT with these claims.
func tokenOf(claims string) string {
	b := base64.RawURLEncoding.EncodeToString
	return b([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + b([]byte(claims)) + "." + b([]byte("signature"))
}

// askedAt tells which address a client with those credentials asks.
func askedAt(t *testing.T, credentials spaceliftapi.Credentials) (string, error) {
	t.Helper()
	at := ""
	c, err := spaceliftapi.New(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		at = r.URL.String()
		return nil, errors.New("enough")
	})}, credentials, (&clock{}).sleep)
	if err != nil {
		return "", err
	}
	if err = c.Login(t.Context()); err == nil {
		_, err = c.Branch(t.Context(), "network")
	}
	if err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("error %v", err)
	}
	return at, nil
}

func TestEndpoint(t *testing.T) {
	for given, want := range map[string]string{
		"https://acme.app.spacelift.io":           "https://acme.app.spacelift.io/graphql",
		"https://acme.app.spacelift.io/":          "https://acme.app.spacelift.io/graphql",
		"https://acme.app.spacelift.io/graphql":   "https://acme.app.spacelift.io/graphql",
		"https://acme.app.spacelift.io//graphql/": "https://acme.app.spacelift.io/graphql",
		"https://spacelift.acme.example:8443":     "https://spacelift.acme.example:8443/graphql",
		"http://127.0.0.1:8080":                   "http://127.0.0.1:8080/graphql",
		"http://[::1]:8080/graphql":               "http://[::1]:8080/graphql",

		"http://acme.app.spacelift.io":               "not reached through https",
		"http://localhost:8080":                      "not reached through https",
		"http://127.0.0.1.mallory.example":           "not reached through https",
		"http://10.0.0.1":                            "not reached through https",
		"ftp://acme.app.spacelift.io":                "not reached through https",
		"acme.app.spacelift.io":                      "no URL with a host",
		"https:acme":                                 "no URL with a host",
		"https://":                                   "no URL with a host",
		"https://:443":                               "no URL with a host",
		"https://acme.app.spacelift.io:x":            "no URL with a host",
		"https://s3cret@acme.app.spacelift.io":       "has a user, a query or a fragment",
		"https://acme.app.spacelift.io?s3cret":       "has a user, a query or a fragment",
		"https://acme.app.spacelift.io?":             "has a user, a query or a fragment",
		"https://acme.app.spacelift.io#s3cret":       "has a user, a query or a fragment",
		"https://acme.app.spacelift.io/s3cret":       "has a path",
		"https://acme.app.spacelift.io/x/../graphql": "has a path",
		"https://acme.app.spacelift.io/graphql/x":    "has a path",
	} {
		for _, credentials := range []spaceliftapi.Credentials{
			{Endpoint: given, KeyID: keyID, KeySecret: secret}, {Endpoint: given, Token: "not a JWT's form at least"[:3]},
		} {
			at, err := askedAt(t, credentials)
			if strings.HasPrefix(want, "http") {
				if at != want || err != nil {
					t.Errorf("%s: asked %q, want %q; error %v", given, at, want, err)
				}
				continue
			}
			wantCredentialsError(t, nil, err, want, "SPACELIFT_API_KEY_ENDPOINT")
		}
	}
}

func TestAudience(t *testing.T) {
	const want = "https://acme.app.spacelift.io/graphql"
	for _, claims := range []string{
		`{"aud":"https://acme.app.spacelift.io"}`, `{"aud":["https://acme.app.spacelift.io"]}`,
		`{"aud":["https://acme.app.spacelift.io/"],"exp":1,"sub":null}`,
	} {
		if at, err := askedAt(t, spaceliftapi.Credentials{Token: tokenOf(claims)}); at != want || err != nil {
			t.Errorf("%s: asked %q, want %q; error %v", claims, at, want, err)
		}
		if at, err := askedAt(t, spaceliftapi.Credentials{Token: tokenOf(claims), Endpoint: "https://other.app.spacelift.io"}); at != "https://other.app.spacelift.io/graphql" || err != nil {
			t.Errorf("%s: asked %q; error %v", claims, at, err)
		}
	}
	for token, says := range map[string]string{
		tokenOf(`{}`):                                    "does not name one audience",
		tokenOf(`{"aud":null}`):                          "does not name one audience",
		tokenOf(`{"aud":1}`):                             "does not name one audience",
		tokenOf(`{"aud":[]}`):                            "does not name one audience",
		tokenOf(`{"aud":[1]}`):                           "does not name one audience",
		tokenOf(`{"aud":["https://a","https://b"]}`):     "does not name one audience",
		tokenOf(`{"aud":"s3cret"}`):                      "not the address of an account",
		tokenOf(`{"aud":""}`):                            "not the address of an account",
		tokenOf(`{"aud":"http://s3cret.example"}`):       "not the address of an account",
		tokenOf(`{"aud":"https://s3cret@a"}`):            "not the address of an account",
		tokenOf(`{"aud":"https://a/s3cret"}`):            "not the address of an account",
		tokenOf(`{"aud":"https://a","aud":"https://b"}`): "is no JWT",
		tokenOf(`["https://a"]`):                         "is no JWT",
		tokenOf(`s3cret`):                                "is no JWT",
		"s3cret":                                         "is no JWT",
		"a.b.c":                                          "is no JWT",
		tokenOf(`{"aud":"https://a"}`) + "=":             "is no JWT",
		tokenOf(`{"aud":"https://a"}`) + "\n":            "a line end",
		"s3cret " + tokenOf(`{"aud":"https://a"}`):       "a space",
		tokenOf(`{"aud":"https://a","x":"` + strings.Repeat("x", 16<<10) + `"}`): "too long",
	} {
		_, err := spaceliftapi.New(nil, spaceliftapi.Credentials{Token: token}, nil)
		wantCredentialsError(t, nil, err, says, "")
	}
}

func TestMissing(t *testing.T) {
	const at = "https://acme.app.spacelift.io"
	for _, test := range []struct {
		credentials spaceliftapi.Credentials
		says        string
	}{
		{spaceliftapi.Credentials{}, "SPACELIFT_API_KEY_ENDPOINT is missing"},
		{spaceliftapi.Credentials{KeyID: keyID, KeySecret: secret}, "SPACELIFT_API_KEY_ENDPOINT is missing"},
		{spaceliftapi.Credentials{Endpoint: at, KeySecret: secret}, "SPACELIFT_API_KEY_ID is missing"},
		{spaceliftapi.Credentials{Endpoint: at, KeyID: keyID}, "SPACELIFT_API_KEY_SECRET is missing"},
		{spaceliftapi.Credentials{Endpoint: at, KeyID: keyID, KeySecret: secret + "\n"}, "SPACELIFT_API_KEY_SECRET has a space, a line end"},
		{spaceliftapi.Credentials{Endpoint: at, KeyID: " " + keyID, KeySecret: secret}, "SPACELIFT_API_KEY_ID has a space"},
		{spaceliftapi.Credentials{Endpoint: at + "\n", KeyID: keyID, KeySecret: secret}, "SPACELIFT_API_KEY_ENDPOINT has a space"},
	} {
		c, err := spaceliftapi.New(nil, test.credentials, nil)
		if wantCredentialsError(t, nil, err, test.says, "set "); c != nil {
			t.Errorf("%v with a client", err)
		}
	}
}
