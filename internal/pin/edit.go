package pin

import (
	"fmt"
	"slices"
	"strings"
)

// An edit puts other text in the place of text[start:end] of a file.
type edit struct {
	start, end int
	text       string
}

// An OverlapError is about two rewrites of the same text.
type OverlapError struct {
	File string
	Line int
}

func (e *OverlapError) Error() string {
	return fmt.Sprintf("%s:%d: two rewrites overlap", e.File, e.Line)
}

// Hint says what to do.
func (e *OverlapError) Hint() string {
	return "take the pattern out of the config that matches what is rewritten already"
}

// splice applies edits to the text of a file and leaves all else as it is.
func splice(f *File, edits []edit) ([]byte, error) {
	slices.SortFunc(edits, func(a, b edit) int {
		if a.start != b.start {
			return a.start - b.start
		}
		return a.end - b.end
	})
	var out []byte
	at := 0
	for _, e := range edits {
		if e.start < at {
			return nil, &OverlapError{f.Name, 1 + strings.Count(string(f.Text[:e.start]), "\n")}
		}
		out = append(append(out, f.Text[at:e.start]...), e.text...)
		at = e.end
	}
	return append(out, f.Text[at:]...), nil
}

// A pinned is what a ref is to become.
type pinned struct {
	version, commit string
	style           Style
}

// pinnedText returns what a ref is to be written as.
func (r *Ref) pinnedText(p *pinned) string {
	return r.target.pinned(p.version, p.commit, p.style)
}

// hasRoom tells whether a ref can be exchanged for a pin, and if not, why.
func (r *Ref) hasRoom(p *pinned) (problem string, ok bool) {
	switch {
	case !r.spliceable:
		return "it is not written on one line as it is read; write it plainly", false
	case p.style == StyleCommit && p.version != "":
		return r.note.takes(p.version)
	}
	return "", true
}

// takes tells whether the version of a ref can stand in its note, and if not, why.
func (n *note) takes(version string) (problem string, ok bool) {
	if n == nil || n.spot < 0 {
		return "its line has no room for a version comment; put it on a line of its own", false
	}
	switch readable, misread := reads(version); {
	case !readable && len(n.refs) > 1:
		return crowded, false
	case misread:
		return "a comment with its tag would be read as another version; pin it by hand", false
	}
	return "", true
}

const crowded = "its line has no room for one more version in a comment; put it on a line of its own"

// isSilent tells whether a ref is a pin without a version. The comment of a line
// with one of these can have no versions, for it could not say whose they are.
func (r *Ref) isSilent() bool { return r.commit != "" && r.version == "" }

// edits returns what changes in a file when refs become what they are to be.
func (f *File) edits(next map[*Ref]*pinned) []edit {
	var edits []edit
	var last *note // the refs of one note follow each other
	for _, r := range f.Refs {
		p := next[r]
		if p == nil {
			continue
		}
		if text := r.pinnedText(p); text != r.Text {
			edits = append(edits, edit{r.start, r.end, text})
		}
		if r.note == nil || r.note == last || p.style != StyleCommit {
			continue
		}
		last = r.note
		if e, ok := last.edit(next); ok {
			edits = append(edits, e)
		}
	}
	return edits
}

// edit returns how the version comment of a line changes, if it does.
func (n *note) edit(next map[*Ref]*pinned) (edit, bool) {
	var versions []string
	for _, r := range n.refs {
		version, commit, style := r.version, r.commit, r.style
		if p := next[r]; p != nil {
			version, commit, style = p.version, p.commit, p.style
		}
		if commit == "" || style != StyleCommit {
			continue
		}
		if version == "" {
			return edit{}, false
		}
		versions = append(versions, version)
	}
	text := strings.Join(versions, ", ")
	switch {
	case text == "" || text == n.text:
		return edit{}, false
	case n.text != "":
		return edit{n.start, n.start + len(n.text), text}, true
	case n.spot >= 0:
		return edit{n.spot, n.spot, " # " + text}, true
	}
	return edit{}, false
}

// A RoomError is about a ref that cannot be exchanged where it stands.
type RoomError struct {
	File string
	Line int
}

func (e *RoomError) Error() string {
	return fmt.Sprintf("%s:%d: the ref is not written on one line as it is read", e.File, e.Line)
}

// Hint says what to do.
func (e *RoomError) Hint() string { return "write the ref plainly, without escapes or line breaks" }
