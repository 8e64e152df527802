package jose

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/gowebpki/jcs"
)

// Canonicalize returns a value as JSON in the form of RFC 8785. White space, the
// order of members, escapes and the ways to write one number do not count there.
//
// The form has numbers as doubles, so that several would have one. Such a number is
// refused with an [Error] that wraps [ErrUnsafeInteger]: one of 2^53 or more, either
// sign (RFC 7493 section 2.2), or one with more digits than a double keeps.
func Canonicalize(v Value) ([]byte, error) {
	if !v.keepsNumbers() {
		return nil, refuse(ErrUnsafeInteger, "it has a number that shares its canonical form with others: of 2^53 or more, or with more digits than a double keeps")
	}
	text := []byte(v.Text)
	if v.Kind == String {
		text, _ = json.Marshal(v.Text) // which any string can be
	}
	form, err := jcs.Transform(text)
	if err != nil {
		return nil, Malformed("it has no canonical form") // the cause would quote it
	}
	return form, nil
}

// keepsNumbers tells whether each number in v has a canonical form of its own.
func (v Value) keepsNumbers() bool {
	if v.Kind == Number {
		return isKept(v.Text)
	}
	for _, m := range v.Members {
		if !m.Value.keepsNumbers() {
			return false
		}
	}
	return true
}

// maxSafe bounds the numbers that have a canonical form, both ways.
const maxSafe = 1 << 53

// isKept tells whether the canonical form of a number says the same number.
func isKept(number string) bool {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || math.Abs(f) >= maxSafe {
		return false
	}
	form, err := jcs.NumberToJSON(f)
	if err != nil {
		return false
	}
	return parseDecimal(number) == parseDecimal(form)
}

// A decimal is the number 0.digits * 10^exponent, whose digits neither begin nor end
// with a zero. It takes no more room than its text, whatever its exponent.
type decimal struct {
	digits   string
	exponent int
}

// parseDecimal reads a number of JSON, without its sign, which a double keeps.
func parseDecimal(number string) (d decimal) {
	number = strings.TrimPrefix(number, "-")
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		// With an exponent that no int holds a double is 0 or none.
		d.exponent, _ = strconv.Atoi(number[i+1:])
		number = number[:i]
	}
	whole, fraction, _ := strings.Cut(number, ".")
	d.digits = strings.TrimLeft(whole+fraction, "0")
	d.exponent += len(d.digits) - len(fraction)
	if d.digits = strings.TrimRight(d.digits, "0"); d.digits == "" {
		return decimal{} // there is one zero
	}
	return d
}
