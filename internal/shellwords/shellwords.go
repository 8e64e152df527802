// Package shellwords splits a command of a spec into words as a shell does, for
// the command to be run without one.
//
//	terraform plan -var 'region=eu west' "a \"b\""
//
// are the words terraform, plan, -var, region=eu west and a "b". Quotes and
// backslashes mean what they mean to a shell (POSIX.1-2024, Shell Command
// Language, 2.2 and 2.3). What sh, dash or bash would expand or take as more
// than text is refused, so that no command does less here than its author had
// in mind: parameters, command substitution, patterns, braces, ~, redirections,
// lists, comments, assignments and reserved words.
package shellwords

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An Error says why a command is not split into words.
type Error struct {
	Position int // in the command, in characters from 1; 0: the command as a whole
	Reason   string
	Advice   string
}

func (e *Error) Error() string {
	if e.Position == 0 {
		return "the command " + e.Reason
	}
	return fmt.Sprintf("character %d of the command: %s", e.Position, e.Reason)
}

// Hint returns what to do about the error.
func (e *Error) Hint() string { return e.Advice }

const (
	adviceQuote  = "put it in quotes, or ask for a shell: sh -c '…'"
	adviceClose  = "close the quote, or put a backslash before it"
	adviceEncode = "write the command in UTF-8, without NUL bytes"
	adviceEmpty  = "a command needs at least the name of a program"
)

// Split returns the words of a command, at least one; a word may be empty. All
// errors are of type *Error.
func Split(command string) ([]string, error) {
	if !utf8.ValidString(command) {
		return nil, &Error{Reason: "is not UTF-8", Advice: adviceEncode}
	}
	text := []rune(command)
	if at := slices.Index(text, 0); at >= 0 {
		return nil, &Error{at + 1, "there is a NUL byte", adviceEncode}
	}
	var s splitter
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case ' ', '\t':
			if err := s.end(); err != nil {
				return nil, err
			}
		case '\'':
			length := slices.Index(text[i+1:], '\'')
			if length < 0 {
				return nil, unclosed(i)
			}
			s.quoted(text[i+1 : i+1+length])
			i += length + 1
		case '"':
			content, length, err := doubleQuoted(text, i)
			if err != nil {
				return nil, err
			}
			s.quoted(content)
			i += length + 1
		case '\\':
			i++
			switch {
			case i == len(text):
				return nil, &Error{i, "a backslash stands at the end", adviceQuote}
			case text[i] == '\n': // the line goes on
			case text[i] != '\t' && !unicode.IsPrint(text[i]):
				return nil, &Error{i + 1, fmt.Sprintf("%+q stands outside quotes", text[i]), adviceQuote}
			default:
				s.quoted(text[i : i+1])
			}
		default:
			if reason := s.refuse(c); reason != "" {
				return nil, &Error{i + 1, reason, adviceQuote}
			}
			s.word = append(s.word, c)
			s.open = true
		}
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	if len(s.words) == 0 {
		return nil, &Error{Reason: "is empty", Advice: adviceEmpty}
	}
	return s.words, nil
}

// doubleQuoted returns what stands in the double quotes that open at a place,
// and the number of characters between them.
func doubleQuoted(text []rune, start int) ([]rune, int, error) {
	var content []rune
	for i := start + 1; i < len(text); i++ {
		switch c := text[i]; c {
		case '"':
			return content, i - start - 1, nil
		case '$', '`':
			return nil, 0, &Error{i + 1, fmt.Sprintf("a shell would expand %c", c), "put a backslash before it, or ask for a shell: sh -c '…'"}
		case '\\':
			if i+1 < len(text) && strings.ContainsRune("$`\"\\\n", text[i+1]) {
				i++
				if text[i] == '\n' {
					continue
				}
			}
			fallthrough
		default:
			content = append(content, text[i])
		}
	}
	return nil, 0, unclosed(start)
}

func unclosed(start int) error {
	return &Error{start + 1, "a quote is not closed", adviceClose}
}

// A splitter holds the words that were read, and the one that is being read.
type splitter struct {
	words  []string
	word   []rune
	open   bool // a word is being read; it may be empty so far, as "" is
	quotes bool // there is a quote in it
	bare   int  // how many characters of it stand before its first quote
}

// quoted adds characters that stand in quotes.
func (s *splitter) quoted(characters []rune) {
	if !s.quotes {
		s.quotes, s.bare = true, len(s.word)
	}
	s.word = append(s.word, characters...)
	s.open = true
}

// refuse says what a shell would do with a character outside quotes other than
// to take it as text; empty where it would not.
func (s *splitter) refuse(c rune) string {
	switch {
	case !unicode.IsPrint(c):
		// White space and marks that nobody sees: not all shells, locales and
		// readers agree on where the word ends.
		return fmt.Sprintf("%+q stands outside quotes", c)
	case strings.ContainsRune(";&|<>()`$*?[{}", c),
		c == '#' && !s.open,
		// bash expands it in a word that only looks like an assignment, too.
		c == '~' && (len(s.word) == 0 || strings.ContainsRune("=:", s.word[len(s.word)-1])):
		return fmt.Sprintf("a shell would not take %c as text", c)
	}
	return ""
}

// Words that a shell does not take for the name of a program where they come
// first. bash knows NAME+=.
var (
	assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*\+?=`)
	reserved   = strings.Fields("! { } if then else elif fi do done case esac while until for in select function time [[ ]] coproc")
)

// end ends the word that is being read, if there is one.
func (s *splitter) end() error {
	if !s.open {
		return nil
	}
	word := string(s.word)
	if len(s.words) == 0 {
		if !s.quotes {
			s.bare = len(s.word)
		}
		switch {
		case assignment.MatchString(string(s.word[:s.bare])):
			return &Error{Reason: "begins with an assignment", Advice: adviceQuote}
		case !s.quotes && slices.Contains(reserved, word):
			return &Error{Reason: fmt.Sprintf("begins with %q, a reserved word of the shell", word), Advice: adviceQuote}
		case strings.HasPrefix(word, "%"):
			// To bash it is the name of a job even in quotes.
			return &Error{Reason: "begins with %, which names a job of the shell", Advice: "write the path of the program"}
		}
	}
	*s = splitter{words: append(s.words, word)}
	return nil
}
