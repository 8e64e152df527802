package digger

import (
	"strconv"
	"strings"
)

const (
	expiry = "expiry"
	space  = " \t\r\n" // white space of JSON (RFC 8259 section 2)
)

// addExpiry adds an expiry behind the last member of a JSON object without white
// space around it. All other bytes stay.
func addExpiry(object string, seconds int64) string {
	body := strings.TrimRight(strings.TrimSuffix(object, "}"), space)
	member := `"` + expiry + `":` + strconv.FormatInt(seconds, 10)
	if body != "{" {
		member = "," + member
	}
	return body + member + object[len(body):]
}

// cutMember cuts the member at index i out of a JSON object without white space
// around it, with the comma before it, or that after it where it is the first. It
// undoes addExpiry.
func cutMember(object string, i int) string {
	// The members lie between the separators: the brace, commas and the brace.
	separators := append(append([]int{0}, commas(object)...), len(object)-1)
	before, after := separators[i], separators[i+1]
	switch member := object[before+1 : after]; {
	case i > 0:
		return object[:before] + object[before+1+len(strings.TrimRight(member, space)):]
	case len(separators) > 2:
		return object[:before+1] + object[after+1:]
	default:
		return "{" + member[len(strings.TrimRight(member, space)):] + "}"
	}
}

// commas returns where the commas between the members of a JSON object stand.
func commas(object string) (at []int) {
	depth, inText := 0, false
	for i := 0; i < len(object); i++ {
		c := object[i]
		switch {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ',' && depth == 1:
			at = append(at, i)
		}
	}
	return at
}
