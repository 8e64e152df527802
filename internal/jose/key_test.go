package jose

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// wantRefusedKey checks that an error says why a key is refused and what to do.
func wantRefusedKey(t *testing.T, err error, reason string) {
	t.Helper()
	var keyError *KeyError
	switch {
	case err == nil:
		t.Fatalf("the key is accepted, want an error with %q", reason)
	case !errors.As(err, &keyError):
		t.Fatalf("the error %v is no *KeyError", err)
	case !strings.Contains(keyError.Reason, reason):
		t.Errorf("the error is %q, want one with %q", keyError.Reason, reason)
	case keyError.Error() != keyError.Reason:
		t.Errorf("the error's text is %q and its reason %q", keyError.Error(), keyError.Reason)
	case keyError.Hint() == "":
		t.Errorf("the error %q has no hint", keyError.Reason)
	}
}

// only returns the one key of a set, and its kid.
func only(t *testing.T, keys *VerifyingKeys) (verifyingKey, string) {
	t.Helper()
	if len(keys.byID) != 1 {
		t.Fatalf("%d keys, want 1", len(keys.byID))
	}
	for id, k := range keys.byID {
		return k, id
	}
	panic("unreachable")
}

// TestKeyFiles loads the files of testdata/keys as what they are and as what
// they are not.
func TestKeyFiles(t *testing.T) {
	t.Parallel()
	const (
		private = "a private key where a public key is needed"
		public  = "a public key where a private key is needed"
		noType  = "of a type that is known here"
	)
	tests := []struct {
		file, alg string
		// Each is an algorithm in capitals, or a part of the error.
		signing, verifying string
	}{
		{"ed25519.pem", "", "EdDSA", private},
		{"ed25519.pub.pem", "", public, "EdDSA"},
		{"ed25519.pem", "EdDSA", "EdDSA", private},
		{"p256.pem", "", "ES256", private},
		{"p256-sec1.pem", "", "ES256", private},
		{"p256.pub.pem", "", public, "ES256"},
		{"p384.pem", "", "ES384", private},
		{"p384.pub.pem", "", public, "ES384"},
		{"p521.pem", "", "ES512", private},
		{"p521.pub.pem", "", public, "ES512"},
		{"rsa2048.pem", "", "PS256", private},
		{"rsa2048.pem", "RS512", "RS512", private},
		{"rsa2048-pkcs1.pem", "", "PS256", private},
		{"rsa2048-pkcs1.pem", "PS384", "PS384", private},
		{"rsa2048.pub.pem", "", public, "PS256"},
		{"rsa2048.pub.pem", "RS256", public, "RS256"},
		{"rsa2048-pkcs1.pub.pem", "RS384", public, "RS384"},
		{"buildkite-EdDSA-private.json", "", "EdDSA", private},
		{"buildkite-EdDSA-public.json", "", public, "EdDSA"},
		{"buildkite-EdDSA-public.json", "EdDSA", public, "EdDSA"},
		{"buildkite-ES256-private.json", "", "ES256", private},
		{"buildkite-ES256-public.json", "", public, "ES256"},
		{"buildkite-PS512-private.json", "", "PS512", private},
		{"buildkite-PS512-public.json", "", public, "PS512"},

		{"ed25519.pem", "ES256", `algorithm "ES256" does not go with a key of type Ed25519`, private},
		{"ed25519.pub.pem", "HS256", public, `algorithm "HS256" does not go with a key of type Ed25519`},
		{"p256.pub.pem", "ES384", public, `algorithm "ES384" does not go with a key of type P-256`},
		{"rsa2048.pub.pem", "HS256", public, `algorithm "HS256" does not go with a key of type RSA`},
		{"rsa2048.pub.pem", "ps256", public, `algorithm "ps256" does not go with a key of type RSA`},
		{"p521.pem", "none", `algorithm "none" does not go with a key of type P-521`, private},
		{"buildkite-PS512-private.json", "PS256", `the JWK is for "PS512" and --alg says "PS256"`, `the JWK is for "PS512" and --alg says "PS256"`},

		{"rsa1024.pem", "", "the RSA key has 1024 bits and at least 2048 are needed", private},
		{"rsa1024.pub.pem", "", public, "the RSA key has 1024 bits and at least 2048 are needed"},
		{"p224.pem", "", "not a point of P-256, P-384 or P-521", private},
		{"p224.pub.pem", "ES256", public, "not a point of P-256, P-384 or P-521"},
		{"secp256k1.pem", "", noType, noType},
		{"secp256k1.pub.pem", "", noType, noType},
		{"x25519.pem", "", noType, noType},
		{"x25519.pub.pem", "", noType, noType},
		{"ed448.pem", "", noType, noType},
		{"encrypted.pem", "", "encrypted with a passphrase", "encrypted with a passphrase"},
		{"encrypted-pkcs1.pem", "", "encrypted with a passphrase", "encrypted with a passphrase"},
		{"certificate.pem", "", "a certificate where a key is meant", "a certificate where a key is meant"},
		{"openssh.pem", "", `PEM of type "OPENSSH PRIVATE KEY" is no key`, `PEM of type "OPENSSH PRIVATE KEY" is no key`},
	}
	for _, test := range tests {
		t.Run(test.file+" "+test.alg, func(t *testing.T) {
			t.Parallel()
			text := keyFile(t, test.file)
			signing, err := ParseSigningKey(text, test.alg)
			if algorithmNamed(test.signing) == nil {
				wantRefusedKey(t, err, test.signing)
			} else if err != nil {
				t.Errorf("it is no signing key: %v", err)
			} else if signing.Algorithm() != test.signing {
				t.Errorf("it signs with %s, want %s", signing.Algorithm(), test.signing)
			}
			verifying, err := ParseVerifyingKeys(text, test.alg)
			if algorithmNamed(test.verifying) == nil {
				wantRefusedKey(t, err, test.verifying)
			} else if err != nil {
				t.Errorf("it is no verifying key: %v", err)
			} else if k, _ := only(t, verifying); k.algorithm.name != test.verifying {
				t.Errorf("it verifies %s, want %s", k.algorithm.name, test.verifying)
			}
		})
	}
}

// TestHalves checks that files which hold the same key are the same key.
func TestHalves(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ private, public, kid string }{
		{"ed25519.pem", "ed25519.pub.pem", ""},
		{"p256.pem", "p256.pub.pem", ""},
		{"p256-sec1.pem", "p256.pub.pem", ""},
		{"p384.pem", "p384.pub.pem", ""},
		{"p521.pem", "p521.pub.pem", ""},
		{"rsa2048.pem", "rsa2048.pub.pem", ""},
		{"rsa2048-pkcs1.pem", "rsa2048-pkcs1.pub.pem", ""},
		{"rsa2048.pem", "rsa2048-pkcs1.pub.pem", ""},
		{"buildkite-EdDSA-private.json", "buildkite-EdDSA-public.json", "cs-EdDSA"},
		{"buildkite-ES256-private.json", "buildkite-ES256-public.json", "cs-ES256"},
		{"buildkite-PS512-private.json", "buildkite-PS512-public.json", "cs-PS512"},
	} {
		t.Run(test.private+" "+test.public, func(t *testing.T) {
			t.Parallel()
			signing, err := ParseSigningKey(keyFile(t, test.private), "")
			if err != nil {
				t.Fatal(err)
			}
			verifying, err := ParseVerifyingKeys(keyFile(t, test.public), "")
			if err != nil {
				t.Fatal(err)
			}
			wantAccepted(t, runForm, verifying, runToken(t, signing))
			_, id := only(t, verifying)
			if signing.ID() != id || test.kid != "" && id != test.kid || test.kid == "" && len(id) != 43 {
				t.Errorf("the kid is %q when signing and %q when verifying, want %q or a thumbprint", signing.ID(), id, test.kid)
			}
		})
	}
}

// TestKeyTexts has texts that are not one key.
func TestKeyTexts(t *testing.T) {
	t.Parallel()
	private, public := string(keyFile(t, "p256.pem")), string(keyFile(t, "p256.pub.pem"))
	jwks := string(keyFile(t, "buildkite-EdDSA-public.json"))
	damagedBody := strings.Replace(public, "M", "!", 1)
	if damagedBody == public {
		t.Fatal("the key has no M")
	}
	for _, test := range []struct{ name, text, reason string }{
		{"nothing", "", "the key is empty"},
		{"white space", " \r\n\t", "the key is empty"},
		{"a path", "/etc/countersign/key.pem", "this is no key"},
		{"base64 alone", "MCowBQYDK2VwAyEA", "this is no key"},
		{"an array of JWKs", "[" + jwks + "]", "this is no key"},
		{"an OpenSSH public key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA comment", "this is no key"},
		{"cut-off PEM", public[:len(public)/2], "the PEM text is damaged"},
		{"PEM on one line", strings.ReplaceAll(public, "\n", " "), "the PEM text is damaged"},
		{"PEM with a wrong letter", damagedBody, "the PEM text is damaged"},
		{"PEM with bytes left out", strings.Replace(public, public[40:44], "", 1), "PEM of type \"PUBLIC KEY\" does not hold a key"},
		{"PEM of the wrong type", strings.ReplaceAll(public, "PUBLIC", "RSA PUBLIC"), "PEM of type \"RSA PUBLIC KEY\" does not hold a key"},
		{"PEM of an unknown type", strings.ReplaceAll(public, "PUBLIC KEY", "DH PARAMETERS"), "PEM of type \"DH PARAMETERS\" is no key"},
		{"curve parameters alone", "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----", "the PEM text is damaged"},
		{"two public keys", public + public, "2 PEM keys where one is meant"},
		{"two private keys", private + private, "2 PEM keys where one is meant"},
		{"both halves", private + public, "2 PEM keys where one is meant"},
		{"a damaged key before a whole one", damagedBody + public, "the PEM text is damaged"},
		{"a damaged key after a whole one", public + damagedBody, "the PEM text is damaged"},
		{"a damaged private key before a public one", strings.Replace(private, "M", "!", 1) + public, "the PEM text is damaged"},
		{"a cut-off JWKS", jwks[:len(jwks)-1], "the key is no JWK"},
		{"a JWKS twice", jwks + jwks, "the key is no JWK"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseSigningKey([]byte(test.text), "")
			wantRefusedKey(t, err, test.reason)
			_, err = ParseVerifyingKeys([]byte(test.text), "")
			wantRefusedKey(t, err, test.reason)
		})
	}
	for name, text := range map[string]string{
		"white space around":    "\n  " + public + "\n\n",
		"line ends of Windows":  strings.ReplaceAll(public, "\n", "\r\n"),
		"text before the block": "subject=CN = test\n" + public,
	} {
		if _, err := ParseVerifyingKeys([]byte(text), ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// rsaPEM writes a public key without looking at it.
func rsaPEM(n *big.Int, e int) []byte {
	key := x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: n, E: e})
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: key})
}

// TestWeakRSA has public keys that protect nothing.
func TestWeakRSA(t *testing.T) {
	t.Parallel()
	whole, ok := keyPair(t, "PS256").signing.key.(*rsa.PrivateKey)
	if !ok {
		t.Fatal("the key is not of type RSA")
	}
	n := whole.N
	// A modulus that is a power of 65537 for every small prime, as the chips of
	// CVE-2017-15361 make them.
	product := big.NewInt(1)
	for _, p := range rocaPrimes {
		product.Mul(product, big.NewInt(p))
	}
	power := new(big.Int).Exp(big.NewInt(65537), big.NewInt(123456789), product)
	roca := new(big.Int).Lsh(big.NewInt(1), 2047)
	roca.Sub(roca, new(big.Int).Mod(roca, product)).Add(roca, product).Add(roca, power)
	if roca.Bit(0) == 0 {
		roca.Add(roca, product)
	}
	for _, test := range []struct {
		name   string
		n      *big.Int
		e      int
		reason string // empty where the key is good
	}{
		{"as it is", n, 65537, ""},
		{"the least exponent", n, 3, ""},
		{"another modulus near that of the chips", new(big.Int).Add(roca, big.NewInt(2)), 65537, ""},
		{"the modulus of the chips", roca, 65537, "CVE-2017-15361"},
		{"exponent 1", n, 1, "has the exponent 1"},
		{"exponent 2", n, 2, "has the exponent 2"},
		{"an even exponent", n, 65536, "has the exponent 65536"},
		{"an even modulus", new(big.Int).Sub(n, big.NewInt(1)), 65537, "an even modulus"},
		{"a bit too short", new(big.Int).Rsh(n, 1), 65537, "has 2047 bits"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseVerifyingKeys(rsaPEM(test.n, test.e), "")
			if test.reason != "" {
				wantRefusedKey(t, err, test.reason)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestROCAPrimes compares with the primes that the published test for
// CVE-2017-15361 goes by, which are those modulo which some numbers are no
// power of 65537.
func TestROCAPrimes(t *testing.T) {
	t.Parallel()
	var got []int64
	for _, p := range rocaPrimes {
		others := big.NewInt(1) // 1 modulo each of the other primes
		for _, q := range rocaPrimes {
			if q != p {
				others.Mul(others, big.NewInt(q))
			}
		}
		refused := 0
		for i := range p {
			n := new(big.Int).Mul(others, big.NewInt(i))
			n.Add(n, big.NewInt(1))
			if new(big.Int).Mod(n, big.NewInt(p)).Sign() != 0 && !isROCA(n) {
				refused++
			}
		}
		if refused > 0 {
			got = append(got, p)
		}
	}
	want := []int64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157}
	if !slices.Equal(got, want) {
		t.Errorf("the primes that decide are %d, want %d", got, want)
	}
}

// TestKeyOfOtherType hands over a key of a type that no file can bring.
func TestKeyOfOtherType(t *testing.T) {
	t.Parallel()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, public := range []any{key.PublicKey(), nil, "text"} {
		_, _, err = newVerifyingKey(public, "", "")
		wantRefusedKey(t, err, "signs nothing here")
	}
	_, _, err = newVerifyingKey(ed25519.PublicKey("short"), "", "")
	wantRefusedKey(t, err, "does not have 32 bytes")
	_, _, err = newVerifyingKey(keyPair(t, "EdDSA").signing.key, "", "")
	wantRefusedKey(t, err, "signs nothing here")
}

// TestSecrets checks the length of secrets (RFC 7518 section 3.2).
func TestSecrets(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		alg    string
		length int
		want   string // an algorithm in capitals, or a part of the error
	}{
		{"", 32, "HS256"},
		{"", 1000, "HS256"},
		{"HS256", 32, "HS256"},
		{"HS384", 48, "HS384"},
		{"HS512", 64, "HS512"},
		{"", 0, "the secret has 0 bytes and HS256 needs at least 32"},
		{"", 31, "the secret has 31 bytes and HS256 needs at least 32"},
		{"HS384", 47, "the secret has 47 bytes and HS384 needs at least 48"},
		{"HS512", 63, "the secret has 63 bytes and HS512 needs at least 64"},
		{"RS256", 64, `algorithm "RS256" does not go with a key of type HMAC`},
		{"none", 64, `algorithm "none" does not go with a key of type HMAC`},
	} {
		secret := []byte(strings.Repeat("s", test.length))
		signing, err := SecretSigningKey(secret, test.alg)
		verifying, err2 := SecretVerifyingKey(secret, test.alg)
		if algorithmNamed(test.want) == nil {
			wantRefusedKey(t, err, test.want)
			wantRefusedKey(t, err2, test.want)
			continue
		}
		if err != nil || err2 != nil {
			t.Errorf("%d bytes for %q: %v, %v", test.length, test.alg, err, err2)
			continue
		}
		if signing.Algorithm() != test.want || signing.ID() != "" {
			t.Errorf("algorithm %s and kid %q, want %s and none", signing.Algorithm(), signing.ID(), test.want)
		}
		// The key is a copy: whoever clears the secret does not change it.
		token := runToken(t, signing)
		clear(secret)
		wantAccepted(t, runForm, verifying, token)
		if runToken(t, signing) != token {
			t.Error("the signing key changed with the secret")
		}
	}
}
