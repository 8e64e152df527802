package jose

import (
	"errors"
	"fmt"
	"strconv"
)

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
	// of an array, which have no names. A long array in the claims of a form
	// with [Form.LongArrays] has none here: [Value.Each] reads them.
	Members []Member

	unkept int // the number of elements where Members has none of them
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

// Len returns the number of members or elements.
func (v Value) Len() int { return max(len(v.Members), v.unkept) }

// Each hands each member of an object, or element of an array, to f until one is
// an error. The members of a value that f gets are f's until it returns.
func (v Value) Each(f func(Member) error) error {
	for _, m := range v.Members {
		if err := f(m); err != nil {
			return err
		}
	}
	if v.unkept == 0 {
		return nil
	}
	p := parser{text: v.Text, pos: len("["), dropsLong: true}
	for n := 0; ; n++ {
		p.kept = 0
		if more, err := p.next(n, ']'); err != nil || !more {
			return err
		}
		element, err := p.value(1)
		if err != nil {
			return err
		}
		if err := f(Member{Value: element}); err != nil {
			return err
		}
		p.spare = element.Members[:0]
	}
}

// ParseJSON parses one JSON text (RFC 8259) more strictly than the RFC asks:
// it is UTF-8 without a byte order mark, nests at most 64 deep, has no
// unpaired surrogate and no duplicate name in any object (compared after
// unescaping), and nothing but white space comes after it.
func ParseJSON(text string) (Value, error) {
	p := parser{text: text}
	return p.document()
}
