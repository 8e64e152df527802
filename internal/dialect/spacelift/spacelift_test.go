package spacelift_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/dialect/spacelift"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

const adviceES256 = "use a key of `countersign keygen --alg ES256`, or a secret"

// issued is when the tokens of these tests were made.
var issued = time.Unix(1795312800, 0)

// eachSigner runs a test with each algorithm that Sign takes.
func eachSigner(t *testing.T, test func(t *testing.T, s signer)) {
	t.Helper()
	for _, algorithm := range append(algorithms, "HS256") {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			test(t, newSigner(t, algorithm))
		})
	}
}

// TestSign checks the very claims of a token.
func TestSign(t *testing.T) {
	t.Parallel()
	const want = `{"exp":1795316400,"iat":1795312800,"iss":"GitHub Actions","jti":"m9BxT0kq1u3Zw5Yv7aCdEg","nbf":1795312800,` +
		`"spacelift_stack":"my-stack","spec":{"actor":"octocat","commands":["terraform plan && <apply>"],"inputs":{"reason":"weekly"},` +
		`"repository":"acme/widgets","sha":"0123456789abcdef0123456789abcdef01234567","stack":"my-stack","version":1},` +
		`"sub":"0123456789abcdef0123456789abcdef01234567"}`
	eachSigner(t, func(t *testing.T, s signer) {
		token := s.sign(t, issued)
		parts, err := jose.Unverified(spacelift.Token, token)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, parts.Claims.Text); diff != "" {
			t.Errorf("claims (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(s.header().String(), parts.Header.Text); diff != "" {
			t.Errorf("header (-want +got):\n%s", diff)
		}
		opened, got, err := spacelift.Open(s.verifying, token)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(spec(), got); diff != "" {
			t.Errorf("spec (-want +got):\n%s", diff)
		}
		if opened.ID != "m9BxT0kq1u3Zw5Yv7aCdEg" || opened.Issuer != spacelift.Issuer || opened.Subject != commit {
			t.Errorf("the token says %q, %q, %q", opened.ID, opened.Issuer, opened.Subject)
		}
	})
}

// TestSignRefuses has no token be made that no worker would take.
func TestSignRefuses(t *testing.T) {
	t.Parallel()
	sign := func(s signer, change func(*runspec.Spec)) error {
		c := spacelift.Claims{ID: "1", IssuedAt: issued, Expires: issued.Add(time.Hour), Spec: spec()}
		change(c.Spec)
		token, err := spacelift.Sign(s.key, c)
		if (token == "") != (err != nil) {
			t.Errorf("the token %q and %v", token, err)
		}
		return err
	}
	ed, es := newSigner(t, "EdDSA"), newSigner(t, "ES256")
	const reason = "the key is for EdDSA, which Spacelift's workers cannot check"
	wantHint(t, sign(ed, func(*runspec.Spec) {}), reason, adviceES256)
	wantHint(t, spacelift.CheckKey(ed.key), reason, adviceES256)
	if err := spacelift.CheckKey(es.key); err != nil {
		t.Error(err)
	}
	for _, algorithm := range []string{"HS384", "HS512"} {
		wantHint(t, spacelift.CheckKey(newSigner(t, algorithm).key), "the secret is for "+algorithm+", and policies for Spacelift take a secret with HS256",
			"leave out --alg, or use a key of `countersign keygen --alg ES256`")
	}
	wantHint(t, sign(es, func(s *runspec.Spec) { s.SHA = "" }),
		"the spec has no commit, and a token for Spacelift is for one", "name it with --sha")
	wantHint(t, sign(es, func(s *runspec.Spec) { s.Stack = "" }),
		"the spec has no stack, and a token for Spacelift is for one", "name it with --stack")
	if err := sign(es, func(s *runspec.Spec) { s.Commands = []string{strings.Repeat("x", 8000)} }); err == nil || !strings.Contains(err.Error(), "may have 8192") {
		t.Errorf("a token of more than 8 KB: %v", err)
	}
}

// TestOpenReference opens tokens as the reference makes them.
func TestOpenReference(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "HS256")
	text := claims(issued).String()
	_, got, err := spacelift.Open(s.verifying, s.token(t, text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&runspec.Spec{Version: 1, SHA: commit, Stack: stack}, got); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	// The ID tells tokens apart, and those that say the same not.
	ids := map[string]string{}
	for _, text := range []string{text, claims(issued).with("iat", issued.Unix()+1).String(), claims(issued).without("iss").String()} {
		first, _, err := spacelift.Open(s.verifying, s.token(t, text))
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := spacelift.Open(s.verifying, s.tokenWith(t, `{"typ":"JWT", "alg":"HS256"}`, text))
		if err != nil {
			t.Fatal(err)
		}
		if want := runspec.Digest([]byte(text)); first.ID != want || again.ID != want {
			t.Errorf("the ids %s and %s, want %s", first.ID, again.ID, want)
		}
		ids[first.ID] = text
		_, _, err = spacelift.Open(s.verifying, s.token(t, claims(issued).with("jti", first.ID).String()))
		wantOutcome(t, "a jti that is the ID of another token", err, jose.ErrMalformed)
	}
	if len(ids) != 3 {
		t.Errorf("%d ids of 3 tokens", len(ids))
	}
}

// TestOpenVectors opens the tokens of the vectors.
func TestOpenVectors(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "HS256")
	for name, want := range map[string]error{"good.json": nil, "wrong-commit.json": nil, "noexp.json": jose.ErrMalformed} {
		var input struct {
			Run struct {
				Commit   struct{ Hash string }
				Metadata []string `json:"user_provided_metadata"`
			}
		}
		if err := json.Unmarshal(vector(t, name), &input); err != nil {
			t.Fatal(err)
		}
		opened, got, err := spacelift.Open(s.verifying, input.Run.Metadata[0])
		if want != nil {
			wantOutcome(t, name, err, want)
			continue
		}
		if err != nil || len(opened.CheckTimes(issued, 0)) > 0 {
			t.Fatalf("%s: %v, %v", name, err, opened.CheckTimes(issued, 0))
		}
		if good := name == "good.json"; (got.SHA == input.Run.Commit.Hash) != good {
			t.Errorf("%s: the commit %s", name, got.SHA)
		}
	}
}

func wantOutcome(t *testing.T, name string, err error, want error) {
	t.Helper()
	var refusal *jose.Error
	if !errors.As(err, &refusal) || !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", name, err, want)
	}
	if err != nil && (strings.Contains(err.Error(), commit) || strings.Contains(err.Error(), "mallory")) {
		t.Errorf("%s: the error quotes the token: %v", name, err)
	}
}

// TestOpenMalformed has signed claims refused that are not of the form.
func TestOpenMalformed(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "HS256")
	var full object
	parts, err := jose.Unverified(spacelift.Token, s.sign(t, issued))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(parts.Claims.Text), &full); err != nil {
		t.Fatal(err)
	}
	specOf := func(text string) object { return full.with("spec", raw(text)) }
	cases := map[string]string{
		"sub of another commit than the spec":   full.with("sub", strings.Repeat("f", 40)).String(),
		"another stack than the spec's":         full.with("spacelift_stack", "mallory").String(),
		"a spec without a commit":               specOf(`{"version":1,"stack":"my-stack"}`).String(),
		"a spec without a stack":                specOf(`{"version":1,"sha":"` + commit + `"}`).String(),
		"a spec without a version":              specOf(`{"sha":"` + commit + `","stack":"my-stack"}`).String(),
		"a spec of version 2":                   specOf(`{"version":2,"sha":"` + commit + `","stack":"my-stack"}`).String(),
		"a spec with a field that is not known": specOf(`{"version":1,"sha":"` + commit + `","stack":"my-stack","mallory":1}`).String(),
		"a spec with another type of value":     specOf(`{"version":1,"sha":"` + commit + `","stack":["my-stack"]}`).String(),
		"an empty spec":                         specOf(`{}`).String(),
		"sub empty":                             claims(issued).with("sub", "").String(),
		"spacelift_stack empty":                 claims(issued).with("spacelift_stack", "").String(),
		"an empty jti":                          full.with("jti", "").String(),
		"a jti like a digest":                   full.with("jti", "sha256:mallory").String(),
		"an aud":                                full.with("aud", "mallory").String(),
		"exp twice":                             strings.Replace(full.String(), `{`, `{"exp":4102444800,`, 1),
		"sub twice, once escaped":               strings.Replace(full.String(), `{`, `{"\u0073ub":"`+commit+`",`, 1),
		"sha twice in the spec":                 strings.Replace(full.String(), `"sha":`, `"sha":"`+commit+`","sha":`, 1),
		"no JSON":                               full.String()[1:],
	}
	for _, name := range spacelift.Token.Claims {
		cases["no "+name] = full.without(name).String()
	}
	for name, value := range full {
		for _, other := range []any{nil, true, 1.5, "x", []any{value}, object{"x": value}} {
			text := full.with(name, other).String()
			if _, isText := value.(string); isText && other == "x" && name != "sub" && name != "spacelift_stack" {
				continue // another text in its place
			}
			cases[name+" changed to "+object{"it": other}.String()] = text
		}
	}
	for name, text := range cases {
		_, _, err := spacelift.Open(s.verifying, s.token(t, text))
		wantOutcome(t, name, err, jose.ErrMalformed)
	}
	// A claim that is optional may be absent; the other tests had it present.
	for _, name := range spacelift.Token.Optional {
		if _, _, err := spacelift.Open(s.verifying, s.token(t, full.without(name).String())); err != nil {
			t.Errorf("no %s: %v", name, err)
		}
	}
}

// TestOpenChanged changes each claim and each byte of a token.
func TestOpenChanged(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"HS256", "ES256", "RS256"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			s := newSigner(t, algorithm)
			token := s.sign(t, issued)
			parts := strings.Split(token, ".")
			var full object
			unverified, err := jose.Unverified(spacelift.Token, token)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(unverified.Claims.Text), &full); err != nil {
				t.Fatal(err)
			}
			for name := range full {
				for _, changed := range []object{full.with(name, "mallory"), full.without(name)} {
					_, _, err := spacelift.Open(s.verifying, parts[0]+"."+encode(changed.String())+"."+parts[2])
					wantOutcome(t, name, err, jose.ErrBadSignature)
				}
			}
			for i := range token {
				for _, c := range []byte("A_.~\n") {
					if token[i] == c {
						continue
					}
					changed := token[:i] + string(c) + token[i+1:]
					var refusal *jose.Error
					if _, _, err := spacelift.Open(s.verifying, changed); !errors.As(err, &refusal) {
						t.Errorf("byte %d changed to %q: %v", i, c, err)
					}
				}
				if _, _, err := spacelift.Open(s.verifying, token[:i]); err == nil {
					t.Errorf("accepted with %d bytes", i)
				}
			}
		})
	}
}

// TestOpenOtherTokens has tokens of other types, keys and algorithms refused.
func TestOpenOtherTokens(t *testing.T) {
	t.Parallel()
	signers := map[string]signer{}
	for _, algorithm := range slices.Concat(algorithms, []string{"HS256", "HS384", "HS512", "EdDSA"}) {
		signers[algorithm] = newSigner(t, algorithm)
	}
	for name, s := range signers {
		run, err := jose.Sign(runspec.Token, s.key, jose.Claims{
			Issuer: "https://github.com/acme/orchestrator", Audience: "https://github.com/acme/widgets", Subject: spec().Subject(), ID: "1",
			IssuedAt: issued, NotBefore: issued, Expires: issued.Add(time.Hour), Private: map[string]any{"spec": spec()},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = spacelift.Open(s.verifying, run)
		wantOutcome(t, name+": a token for a run of another system", err, jose.ErrWrongType)
		_, err = jose.Verify(runspec.Token, s.verifying, s.token(t, claims(issued).String()))
		wantOutcome(t, name+": a token for Spacelift elsewhere", err, jose.ErrWrongType)

		token := s.token(t, claims(issued).String())
		for other, o := range signers {
			if _, _, err := spacelift.Open(o.verifying, token); (err == nil) != (name == other) {
				t.Errorf("signed with %s, opened with %s: %v", name, other, err)
			}
		}
		header := s.header().with("alg", "none").String()
		_, _, err = spacelift.Open(s.verifying, encode(header)+"."+strings.Split(token, ".")[1]+".")
		wantOutcome(t, name+": alg none", err, jose.ErrUnsupportedAlgorithm)
	}
}
