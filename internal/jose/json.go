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

// A Kind is one of the six kinds of JSON value (RFC 8259, section 3).
type Kind int

// The kinds of JSON value.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

func (k Kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// A Value is a JSON value, kept as it was written.
type Value struct {
	Kind Kind
	// Text is the content of a string, unescaped; of any other kind it is
	// the value as written.
	Text string
	// Members are the members of an object in their order, or the elements
	// of an array, which have no names.
	Members []Member
}

// A Member is one name and value of an object.
type Member struct {
	Name  string
	Value Value
}

// Get returns the member with the given name; ok tells whether there is one.
func (v Value) Get(name string) (member Value, ok bool) {
	for _, m := range v.Members {
		if m.Name == name && v.Kind == Object {
			return m.Value, true
		}
	}
	return Value{}, false
}

// Int returns the integer that v is. A fraction, an exponent, a leading minus
// before zero and a number outside int64 are errors, for they are other ways
// to write an integer, or none.
func (v Value) Int() (int64, error) {
	if v.Kind != Number {
		return 0, fmt.Errorf("is %s where an integer is expected", v.Kind)
	}
	n, err := strconv.ParseInt(v.Text, 10, 64)
	if err != nil || v.Text == "-0" {
		return 0, errors.New("is not an integer inside 64 bits")
	}
	return n, nil
}

// hasNull reports whether null stands anywhere in v.
func (v Value) hasNull() bool {
	if v.Kind == Null {
		return true
	}
	for _, m := range v.Members {
		if m.Value.hasNull() {
			return true
		}
	}
	return false
}

// ParseJSON parses one JSON text (RFC 8259) more strictly than the RFC asks:
// it is UTF-8 without a byte order mark, nests at most 64 deep, has no
// unpaired surrogate and no duplicate name in any object (compared after
// unescaping), and nothing but white space comes after it.
func ParseJSON(text string) (Value, error) {
	if !utf8.ValidString(text) {
		return Value{}, errors.New("JSON is not UTF-8")
	}
	p := parser{text: text}
	p.space()
	v, err := p.value(0)
	if err == nil {
		p.space()
		if p.pos < len(text) {
			err = errors.New("something comes after the value")
		}
	}
	if err != nil {
		return Value{}, fmt.Errorf("JSON at byte %d: %w", p.pos, err)
	}
	return v, nil
}

// A parser is a position in a text that is known to be UTF-8.
type parser struct {
	text string
	pos  int
}

func (p *parser) space() {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
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
	switch c := p.peek(); c {
	case '{', '[':
		if depth == maxDepth {
			return Value{}, fmt.Errorf("nested more than %d deep", maxDepth)
		}
		if c == '{' {
			return p.object(depth + 1)
		}
		return p.array(depth + 1)
	case '"':
		s, err := p.string()
		return Value{Kind: String, Text: s}, err
	case 't':
		return p.literal("true", Bool)
	case 'f':
		return p.literal("false", Bool)
	case 'n':
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
	return Value{Kind: Number, Text: p.text[start:p.pos]}, nil
}

func (p *parser) digits() (n int) {
	for ; '0' <= p.peek() && p.peek() <= '9'; n++ {
		p.pos++
	}
	return n
}

func (p *parser) array(depth int) (Value, error) {
	start := p.pos
	v := Value{Kind: Array}
	p.pos++
	p.space()
	if p.peek() == ']' {
		p.pos++
		v.Text = p.text[start:p.pos]
		return v, nil
	}
	for {
		p.space()
		element, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		v.Members = append(v.Members, Member{Value: element})
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case ']':
			p.pos++
			v.Text = p.text[start:p.pos]
			return v, nil
		default:
			return Value{}, errors.New("no comma or end after an element")
		}
	}
}

func (p *parser) object(depth int) (Value, error) {
	start := p.pos
	v := Value{Kind: Object}
	var names nameSet
	p.pos++
	p.space()
	if p.peek() == '}' {
		p.pos++
		v.Text = p.text[start:p.pos]
		return v, nil
	}
	for {
		p.space()
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
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case '}':
			p.pos++
			v.Text = p.text[start:p.pos]
			return v, nil
		default:
			return Value{}, errors.New("no comma or end after a member")
		}
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
			p.pos++
			r, err := p.escape()
			if err != nil {
				return "", err
			}
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
