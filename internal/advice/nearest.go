package advice

import "strings"

// Nearest returns the known word that somebody may have meant, or "". Case does
// not count, nor which of _ and - stands there.
func Nearest(word string, known []string) string {
	word = PlainWord(word)
	// One slip in three letters is a slip; more make another word.
	best, within := "", len(word)/3+1
	for _, k := range known {
		if d := distance(word, PlainWord(k)); d < within {
			best, within = k, d
		}
	}
	return best
}

// Meant is Nearest for names that people shorten: where none is near, it returns the
// first that has the word in it.
func Meant(word string, known []string) string {
	if near := Nearest(word, known); near != "" || len(word) < 3 {
		return near
	}
	for _, k := range known {
		if strings.Contains(PlainWord(k), PlainWord(word)) {
			return k
		}
	}
	return ""
}

// PlainWord returns a word as it is compared.
func PlainWord(word string) string {
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
