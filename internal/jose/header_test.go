package jose

import (
	"encoding/json"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// TestHeader has signed tokens with a header that is not exactly `alg`, `typ`
// and `kid`.
func TestHeader(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, p pair) {
		claims := claimObject().String()
		refused := func(name, header string, outcome error) {
			t.Run(name, func(t *testing.T) {
				wantRefused(t, runForm, p.verifying, signText(t, p.signing, header, claims), outcome)
			})
		}
		whole := headerOf(p.signing)
		wantAccepted(t, runForm, p.verifying, signText(t, p.signing, whole.String(), claims))
		for _, m := range whole {
			refused("without "+m.name, whole.without(m.name).String(), ErrMalformed)
			refused(m.name+" is null", whole.with(m.name, "null").String(), ErrMalformed)
			refused(m.name+" is a number", whole.with(m.name, "1").String(), ErrMalformed)
			refused(m.name+" is an array", whole.with(m.name, "["+m.value+"]").String(), ErrMalformed)
			refused(m.name+" twice", strings.TrimSuffix(whole.String(), "}")+`,"`+m.name+`":`+m.value+"}", ErrMalformed)
			upper := strings.ToUpper(m.name)
			refused(upper+" beside "+m.name, whole.with(upper, m.value).String(), ErrMalformed)
			refused(upper+" for "+m.name, whole.without(m.name).with(upper, m.value).String(), ErrMalformed)
		}
		for name, value := range map[string]string{
			"crit": `["exp"]`, "b64": "false", "zip": `"DEF"`, "cty": `"JWT"`,
			"jwk": `{"kty":"oct","k":""}`, "jku": `"https://example.com/jwks"`,
			"x5u": `"https://example.com/x"`, "x5c": `["MIIB"]`, "x5t": `"x"`, "x5t#S256": `"x"`,
			"enc": `"A256GCM"`, "exp": "1795313400", "": `""`,
		} {
			refused("with "+name, whole.with(name, value).String(), ErrMalformed)
		}
		refused("crit is empty", whole.with("crit", "[]").String(), ErrMalformed)
		refused("b64 is true", whole.with("b64", "true").String(), ErrMalformed)
		refused("typ of a manifest", whole.with("typ", `"artifacts+jwt"`).String(), ErrWrongType)
		refused("typ in capitals", whole.with("typ", `"RUN-SPEC+JWT"`).String(), ErrWrongType)
		refused("typ with its long name", whole.with("typ", `"application/run-spec+jwt"`).String(), ErrWrongType)
		refused("typ is empty", whole.with("typ", `""`).String(), ErrMalformed)
		for name, header := range map[string]string{
			"no members": "{}", "no octets": "", "an array": "[" + whole.String() + "]", "null": "null",
			"more after it": whole.String() + whole.String(),
		} {
			refused(name, header, ErrMalformed)
		}
	})
}

// TestKeyIDs has a `kid` that names no key, or nothing that could be one.
func TestKeyIDs(t *testing.T) {
	t.Parallel()
	p := keyPair(t, "EdDSA")
	claims := claimObject().String()
	anyKeyID := runForm
	anyKeyID.AnyKeyID = true
	longest := strings.Repeat("k", 64)
	for _, test := range []struct {
		kid     string
		outcome error
	}{
		{"other", ErrUnknownKey},
		{p.signing.ID()[:42], ErrUnknownKey},
		{strings.ToUpper(p.signing.ID()), ErrUnknownKey},
		{longest, ErrUnknownKey},
		{longest + "k", ErrMalformed},
		{"", ErrMalformed},
		{"../../dev/null", ErrMalformed},
		{"/etc/passwd", ErrMalformed},
		{`C:\keys`, ErrMalformed},
		{"https://example.com/key", ErrMalformed},
		{"a.b", ErrMalformed},
		{"a b", ErrMalformed},
		{"a\x00", ErrMalformed},
		{"a\n", ErrMalformed},
		{"x' OR '1'='1", ErrMalformed},
		{"kéy", ErrMalformed},
		{p.signing.ID() + "=", ErrMalformed},
	} {
		t.Run(strconv.Quote(test.kid), func(t *testing.T) {
			kid, err := json.Marshal(test.kid)
			if err != nil {
				t.Fatal(err)
			}
			token := signText(t, p.signing, headerOf(p.signing).with("kid", string(kid)).String(), claims)
			wantRefused(t, runForm, p.verifying, token, test.outcome)
			// Where a kid may be any text, it still has to be that of a key.
			wantRefused(t, anyKeyID, p.verifying, token, ErrUnknownKey)
		})
	}
	t.Run("absent", func(t *testing.T) {
		token := signText(t, p.signing, headerOf(p.signing).without("kid").String(), claims)
		wantRefused(t, runForm, p.verifying, token, ErrMalformed)
		wantRefused(t, anyKeyID, p.verifying, token, ErrUnknownKey)
	})
	t.Run("beside an HMAC", func(t *testing.T) {
		p := keyPair(t, "HS256")
		token := signText(t, p.signing, headerOf(p.signing).with("kid", `"a key/1"`).String(), claims)
		wantRefused(t, runForm, p.verifying, token, ErrMalformed)
		wantAccepted(t, anyKeyID, p.verifying, token)
	})
}

// TestNoType has a form without `typ`, which then must be absent.
func TestNoType(t *testing.T) {
	t.Parallel()
	p := keyPair(t, "EdDSA")
	form := runForm
	form.Type = ""
	header, claims := headerOf(p.signing), claimObject().String()
	wantAccepted(t, form, p.verifying, signText(t, p.signing, header.without("typ").String(), claims))
	wantRefused(t, form, p.verifying, signText(t, p.signing, header.String(), claims), ErrWrongType)
	wantRefused(t, form, p.verifying, signText(t, p.signing, header.with("typ", `""`).String(), claims), ErrMalformed)
}

// TestOrderOfChecks has tokens with several faults at once. The first check
// that fails decides, so that a refusal says nothing about what comes later.
func TestOrderOfChecks(t *testing.T) {
	t.Parallel()
	p := keyPair(t, "EdDSA")
	forged := func(header object, claims string) string {
		return encode(header.String()) + "." + encode(claims) + "." + encode("forged")
	}
	h := headerOf(p.signing)
	unknownKey := h.with("kid", `"other"`)
	unsupported := unknownKey.with("alg", `"none"`)
	wrongType := unsupported.with("typ", `"JWT"`)
	malformed := wrongType.with("crit", "[]")
	const claims = "not JSON"
	for _, test := range []struct {
		token   string
		outcome error
	}{
		{forged(malformed, claims), ErrMalformed},
		{forged(wrongType, claims), ErrWrongType},
		{forged(unsupported, claims), ErrUnsupportedAlgorithm},
		{forged(unknownKey, claims), ErrUnknownKey},
		{forged(h, claims), ErrBadSignature},
		{signText(t, p.signing, h.String(), claims), ErrMalformed},
	} {
		wantRefused(t, runForm, p.verifying, test.token, test.outcome)
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestSize checks that a token which is too large costs nothing, and one of the
// largest size not many times its size before its signature is checked.
// It measures allocations, so it does not run beside other tests.
func TestSize(t *testing.T) {
	p := keyPair(t, "EdDSA")
	token := runToken(t, p.signing)
	form := runForm
	form.MaxSize = len(token)
	wantAccepted(t, form, p.verifying, token)
	form.MaxSize--
	wantRefused(t, form, p.verifying, token, ErrMalformed)
	wantRefused(t, Form{Type: runForm.Type, Claims: runForm.Claims}, p.verifying, token, ErrMalformed)

	const large, small = 16 << 20, 1 << 16
	signature := "." + encode("signature")
	for name, test := range map[string]struct {
		token   string
		maxSize int
		most    uint64
	}{
		"too large":                {strings.Repeat("e", large), 65535, small},
		"nothing but points":       {strings.Repeat(".", large), large, small},
		"an array as header":       {encode("["+strings.Repeat("1,", large/4)+"1]") + ".e30" + signature, large, small},
		"a name as header":         {encode(`{"`+strings.Repeat("a", large/2)+`":1}`) + ".e30" + signature, large, small},
		"claims, not signed":       {encode(headerOf(p.signing).String()) + "." + encode("["+strings.Repeat("1,", large/4)+"1]") + signature, large, 2 * large},
		"a signature far too long": {encode(headerOf(p.signing).String()) + ".e30." + encode(strings.Repeat("s", large/2)), large, 2 * large},
	} {
		t.Run(name, func(t *testing.T) {
			form := runForm
			form.MaxSize = test.maxSize
			var err error
			got := allocated(func() { _, err = Verify(form, p.verifying, test.token) })
			if err == nil {
				t.Fatal("accepted")
			}
			if got > test.most {
				t.Errorf("%d bytes are allocated for a token of %d, want at most %d", got, len(test.token), test.most)
			}
		})
	}
}
