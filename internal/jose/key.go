package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

// A KeyError says why a key cannot be used. It never holds key material.
type KeyError struct {
	Reason string // what is wrong
	Advice string // what to do
}

func (e *KeyError) Error() string { return e.Reason }

// Hint returns what to do about the error.
func (e *KeyError) Hint() string { return e.Advice }

// A SigningKey is a private key or a secret with the one algorithm that it is
// used with.
type SigningKey struct {
	algorithm *algorithm
	id        string // empty for a secret
	key       any    // what the algorithm's signing method takes
}

// ID returns the key's `kid`; a secret has none.
func (k *SigningKey) ID() string { return k.id }

// Algorithm returns the JWA name of the key's algorithm.
func (k *SigningKey) Algorithm() string { return k.algorithm.name }

// sign returns the signature over a JWS signing input (RFC 7515 section 5.1).
func (k *SigningKey) sign(input string) ([]byte, error) {
	return k.algorithm.method.Sign(input, k.key)
}

// VerifyingKeys are the public keys by their `kid`, or the one secret, that a
// verifier trusts.
type VerifyingKeys struct {
	byID   map[string]verifyingKey
	secret *verifyingKey
}

type verifyingKey struct {
	algorithm *algorithm
	key       any
}

// verify checks a signature over a JWS signing input.
func (k verifyingKey) verify(input string, signature []byte) error {
	return k.algorithm.method.Verify(input, signature, k.key)
}

// newSigningKey makes a key of a private key, with the named algorithm or its
// family's default, and the given `kid` or else its thumbprint.
func newSigningKey(private crypto.Signer, algorithmName, id string) (*SigningKey, error) {
	v, id, err := newVerifyingKey(private.Public(), algorithmName, id)
	if err != nil {
		return nil, err
	}
	k := &SigningKey{v.algorithm, id, private}
	if !validKeyID(id) {
		return nil, &KeyError{
			Reason: fmt.Sprintf("the key's kid %.100q cannot stand in a token", id),
			Advice: "give the key a kid of 1 to 64 letters, digits, - and _, or none",
		}
	}
	// A private key whose public half belongs to another one would leak itself
	// through its signatures (Ed25519), or make some that nobody can verify.
	const probe = "probe"
	signature, err := k.sign(probe)
	if err != nil || v.verify(probe, signature) != nil {
		return nil, &KeyError{
			Reason: "the private key does not belong to the public key beside it",
			Advice: "take both halves from the same pair; `countersign keygen` makes one",
		}
	}
	return k, nil
}

func newVerifyingKey(public any, algorithmName, id string) (verifyingKey, string, error) {
	f, err := familyOf(public)
	if err != nil {
		return verifyingKey{}, "", err
	}
	a, err := algorithmFor(f, algorithmName)
	if err != nil {
		return verifyingKey{}, "", err
	}
	if id == "" {
		if id, err = thumbprint(public); err != nil {
			return verifyingKey{}, "", err
		}
	}
	return verifyingKey{a, public}, id, nil
}

// thumbprint returns the SHA-256 thumbprint of a public key (RFC 7638), base64url.
func thumbprint(public any) (string, error) {
	k, err := jwk.Import(public)
	if err != nil {
		return "", err
	}
	sum, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// SecretSigningKey makes a signing key of an HMAC secret; the algorithm is
// HS256 where its name is empty.
func SecretSigningKey(secret []byte, algorithmName string) (*SigningKey, error) {
	a, err := secretAlgorithm(secret, algorithmName)
	if err != nil {
		return nil, err
	}
	return &SigningKey{algorithm: a, key: bytes.Clone(secret)}, nil
}

// SecretVerifyingKey makes the key set of an HMAC secret; the algorithm is
// HS256 where its name is empty.
func SecretVerifyingKey(secret []byte, algorithmName string) (*VerifyingKeys, error) {
	a, err := secretAlgorithm(secret, algorithmName)
	if err != nil {
		return nil, err
	}
	return &VerifyingKeys{secret: &verifyingKey{a, bytes.Clone(secret)}}, nil
}

// secretAlgorithm refuses a secret that is shorter than the hash's output
// (RFC 7518 section 3.2).
func secretAlgorithm(secret []byte, name string) (*algorithm, error) {
	a, err := algorithmFor(familySecret, name)
	if err != nil {
		return nil, err
	}
	need := map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}[a.name]
	if len(secret) < need {
		return nil, &KeyError{
			Reason: fmt.Sprintf("the secret has %d bytes and %s needs at least %d", len(secret), a.name, need),
			Advice: "make one with `openssl rand -hex 32`",
		}
	}
	return a, nil
}

// Generate makes a key pair for the named algorithm. Both halves come as a JWK
// (RFC 7517) with `alg`, `use` and `kid`, which is returned too.
func Generate(algorithmName string) (private, public []byte, id string, err error) {
	key, err := generate(algorithmName)
	if err != nil {
		return nil, nil, "", err
	}
	if id, err = thumbprint(key.Public()); err != nil {
		return nil, nil, "", err
	}
	if private, err = marshalJWK(key, algorithmName, id); err != nil {
		return nil, nil, "", err
	}
	public, err = marshalJWK(key.Public(), algorithmName, id)
	return private, public, id, err
}

func generate(algorithmName string) (crypto.Signer, error) {
	const rsaBits = 3072
	a := algorithmNamed(algorithmName)
	if a == nil || a.family == familySecret {
		return nil, &KeyError{
			Reason: fmt.Sprintf("no key pair is made for the algorithm %.40q", algorithmName),
			Advice: "use EdDSA, ES256, ES384, ES512, PS256, PS384, PS512, RS256, RS384 or RS512; an HMAC secret comes from `openssl rand -hex 32`",
		}
	}
	switch a.family {
	case familyEd25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case familyRSA:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case familyP256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case familyP384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	}
}

func marshalJWK(raw any, algorithmName, id string) ([]byte, error) {
	k, err := jwk.Import(raw)
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{jwk.KeyIDKey: id, jwk.AlgorithmKey: algorithmName, jwk.KeyUsageKey: "sig"} {
		if err := k.Set(name, value); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(k)
	return append(text, '\n'), err
}
