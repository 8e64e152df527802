package jwks_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/jwks"
)

// What is accepted has, for a lax reader too, the issuer that was asked for and its
// keys on that issuer's host.
func FuzzDiscover(f *testing.F) {
	f.Add(`{"issuer":"`+issuer+`","jwks_uri":"`+keysAt+`"}`, keySet, "max-age=60")
	f.Add(`{"issuer":"`+issuer+`","jwks_uri":"https://issuer.example:443/a?b"}`, `{"keys":[{}],"x":1}`, `no-store, max-age="1"`)
	f.Add(`{"issuer":"`+issuer+`","issuer":"x","jwks_uri":"http://issuer.example"}`, `{"keys":[],"keys":[]}`, "max-age=,,=")
	f.Fuzz(func(t *testing.T, text, set, cacheControl string) {
		var asked []*url.URL
		client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.URL)
			body := set
			if len(asked) == 1 {
				body = text
			}
			response := respond(http.StatusOK, io.NopCloser(strings.NewReader(body)), "")
			response.Header.Set("Cache-Control", cacheControl)
			return response, nil
		})}
		got, err := jwks.Discover(t.Context(), client, issuer)
		for _, u := range asked {
			if u.Scheme != "https" || !strings.EqualFold(u.Hostname(), "issuer.example") || u.Port() != "" && u.Port() != "443" || u.User != nil {
				t.Errorf("%q was asked", u)
			}
		}
		if err != nil {
			if got.Set != nil || got.Keep != 0 {
				t.Errorf("%+v beside the error %v", got, err)
			}
			return
		}
		var d struct{ Issuer string }
		var keys struct{ Keys []json.RawMessage }
		if err := json.Unmarshal([]byte(text), &d); err != nil || d.Issuer != issuer {
			// encoding/json takes names in any case, and the last of them.
			if !strings.Contains(strings.ToLower(strings.Replace(text, `"issuer"`, "", 1)), "issuer") {
				t.Errorf("the document %q is of %q, %v", text, d.Issuer, err)
			}
		}
		if err := json.Unmarshal(got.Set, &keys); err != nil || string(got.Set) != set {
			t.Errorf("the set %q was answered and is %q, %v", set, got.Set, err)
		}
		if got.Keep < 0 || got.Keep > jwks.MaxKeep {
			t.Errorf("with %q it is kept %v", cacheControl, got.Keep)
		}
	})
}
