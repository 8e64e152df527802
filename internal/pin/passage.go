package pin

import "sort"

// A passage is text that stands in a file in one piece or, as the code blocks of
// Markdown do, in several: with marks of quotes and indents between them.
type passage struct {
	text   []byte
	pieces []piece
}

// A piece begins at an offset in the passage and at one in the file, and both go
// on alike up to the next piece.
type piece struct{ here, there int }

func whole(text []byte) passage { return passage{text: text, pieces: []piece{{0, 0}}} }

// place returns where in the file an offset of the passage is.
func (p passage) place(offset int) int {
	i := sort.Search(len(p.pieces), func(i int) bool { return p.pieces[i].here > offset }) - 1
	return p.pieces[i].there + offset - p.pieces[i].here
}

// moved returns the passage as it stands in a file that has so many bytes more
// in front.
func (p passage) moved(by int) passage {
	for i := range p.pieces {
		p.pieces[i].there += by
	}
	return p
}
