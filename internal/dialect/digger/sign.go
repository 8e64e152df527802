package digger

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/countersign-ci/countersign/internal/jose"
)

// Sign returns the envelope of a spec that is valid until expires. The spec's bytes
// stay, but for white space around it, and its last member is followed by the expiry.
// A spec that [Open] would refuse is refused, with an *Error.
func Sign(key *jose.SigningKey, spec string, expires time.Time) (string, error) {
	v, _, err := parse(spec)
	if err != nil {
		return "", err
	}
	if hasName(v, expiry) {
		return "", &Error{Reason: "the spec has an expiry already", Advice: adviceExpiry}
	}
	signed := addExpiry(v.Text, expires.Unix())
	if v, err = jose.ParseJSON(signed); err != nil {
		return "", err
	}
	payload, err := jose.Canonicalize(v)
	if err != nil {
		return "", &Error{Reason: "the spec cannot be signed: " + reasonOf(err), Advice: adviceNumber, Cause: err}
	}
	token, err := jose.SignPayload(payloadForm, key, payload)
	if err != nil {
		return "", err
	}
	parts := strings.Split(token, ".")
	envelope := `{"spec": ` + signed + `, "signature": {"signature": "` + parts[0] + ".." + parts[2] + `", "verify": true}}`
	if len(envelope) > MaxSize {
		return "", &Error{Reason: fmt.Sprintf("the signed spec has more than %d bytes", MaxSize), Advice: adviceSpec}
	}
	// The envelope is one level more.
	if _, err := jose.ParseJSON(envelope); err != nil {
		return "", &Error{Reason: "the signed spec cannot be read: " + err.Error(), Advice: adviceSpec}
	}
	return envelope, nil
}

// Claims are what a detached signature says beside the digest of the spec.
type Claims struct {
	ID                string // one of its own for each signature
	IssuedAt, Expires time.Time
}

// SignDetached returns the detached signature of a spec, which is over its bytes. A
// spec that [OpenDetached] would refuse is refused, with an *Error.
func SignDetached(key *jose.SigningKey, spec string, c Claims) (string, error) {
	if _, _, err := parse(spec); err != nil {
		return "", err
	}
	claims, err := json.Marshal(map[string]any{
		"spec_sha256": digest(spec), "iat": c.IssuedAt.Unix(), "exp": c.Expires.Unix(), "jti": c.ID,
	})
	if err != nil {
		return "", err
	}
	return jose.SignPayload(tokenForm, key, claims)
}

// digest returns the SHA-256 of a text as 64 hex digits.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
