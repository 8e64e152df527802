package buildkite

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/buildkite/go-pipeline"
	"github.com/buildkite/go-pipeline/signature"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/countersign-ci/countersign/internal/jose"
)

// The fields that a signature can cover, besides variables of the environment.
const (
	fieldCommand    = "command"
	fieldEnv        = "env"
	fieldPlugins    = "plugins"
	fieldMatrix     = "matrix"
	fieldRepository = "repository_url"
	fieldSecrets    = "secrets"
	fieldCheckout   = "checkout"
)

// signedField tells whether a field of a step, as it is written, is signed.
func signedField(name string) bool {
	switch name {
	case fieldCommand, "commands", fieldEnv, fieldPlugins, fieldMatrix, fieldSecrets, fieldCheckout:
		return true
	}
	return false
}

// A verifier checks signatures with some keys.
type verifier struct {
	sets map[string]jwk.Set // a set of one key for each kid
}

func newVerifier(keys *jose.VerifyingKeys) (*verifier, error) {
	all, err := keys.JWKS()
	if err != nil {
		return nil, err
	}
	v := &verifier{sets: make(map[string]jwk.Set, all.Len())}
	for i := range all.Len() {
		key, _ := all.Key(i)
		id, _ := key.KeyID()
		v.sets[id] = jwk.NewSet()
		if err := v.sets[id].AddKey(key); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// verify checks the signature of a step that has one. The environment is the
// pipeline's or the job's. It returns what is wrong, or nothing.
func (v *verifier) verify(s *pipeline.CommandStep, repositoryURL string, env map[string]string) string {
	if reason := checkFields(s, env); reason != "" {
		return reason
	}
	set, reason := v.key(s.Signature)
	if reason != "" {
		return reason
	}
	if err := signature.VerifyStep(context.Background(), s, set, repositoryURL, signature.WithEnv(env)); err != nil {
		return "has another signature: it, the repository's URL or a signed variable was changed, or another key signed"
	}
	return ""
}

// checkFields checks what a signature covers. A step that lost one of its signed
// fields, or a signature over fewer of them, would leave that field to anybody.
func checkFields(s *pipeline.CommandStep, env map[string]string) string {
	fields := s.Signature.SignedFields
	seen := make(map[string]bool, len(fields))
	for _, f := range fields {
		variable, isVariable := strings.CutPrefix(f, signature.EnvNamespacePrefix)
		switch {
		case seen[f]:
			return fmt.Sprintf("has a signature with the field %.60q twice", f)
		case isVariable:
			if _, ok := env[variable]; !ok {
				return fmt.Sprintf("is signed for a value of %.60q, which is not there", variable)
			}
		case f != fieldRepository && (f == "commands" || !signedField(f)):
			return fmt.Sprintf("has a signature over the field %.60q, which is not known here", f)
		}
		seen[f] = true
	}
	required := []string{fieldCommand, fieldEnv, fieldPlugins, fieldMatrix, fieldRepository}
	if len(s.Secrets) > 0 {
		required = append(required, fieldSecrets)
	}
	if !s.Checkout.IsEmpty() {
		required = append(required, fieldCheckout)
	}
	for _, f := range required {
		if !seen[f] {
			return "has a signature that does not cover " + f
		}
	}
	return ""
}

// key returns the set of the one key that a signature names. The signature is a
// JWS in compact form without its payload (RFC 7515 appendix F), whose header has
// alg and kid and nothing else. The key decides the algorithm.
func (v *verifier) key(s *pipeline.Signature) (jwk.Set, string) {
	const malformed = "has a signature that is not in the form of one"
	parts := strings.Split(s.Value, ".")
	if len(parts) != 3 || parts[1] != "" {
		return nil, malformed
	}
	header, err := base64.RawURLEncoding.Strict().DecodeString(parts[0])
	if err != nil || strings.ContainsAny(s.Value, "\r\n") {
		return nil, malformed
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(parts[2]); err != nil {
		return nil, malformed
	}
	h, err := jose.ParseJSON(string(header))
	if err != nil || h.Kind != jose.Object {
		return nil, malformed
	}
	id, _ := h.Get("kid")
	name, _ := h.Get("alg")
	if len(h.Members) != 2 || id.Kind != jose.String || name.Kind != jose.String {
		return nil, "has a signature whose header is not made of alg and kid alone"
	}
	set, ok := v.sets[id.Text]
	if !ok {
		return nil, fmt.Sprintf("is signed with the key %.100q, which is not among those to check with", id.Text)
	}
	key, _ := set.Key(0)
	algorithm, _ := key.Algorithm()
	switch {
	case !slices.Contains(Algorithms, algorithm.String()):
		return nil, fmt.Sprintf("is signed with a key for %s, which Buildkite's agent does not take", algorithm)
	case name.Text != algorithm.String() || s.Algorithm != algorithm.String():
		return nil, fmt.Sprintf("is signed with another algorithm than %s, which is the key's", algorithm)
	}
	return set, ""
}
