package digger_test

import (
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/dialect/buildkite"
	"github.com/countersign-ci/countersign/internal/dialect/digger"
	"github.com/countersign-ci/countersign/internal/jose"
)

// forgeToken makes a detached signature of any spec.
func forgeToken(t testing.TB, p pair, spec string) string {
	t.Helper()
	return token(t, p, "digger-spec+jwt", `{"exp":1795313400,"iat":1795312800,"jti":"a","spec_sha256":"`+digest(spec)+`"}`)
}

// TestEnvelopeForm has envelopes in another form.
func TestEnvelopeForm(t *testing.T) {
	t.Parallel()
	p := keys(t, "EdDSA")
	const spec = `{"a":1,"expiry":1795313400}`
	s := signature(t, p, "digger-spec+jws", spec)
	open(t, p, envelope(spec, s))
	of := func(signature string) string { return `{"spec":` + spec + `,"signature":` + signature + `}` }
	header, value, _ := strings.Cut(s, "..")
	for _, text := range []string{
		"", " ", "acme", "null", "[]", "{}", `"` + s + `"`, "[" + envelope(spec, s) + "]", envelope(spec, s) + "{}", envelope(spec, s) + "\x00", "\ufeff" + envelope(spec, s), spec, s,
		`{"spec":` + spec + `}`, `{"signature":{"signature":"` + s + `"}}`,
		`{"spec":` + spec + `,"signature":{"signature":"` + s + `"},"acme":1}`,
		`{"spec":` + spec + `,"signature":{"signature":"` + s + `"},"Spec":{"a":2}}`,
		`{"spec":` + spec + `,"signature":{"signature":"` + s + `"},"spec":{"a":2}}`,
		`{"spec":` + spec + `,"signature":{"signature":"` + s + `"},"\u0073pec":{"a":2}}`,
		`{"Spec":` + spec + `,"signature":{"signature":"` + s + `"}}`, `{"spec":` + spec + `,"SIGNATURE":{"signature":"` + s + `"}}`,
		of(`"` + s + `"`), of("null"), of("{}"), of(`["` + s + `"]`), of(`[{"signature":"` + s + `"}]`), of(`{"signature":null}`), of(`{"signature":5}`), of(`{"signature":["` + s + `"]}`), of(`{"verify":false}`),
		of(`{"Signature":"` + s + `"}`), of(`{"signature":"` + s + `","Verify":true}`), of(`{"signature":"` + s + `","acme":true}`), of(`{"signature":"` + s + `","verify":true,"acme":1}`),
		of(`{"signature":"` + s + `","SIGNATURE":"` + s + `"}`), of(`{"signature":"` + s + `","signature":"` + s + `"}`),
		of(`{"signature":"` + s + `","verify":null}`), of(`{"signature":"` + s + `","verify":"true"}`), of(`{"signature":"` + s + `","verify":0}`), of(`{"signature":"` + s + `","verify":[]}`),
		envelope("["+spec+"]", s), envelope("null", s), envelope(`"acme"`, s), envelope("5", s), envelope(`{"a":1,"a":1,"expiry":1795313400}`, s), envelope(`{"a":1,"expiry":1795313400,"expiry":1795313400}`, s),
		envelope(spec, ""), envelope(spec, "."), envelope(spec, ".."), envelope(spec, "..."), envelope(spec, "acme"), envelope(spec, header), envelope(spec, header+"."+value), envelope(spec, header+"."),
		envelope(spec, header+"."+encode(form(t, spec))+"."+value), envelope(spec, header+"..."+value), envelope(spec, "."+s), envelope(spec, s+"."), envelope(spec, s+".."), envelope(spec, ".."+value),
		envelope(spec, header+".."+value+"="), envelope(spec, header+".. "+value), envelope(spec, s+`\n`), envelope(spec, s+`\r\n`), envelope(spec, `\n`+s), envelope(spec, s+" "), envelope(spec, strings.Replace(s, "..", "~..", 1)), envelope(spec, s+"~"),
		envelope(spec, encode("{}")+".."+value), envelope(spec, encode(`{"alg":"EdDSA"}`)+".."+value), envelope(spec, encode("[]")+".."+value), envelope(spec, encode("acme")+".."+value),
		envelope(spec, encode(`{"alg":"EdDSA","kid":"`+p.private.ID()+`","typ":"digger-spec+jws","crit":["b64"],"b64":false}`)+".."+value),
		envelope(spec, strings.Repeat("A", 5000)+".."+value),
		envelope(`{"a":"`+strings.Repeat("a", digger.MaxSize)+`","expiry":1795313400}`, s),
		envelope(strings.Repeat(`{"a":`, 64)+"1"+strings.Repeat("}", 64), s),
	} {
		o, err := digger.Open(p.public, text)
		wantRefused(t, text, o, err, jose.ErrMalformed)
		if !digger.IsSigned(text) && strings.Contains(strings.ToLower(text), `"signature":`) {
			t.Errorf("%.300s is not signed", text)
		}
	}
}

// TestOpenSpec has specs in envelopes with a signature that holds.
func TestOpenSpec(t *testing.T) {
	t.Parallel()
	p := keys(t, "EdDSA")
	open(t, p, forge(t, p, `{"a":1,"expiry":1795313400}`))
	for _, spec := range []string{
		`{}`, `{"a":1}`, `{"a":{"expiry":1795313400}}`, `{"Expiry":1795313400}`, `{"expiry":1795313400,"EXPIRY":1795313400}`, `{"EXPIRY":1795313400,"expiry":1795313400}`, `{"expir\u0079":"x"}`,
		`{"expiry":"1795313400"}`, `{"expiry":null}`, `{"expiry":true}`, `{"expiry":[1795313400]}`, `{"expiry":{}}`, `{"expiry":1795313400.5}`, `{"expiry":1795313400.0}`, `{"expiry":17953134e2}`, `{"expiry":-0}`,
	} {
		o, err := digger.Open(p.public, forge(t, p, spec))
		wantRefused(t, spec, o, err, jose.ErrMalformed)
	}
	const spec = `{"expiry":1795313400}`
	s := signature(t, p, "digger-spec+jws", spec)
	for _, n := range []string{"9007199254740992", "9007199254740993", "-66666666666666666666", "1e400", "1e-400", "1e999999999", "0.10000000000000000001"} {
		for _, spec := range []string{`{"expiry":` + n + `}`, `{"a":[{"b":` + n + `}],"expiry":1795313400}`} {
			o, err := digger.Open(p.public, envelope(spec, s))
			wantRefused(t, spec, o, err, jose.ErrUnsafeInteger)
		}
	}
}

// TestUnsafeNeighbour has a number changed to one that RFC 8785 cannot tell from it.
func TestUnsafeNeighbour(t *testing.T) {
	t.Parallel()
	p := keys(t, "EdDSA")
	for signed, other := range map[string]string{
		`9007199254740991`: `9007199254740991.0000001`, `0.1`: `0.10000000000000000001`, `0`: `1e-400`, `1`: `1.00000000000000000000001`,
	} {
		text := sign(t, p, `{"a":`+signed+`}`)
		o, err := digger.Open(p.public, strings.Replace(text, `"a":`+signed, `"a":`+other, 1))
		wantRefused(t, other, o, err, jose.ErrUnsafeInteger)
	}
}

// TestKeys has other keys, algorithms and types.
func TestKeys(t *testing.T) {
	t.Parallel()
	spec := ownSpec(t)
	for _, a := range algorithms {
		text, token := sign(t, keys(t, a), "{}"), signDetached(t, keys(t, a), spec)
		for _, b := range algorithms {
			if a == b {
				continue
			}
			// The RSA keys here are one, with one kid.
			o, err := digger.Open(keys(t, b).public, text)
			wantRefused(t, a+" for "+b, o, err, jose.ErrUnsupportedAlgorithm)
			o, err = digger.OpenDetached(keys(t, b).public, spec, token)
			wantRefused(t, a+" for "+b, o, err, jose.ErrUnsupportedAlgorithm)
		}
	}
	p := keys(t, "EdDSA")
	private, public, _, err := jose.Generate("EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	other := parsePair(t, private, public)
	renamed := parsePair(t, swapID(t, private, p), swapID(t, public, p))
	for _, c := range []struct {
		keys    *jose.VerifyingKeys
		outcome error
	}{{other.public, jose.ErrUnknownKey}, {renamed.public, jose.ErrBadSignature}} {
		o, err := digger.Open(c.keys, sign(t, p, spec))
		wantRefused(t, "another key", o, err, c.outcome)
		o, err = digger.OpenDetached(c.keys, spec, signDetached(t, p, spec))
		wantRefused(t, "another key", o, err, c.outcome)
	}
	// The algorithm none, and a public key as a secret.
	const small = `{"expiry":1795313400}`
	for _, alg := range []string{"none", "HS256", "eddsa"} {
		head := encode(`{"alg":"` + alg + `","typ":"digger-spec+jws"}`)
		o, err := digger.Open(p.public, envelope(small, head+".."))
		wantRefused(t, alg, o, err, jose.ErrUnsupportedAlgorithm)
	}
}

// TestOtherTypes has what was signed for something else.
func TestOtherTypes(t *testing.T) {
	t.Parallel()
	p := keys(t, "EdDSA")
	const spec = `{"a":1,"expiry":1795313400}`
	payload := `{"exp":1795313400,"iat":1795312800,"jti":"a","spec_sha256":"` + digest(spec) + `"}`
	openDetached(t, p, spec, token(t, p, "digger-spec+jwt", payload))
	for _, typ := range []string{"run-spec+jwt", "artifacts+jwt", "JWT", "digger-spec+jws", "digger-spec+JWT", "digger-spec"} {
		o, err := digger.OpenDetached(p.public, spec, token(t, p, typ, payload))
		wantRefused(t, typ, o, err, jose.ErrWrongType)
	}
	for _, typ := range []string{"run-spec+jwt", "artifacts+jwt", "JWT", "digger-spec+jwt", "digger-spec+JWS", "digger-spec"} {
		o, err := digger.Open(p.public, envelope(spec, signature(t, p, typ, spec)))
		wantRefused(t, typ, o, err, jose.ErrWrongType)
	}
	// Without a type, as Buildkite's signatures are.
	o, err := digger.Open(p.public, envelope(spec, signature(t, p, "", spec)))
	wantRefused(t, "no type", o, err, jose.ErrMalformed)
	o, err = digger.OpenDetached(p.public, spec, token(t, p, "", payload))
	wantRefused(t, "no type", o, err, jose.ErrMalformed)
	pipeline, err := buildkite.Sign([]byte("steps: [{command: make}]"), buildkite.SignOptions{Key: p.private, RepositoryURL: "https://github.com/acme/widgets.git"})
	if err != nil {
		t.Fatal(err)
	}
	_, value, _ := strings.Cut(string(pipeline), " value: ")
	value, _, _ = strings.Cut(value, "\n")
	if strings.Count(value, "..") != 1 {
		t.Fatalf("no signature: %s", pipeline)
	}
	o, err = digger.Open(p.public, envelope(spec, value))
	wantRefused(t, "buildkite", o, err, jose.ErrMalformed)
	o, err = digger.OpenDetached(p.public, spec, value)
	wantRefused(t, "buildkite", o, err, jose.ErrMalformed)
	// A signature of each form for the other one.
	_, s := split(t, sign(t, p, `{"a":1}`))
	o, err = digger.OpenDetached(p.public, spec, s)
	wantRefused(t, "an envelope's", o, err, jose.ErrWrongType)
	detached := strings.Split(signDetached(t, p, spec), ".")
	o, err = digger.Open(p.public, envelope(spec, strings.Join(detached, ".")))
	wantRefused(t, "a detached one", o, err, jose.ErrMalformed)
	o, err = digger.Open(p.public, envelope(spec, detached[0]+".."+detached[2]))
	wantRefused(t, "a detached one without its claims", o, err, jose.ErrWrongType)
	// The claims of a detached one as a spec.
	o, err = digger.Open(p.public, envelope(payload, detached[0]+".."+detached[2]))
	wantRefused(t, "the claims of a detached one", o, err, jose.ErrWrongType)
	// A whole envelope detached, and the token alone as one.
	text := sign(t, p, `{"a":1}`)
	o, err = digger.OpenDetached(p.public, text, s)
	wantRefused(t, "an envelope as a spec", o, err, jose.ErrWrongType)
	o, err = digger.Open(p.public, strings.Join(detached, "."))
	wantRefused(t, "a token as an envelope", o, err, jose.ErrMalformed)
}

// TestClaims has detached signatures with other claims.
func TestClaims(t *testing.T) {
	t.Parallel()
	p := keys(t, "EdDSA")
	const spec = `{"a":1}`
	sum := digest(spec)
	openDetached(t, p, spec, forgeToken(t, p, spec))
	for payload, outcome := range map[string]error{
		`{"exp":1,"iat":1,"jti":"a"}`:                                              jose.ErrMalformed,
		`{"exp":1,"iat":1,"spec_sha256":"S"}`:                                      jose.ErrMalformed,
		`{"exp":1,"jti":"a","spec_sha256":"S"}`:                                    jose.ErrMalformed,
		`{"iat":1,"jti":"a","spec_sha256":"S"}`:                                    jose.ErrMalformed,
		`{"exp":1,"iat":1,"jti":"a","spec_sha256":"S","nbf":1}`:                    jose.ErrMalformed,
		`{"exp":1,"iat":1,"jti":"a","spec_sha256":"S","SPEC_SHA256":"S"}`:          jose.ErrMalformed,
		`{"exp":1,"iat":1,"jti":"a","spec_sha256":"S","spec":{"a":1}}`:             jose.ErrMalformed,
		`{"exp":1,"iat":1,"jti":"","spec_sha256":"S"}`:                             jose.ErrMalformed,
		`{"exp":1,"iat":1,"jti":5,"spec_sha256":"S"}`:                              jose.ErrMalformed,
		`{"exp":"1","iat":1,"jti":"a","spec_sha256":"S"}`:                          jose.ErrMalformed,
		`{"exp":1.5,"iat":1,"jti":"a","spec_sha256":"S"}`:                          jose.ErrMalformed,
		`{"exp":1,"iat":null,"jti":"a","spec_sha256":"S"}`:                         jose.ErrMalformed,
		`{"exp":1,"iat":1,"jti":"a","spec_sha256":["S"]}`:                          jose.ErrMalformed,
		`{"exp":1,"iat":1,"jti":"a","spec_sha256":5}`:                              jose.ErrMalformed,
		`{"exp":1,"iat":1,"jti":"a","spec_sha256":null}`:                           jose.ErrMalformed,
		`{"exp":1,"iat":1,"jti":"a","spec_sha256":""}`:                             jose.ErrBadSignature,
		`{"exp":1,"iat":1,"jti":"a","spec_sha256":" S"}`:                           jose.ErrBadSignature,
		`{"exp":1,"iat":1,"jti":"a","spec_sha256":"sha256:S"}`:                     jose.ErrBadSignature,
		`{"exp":1,"iat":1,"jti":"a","spec_sha256":"` + sum[:63] + `"}`:             jose.ErrBadSignature,
		`{"exp":1,"iat":1,"jti":"a","spec_sha256":"` + strings.ToUpper(sum) + `"}`: jose.ErrBadSignature,
		"[]": jose.ErrMalformed, "": jose.ErrMalformed, "acme": jose.ErrMalformed,
	} {
		o, err := digger.OpenDetached(p.public, spec, token(t, p, "digger-spec+jwt", strings.ReplaceAll(payload, "S\"", sum+"\"")))
		wantRefused(t, payload, o, err, outcome)
	}
	for _, token := range []string{"", " ", "acme", "..", "a.b.c", forgeToken(t, p, spec) + "\n", forgeToken(t, p, spec) + " ", strings.Repeat("A", 9000)} {
		o, err := digger.OpenDetached(p.public, spec, token)
		wantRefused(t, token, o, err, jose.ErrMalformed)
	}
	for _, spec := range []string{
		"", " ", "acme", "[]", "null", `"acme"`, "5", "{}{}", `{"acme":1,"acme":1}`, "\ufeff{}", "{\"a\":\"\xff\"}", `{"a":"\ud800"}`,
		strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65), strings.Repeat(" ", digger.MaxSize-1) + "{}",
	} {
		o, err := digger.OpenDetached(p.public, spec, forgeToken(t, p, spec))
		wantRefused(t, spec, o, err, jose.ErrMalformed)
	}
}

// TestOrder has several things wrong at once: the first one counts.
func TestOrder(t *testing.T) {
	t.Parallel()
	p := keys(t, "EdDSA")
	const bad = `{"vcs":null}` // whose content is refused
	_, s := split(t, sign(t, p, "{}"))
	o, err := digger.Open(p.public, envelope(bad, s))
	wantRefused(t, "signature before content", o, err, jose.ErrBadSignature)
	o, err = digger.OpenDetached(p.public, bad, signDetached(t, p, "{}"))
	wantRefused(t, "signature before content", o, err, jose.ErrBadSignature)
	o, err = digger.OpenDetached(p.public, "no JSON", signDetached(t, p, "{}"))
	wantRefused(t, "signature before JSON", o, err, jose.ErrBadSignature)
	o, err = digger.OpenDetached(p.public, strings.Repeat(" ", digger.MaxSize+1), signDetached(t, keys(t, "ES256"), "{}"))
	wantRefused(t, "size before signature", o, err, jose.ErrMalformed)
	o, err = digger.Open(p.public, envelope(bad, signature(t, keys(t, "ES256"), "acme", bad)))
	wantRefused(t, "type before algorithm", o, err, jose.ErrWrongType)
	o, err = digger.OpenDetached(p.public, bad, token(t, keys(t, "ES256"), "acme", "{}"))
	wantRefused(t, "type before algorithm", o, err, jose.ErrWrongType)
}
