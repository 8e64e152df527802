package digger

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// Opened is what a signed spec says. Its times are still to be checked, and whether
// it is for the run at hand.
type Opened struct {
	// Token has the times and the id of the signature, for a ledger of those that
	// were used. An envelope's id is the digest of what is signed: anybody can make
	// another signature of an ECDSA signature. An envelope does not tell when it was
	// made, so [jose.Token.CheckTimes] has no lifetime to check.
	Token *jose.Token
	// Spec has the version, Repository, Actor and SHA, as far as the spec tells them.
	Spec        *runspec.Spec
	RequestedBy string // job.requestedBy
	// Text is the spec for Digger: of an envelope that without its expiry, or the
	// bytes that were signed.
	Text string
	// Secrets are the tokens in the spec, which are to stay out of logs.
	Secrets []string
}

// IsSigned tells whether a text can be an envelope. What cannot be read counts as
// one, so that it is not taken for a spec that nobody signed.
func IsSigned(text string) bool {
	if len(text) > MaxSize {
		return true
	}
	v, err := jose.ParseJSON(text)
	return err != nil || v.Kind != jose.Object || hasName(v, "signature")
}

// Open returns what an envelope says if one of the keys signed it. Otherwise the
// error is a *jose.Error that wraps, in this order of checks: [jose.ErrMalformed]
// (the envelope's form), [jose.ErrUnsafeInteger], those of [jose.Verify] for its
// signature, and [jose.ErrMalformed] (the spec).
func Open(keys *jose.VerifyingKeys, envelope string) (*Opened, error) {
	spec, signature, err := splitEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	payload, err := jose.Canonicalize(spec)
	if err != nil {
		return nil, err
	}
	token := signature.header + "." + base64.RawURLEncoding.EncodeToString(payload) + "." + signature.value
	if _, err := jose.Verify(payloadForm, keys, token); err != nil {
		return nil, err
	}
	r := reader{}
	seconds := r.member(spec, expiry, jose.Number)
	at := slices.IndexFunc(spec.Members, func(m jose.Member) bool { return m.Name == expiry })
	switch {
	case r.err != nil:
		return nil, jose.Malformed("its spec %v", r.err)
	case at < 0:
		return nil, jose.Malformed("its spec has no expiry")
	}
	t, err := jose.ParseClaims(expiryForm, `{"exp":`+seconds.Text+`}`)
	if err != nil {
		return nil, jose.Malformed("its expiry is not an integer inside 64 bits")
	}
	t.ID = runspec.Digest(payload)
	return opened(t, spec, cutMember(spec.Text, at))
}

// A detachedJWS is a JWS in compact form without its payload, as it came: nothing of
// it is checked.
type detachedJWS struct{ header, value string }

// splitEnvelope takes an envelope apart.
func splitEnvelope(envelope string) (spec jose.Value, s detachedJWS, err error) {
	if len(envelope) > MaxSize {
		return spec, s, jose.Malformed("it has more than %d bytes", MaxSize)
	}
	v, err := jose.ParseJSON(envelope)
	if err != nil {
		return spec, s, jose.Malformed("it cannot be read: %v", err)
	}
	spec, hasSpec := v.Get("spec")
	signature, hasSignature := v.Get("signature")
	switch {
	case !hasSpec || !hasSignature || len(v.Members) != 2:
		return spec, s, jose.Malformed("it is not an object of a spec and a signature alone")
	case spec.Kind != jose.Object:
		return spec, s, jose.Malformed("its spec is %s where an object is expected", spec.Kind)
	case signature.Kind != jose.Object:
		return spec, s, jose.Malformed("its signature is %s where an object is expected", signature.Kind)
	}
	value, ok := signature.Get("signature")
	if !ok || value.Kind != jose.String {
		return spec, s, jose.Malformed("its signature is without a text of that name")
	}
	more := 1
	if verify, ok := signature.Get("verify"); ok {
		if more++; verify.Kind != jose.Bool {
			return spec, s, jose.Malformed("its verify is %s where a boolean is expected", verify.Kind)
		}
	}
	if len(signature.Members) != more {
		return spec, s, jose.Malformed("its signature has a member beside signature and verify")
	}
	header, last, ok := strings.Cut(value.Text, "..")
	if !ok {
		return spec, s, jose.Malformed("its signature is not a JWS without its payload")
	}
	return spec, detachedJWS{header, last}, nil
}

// OpenDetached returns what a spec says if one of the keys signed it, as the token
// beside it has it. Otherwise the error is a *jose.Error that wraps one of those of
// [jose.Verify], in that order; a spec that is not the signed one has a bad signature,
// and a signed one that is none is malformed.
func OpenDetached(keys *jose.VerifyingKeys, spec, token string) (*Opened, error) {
	if len(spec) > MaxSize {
		return nil, jose.Malformed("its spec has more than %d bytes", MaxSize)
	}
	t, err := jose.Verify(tokenForm, keys, token)
	if err != nil {
		return nil, err
	}
	sum, _ := t.Claims.Get("spec_sha256")
	switch {
	case sum.Kind != jose.String:
		return nil, jose.Malformed("its claim spec_sha256 is %s where a string is expected", sum.Kind)
	case t.ID == "":
		return nil, jose.Malformed("its jti is empty")
	case sum.Text != digest(spec):
		return nil, &jose.Error{Outcome: jose.ErrBadSignature, Reason: "the spec was changed, or it is that of another job"}
	}
	v, err := jose.ParseJSON(spec)
	switch {
	case err != nil:
		return nil, jose.Malformed("its spec cannot be read: %v", err)
	case v.Kind != jose.Object:
		return nil, jose.Malformed("its spec is %s where an object is expected", v.Kind)
	}
	return opened(t, v, spec)
}

// opened reads a spec that a key signed.
func opened(t *jose.Token, v jose.Value, text string) (*Opened, error) {
	c, err := read(v)
	if err != nil {
		return nil, jose.Malformed("its spec %v", err)
	}
	return &Opened{t, c.spec(), c.requestedBy, text, c.Secrets}, nil
}
