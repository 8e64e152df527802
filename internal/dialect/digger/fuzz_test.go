package digger_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/dialect/digger"
	"github.com/countersign-ci/countersign/internal/jose"
)

var fuzzSpecs = []string{
	"{}", "{ }", ` { "a" : 1.0 } `, "{\r\n\"a\":[1,{\"b\":\"},\\\"\"}]\r\n}", `{"ä":"\ud83d\ude00","n":[-0,1e2,5e-324]}`, `{"job":{"commit":"a","requestedBy":"octocat"},"vcs":{"actor":"octocat"}}`,
	`{"vcs":{"repo_owner":"acme","repo_name":"widgets","repo_full_name":"acme/widgets"},"backend":{"backend_job_token":"t"}}`,
}

// wantRefusal checks that an error is a *jose.Error with a reason.
func wantRefusal(t *testing.T, err error) {
	t.Helper()
	var e *jose.Error
	if !errors.As(err, &e) || e.Reason == "" {
		t.Errorf("%v is no *jose.Error with a reason", err)
	}
}

// FuzzOpen looks for an envelope that is accepted although it does not say what was
// signed, and for a spec that does not come out as it went in.
func FuzzOpen(f *testing.F) {
	p := keys(f, "EdDSA")
	signed := map[string]bool{} // in canonical form
	for _, spec := range append(fuzzSpecs, ownSpec(f)) {
		text := sign(f, p, spec)
		inner, s := split(f, text)
		signed[form(f, inner)] = true
		f.Add(text)
		f.Add(spec)
		f.Add(envelope(strings.Replace(inner, `"expiry"`, `"a":1,"expiry"`, 1), s))
		f.Add(` {"signature":{"verify":false,"signature":"` + s + `"},` + "\n" + `"spec": ` + form(f, inner) + `}`)
	}
	for _, spec := range []string{`{"EXPIRY":1}`, `{"a":9007199254740992}`, `{"a":1e999999999}`, `{"vcs":{"Actor":""}}`, `{"a":1,"a":1}`, "[]"} {
		f.Add(spec)
		f.Add(envelope(spec, "e30..AA"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := digger.Open(p.public, text)
		if err != nil {
			wantRefusal(t, err)
		} else {
			if !digger.IsSigned(text) {
				t.Error("it opens and is not signed")
			}
			comma := ","
			if strings.Trim(o.Text, "{} \t\r\n") == "" {
				comma = ""
			}
			if again := strings.TrimSuffix(o.Text, "}") + comma + `"expiry":1795313400}`; !signed[form(t, again)] || o.Token.Expires != expires.Unix() {
				t.Errorf("%q comes out", o.Text)
			}
		}
		// As a spec.
		job, joberr := digger.ParseJob(text)
		signedText, err := digger.Sign(p.private, text, expires)
		if err != nil {
			var e *digger.Error
			if !errors.As(err, &e) || e.Hint() == "" {
				t.Errorf("%v is no *Error with a hint", err)
			}
			return
		}
		if joberr != nil {
			t.Errorf("a spec that can be signed: %v", joberr)
		}
		o = open(t, p, signedText)
		if o.Text != strings.Trim(text, " \t\r\n") {
			t.Errorf("%q comes out as %q", text, o.Text)
		}
		if o.Spec.Repository != job.Repository || o.Spec.SHA != job.Commit || !cmp.Equal(o.Secrets, job.Secrets) {
			t.Errorf("%+v and %+v", o, job)
		}
		openDetached(t, p, text, signDetached(t, p, text))
	})
}

// FuzzDetached looks for a spec and a token that are accepted although they were not
// signed.
func FuzzDetached(f *testing.F) {
	p := keys(f, "EdDSA")
	signed := map[[2]string]bool{}
	for _, spec := range append(fuzzSpecs, `{"n":[9007199254740993,1e400]}`, ownSpec(f)) {
		token := signDetached(f, p, spec)
		signed[[2]string{spec, token}] = true
		f.Add(spec, token)
		f.Add(spec+"\n", token)
		f.Add(spec, token+"\n")
		_, s := split(f, sign(f, p, "{}"))
		f.Add(spec, s)
	}
	f.Add("[]", "..")
	f.Add(`{"expiry":1,"EXPIRY":2}`, "a.b.c")
	f.Fuzz(func(t *testing.T, spec, token string) {
		if _, err := digger.OpenDetached(p.public, spec, token); err != nil {
			wantRefusal(t, err)
		} else if !signed[[2]string{spec, token}] {
			t.Errorf("accepted: %q with %q", spec, token)
		}
		made, err := digger.SignDetached(p.private, spec, claims)
		if err != nil {
			var e *digger.Error
			if !errors.As(err, &e) || e.Hint() == "" {
				t.Errorf("%v is no *Error with a hint", err)
			}
			return
		}
		if o := openDetached(t, p, spec, made); o.Text != spec {
			t.Errorf("%q comes out as %q", spec, o.Text)
		}
	})
}
