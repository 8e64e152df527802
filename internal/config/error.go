package config

import (
	"fmt"
	"slices"
	"strings"
)

// An Error says what is wrong with a file, where, and what to do.
type Error struct {
	Name         string // of the file
	Line, Column int    // from 1, in characters; 0 where it is not known
	Reason       string
	Advice       string
}

func (e *Error) Error() string {
	place := e.Name
	for _, n := range []int{e.Line, e.Column} {
		if n > 0 {
			place += fmt.Sprintf(":%d", n)
		}
	}
	return place + ": " + e.Reason
}

// Hint returns what to do about the error.
func (e *Error) Hint() string { return e.Advice }

// oneOf joins words for people: a, b or c.
func oneOf(words []string) string { return join(words, " or ") }

// allOf joins words for people: a, b and c.
func allOf(words []string) string { return join(words, " and ") }

func join(words []string, last string) string {
	words = slices.Clone(words)
	if n := len(words); n > 1 {
		words = append(words[:n-2], words[n-2]+last+words[n-1])
	}
	return strings.Join(words, ", ")
}
