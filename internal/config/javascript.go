package config

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// javaScriptPattern returns the regular expression of Go that matches what one
// of JavaScript without flags does (ECMA-262 section 22.2, and B.1.2 for what
// browsers take besides).
func (v value) javaScriptPattern() (*regexp.Regexp, error) {
	s, err := v.patternText()
	if err != nil {
		return nil, err
	}
	translated, err := fromJavaScript(s)
	if err != nil {
		return nil, v.errorf("write the pattern without it", "%q has %v", v.key, err)
	}
	if tree, err := syntax.Parse(translated, syntax.Perl); err == nil && emptyLoop(tree) {
		return nil, v.errorf("repeat what has at least one character, such as (?:a+)* in place of (?:a*?)*", "%q repeats what can be empty", v.key)
	}
	return v.compile(translated)
}

// emptyLoop tells whether something is repeated, or left to be there or not,
// that can be empty anyway. JavaScript has it match more before it is empty.
func emptyLoop(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		if shortest(re.Sub[0]) == 0 {
			return true
		}
	}
	return slices.ContainsFunc(re.Sub, emptyLoop)
}

// Sets of characters that the two languages name differently, as they stand in
// a class of Go. Those of \s and \S end with a range, so that a hyphen after
// them makes no other one.
const (
	lineEnds  = `\n\r\x{2028}\x{2029}`
	spaces    = `\t-\r \x{A0}\x{1680}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}\x{FEFF}\x{2028}-\x{2029}`
	notSpaces = `\x00-\x08\x0E-\x1F!-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027}\x{202A}-\x{202E}\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{FEFE}\x{FF00}-\x{10FFFF}`
)

// Parts of a pattern, where they start.
var (
	group      = regexp.MustCompile(`^\(\?(?::|<[A-Za-z_][A-Za-z0-9_]*>)`)
	quantifier = regexp.MustCompile(`^\{(?:0|[1-9][0-9]*)(?:,(?:0|[1-9][0-9]*)?)?\}`)
	hexEscape  = regexp.MustCompile(`^\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))`)
	surrogate  = regexp.MustCompile(`^\\u[Dd][89A-Fa-f]`)
)

// fromJavaScript translates a pattern. An error says what it has that has no
// counterpart.
func fromJavaScript(s string) (string, error) {
	var out strings.Builder
	for s != "" {
		n, as, err := part(s)
		if err != nil {
			return "", err
		}
		out.WriteString(as)
		s = s[n:]
	}
	return out.String(), nil
}

// part translates the first part of a pattern, which has n bytes.
func part(s string) (n int, as string, err error) {
	n, literal, err := character(s)
	switch {
	case err != nil:
		return 0, "", err
	case s[0] == '\\':
		return escape(s)
	case s[0] == '[':
		return class(s)
	case s[0] == '.':
		return 1, "[^" + lineEnds + "]", nil
	case strings.HasPrefix(s, "(?"):
		if as = group.FindString(s); as == "" {
			return 0, "", errors.New("a group that starts with (? and another sign, such as one that looks ahead")
		}
		return len(as), as, nil
	case s[0] == '{' && quantifier.MatchString(s):
		as = quantifier.FindString(s)
		return len(as), as, nil
	case strings.IndexByte("()|^$*+?", s[0]) >= 0:
		return 1, s[:1], nil
	default:
		return n, regexp.QuoteMeta(literal), nil
	}
}

// character returns the first character, which JavaScript has to see as one.
func character(s string) (n int, literal string, err error) {
	r, n := utf8.DecodeRuneInString(s)
	if r > 0xFFFF {
		return 0, "", fmt.Errorf("the character %U, which is two in JavaScript", r)
	}
	return n, s[:n], nil
}

// escape translates an escape outside of a class.
func escape(s string) (n int, as string, err error) {
	if len(s) > 1 {
		switch s[1] {
		case 'b', 'B':
			return 2, s[:2], nil
		case 's':
			return 2, "[" + spaces + "]", nil
		case 'S':
			return 2, "[^" + spaces + "]", nil
		}
	}
	return commonEscape(s)
}

// commonEscape translates an escape that means the same in a class and outside.
func commonEscape(s string) (n int, as string, err error) {
	if len(s) == 1 {
		return 0, "", errors.New("a backslash at the end")
	}
	if m := hexEscape.FindStringSubmatch(s); m != nil && !surrogate.MatchString(s) {
		return len(m[0]), `\x{` + m[1] + m[2] + "}", nil
	}
	switch c := s[1]; {
	case strings.IndexByte("dDwWtnvfr", c) >= 0:
		return 2, s[:2], nil
	case alphanumeric(c):
		return 0, "", fmt.Errorf(`the escape \%c, as a reference to a group or in another meaning that is not known here`, c)
	}
	n, literal, err := character(s[1:])
	return 1 + n, regexp.QuoteMeta(literal), err
}

// class translates a class such as [a-z].
func class(s string) (n int, as string, err error) {
	n = 1
	if strings.HasPrefix(s, "[^") {
		n = 2
	}
	start := n
	var out strings.Builder
	hyphen := false // the part before may be that of a range
	for n < len(s) && s[n] != ']' {
		m, as, err := classPart(s[n:])
		if err != nil {
			return 0, "", err
		}
		if hyphen && (as == spaces || as == notSpaces) {
			return 0, "", errors.New(`a hyphen before \s or \S, which \- would be clear for`)
		}
		hyphen = as == "-" && n > start
		out.WriteString(as)
		n += m
	}
	switch {
	case n == len(s):
		return 0, "", errors.New("a [ without a ]")
	case n == start && start == 1:
		return 0, "", errors.New("an empty class, which matches nothing")
	case n == start:
		return n + 1, `[\x00-\x{10FFFF}]`, nil
	}
	return n + 1, s[:start] + out.String() + "]", nil
}

// classPart translates the first part of what stands in a class.
func classPart(s string) (n int, as string, err error) {
	n, literal, err := character(s)
	switch {
	case err != nil:
		return 0, "", err
	case s[0] == '[':
		return 1, `\[`, nil
	case s[0] != '\\':
		return n, literal, nil
	case strings.HasPrefix(s, `\s`):
		return 2, spaces, nil
	case strings.HasPrefix(s, `\S`):
		return 2, notSpaces, nil
	case strings.HasPrefix(s, `\b`):
		return 2, `\x08`, nil
	case len(s) > 1 && s[1] < utf8.RuneSelf && !alphanumeric(s[1]):
		return 2, s[:2], nil
	}
	return commonEscape(s)
}

// alphanumeric tells whether a backslash may give c another meaning.
func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
