package pin

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// A File is a text and the refs that were found in it, in their order.
type File struct {
	Name string // the path in the tree, with slashes
	Text []byte
	Refs []*Ref
}

// A Ref is a reference to something in another repository.
type Ref struct {
	target
	File         string
	Text         string // as it stands there, without quotes
	Line, Column int    // from 1; the column in characters

	start, end int // of Text in the file
	// spliceable: Text stands in the file as it is, and can be exchanged.
	spliceable bool
	note       *note // of the commit style: the comment on its line
	mapping    mapping
	locked     lockedIDs
}

// A mapping of which refs are keys: a number of its passage, and its node there,
// which is 0 for refs that are no keys.
type mapping struct {
	passage int
	node    int32
}

// Find finds the refs in a file. Its name tells whether it is Markdown, and the
// lockfile; all else is YAML. An error says that the text cannot be read.
func Find(name string, text []byte) (*File, error) {
	var f Finder
	return f.Find(name, text)
}

// A Finder finds refs as [Find] does, one file after the other, and uses its
// memory again. The refs that it returns hold no part of the text.
type Finder struct {
	document document
	plain    plainParser
	found    []found
}

// Find finds the refs in a file.
func (f *Finder) Find(name string, text []byte) (*File, error) {
	file := &File{Name: name, Text: text}
	var err error
	switch {
	case !utf8.Valid(text):
		err = errors.New("it is not UTF-8")
	case isMarkdown(name):
		err = f.markdown(file)
	default:
		err = f.yaml(file, whole(text), false)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	slices.SortStableFunc(file.Refs, func(a, b *Ref) int { return a.start - b.start })
	file.locate()
	return file, nil
}

func isMarkdown(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".md", ".markdown":
		return true
	}
	return false
}

// yaml finds the refs in a passage of YAML: a whole file, or an example.
func (f *Finder) yaml(file *File, p passage, example bool) error {
	w := walker{document: &f.document, refs: f.found[:0]}
	walk := w.file
	if example {
		walk = w.fragment
	}
	f.document.reset(p.text)
	if f.plain.parsePlain(&f.document) {
		walk()
	} else {
		w.unread = true
	}
	if w.unread {
		f.document.reset(p.text)
		if err := parseYAML(&f.document); err != nil {
			return err
		}
		w = walker{document: &f.document, refs: w.refs[:0]}
		walk()
	}
	f.found = w.refs
	if f.document.overrun() {
		return errOverrun
	}
	all := make([]Ref, len(w.refs))
	refs := make([]*Ref, len(all))
	for i, found := range w.refs {
		n := &f.document.nodes[found.node]
		r := &all[i]
		*r = Ref{File: file.Name, Text: f.document.value(found.node), start: int(n.start), end: int(n.end), spliceable: n.spliceable}
		if !r.spliceable {
			r.Text = strings.TrimSpace(r.Text)
			if found.key != 0 {
				r.start = int(f.document.nodes[found.key].start)
				r.end = r.start
			}
		}
		r.mapping = mapping{len(file.Refs), found.mapping}
		r.target = parse(r.Text, found)
		refs[i] = r
	}
	file.add(p, refs, &f.document)
	return nil
}

func parse(text string, as found) target {
	if as.plugin {
		return parsePlugin(text)
	}
	t := parseUses(text)
	if as.job && t.kind == Action && t.rule == "" {
		t.kind = Workflow
	}
	return t
}

// add takes the refs of a passage, whose places are those in the passage. The
// document is what the passage was read as, nil where it is no YAML.
func (f *File) add(p passage, refs []*Ref, d *document) {
	slices.SortFunc(refs, func(a, b *Ref) int { return a.start - b.start })
	refs = slices.CompactFunc(refs, func(a, b *Ref) bool { return a.start == b.start })
	(&noteTaker{passage: p, document: d}).take(refs)
	for _, r := range refs {
		r.start, r.end = p.place(r.start), p.place(r.end)
	}
	f.Refs = append(f.Refs, refs...)
}

// locate counts the lines and columns of the refs.
func (f *File) locate() {
	at, line, column := 0, 1, 1
	if bytes.HasPrefix(f.Text, byteOrderMark) {
		at = len(byteOrderMark)
	}
	for _, r := range f.Refs {
		between := f.Text[at:max(at, r.start)]
		if n := bytes.Count(between, []byte("\n")); n > 0 {
			line, column = line+n, 1
			between = between[bytes.LastIndexByte(between, '\n')+1:]
		}
		column += utf8.RuneCount(between)
		at = max(at, r.start)
		r.Line, r.Column = line, column
	}
}
