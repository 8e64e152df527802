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

// nearest returns the known word that somebody may have meant, or "". Case does
// not count, nor which of _ and - stands there.
func nearest(word string, known []string) string {
	word = plainWord(word)
	// One slip in three letters is a slip; more make another word.
	best, within := "", len(word)/3+1
	for _, k := range known {
		if d := distance(word, k); d < within {
			best, within = k, d
		}
	}
	return best
}

func plainWord(word string) string {
	return strings.ReplaceAll(strings.ToLower(word), "_", "-")
}

// distance counts the letters to add, drop, replace or swap with the next one to
// get from a to b (optimal string alignment). Words that are far too long are
// not counted out.
func distance(a, b string) int {
	const longest = 40
	if len(a) > longest || len(b) > longest {
		return longest
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}

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
