package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// A family is the kind of key material that an algorithm needs. A key can only
// ever be used with an algorithm of its own family.
type family string

const (
	familyEd25519 family = "Ed25519"
	familyP256    family = "P-256"
	familyP384    family = "P-384"
	familyP521    family = "P-521"
	familyRSA     family = "RSA"
	familySecret  family = "HMAC"
)

// An algorithm is a signature algorithm by its JWA name (RFC 7518 section 3.1,
// RFC 8037 section 3.1).
type algorithm struct {
	name   string
	family family
	method jwt.SigningMethod
}

// algorithms are all that exist here; the first of a family is its default.
var algorithms = []algorithm{
	{"EdDSA", familyEd25519, jwt.SigningMethodEdDSA},
	{"ES256", familyP256, jwt.SigningMethodES256},
	{"ES384", familyP384, jwt.SigningMethodES384},
	{"ES512", familyP521, jwt.SigningMethodES512},
	{"PS256", familyRSA, strictPSS(jwt.SigningMethodPS256)},
	{"PS384", familyRSA, strictPSS(jwt.SigningMethodPS384)},
	{"PS512", familyRSA, strictPSS(jwt.SigningMethodPS512)},
	{"RS256", familyRSA, jwt.SigningMethodRS256},
	{"RS384", familyRSA, jwt.SigningMethodRS384},
	{"RS512", familyRSA, jwt.SigningMethodRS512},
	{"HS256", familySecret, jwt.SigningMethodHS256},
	{"HS384", familySecret, jwt.SigningMethodHS384},
	{"HS512", familySecret, jwt.SigningMethodHS512},
}

// strictPSS has the salt be as long as the hash when verifying too, as RFC 7518
// section 3.5 says; golang-jwt takes a salt of any length.
func strictPSS(m *jwt.SigningMethodRSAPSS) *jwt.SigningMethodRSAPSS {
	return &jwt.SigningMethodRSAPSS{
		SigningMethodRSA: m.SigningMethodRSA,
		Options:          &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash},
	}
}

// algorithmNamed returns the algorithm of that name, or nil.
func algorithmNamed(name string) *algorithm {
	if i := slices.IndexFunc(algorithms, func(a algorithm) bool { return a.name == name }); i >= 0 {
		return &algorithms[i]
	}
	return nil
}

// algorithmFor returns the algorithm that a key of family f is used with: its
// default where name is empty, otherwise the named one, if it is of the family.
func algorithmFor(f family, name string) (*algorithm, error) {
	var names []string
	for i, a := range algorithms {
		if a.family == f {
			if name == "" || a.name == name {
				return &algorithms[i], nil
			}
			names = append(names, a.name)
		}
	}
	return nil, &KeyError{
		Reason: fmt.Sprintf("algorithm %.40q does not go with a key of type %s", name, f),
		Advice: "such a key can use " + strings.Join(names, ", "),
	}
}

// familyOf returns the family of a public key after checking that the key is
// strong and well formed enough to be trusted.
func familyOf(public any) (family, error) {
	switch k := public.(type) {
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return "", &KeyError{Reason: "the Ed25519 key does not have 32 bytes", Advice: adviceTypes}
		}
		if hasSmallOrder(k) {
			return "", &KeyError{Reason: "the Ed25519 key is a point of small order, which protects nothing", Advice: adviceTypes}
		}
		return familyEd25519, nil
	case *ecdsa.PublicKey:
		return familyOfEC(k)
	case *rsa.PublicKey:
		return familyRSA, checkRSA(k)
	default:
		return "", &KeyError{
			Reason: "the key is of a type that signs nothing here",
			Advice: adviceTypes,
		}
	}
}

func familyOfEC(k *ecdsa.PublicKey) (family, error) {
	// The conversion checks that the point is on the curve.
	if _, err := k.ECDH(); err != nil {
		return "", &KeyError{
			Reason: "the EC key is not a point of P-256, P-384 or P-521",
			Advice: "make one with `countersign keygen --alg ES256`",
		}
	}
	switch k.Curve {
	case elliptic.P256():
		return familyP256, nil
	case elliptic.P384():
		return familyP384, nil
	default:
		return familyP521, nil
	}
}

func checkRSA(k *rsa.PublicKey) error {
	const minBits = 2048
	switch bits := k.N.BitLen(); {
	case bits < minBits:
		return &KeyError{
			Reason: fmt.Sprintf("the RSA key has %d bits and at least %d are needed", bits, minBits),
			Advice: "make one with `countersign keygen --alg PS256`",
		}
	case k.E < 3 || k.E%2 == 0:
		return &KeyError{Reason: fmt.Sprintf("the RSA key has the exponent %d, which protects nothing", k.E), Advice: adviceTypes}
	case k.N.Bit(0) == 0:
		return &KeyError{Reason: "the RSA key has an even modulus", Advice: adviceTypes}
	case isROCA(k.N):
		return &KeyError{
			Reason: "the RSA key was made by a chip whose keys can be factored (CVE-2017-15361)",
			Advice: "make another one with `countersign keygen --alg PS256`",
		}
	}
	return nil
}
