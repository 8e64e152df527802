package jose

import (
	"strings"
	"testing"
)

// urlAlphabet is the alphabet of base64url (RFC 4648 section 5).
const urlAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// steps are how far the positions are apart that are changed in every way, for
// algorithms that are slow to verify. Every byte is changed in one way at least.
var steps = map[string]int{
	"ES384": 23, "ES512": 41,
	"PS256": 5, "PS384": 5, "PS512": 5, "RS256": 5, "RS384": 5, "RS512": 5,
}

// TestChangedByte changes a valid token at each position in each of several
// ways. It is what finds a check that is not made over the whole token, and a
// decoder that takes two texts for the same.
func TestChangedByte(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, p pair) {
		token := runToken(t, p.signing)
		wantAccepted(t, runForm, p.verifying, token)
		step := max(steps[p.signing.Algorithm()], 1)
		refused := func(at int, changed string) {
			if _, err := Verify(runForm, p.verifying, changed); err == nil {
				t.Errorf("accepted with a change at byte %d of %d: %q", at, len(token), changed)
			}
		}
		for i := range len(token) {
			before, c, after := token[:i], token[i], token[i+1:]
			next := 'A'
			if n := strings.IndexByte(urlAlphabet, c); n >= 0 {
				next = rune(urlAlphabet[(n+1)%len(urlAlphabet)])
			}
			if i%step != 0 {
				refused(i, before+string(next)+after)
				continue
			}
			for _, replacement := range []rune{rune(c ^ 1), rune(c ^ 0x20), next, '.', '\n', '\r', '=', ' ', '+', '/', 0} {
				if replacement != rune(c) {
					refused(i, before+string(replacement)+after)
				}
			}
			for _, inserted := range []string{"\n", "\r\n", "=", " ", ".", "A"} {
				refused(i, before+inserted+token[i:])
			}
			refused(i, before+after)
		}
		// Steps above pass over the ends of the parts, where unused bits are.
		for at := range token {
			if at+1 < len(token) && token[at+1] != '.' {
				continue
			}
			for _, c := range urlAlphabet {
				if byte(c) != token[at] {
					refused(at, token[:at]+string(c)+token[at+1:])
				}
			}
		}
		for _, added := range []string{"\n", "\r\n", "=", "==", ".", " ", "A", "AA", ".AA", "\x00"} {
			refused(len(token), token+added)
			refused(0, added+token)
		}
	})
}

// TestChangedParts puts the parts of valid tokens together in other ways.
func TestChangedParts(t *testing.T) {
	t.Parallel()
	eachAlgorithm(t, func(t *testing.T, p pair) {
		parts := strings.Split(runToken(t, p.signing), ".")
		header, claims, signature := parts[0], parts[1], parts[2]
		other := strings.Split(signText(t, p.signing, headerOf(p.signing).String(), claimObject().with("jti", `"other"`).String()), ".")
		for _, test := range []struct {
			name, token string
			outcome     error
		}{
			{"nothing", "", ErrMalformed},
			{"two points", "..", ErrMalformed},
			{"no signature", header + "." + claims, ErrMalformed},
			{"an empty signature", header + "." + claims + ".", ErrBadSignature},
			{"a signature of zeros", header + "." + claims + "." + strings.Repeat("A", len(signature)/4*4), ErrBadSignature},
			{"the signature twice", header + "." + claims + "." + signature + "." + signature, ErrMalformed},
			{"an empty header", "." + claims + "." + signature, ErrMalformed},
			{"empty claims", header + ".." + signature, ErrBadSignature},
			{"the claims of another token", header + "." + other[1] + "." + signature, ErrBadSignature},
			{"the signature of another token", header + "." + claims + "." + other[2], ErrBadSignature},
			{"header and claims swapped", claims + "." + header + "." + signature, ErrMalformed},
			{"the JSON serialization", `{"protected":"` + header + `","payload":"` + claims + `","signature":"` + signature + `"}`, ErrMalformed},
		} {
			t.Run(test.name, func(t *testing.T) {
				wantRefused(t, runForm, p.verifying, test.token, test.outcome)
			})
		}
	})
}
