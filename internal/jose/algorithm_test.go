package jose

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strconv"
	"strings"
	"testing"
)

// TestAlgNone has tokens without a signature, by all names for that.
func TestAlgNone(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, p pair) {
		for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "HS1", "ES256K", "Ed25519", "A256GCM"} {
			h := headerOf(p.signing).with("alg", strconv.Quote(alg))
			for _, header := range []object{h.without("kid"), h.with("kid", `"none"`), h.with("kid", strconv.Quote("k"+p.signing.ID()))} {
				input := encode(header.String()) + "." + encode(claimObject().String())
				wantRefused(t, runForm, p.verifying, input+".", ErrUnsupportedAlgorithm)
				wantRefused(t, runForm, p.verifying, signText(t, p.signing, header.String(), claimObject().String()), ErrUnsupportedAlgorithm)
			}
		}
	})
}

// TestOtherAlgorithm has every key of one algorithm meet tokens of each other
// one, signed as that one says with the same material where it can be.
func TestOtherAlgorithm(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, p pair) {
		for _, a := range algorithms {
			if a.name == p.signing.Algorithm() {
				continue
			}
			signer := *p.signing
			if signer.algorithm.family == a.family {
				signer.algorithm = algorithmNamed(a.name)
			}
			h := headerOf(p.signing).with("alg", strconv.Quote(a.name))
			if a.family == familySecret {
				h = h.without("kid")
			} else {
				h = h.with("kid", strconv.Quote(cmp.Or(p.signing.ID(), "kid")))
			}
			wantRefused(t, runForm, p.verifying, signText(t, &signer, h.String(), claimObject().String()), ErrUnsupportedAlgorithm)
		}
	})
}

// TestOtherKey has a second key of the same algorithm sign with the kid of the
// first.
func TestOtherKey(t *testing.T) {
	t.Parallel()
	for _, algorithmName := range []string{"EdDSA", "ES256", "PS512"} {
		p := keyPair(t, algorithmName)
		other, err := ParseSigningKey(keyFile(t, "buildkite-"+algorithmName+"-private.json"), "")
		if err != nil {
			t.Fatal(err)
		}
		token := signText(t, other, headerOf(p.signing).String(), claimObject().String())
		wantRefused(t, runForm, p.verifying, token, ErrBadSignature)
	}
	p := keyPair(t, "HS256")
	other, err := SecretSigningKey([]byte(strings.Repeat("x", 64)), "HS256")
	if err != nil {
		t.Fatal(err)
	}
	wantRefused(t, runForm, p.verifying, runToken(t, other), ErrBadSignature)
}

// TestPublicKeyAsSecret has an HMAC made with what everybody knows, the public
// key in any of its encodings (CVE-2015-2951, CVE-2016-10555).
func TestPublicKeyAsSecret(t *testing.T) {
	t.Parallel()
	anyKeyID := runForm
	anyKeyID.AnyKeyID = true
	for algorithmName, file := range map[string]string{"RS256": "rsa2048.pub.pem", "ES256": "p256.pub.pem", "EdDSA": "ed25519.pub.pem"} {
		p := keyPair(t, algorithmName)
		text := keyFile(t, file)
		block, _ := pem.Decode(text)
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		secrets := [][]byte{text, []byte(strings.TrimSpace(string(text))), block.Bytes}
		switch k := key.(type) {
		case *rsa.PublicKey:
			secrets = append(secrets, k.N.Bytes(), x509.MarshalPKCS1PublicKey(k))
		case ed25519.PublicKey:
			secrets = append(secrets, k)
		}
		for _, secret := range secrets {
			for _, hmac := range []string{"HS256", "HS384", "HS512"} {
				// Made by hand, for the attacker knows no least length.
				forger := &SigningKey{algorithm: algorithmNamed(hmac), key: secret}
				h := headerOf(forger)
				wantRefused(t, runForm, p.verifying, signText(t, forger, h.String(), claimObject().String()), ErrUnsupportedAlgorithm)
				h = h.with("kid", strconv.Quote(p.signing.ID()))
				wantRefused(t, runForm, p.verifying, signText(t, forger, h.String(), claimObject().String()), ErrMalformed)
				wantRefused(t, anyKeyID, p.verifying, signText(t, forger, h.String(), claimObject().String()), ErrUnsupportedAlgorithm)
			}
		}
	}
}

// TestSaltLength has RSASSA-PSS signatures with a salt that is not as long as
// the hash, which golang-jwt accepts and RFC 7518 section 3.5 forbids.
func TestSaltLength(t *testing.T) {
	t.Parallel()
	for _, algorithmName := range []string{"PS256", "PS384", "PS512"} {
		p := keyPair(t, algorithmName)
		private, ok := p.signing.key.(*rsa.PrivateKey)
		if !ok {
			t.Fatalf("the key of %s is a %T", algorithmName, p.signing.key)
		}
		input := encode(headerOf(p.signing).String()) + "." + encode(claimObject().String())
		hash := map[string]int{"PS256": 32, "PS384": 48, "PS512": 64}[algorithmName]
		signed := func(salt int) string {
			h := hashOf(algorithmName)
			digest := h.New()
			digest.Write([]byte(input))
			signature, err := rsa.SignPSS(rand.Reader, private, h, digest.Sum(nil), &rsa.PSSOptions{SaltLength: salt})
			if err != nil {
				t.Fatal(err)
			}
			return input + "." + encode(string(signature))
		}
		wantAccepted(t, runForm, p.verifying, signed(hash))
		longest := private.Size() - hash - 2
		for _, salt := range []int{1, 20, hash - 1, hash + 1, longest} {
			wantRefused(t, runForm, p.verifying, signed(salt), ErrBadSignature)
		}
	}
}

// TestECDSAEncoding has good ECDSA signatures that are encoded otherwise than
// as two integers of the curve's size (RFC 7518 section 3.4).
func TestECDSAEncoding(t *testing.T) {
	t.Parallel()
	for _, algorithmName := range []string{"ES256", "ES384", "ES512"} {
		p := keyPair(t, algorithmName)
		private, ok := p.signing.key.(*ecdsa.PrivateKey)
		if !ok {
			t.Fatalf("the key of %s is a %T", algorithmName, p.signing.key)
		}
		token := runToken(t, p.signing)
		wantAccepted(t, runForm, p.verifying, token)
		input := token[:strings.LastIndex(token, ".")]
		signature, err := base64.RawURLEncoding.DecodeString(token[len(input)+1:])
		if err != nil {
			t.Fatal(err)
		}
		size := len(signature) / 2
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		order := private.Params().N
		wide := func(n *big.Int, size int) []byte { return n.FillBytes(make([]byte, size)) }
		h := hashOf(algorithmName)
		digest := h.New()
		digest.Write([]byte(input))
		der, err := ecdsa.SignASN1(rand.Reader, private, digest.Sum(nil))
		if err != nil {
			t.Fatal(err)
		}
		for name, other := range map[string][]byte{
			"ASN.1":               der,
			"wider integers":      append(wide(r, size+1), wide(s, size+1)...),
			"a zero after it":     append(signature[:len(signature):len(signature)], 0),
			"a zero before it":    append([]byte{0}, signature...),
			"cut off":             signature[:len(signature)-1],
			"s and r":             append(wide(s, size), wide(r, size)...),
			"zeros":               make([]byte, len(signature)),
			"r and zero":          append(wide(r, size), make([]byte, size)...),
			"r and the order":     append(wide(r, size), wide(order, size)...),
			"the order and s":     append(wide(order, size), wide(s, size)...),
			"half of it":          signature[:size],
			"the signature twice": append(signature[:len(signature):len(signature)], signature...),
		} {
			t.Run(algorithmName+" "+name, func(t *testing.T) {
				wantRefused(t, runForm, p.verifying, input+"."+encode(string(other)), ErrBadSignature)
			})
		}
	}
}
