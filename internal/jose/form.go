package jose

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gowebpki/jcs"
)

// A CanonicalWriter is a large value that writes itself as JSON in the form of RFC
// 8785, piece by piece.
type CanonicalWriter interface {
	WriteCanonical(w io.Writer) error
}

// AppendString appends a text as a string of JSON in the form of RFC 8785 (section
// 3.2.2.2). A byte that is not UTF-8 becomes U+FFFD, as in encoding/json.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	plain := 0 // where what stands as it is begins
	for i, r := range s {
		if r >= ' ' && r != '"' && r != '\\' && r != utf8.RuneError {
			continue
		}
		b = append(b, s[plain:i]...)
		if r == utf8.RuneError {
			b = utf8.AppendRune(b, r)
		}
		b = append(b, escapeOf(r)...)
		_, n := utf8.DecodeRuneInString(s[i:])
		plain = i + n
	}
	return append(append(b, s[plain:]...), '"')
}

// escapeOf returns the escape that a character has in the form of RFC 8785, or
// nothing where it stands as it is.
func escapeOf(r rune) string {
	if i := strings.IndexRune("\"\\\b\f\n\r\t", r); i >= 0 {
		return `\` + `"\bfnrt`[i:i+1]
	}
	if r < ' ' {
		return fmt.Sprintf(`\u%04x`, r)
	}
	return ""
}

// isCanonicalNumber tells whether a number is written as RFC 8785 writes it (section
// 3.2.2.3).
func isCanonicalNumber(number string) bool {
	const short = 15 // digits, which a double keeps
	if len(number) <= short && !strings.ContainsAny(number, "-.eE") {
		return true
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return false
	}
	form, err := jcs.NumberToJSON(f)
	return err == nil && form == number
}

// compareUTF16 compares names as RFC 8785 orders them (section 3.2.3), by their UTF-16
// units. That is the order of bytes, but that U+E000 to U+FFFF, whose first byte in
// UTF-8 is 0xee or 0xef, go after what has a pair of units.
func compareUTF16(a, b string) int {
	for i := range min(len(a), len(b)) {
		if x, y := a[i], b[i]; x != y {
			return cmp.Compare(unitOrder(x), unitOrder(y))
		}
	}
	return cmp.Compare(len(a), len(b))
}

func unitOrder(first byte) byte {
	if first == 0xee || first == 0xef {
		return first + 0x10
	}
	return first
}

// writeTo writes the claims in the form of RFC 8785.
func (c Claims) writeTo(w io.Writer) error {
	claims := map[string]any{
		"iss": c.Issuer, "aud": c.Audience, "sub": c.Subject, "jti": c.ID,
		"iat": c.IssuedAt.Unix(), "nbf": c.NotBefore.Unix(), "exp": c.Expires.Unix(),
	}
	maps.Copy(claims, c.Private)
	before := "{"
	for _, name := range slices.SortedFunc(maps.Keys(claims), compareUTF16) {
		if _, err := w.Write(append(AppendString([]byte(before), name), ':')); err != nil {
			return err
		}
		if err := writeValue(w, claims[name]); err != nil {
			return err
		}
		before = ","
	}
	_, err := io.WriteString(w, "}")
	return err
}

func writeValue(w io.Writer, v any) error {
	if v, ok := v.(CanonicalWriter); ok {
		return v.WriteCanonical(w)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, err := ParseJSON(string(text)); err != nil {
		return err // no token could say it
	}
	if text, err = jcs.Transform(text); err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// size returns the length of the claims as writeTo writes them. A text that grows as
// it is written would be copied again and again.
func (c Claims) size() (int, error) {
	var n counter
	err := c.writeTo(&n)
	return int(n), err
}

type counter int

func (n *counter) Write(p []byte) (int, error) {
	*n += counter(len(p))
	return len(p), nil
}
