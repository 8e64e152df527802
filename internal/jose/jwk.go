package jose

import (
	"maps"
	"slices"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

// JWK returns the private key for a library that takes JWKs, with `alg`, `kid`
// and `use`. A secret is refused with a *KeyError.
func (k *SigningKey) JWK() (jwk.Key, error) {
	if k.algorithm.family == familySecret {
		return nil, errNoPair()
	}
	return newJWK(k.key, k.algorithm.name, k.id)
}

// JWKS returns the public keys, in the order of their `kid`, for a library that
// takes a JWKS. Each has `alg`, `kid` and `use`. A secret is refused with a
// *KeyError.
func (keys *VerifyingKeys) JWKS() (jwk.Set, error) {
	if keys.secret != nil {
		return nil, errNoPair()
	}
	set := jwk.NewSet()
	for _, id := range slices.Sorted(maps.Keys(keys.byID)) {
		key, err := newJWK(keys.byID[id].key, keys.byID[id].algorithm.name, id)
		if err != nil {
			return nil, err
		}
		if err := set.AddKey(key); err != nil {
			return nil, err
		}
	}
	return set, nil
}

func errNoPair() error {
	return &KeyError{Reason: "a secret where a key pair is needed", Advice: "`countersign keygen` makes a pair"}
}

func newJWK(raw any, algorithmName, id string) (jwk.Key, error) {
	text, err := marshalJWK(raw, algorithmName, id)
	if err != nil {
		return nil, err
	}
	return jwk.ParseKey(text)
}
