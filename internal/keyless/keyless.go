// Package keyless owns tokens that no key signs, but the identity that a CI system
// gives to its jobs.
//
// A keyless token is a claim set in base64url, a tilde, and an identity token:
//
//	base64url(claims)~identity
//
// The claims are those of a token that is signed with a key (see package jose) and
// `typ` with what stands in that token's header. They are written in the form of
// RFC 8785, and in any other refused:
//
//	{"aud":"https://github.com/acme/widgets","exp":1795313400,"iat":1795312800,
//	 "iss":"https://github.com/acme/orchestrator","jti":"m9B…Zw","nbf":1795312800,
//	 "spec":{"version":1,…},"sub":"acme/widgets@0123…4567","typ":"run-spec+jwt"}
//
// The identity token is a JWS of an OpenID provider (OpenID Connect Core 1.0 section
// 2). Its `aud` is one text, the SHA-256 of the bytes of the claims:
//
//	countersign:sha256:<64 hex>
//
// So the provider says who holds exactly these claims, and whoever cannot get an
// identity token cannot change them. It was issued when the claims were made: its
// `iat` is at most a minute before theirs and five minutes after. Its own `exp`,
// which is minutes later, is not looked at, for the claims have theirs. Nor is its
// `sub`, whose form differs between servers: what an identity has to be is said by
// claims of their own.
package keyless

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/countersign-ci/countersign/internal/jose"
)

// The outcomes of [Issuers.Open] beside those of package jose, each in a *jose.Error.
var (
	ErrUntrustedIdentity = errors.New("untrusted identity")
	ErrWrongIssuer       = errors.New("wrong issuer")
)

func refuse(outcome error, format string, args ...any) error {
	return &jose.Error{Outcome: outcome, Reason: fmt.Sprintf(format, args...)}
}

// identityForm is the form of an identity token. GitHub's have about 2 KB.
var identityForm = jose.Form{
	Type: "JWT", Claims: []string{"iss", "aud", "iat"}, MaxSize: 16384, AnyKeyID: true, MoreClaims: true,
}

// Claims returns the claim set of a token of the given form.
func Claims(form jose.Form, c jose.Claims) ([]byte, error) {
	private := map[string]any{"typ": form.Type}
	maps.Copy(private, c.Private)
	c.Private = private
	return c.Canonical()
}

// Audience returns the `aud` of the identity token for a claim set.
func Audience(claims []byte) string {
	sum := sha256.Sum256(claims)
	return audienceOf(sum[:])
}

// audience is Audience without a copy of claims, which may be as long as a token.
func audience(claims string) string {
	h := sha256.New()
	io.Copy(h, struct{ io.Reader }{strings.NewReader(claims)}) // piece by piece; a hash takes all
	return audienceOf(h.Sum(nil))
}

func audienceOf(sum []byte) string { return "countersign:sha256:" + hex.EncodeToString(sum) }

// Join makes a token of a claim set and the identity token for it. It looks at the
// identity token as far as anybody can who has none of its provider's keys.
func Join(form jose.Form, claims []byte, identity string) (string, error) {
	n := base64.RawURLEncoding.EncodedLen(len(claims)) + len("~") + len(identity)
	if n > form.MaxSize {
		return "", fmt.Errorf("the token has %d bytes and may have %d", n, form.MaxSize)
	}
	parts, err := jose.Unverified(identityForm, identity)
	if err != nil {
		return "", ofIdentity(err)
	}
	if aud, _ := parts.Claims.Get("aud"); aud.Text != Audience(claims) {
		return "", refuse(jose.ErrBadSignature, "the identity token is not for these claims")
	}
	var token strings.Builder
	token.Grow(n)
	encoder := base64.NewEncoder(base64.RawURLEncoding, &token)
	encoder.Write(claims) // a strings.Builder takes all
	encoder.Close()
	token.WriteString("~" + identity)
	return token.String(), nil
}

// Unverified is what a keyless token says. Nothing of it is verified.
type Unverified struct {
	Claims   string     // the bytes that the digest is of
	Identity jose.Parts // of the identity token
	// Issuer and KeyID are what the identity token says of itself, for its keys to
	// be found.
	Issuer, KeyID string

	token string // the identity token
}

// Parse takes a token apart. An error wraps [jose.ErrMalformed].
func Parse(form jose.Form, token string) (*Unverified, error) {
	if len(token) > form.MaxSize {
		return nil, jose.Malformed("it has more than %d bytes", form.MaxSize)
	}
	encoded, identity, found := strings.Cut(token, "~")
	if !found {
		return nil, jose.Malformed("no identity signed it; it may be one that a key signed")
	}
	claims, err := jose.Decode(encoded)
	if err != nil {
		return nil, jose.Malformed("its claims are not base64url: %v", err)
	}
	u := &Unverified{Claims: claims, token: identity}
	if u.Identity, err = jose.Unverified(identityForm, identity); err != nil {
		return nil, ofIdentity(err)
	}
	issuer, _ := u.Identity.Claims.Get("iss")
	id, _ := u.Identity.Header.Get("kid")
	if issuer.Kind == jose.String {
		u.Issuer = issuer.Text
	}
	if id.Kind == jose.String {
		u.KeyID = id.Text
	}
	return u, nil
}

// ofIdentity says of an error that it is about the identity token. Its type is part
// of the form of the whole.
func ofIdentity(err error) error {
	var e *jose.Error
	if !errors.As(err, &e) {
		return err
	}
	outcome := e.Outcome
	if outcome == jose.ErrWrongType {
		outcome = jose.ErrMalformed
	}
	return refuse(outcome, "its identity token: %s", e.Reason)
}

// An Issuer is an OpenID provider, and the identities of it that may sign.
type Issuer struct {
	URL        string // exactly what its tokens have as `iss`
	Keys       *jose.VerifyingKeys
	Identities []Identity // one of them has to hold
}

// Issuers are who a verifier trusts to tell identities.
type Issuers []Issuer

// Open returns what a token says if it has the given form and a trusted identity
// signed it. Otherwise the error is one of [jose.Verify], in that order but that the
// type stands in the claims and is checked after the signature, or wraps
// [ErrUntrustedIdentity] or [ErrWrongIssuer], which go last; only an issuer that is
// not trusted is refused before its signature is looked at. The claims' times are
// still to be checked.
func (all Issuers) Open(form jose.Form, token string) (*jose.Token, error) {
	u, err := Parse(form, token)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(i Issuer) bool { return i.URL == u.Issuer })
	if at < 0 {
		return nil, refuse(ErrUntrustedIdentity, "its identity token does not come from a trusted issuer")
	}
	identity, err := all[at].verify(u.token, audience(u.Claims))
	if err != nil {
		return nil, err
	}
	t, err := open(form, u.Claims)
	if err != nil {
		return nil, err
	}
	if err := checkIssued(t.IssuedAt, identity.IssuedAt); err != nil {
		return nil, err
	}
	if err := all[at].check(t, identity.Claims); err != nil {
		return nil, err
	}
	return t, nil
}

// verify returns an identity token that is for an audience.
func (i *Issuer) verify(token, audience string) (*jose.Token, error) {
	if i.Keys == nil {
		return nil, refuse(jose.ErrUnknownKey, "the keys of its issuer are not known")
	}
	identity, err := jose.Verify(identityForm, i.Keys, token)
	if err != nil {
		return nil, ofIdentity(err)
	}
	switch {
	case identity.Issuer != i.URL:
		return nil, refuse(ErrUntrustedIdentity, "its identity token does not come from %.200q", i.URL)
	case identity.Audience != audience:
		return nil, refuse(jose.ErrBadSignature, "it was changed, or its identity token is for something else")
	}
	return identity, nil
}

// anyForm is the form of claims whatever they are.
var anyForm = jose.Form{Claims: []string{}, MoreClaims: true, LongArrays: true}

// open reads claims that somebody vouches for. Another type may have other claims, so
// the type goes first.
func open(form jose.Form, claims string) (*jose.Token, error) {
	form.Claims = append(slices.Clone(form.Claims), "typ")
	t, err := jose.ParseClaims(form, claims)
	said := t
	if err != nil {
		said, _ = jose.ParseClaims(anyForm, claims)
	}
	var typ jose.Value
	if said != nil {
		typ, _ = said.Claims.Get("typ")
	}
	switch {
	case typ.Kind == jose.String && typ.Text != form.Type:
		return nil, refuse(jose.ErrWrongType, "its typ is not %q", form.Type)
	case err != nil:
		return nil, err
	case typ.Kind != jose.String:
		return nil, jose.Malformed("its typ is %s", typ.Kind)
	}
	// There is one way to write them, so that the digest is of what they say.
	if !t.Canonical {
		return nil, jose.Malformed("its claims are not in the form of RFC 8785")
	}
	return t, nil
}

// How much earlier and later than the claims an identity token may be issued, in
// seconds.
const (
	maxEarlier = 60
	maxLater   = 300
)

// checkIssued checks that claims and identity token were made together. The
// differences are unsigned, so that none overflows.
func checkIssued(claims, identity int64) error {
	switch {
	case identity < claims && uint64(claims)-uint64(identity) > maxEarlier:
		return refuse(jose.ErrNotYetValid, "its claims were made more than %d s after its identity token", maxEarlier)
	case identity > claims && uint64(identity)-uint64(claims) > maxLater:
		return refuse(jose.ErrExpired, "its claims were made more than %d s before its identity token", maxLater)
	}
	return nil
}
