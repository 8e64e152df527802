package jose

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how far arrays and objects may nest in a JSON text.
const maxDepth = 64

// An array of more than longArray elements is a long one, and where long arrays are
// not kept at most maxKept values are. A token for a run cannot have so many.
const (
	longArray = 1024
	maxKept   = 1 << 15
)

// A parser is a position in a text that is known to be UTF-8.
type parser struct {
	text string
	pos  int

	dropsLong bool // whether the elements of long arrays are checked and not kept
	kept      int  // values
	// spare is what the members of the next object can be written to.
	spare []Member

	hasNull bool // a null stands anywhere
	loose   bool // the form of RFC 8785 would be another text
}

// document parses the whole text.
func (p *parser) document() (Value, error) {
	if !utf8.ValidString(p.text) {
		return Value{}, errors.New("JSON is not UTF-8")
	}
	p.space()
	v, err := p.value(0)
	if err == nil {
		p.space()
		if p.pos < len(p.text) {
			err = errors.New("something comes after the value")
		}
	}
	if err != nil {
		return Value{}, fmt.Errorf("JSON at byte %d: %w", p.pos, err)
	}
	return v, nil
}

func (p *parser) space() {
	for ; p.pos < len(p.text); p.pos++ {
		switch p.text[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.loose = true
		default:
			return
		}
	}
}

// peek returns the next byte, or 0 at the end of the text, which no value
// starts with.
func (p *parser) peek() byte {
	if p.pos == len(p.text) {
		return 0
	}
	return p.text[p.pos]
}

func (p *parser) value(depth int) (Value, error) {
	if p.kept++; p.dropsLong && p.kept > maxKept {
		return Value{}, fmt.Errorf("more than %d values", maxKept)
	}
	switch c := p.peek(); c {
	case '{', '[':
		if depth == maxDepth {
			return Value{}, fmt.Errorf("nested more than %d deep", maxDepth)
		}
		if c == '{' {
			return p.members(depth + 1)
		}
		return p.elements(depth + 1)
	case '"':
		s, err := p.string()
		return Value{Kind: String, Text: s}, err
	case 't':
		return p.literal("true", Bool)
	case 'f':
		return p.literal("false", Bool)
	case 'n':
		p.hasNull = true
		return p.literal("null", Null)
	default:
		return p.number()
	}
}

func (p *parser) literal(word string, kind Kind) (Value, error) {
	if !strings.HasPrefix(p.text[p.pos:], word) {
		return Value{}, errors.New("no JSON value")
	}
	p.pos += len(word)
	return Value{Kind: kind, Text: word}, nil
}

func (p *parser) number() (Value, error) {
	start := p.pos
	if p.peek() == '-' {
		p.pos++
	}
	first := p.pos
	if p.digits() == 0 {
		return Value{}, errors.New("no JSON value")
	}
	if p.text[first] == '0' && p.pos > first+1 {
		return Value{}, errors.New("a number with a leading zero")
	}
	if p.peek() == '.' {
		p.pos++
		if p.digits() == 0 {
			return Value{}, errors.New("a number without digits after its point")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		if p.digits() == 0 {
			return Value{}, errors.New("a number without digits in its exponent")
		}
	}
	text := p.text[start:p.pos]
	p.loose = p.loose || !isCanonicalNumber(text)
	return Value{Kind: Number, Text: text}, nil
}

func (p *parser) digits() (n int) {
	for ; '0' <= p.peek() && p.peek() <= '9'; n++ {
		p.pos++
	}
	return n
}

// next goes to the next value of an array, or name of an object, that n came before.
// It goes past the end and says that there is none.
func (p *parser) next(n int, end byte) (more bool, err error) {
	p.space()
	switch c := p.peek(); {
	case c == end:
		p.pos++
		return false, nil
	case n == 0:
		return true, nil
	case c == ',':
		p.pos++
		p.space()
		return true, nil
	}
	return false, errors.New("no comma or end after a value")
}

func (p *parser) elements(depth int) (Value, error) {
	start := p.pos
	v := Value{Kind: Array}
	p.pos++
	for n := 0; ; n++ {
		more, err := p.next(n, ']')
		if err != nil {
			return Value{}, err
		}
		if !more {
			v.Text = p.text[start:p.pos]
			return v, nil
		}
		kept := p.kept
		element, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		if !p.dropsLong || n < longArray {
			v.Members = append(v.Members, Member{Value: element})
			continue
		}
		v.Members, v.unkept = nil, n+1
		p.kept, p.spare = kept, element.Members[:0]
	}
}

func (p *parser) members(depth int) (Value, error) {
	start := p.pos
	v := Value{Kind: Object, Members: p.spare}
	p.spare = nil
	var names nameSet
	p.pos++
	for n := 0; ; n++ {
		more, err := p.next(n, '}')
		if err != nil {
			return Value{}, err
		}
		if !more {
			v.Text = p.text[start:p.pos]
			return v, nil
		}
		if p.peek() != '"' {
			return Value{}, errors.New("no name in an object")
		}
		name, err := p.string()
		if err != nil {
			return Value{}, err
		}
		if !names.add(name, v.Members) {
			return Value{}, errors.New("a name that stands twice in its object")
		}
		p.loose = p.loose || n > 0 && compareUTF16(v.Members[n-1].Name, name) > 0
		p.space()
		if p.peek() != ':' {
			return Value{}, errors.New("no colon after a name")
		}
		p.pos++
		p.space()
		member, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		v.Members = append(v.Members, Member{name, member})
	}
}

// A nameSet finds duplicate names: by comparing while an object is small, by
// hashing when it grows, so that a large object is not quadratic.
type nameSet map[string]bool

// add adds name to the set, whose other names are those of members, and
// reports whether it is new.
func (s *nameSet) add(name string, members []Member) bool {
	const small = 16
	if len(members) < small {
		for _, m := range members {
			if m.Name == name {
				return false
			}
		}
		return true
	}
	if *s == nil {
		*s = nameSet{}
		for _, m := range members {
			(*s)[m.Name] = true
		}
	}
	if (*s)[name] {
		return false
	}
	(*s)[name] = true
	return true
}

func (p *parser) string() (string, error) {
	p.pos++
	start := p.pos
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == '"':
			s := p.text[start:p.pos]
			p.pos++
			return s, nil
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			return "", errors.New("a control character in a string")
		}
		p.pos++
	}
	return "", errors.New("a string without an end")
}

// escaped goes on with a string that began at start and has an escape at the
// current position.
func (p *parser) escaped(start int) (string, error) {
	var b strings.Builder
	b.WriteString(p.text[start:p.pos])
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == '"':
			p.pos++
			return b.String(), nil
		case c == '\\':
			written := p.pos
			p.pos++
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			p.loose = p.loose || p.text[written:p.pos] != escapeOf(r)
			b.WriteRune(r)
		case c < ' ':
			return "", errors.New("a control character in a string")
		default:
			b.WriteByte(c)
			p.pos++
		}
	}
	return "", errors.New("a string without an end")
}

// escape reads what comes after a backslash.
func (p *parser) escape() (rune, error) {
	c := p.peek()
	if c == 'u' {
		r, err := p.hex()
		if err != nil || !utf16.IsSurrogate(r) {
			return r, err
		}
		if !strings.HasPrefix(p.text[p.pos:], `\u`) {
			return 0, errors.New("an unpaired surrogate")
		}
		p.pos++
		low, err := p.hex()
		if err != nil {
			return 0, err
		}
		// DecodeRune gives U+FFFD for what is no pair; no pair encodes it.
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return 0, errors.New("an unpaired surrogate")
		}
		return r, nil
	}
	i := strings.IndexByte(`"\/bfnrt`, c)
	if i < 0 {
		return 0, errors.New("an unknown escape")
	}
	p.pos++
	return rune("\"\\/\b\f\n\r\t"[i]), nil
}

// hex reads the u of an escape and its four digits.
func (p *parser) hex() (rune, error) {
	p.pos++
	if len(p.text)-p.pos < 4 {
		return 0, errors.New("an escape without four digits")
	}
	n, err := strconv.ParseUint(p.text[p.pos:p.pos+4], 16, 16)
	if err != nil {
		return 0, errors.New("an escape without four digits")
	}
	p.pos += 4
	return rune(n), nil
}
