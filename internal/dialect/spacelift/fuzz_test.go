package spacelift_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/dialect/spacelift"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// FuzzOpen looks for a text that is taken for a token although it was not signed, and
// for signed claims that are taken although they say two things.
func FuzzOpen(f *testing.F) {
	secret, pair := newSigner(f, "HS256"), newSigner(f, "ES256")
	signed := map[string]bool{}
	for _, s := range []signer{secret, pair} {
		for _, token := range []string{s.sign(f, issued), s.token(f, claims(issued).String())} {
			signed[token[:strings.LastIndex(token, ".")]] = true
			f.Add(token)
			f.Add(token + "\n")
			parts := strings.Split(token, ".")
			f.Add(encode(s.header().with("alg", "none").String()) + "." + parts[1] + ".")
			f.Add(parts[0] + "." + encode(claims(issued).with("sub", "x").String()) + "." + parts[2])
		}
	}
	for _, text := range []string{
		claims(issued).String(), claims(issued).with("spec", spec()).String(), claims(issued).with("jti", "sha256:").String(),
		claims(issued).with("aud", "x").String(), claims(issued).with("nbf", 1.5).String(), `{"exp":1,"sub":"a","spacelift_stack":"b"}`,
		`{"exp":1,"sub":"a","spacelift_stack":"b","spec":{"version":1,"sha":"a","stack":"b"}}`, `{"exp":1,"EXP":2}`, "[]", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range []signer{secret, pair} {
			if _, _, err := spacelift.Open(s.verifying, text); err == nil && !signed[text[:strings.LastIndex(text, ".")]] {
				t.Errorf("accepted: %q", text)
			}
		}
		token, got, err := spacelift.Open(secret.verifying, secret.token(t, text))
		if err != nil {
			var refusal *jose.Error
			if !errors.As(err, &refusal) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		named, _ := token.Claims.Get("spacelift_stack")
		if got.SHA == "" || got.Stack == "" || got.SHA != token.Subject || got.Stack != named.Text || got.Version != runspec.Version {
			t.Errorf("%q says %+v", text, got)
		}
		jti, has := token.Claims.Get("jti")
		if has && token.ID != jti.Text || strings.HasPrefix(token.ID, "sha256:") == has {
			t.Errorf("%q has the id %q", text, token.ID)
		}
	})
}
