package jose

import (
	"crypto/ed25519"
	"math/big"
	"slices"
)

// hasSmallOrder reports whether an Ed25519 key is one of the eight points whose
// order divides 8, among them the key of zeros. Anybody can sign for these.
//
// A point of order 1 or 2 has the y-coordinate 1 or -1, one of order 4 has 0,
// and one of order 8 has a double with 0. By the curve's equation (RFC 8032
// section 5.1) that is: y (y² - 1) (d y⁴ + 2 y² - 1) = 0, d = -121665/121666.
func hasSmallOrder(key ed25519.PublicKey) bool {
	octets := slices.Clone(key)
	slices.Reverse(octets)
	octets[0] &= 0x7f // without the sign of x
	y := new(big.Int).SetBytes(octets)
	y2 := new(big.Int).Mul(y, y)

	double := new(big.Int).Mul(y2, big.NewInt(-121665))
	double.Add(double, big.NewInt(2*121666)).Mul(double, y2).Sub(double, big.NewInt(121666))
	product := new(big.Int).Sub(y2, big.NewInt(1))
	product.Mul(product, y).Mul(product, double)

	p := new(big.Int).Lsh(big.NewInt(1), 255)
	p.Sub(p, big.NewInt(19))
	return product.Mod(product, p).Sign() == 0
}
