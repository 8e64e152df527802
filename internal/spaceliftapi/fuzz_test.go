package spaceliftapi_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/spaceliftapi"
)

// FuzzParseAnswer compares what is made of an answer with the JSON of the standard
// library, which takes more.
func FuzzParseAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"data":{"runTrigger":{"id":"01RUN"}}}`, `{"data":null,"errors":[{"message":"unauthorized","path":["x"]}]}`,
		`{"errors":[{"message":"a"},{"message":"\u00e9"}]}`, `{"data":{},"errors":[]}`, `{"data":{},"errors":null}`, `{"data":null}`,
		`{"data":{},"data":{}}`, `{"Data":{}}`, `[]`, `null`, `<html>`, `{"data":[],"errors":[{"message":"m"}]}`, `{"errors":[[]]}`, "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		known, messages, err := spaceliftapi.ParseAnswer(body)
		if err != nil {
			if known || messages != nil {
				t.Errorf("error %v with data or messages", err)
			}
			return
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &all); err != nil {
			t.Fatalf("%q is taken: %v", body, err)
		}
		if !known && len(messages) == 0 && strings.TrimSpace(string(all["data"])) != "null" {
			t.Errorf("%q is taken, and has neither data nor errors", body)
		}
		if got := strings.HasPrefix(strings.TrimSpace(string(all["data"])), "{"); got != known {
			t.Errorf("%q: data known %v, want %v", body, known, got)
		}
		var errs []map[string]json.RawMessage
		if text := all["errors"]; text != nil {
			if err := json.Unmarshal(text, &errs); err != nil {
				t.Fatalf("%q is taken: %v", body, err)
			}
		}
		var want []string
		for _, e := range errs {
			var m string
			if err := json.Unmarshal(e["message"], &m); err != nil {
				t.Fatalf("%q is taken: %v", body, err)
			}
			want = append(want, m)
		}
		if !slices.Equal(messages, want) {
			t.Errorf("%q: messages %q, want %q", body, messages, want)
		}
	})
}

// FuzzToken has no token make a client that sends it anywhere but through https.
func FuzzToken(f *testing.F) {
	for _, claims := range []string{
		`{"aud":"https://acme.app.spacelift.io"}`, `{"aud":["http://127.0.0.1:1/graphql"]}`, `{"aud":"http://a"}`, `{"aud":"https://a?b"}`, `{"aud":[]}`,
	} {
		f.Add(claims)
	}
	f.Fuzz(func(t *testing.T, claims string) {
		_, err := spaceliftapi.New(nil, spaceliftapi.Credentials{Token: tokenOf(claims)}, nil)
		if err != nil {
			var e *spaceliftapi.CredentialsError
			if !errors.As(err, &e) {
				t.Errorf("error %v", err)
			}
			return
		}
		at, err := askedAt(t, spaceliftapi.Credentials{Token: tokenOf(claims)})
		if err != nil || !strings.HasSuffix(at, "/graphql") || !strings.HasPrefix(at, "https://") &&
			!strings.HasPrefix(at, "http://127.") && !strings.HasPrefix(at, "http://[") {
			t.Errorf("%q: asked %q, error %v", claims, at, err)
		}
	})
}
