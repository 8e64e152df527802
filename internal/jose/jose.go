// Package jose signs and verifies tokens: JSON Web Tokens (RFC 7519) in the
// JWS compact serialization (RFC 7515 section 7.1), of one exact form each.
//
// A token is three parts joined by points, each in base64url without padding:
//
//	header . claims . signature
//
// The header has exactly the members `alg`, `typ` and, unless `alg` is an HMAC,
// `kid`. The claims are exactly those that the token's [Form] lists. With the
// form of a run, a token says for example
//
//	{"alg":"EdDSA","kid":"pRq…c2w","typ":"run-spec+jwt"}
//	{"aud":"https://github.com/acme/widgets","exp":1795313400,"iat":1795312800,
//	 "iss":"https://github.com/acme/orchestrator","jti":"m9B…Zw","nbf":1795312800,
//	 "spec":{"version":1,"repository":"acme/widgets",…},"sub":"acme/widgets@0123…4567"}
//
// A token is written in the form of RFC 8785 and read strictly. Each part is in
// the base64url alphabet with its unused bits zero. Header and claims are JSON
// as [ParseJSON] takes it, without null. Time claims are integers without
// fraction or exponent. What a token has that its form does not list is
// refused, whatever it is: `crit`, `jwk`, `jku`, `x5u`, or `EXP` beside `exp`.
//
// An algorithm belongs to a key. It is decided when the key is loaded, and the
// token's `alg` has to agree; so no token chooses how it is checked. A public
// key is selected by exact match of the `kid`.
package jose

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// The outcomes of [Verify] and [Token.CheckTimes], each in an [Error] that says
// more.
var (
	ErrMalformed            = errors.New("malformed token")
	ErrWrongType            = errors.New("wrong type of token")
	ErrUnsupportedAlgorithm = errors.New("unsupported algorithm")
	ErrUnknownKey           = errors.New("unknown key")
	ErrBadSignature         = errors.New("bad signature")
	ErrExpired              = errors.New("expired")
	ErrNotYetValid          = errors.New("not yet valid")
	ErrLifetimeTooLong      = errors.New("lifetime too long")
	ErrUnsafeInteger        = errors.New("unsafe integer") // of [Canonicalize]
)

// An Error is why a token is refused. It never quotes the token: nothing that
// did not verify has a place in a log.
type Error struct {
	Outcome error // one of the outcomes above
	Reason  string
}

func (e *Error) Error() string { return e.Outcome.Error() + ": " + e.Reason }

func (e *Error) Unwrap() error { return e.Outcome }

func refuse(outcome error, format string, args ...any) error {
	return &Error{outcome, fmt.Sprintf(format, args...)}
}

// Malformed returns an [Error] with the outcome [ErrMalformed].
func Malformed(format string, args ...any) error { return refuse(ErrMalformed, format, args...) }

// A Form says how a token has to look.
type Form struct {
	// Type is the header's `typ`. Where it is empty, `typ` is absent.
	Type string
	// Claims are the names of the claims, each of which is required and beside
	// which and Optional there is none. With nil the payload is any octets and not looked at.
	Claims []string
	// Optional are the names of claims that may be absent.
	Optional []string
	// MaxSize is the length of the longest token, in bytes.
	MaxSize int
	// AnyKeyID is for tokens of other makers, as they come from an issuer: their
	// `kid` is any text, and may stand beside an HMAC. Otherwise it is 1 to 64
	// of A-Z, a-z, 0-9, - and _.
	AnyKeyID bool
	// MoreClaims is for tokens of other makers too: there may be claims beside
	// Claims, and nulls in them, and beside the header's members the thumbprints
	// `x5t` and `x5t#S256` (RFC 7515 sections 4.1.7 and 4.1.8), which are not
	// looked at. `typ` may be absent (RFC 7519 section 5.1), as it is in
	// Buildkite's.
	MoreClaims bool
	// LongArrays is for claims with arrays of many elements. They are not kept as
	// [Value.Members] but read again by [Value.Each], for a value takes many times
	// the memory of its text.
	LongArrays bool
}

// has tells whether the form lists a claim.
func (f Form) has(claim string) bool {
	return slices.Contains(f.Claims, claim) || slices.Contains(f.Optional, claim)
}

// Claims are what a token says, to be signed.
type Claims struct {
	Issuer, Audience, Subject, ID string
	IssuedAt, NotBefore, Expires  time.Time
	Private                       map[string]any // the private claims (RFC 7519 section 4.3)
}

// Canonical returns the claims as JSON in the form of RFC 8785.
func (c Claims) Canonical() ([]byte, error) {
	n, err := c.size()
	if err != nil {
		return nil, err
	}
	text := bytes.NewBuffer(make([]byte, 0, n))
	err = c.writeTo(text)
	return text.Bytes(), err
}

// Sign returns a token with the given claims.
func Sign(form Form, key *SigningKey, c Claims) (string, error) {
	n, err := c.size()
	if err != nil {
		return "", err
	}
	return sign(form, key, n, c.writeTo)
}

// SignPayload returns a token with that payload, which is not looked at.
func SignPayload(form Form, key *SigningKey, payload []byte) (string, error) {
	return sign(form, key, len(payload), func(w io.Writer) error {
		_, err := w.Write(payload)
		return err
	})
}

// sign returns a token whose payload, of n bytes, is what write writes.
func sign(form Form, key *SigningKey, n int, write func(io.Writer) error) (string, error) {
	header := map[string]string{"alg": key.Algorithm()}
	for name, value := range map[string]string{"typ": form.Type, "kid": key.id} {
		if value != "" {
			header[name] = value
		}
	}
	first, err := json.Marshal(header) // sorted, and without anything to escape
	if err != nil {
		return "", err
	}
	var token strings.Builder
	token.Grow(base64.RawURLEncoding.EncodedLen(len(first)) + base64.RawURLEncoding.EncodedLen(n) + signatureRoom)
	token.WriteString(base64.RawURLEncoding.EncodeToString(first) + ".")
	payload := base64.NewEncoder(base64.RawURLEncoding, &token)
	if err := errors.Join(write(payload), payload.Close()); err != nil {
		return "", err
	}
	signature, err := key.sign(token.String())
	if err != nil {
		return "", err
	}
	token.WriteString("." + base64.RawURLEncoding.EncodeToString(signature))
	if token.Len() > form.MaxSize {
		return "", fmt.Errorf("the token has %d bytes and may have %d", token.Len(), form.MaxSize)
	}
	return token.String(), nil
}

// signatureRoom is room for a signature of RSA with 4096 bits, encoded, and two points.
const signatureRoom = 685

// A Token is what a token says whose form and signature hold. Its times are
// still to be checked.
type Token struct {
	Issuer, Audience, Subject, ID string
	// IssuedAt, NotBefore and Expires are seconds since 1970, which stand for
	// nothing where the form does not list their claim, or it is absent.
	IssuedAt, NotBefore, Expires int64
	// Claims are all claims. It is a null where the form lists none.
	Claims Value
	// Canonical tells whether the claims are written in the form of RFC 8785.
	Canonical bool

	form Form
}

// Verify returns what a token says if it has the given form and was signed with
// one of the keys. Otherwise the error wraps, in this order of checks:
// [ErrMalformed] (form and header), [ErrWrongType], [ErrUnsupportedAlgorithm],
// [ErrUnknownKey], [ErrBadSignature], [ErrMalformed] (claims).
func Verify(form Form, keys *VerifyingKeys, token string) (*Token, error) {
	parts, err := split(form, token)
	if err != nil {
		return nil, err
	}
	h, err := parseHeader(form, parts.header)
	if err != nil {
		return nil, err
	}
	if h.typ != form.Type && (h.typ != "" || !form.MoreClaims) {
		return nil, refuse(ErrWrongType, "its typ is not %q", form.Type)
	}
	key, err := keys.find(h)
	if err != nil {
		return nil, err
	}
	if key.verify(parts.input, parts.signature) != nil {
		return nil, refuse(ErrBadSignature, "it was changed, or signed with another key")
	}
	return ParseClaims(form, parts.claims)
}

// Open is [Verify] with these keys.
func (keys *VerifyingKeys) Open(form Form, token string) (*Token, error) {
	return Verify(form, keys, token)
}

// Has tells whether there is a key with that `kid`.
func (keys *VerifyingKeys) Has(id string) bool {
	_, ok := keys.byID[id]
	return ok
}

// Parts are a token's contents as they claim to be. Nothing of it is verified.
type Parts struct {
	Header, Claims Value
}

// Unverified returns what a token says without any check of who says it, and looks
// at no more of the form than its size and whether there may be nulls. An error wraps
// [ErrMalformed].
func Unverified(form Form, token string) (Parts, error) {
	raw, err := split(form, token)
	if err != nil {
		return Parts{}, err
	}
	header := parser{text: raw.header}
	claims := parser{text: raw.claims, dropsLong: form.LongArrays}
	var p Parts
	if p.Header, err = header.object("header"); err != nil {
		return Parts{}, err
	}
	if p.Claims, err = claims.object("claims"); err != nil {
		return Parts{}, err
	}
	if !form.MoreClaims && (header.hasNull || claims.hasNull) {
		err = Malformed("it has a null")
	}
	return p, err
}

// rawParts are the decoded parts of a token, and the text that was signed.
type rawParts struct {
	header, claims string
	signature      []byte
	input          string
}

// maxHeader is the length of the longest header, encoded. A header is parsed
// before anything is known about who made it, and JSON can take up a hundred
// times as much memory as text.
const maxHeader = 4096

func split(form Form, token string) (p rawParts, err error) {
	if len(token) > form.MaxSize {
		return p, Malformed("it has more than %d bytes", form.MaxSize)
	}
	if strings.Contains(token, "~") {
		return p, Malformed("it was signed without a key, by an identity")
	}
	if points := strings.Count(token, "."); points != 2 {
		return p, Malformed("it does not have three parts, a header, claims and a signature, but %d", points+1)
	}
	encoded := strings.Split(token, ".")
	if len(encoded[0]) > maxHeader {
		return p, Malformed("its header has more than %d bytes", maxHeader)
	}
	var decoded [3]string
	for i, name := range []string{"header", "claims", "signature"} {
		if decoded[i], err = Decode(encoded[i]); err != nil {
			return p, Malformed("its %s is not base64url: %v", name, err)
		}
	}
	input := token[:len(token)-len(encoded[2])-1]
	return rawParts{decoded[0], decoded[1], []byte(decoded[2]), input}, nil
}

var strictBase64 = base64.RawURLEncoding.Strict()

// Decode decodes base64url without padding (RFC 7515 section 2). There is one
// encoding for any octets: the decoder checks the unused bits but would pass
// over line ends. It goes piece by piece, so that a long text takes no room twice.
func Decode(s string) (string, error) {
	if strings.ContainsAny(s, "\r\n") {
		return "", errors.New("a line end")
	}
	const piece = 1024 // whole groups of four characters
	var text strings.Builder
	text.Grow(strictBase64.DecodedLen(len(s)))
	var octets [piece]byte
	for at := 0; at < len(s); at += piece {
		n, err := strictBase64.Decode(octets[:], []byte(s[at:min(at+piece, len(s))]))
		if err != nil {
			return "", fmt.Errorf("no such character, or unused bits, from byte %d on", at)
		}
		text.Write(octets[:n])
	}
	return text.String(), nil
}

// A header is what a token's header says.
type header struct {
	alg, typ, kid string
}

func parseHeader(form Form, text string) (h header, err error) {
	p := parser{text: text}
	v, err := p.object("header")
	if err != nil {
		return h, err
	}
	for _, m := range v.Members {
		switch m.Name {
		case "alg":
			h.alg = m.Value.Text
		case "typ":
			h.typ = m.Value.Text
		case "kid":
			h.kid = m.Value.Text
		case "x5t", "x5t#S256":
			if form.MoreClaims {
				break
			}
			fallthrough
		default:
			return h, Malformed("its header has a member beside alg, typ and kid")
		}
		if m.Value.Kind != String {
			return h, Malformed("its %s is %s", m.Name, m.Value.Kind)
		}
	}
	_, hasAlg := v.Get("alg")
	_, hasTyp := v.Get("typ")
	_, hasKid := v.Get("kid")
	a := algorithmNamed(h.alg)
	switch {
	case !hasAlg:
		return h, Malformed("its header has no alg")
	case !hasTyp && form.Type != "" && !form.MoreClaims:
		return h, Malformed("its header has no typ")
	case hasTyp && h.typ == "":
		return h, Malformed("its typ is empty")
	case form.AnyKeyID:
		return h, nil
	case hasKid && !validKeyID(h.kid):
		return h, Malformed("its kid is not 1 to 64 letters, digits, - and _")
	case a != nil && hasKid == (a.family == familySecret):
		return h, Malformed("a kid goes with every algorithm but an HMAC, and only then")
	}
	return h, nil
}

// validKeyID tells whether s can be the `kid` of a token: [A-Za-z0-9_-]{1,64}.
func validKeyID(s string) bool {
	outside := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
	}
	return 1 <= len(s) && len(s) <= 64 && !strings.ContainsFunc(s, outside)
}

// find returns the key that a header names, if the header's algorithm is the
// key's.
func (keys *VerifyingKeys) find(h header) (verifyingKey, error) {
	a := algorithmNamed(h.alg)
	key, known := keys.byID[h.kid]
	if keys.secret != nil {
		key, known = *keys.secret, true
	}
	switch {
	case a == nil || !keys.use(a) || known && key.algorithm != a:
		return verifyingKey{}, refuse(ErrUnsupportedAlgorithm, "its alg is not the algorithm of the verifier's key")
	case !known:
		ids := slices.Sorted(maps.Keys(keys.byID))
		return verifyingKey{}, refuse(ErrUnknownKey, "its kid names none of the verifier's keys, %.300q", ids)
	}
	return key, nil
}

// use tells whether any key is used with that algorithm.
func (keys *VerifyingKeys) use(a *algorithm) bool {
	if keys.secret != nil {
		return keys.secret.algorithm == a
	}
	for _, key := range keys.byID {
		if key.algorithm == a {
			return true
		}
	}
	return false
}

// ParseClaims reads the claims of a token of the given form, whoever says them. An
// error wraps [ErrMalformed].
func ParseClaims(form Form, text string) (*Token, error) {
	t := &Token{form: form}
	if form.Claims == nil {
		return t, nil
	}
	p := parser{text: text, dropsLong: form.LongArrays}
	v, err := p.object("claims")
	switch {
	case err != nil:
		return nil, err
	case !form.MoreClaims && p.hasNull:
		return nil, Malformed("its claims have a null")
	}
	t.Claims, t.Canonical = v, !p.loose
	for _, m := range v.Members {
		if !form.MoreClaims && !form.has(m.Name) {
			return nil, Malformed("it has a claim beside those of its type")
		}
		if err := t.set(m.Name, m.Value); err != nil {
			return nil, Malformed("its claim %s %v", m.Name, err)
		}
	}
	for _, name := range form.Claims {
		if _, ok := v.Get(name); !ok {
			return nil, Malformed("it has no claim %s", name)
		}
	}
	return t, nil
}

// set sets the field of a registered claim (RFC 7519 section 4.1).
func (t *Token) set(name string, v Value) (err error) {
	if !t.form.has(name) {
		return nil
	}
	switch name {
	case "iss":
		t.Issuer, err = text(v)
	case "aud":
		t.Audience, err = text(v)
	case "sub":
		t.Subject, err = text(v)
	case "jti":
		t.ID, err = text(v)
	case "iat":
		t.IssuedAt, err = v.Int()
	case "nbf":
		t.NotBefore, err = v.Int()
	case "exp":
		t.Expires, err = v.Int()
	}
	return err
}

func text(v Value) (string, error) {
	if v.Kind != String {
		return "", fmt.Errorf("is %s where a string is expected", v.Kind)
	}
	return v.Text, nil
}

// object parses the whole text of a part of a token.
func (p *parser) object(what string) (Value, error) {
	v, err := p.document()
	switch {
	case err != nil:
		return Value{}, Malformed("its %s: %v", what, err)
	case v.Kind != Object:
		return Value{}, Malformed("its %s is %s where an object is expected", what, v.Kind)
	}
	return v, nil
}
