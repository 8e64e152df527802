package config

import (
	"errors"
	"regexp"
	"regexp/syntax"
)

// maxPattern bounds a pattern: its bytes, and its parts once repetitions are
// written out, which is what a compiled one takes memory and time for.
const maxPattern = 1000

// pattern returns a regular expression that is fit for an [Update].
func (v value) pattern() (*regexp.Regexp, error) {
	s, err := v.text()
	if err != nil {
		return nil, err
	}
	if len(s) > maxPattern {
		return nil, v.errorf("match less around the version", "%q has more than %d bytes", v.key, maxPattern)
	}
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		code := syntax.ErrInternalError
		if cause := new(syntax.Error); errors.As(err, &cause) {
			code = cause.Code
		}
		return nil, v.errorf("see github.com/google/re2/wiki/Syntax; nothing looks ahead or back, or refers to a group",
			"%q is no regular expression: %s", v.key, code)
	}
	advice := "put one capturing group around the version, such as acme/widgets@(v[0-9.]+); what starts with (?: only groups"
	switch groups := tree.MaxCap(); {
	case groups != 1:
		return nil, v.errorf(advice, "%q has %d capturing groups where one is expected", v.key, groups)
	case shortest(tree) == 0:
		return nil, v.errorf(advice, "%q can match an empty text", v.key)
	case size(tree) > maxPattern:
		return nil, v.errorf("repeat less", "%q has more than %d parts once its repetitions are written out", v.key, maxPattern)
	}
	return regexp.Compile(s)
}

// shortest returns how many characters a match has at least, up to one: 0 or 1.
func shortest(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpLiteral:
		return min(len(re.Rune), 1)
	case syntax.OpNoMatch, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1
	case syntax.OpCapture, syntax.OpPlus:
		return shortest(re.Sub[0])
	case syntax.OpRepeat:
		return min(re.Min, shortest(re.Sub[0]))
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if shortest(sub) == 1 {
				return 1
			}
		}
		return 0
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if shortest(sub) == 0 {
				return 0
			}
		}
		return 1
	default: // what looks at a place alone, and what may be there or not
		return 0
	}
}

// size returns the number of parts once repetitions are written out. It cannot
// overflow: the parser refuses what repeats more than 1000 times in all.
func size(re *syntax.Regexp) int {
	n := 1
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune)
	case syntax.OpRepeat:
		return max(re.Min, re.Max) * size(re.Sub[0])
	}
	for _, sub := range re.Sub {
		n += size(sub)
	}
	return n
}
