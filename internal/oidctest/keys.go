package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // the form of x5t (RFC 7515 section 4.1.7)
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
)

// A key is a key pair of the provider.
type key struct {
	alg, id, thumbprint string
	private             crypto.Signer
}

func newKey(alg, id string) (key, error) {
	var private crypto.Signer
	var err error
	switch alg {
	case "RS256":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = fmt.Errorf("there are no keys for %q", alg)
	}
	if err != nil {
		return key{}, err
	}
	if id == "" {
		id = uuid()
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return key{}, err
	}
	// GitHub's is that of a certificate; nothing can be done with it here or there.
	sum := sha1.Sum(der)
	return key{alg, id, base64url(sum[:]), private}, nil
}

// A jwk is a public key (RFC 7517; RFC 7518 section 6; RFC 8037 section 2).
type jwk struct {
	Kty string `json:"kty"`
	Alg string `json:"alg"`
	Use string `json:"use"`
	KID string `json:"kid"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
	Crv string `json:"crv,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
}

func (k key) public() jwk {
	j := jwk{Alg: k.alg, Use: "sig", KID: k.id}
	switch public := k.private.Public().(type) {
	case *rsa.PublicKey:
		j.Kty, j.N, j.E = "RSA", base64url(public.N.Bytes()), base64url(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, x, y
		if err != nil {
			panic(err) // the key was made here
		}
		j.Kty, j.Crv, j.X, j.Y = "EC", "P-256", base64url(point[1:33]), base64url(point[33:])
	case ed25519.PublicKey:
		j.Kty, j.Crv, j.X = "OKP", "Ed25519", base64url(public)
	}
	return j
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Rotate has a new key sign. The former ones stay published until [Provider.Drop].
func (p *Provider) Rotate() {
	p.t.Helper()
	k, err := newKey(p.options.Alg, "")
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append([]key{k}, p.keys...)
}

// Drop publishes the key that signs, and no other.
func (p *Provider) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = p.keys[:1]
}

// KID is the id of the key that signs.
func (p *Provider) KID() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[0].id
}

// JWKS is the set of the keys that are published.
func (p *Provider) JWKS() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return marshal(map[string]any{"keys": p.published()})
}

// published returns the public keys. The caller holds p.mu.
func (p *Provider) published() []jwk {
	var list []jwk
	for _, k := range p.keys {
		list = append(list, k.public())
	}
	return list
}

func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps, lists and texts of this package
	}
	return text
}
