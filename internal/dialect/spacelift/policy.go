package spacelift

import (
	_ "embed"
	"encoding/json"
	"errors"
	"strings"

	"github.com/countersign-ci/countersign/internal/jose"
)

// The policies are in the Rego that OPA 0.34 to 1 read alike: complete rules and
// comprehensions. policy.rego has a place for what checks the signature.
var (
	//go:embed policy.rego
	policyText string
	//go:embed keys.rego
	keysText string
	//go:embed secret.rego
	secretText string
	//go:embed push.rego
	pushText string
)

// Policy returns an initialization policy that trusts the given public keys. Errors
// are of type *jose.KeyError: a secret has no place in what is printed, and OPA must
// know the keys' algorithms.
func Policy(keys *jose.VerifyingKeys) ([]byte, error) {
	set, err := keys.JWKS()
	var refusal *jose.KeyError
	switch {
	case errors.As(err, &refusal):
		return nil, &jose.KeyError{
			Reason: "a secret has no place in a policy that is printed",
			Advice: "--secret-placeholder prints one that the secret is put into where it is installed; better is a key pair of `countersign keygen --alg ES256`",
		}
	case err != nil:
		return nil, err
	}
	var list []string
	for i := range set.Len() {
		key, _ := set.Key(i)
		if algorithm, ok := key.Algorithm(); ok {
			if err := checkAlgorithm(algorithm.String()); err != nil {
				return nil, err
			}
		}
		text, err := json.Marshal(key) // which is Rego too
		if err != nil {
			return nil, err
		}
		list = append(list, string(text))
	}
	return policyWith(strings.Replace(keysText, "KEYS", strings.Join(list, ",\n\t"), 1)), nil
}

// PlaceholderPolicy returns an initialization policy that trusts a secret for HS256.
// The secret is to be put in the place of the text ${SECRET}, which is the only one in
// it; until then the policy denies every run.
func PlaceholderPolicy() []byte { return policyWith(secretText) }

// policyWith returns the policy with what checks the signature.
func policyWith(trust string) []byte {
	return []byte(strings.Replace(policyText, "# TRUST\n", trust, 1))
}

// PushPolicy returns a git push policy that ignores every push.
func PushPolicy() []byte { return []byte(pushText) }
