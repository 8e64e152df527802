package jose

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"testing"
)

// smallOrder are the y-coordinates of the points of small order, in all their
// encodings: the last two are not reduced modulo p.
var smallOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

// TestSmallOrder has Ed25519 keys for which a signature can be made without
// any private key, both signs of x, as JWK and as PEM.
func TestSmallOrder(t *testing.T) {
	t.Parallel()
	for _, y := range smallOrder {
		octets, err := hex.DecodeString(y)
		if err != nil {
			t.Fatal(err)
		}
		for _, sign := range []byte{0, 0x80} {
			octets[31] |= sign
			if !forgeable(octets) {
				t.Errorf("the key %x cannot be forged for, so it shows nothing", octets)
			}
			jwk := fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q}`, encode(string(octets)))
			_, err = ParseVerifyingKeys([]byte(jwk), "")
			wantRefusedKey(t, err, "small order")
			der, err := x509.MarshalPKIXPublicKey(ed25519.PublicKey(octets))
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParseVerifyingKeys(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "")
			wantRefusedKey(t, err, "small order")
		}
	}
	for _, n := range []byte{2, 3, 4, 5, 9} {
		if key := append([]byte{n}, make([]byte, 31)...); hasSmallOrder(key) {
			t.Errorf("the key %x is taken for one of small order", key)
		}
	}
}

// forgeable tells whether a signature without a secret in it, the neutral point
// and zero, is good for one of some texts.
func forgeable(key ed25519.PublicKey) bool {
	signature := make([]byte, ed25519.SignatureSize)
	signature[0] = 1
	for i := range 256 {
		if ed25519.Verify(key, []byte{byte(i)}, signature) {
			return true
		}
	}
	return false
}
