package pin

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A note is the version comment of the line on which pins of the commit style
// stand, or the room for one. Several pins on a line share it: their versions
// are in order, separated by commas. What else the comment says is the user's
// and stays.
//
//	uses: acme/widgets@<digest> # v1.2.3 and why
type note struct {
	refs  []*Ref // all of the line but those whose text has a digest beside the version
	spot  int    // where in the file a comment can begin, or -1
	start int    // where in the file the versions stand that it has
	text  string // these versions, or empty
}

// takeNotes gives each ref of a passage the note of its line, and each pin the
// version that the note says. The refs are in order.
func (p passage) takeNotes(refs []*Ref) {
	for len(refs) > 0 {
		end := len(p.text)
		if i := bytes.IndexByte(p.text[refs[0].start:], '\n'); i >= 0 {
			end = refs[0].start + i
		}
		n := 1
		for n < len(refs) && refs[n].start < end {
			n++
		}
		p.takeNote(refs[:n:n], end)
		refs = refs[n:]
	}
}

func (p passage) takeNote(refs []*Ref, lineEnd int) {
	last := refs[len(refs)-1]
	if other := func(r *Ref) bool { return r.style != StyleCommit || r.rule != "" }; slices.ContainsFunc(refs, other) {
		refs = slices.DeleteFunc(slices.Clone(refs), other)
	}
	if len(refs) == 0 {
		return
	}
	n := &note{refs: refs, spot: -1}
	for _, r := range refs {
		r.note = n
	}
	if !last.spliceable || last.end > lineEnd {
		return
	}
	lineEnd = last.end + len(bytes.TrimRight(p.text[last.end:lineEnd], "\r"))
	spot, comment, ok := p.tail(last.end, lineEnd)
	if !ok {
		return
	}
	n.spot = p.place(spot)
	if comment < 0 {
		return
	}
	start, end := findVersions(string(p.text[comment:lineEnd]))
	if start == end {
		return
	}
	versions := strings.Split(string(p.text[comment+start:comment+end]), ",")
	var pins []*Ref
	for _, r := range refs {
		if r.commit != "" {
			pins = append(pins, r)
		}
	}
	if len(versions) != len(pins) {
		return
	}
	n.start, n.text = p.place(comment+start), string(p.text[comment+start:comment+end])
	for i, r := range pins {
		r.version = strings.TrimSpace(versions[i])
	}
}

// tail looks at what follows the last ref of a line: where a comment can begin,
// and where the comment begins that is there, or -1. It is not ok where the line
// ends inside of something else, such as quoted text.
func (p passage) tail(i, end int) (spot, comment int, ok bool) {
	rest := p.text[i:end]
	spot = i + len(bytes.TrimRight(rest, " \t"))
	// Behind a scalar nothing but the ends of what holds it can follow, or a
	// comment. Anything else can be text of any kind: there the parser decides.
	after := rest
	if len(after) > 0 && (after[0] == '"' || after[0] == '\'') {
		after = after[1:]
	}
	switch after = bytes.TrimLeft(after, "}], \t:"); {
	case len(after) == 0:
		return spot, -1, true
	case after[0] == '#' && endsBlank(rest[:len(rest)-len(after)]):
		comment = end - len(after)
		return i + len(bytes.TrimRight(p.text[i:comment], " \t")), comment, true
	}
	for at := i; at < end; at++ {
		if p.text[at] != '#' || p.text[at-1] != ' ' && p.text[at-1] != '\t' {
			continue
		}
		if sameValues(p.text, slices.Concat(p.text[:at], p.text[end:])) {
			return i + len(bytes.TrimRight(p.text[i:at], " \t")), at, true
		}
	}
	if sameValues(p.text, slices.Concat(p.text[:spot], []byte(" # v1"), p.text[spot:])) {
		return spot, -1, true
	}
	return 0, 0, false
}

func endsBlank(text []byte) bool {
	return len(text) > 0 && (text[len(text)-1] == ' ' || text[len(text)-1] == '\t')
}

// sameValues tells whether two YAML texts say the same.
func sameValues(a, b []byte) bool {
	decodeA, decodeB := yaml.NewDecoder(bytes.NewReader(a)), yaml.NewDecoder(bytes.NewReader(b))
	for {
		var x, y yaml.Node
		errA, errB := decodeA.Decode(&x), decodeB.Decode(&y)
		if errA != nil || errB != nil {
			return errA != nil && errB != nil && errA.Error() == "EOF" && errB.Error() == "EOF"
		}
		if !sameNode(&x, &y) {
			return false
		}
	}
}

func sameNode(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Tag != b.Tag || a.Value != b.Value || a.Anchor != b.Anchor || len(a.Content) != len(b.Content) {
		return false
	}
	for i := range a.Content {
		if !sameNode(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}

// The versions at the begin of a comment. A number alone is text unless it is
// all of the comment or has three parts. Renovate, Dependabot and pinact read
// `# v1.2.3`; the words before it are what other tools write.
var (
	versionsFirst = regexp.MustCompile(`^#\s*(?:renovate:\s*)?(?:tag=|pin\s*@?\s*|ratchet:[^\s@]+@|@)?` +
		`((?:v[0-9]+(?:\.[0-9]+){0,2}|[0-9]+\.[0-9]+\.[0-9]+)(?:[-+][0-9A-Za-z.+-]+)?(?:,\s*` + versionText + `)*)(?:\s|$)`)
	versionAlone = regexp.MustCompile(`^#\s*(` + versionText + `|[A-Za-z][A-Za-z0-9_.-]*[-/]v?[0-9]+(?:\.[0-9]+)+(?:[-+][0-9A-Za-z.+-]+)?)\s*$`)
)

// findVersions returns where in a comment the versions stand.
func findVersions(comment string) (start, end int) {
	if !strings.ContainsAny(comment, "0123456789") {
		return 0, 0
	}
	for _, form := range []*regexp.Regexp{versionsFirst, versionAlone} {
		if m := form.FindStringSubmatchIndex(comment); m != nil {
			return m[2], m[3]
		}
	}
	return 0, 0
}
