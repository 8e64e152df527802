package jose

import "math/big"

// rocaPrimes are the primes modulo which a key of the chips of CVE-2017-15361
// is always a power of 65537.
var rocaPrimes = []int64{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73,
	79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
}

// isROCA reports whether an RSA modulus has the form by which keys of
// CVE-2017-15361 give themselves away (Nemec et al., "The Return of
// Coppersmith's Attack", section 3.1). Another modulus has it with a
// probability of about 2^-28.
func isROCA(modulus *big.Int) bool {
	for _, p := range rocaPrimes {
		residue := new(big.Int).Mod(modulus, big.NewInt(p)).Int64()
		if !isPowerOf65537(residue, p) {
			return false
		}
	}
	return true
}

// isPowerOf65537 reports whether n is a power of 65537 modulo the prime p.
func isPowerOf65537(n, p int64) bool {
	power := int64(1)
	for range p {
		if power == n {
			return true
		}
		power = power * (65537 % p) % p
	}
	return false
}
