package jose

import (
	"crypto/ed25519"
	"unsafe"

	"github.com/golang-jwt/jwt/v5"
)

// edDSA is golang-jwt's method without the copy that it makes of the text, which has
// up to 64 MiB here. The methods that sign a hash make one too, and nobody but who
// chooses them pays for it.
type edDSA struct{ *jwt.SigningMethodEd25519 }

func (edDSA) Sign(text string, key any) ([]byte, error) {
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, jwt.ErrInvalidKeyType
	}
	return ed25519.Sign(private, octets(text)), nil
}

func (edDSA) Verify(text string, signature []byte, key any) error {
	public, ok := key.(ed25519.PublicKey)
	if !ok || len(public) != ed25519.PublicKeySize {
		return jwt.ErrInvalidKeyType
	}
	if !ed25519.Verify(public, octets(text), signature) {
		return jwt.ErrEd25519Verification
	}
	return nil
}

// octets returns the bytes of a text themselves, to be read only.
func octets(text string) []byte { return unsafe.Slice(unsafe.StringData(text), len(text)) }
