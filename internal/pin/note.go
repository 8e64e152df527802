package pin

import (
	"bytes"
	"regexp"
	"slices"
	"sort"
	"strings"
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

// A noteTaker finds the notes of a passage.
type noteTaker struct {
	passage
	document *document // what the passage was read as, or nil
	scalars  []int32   // those of the document, in their order
}

// take gives each ref of the passage the note of its line, and each pin the
// version that the note says. The refs are in order.
func (t *noteTaker) take(refs []*Ref) {
	for len(refs) > 0 {
		end := len(t.text)
		if i := bytes.IndexAny(t.text[refs[0].start:], "\r\n"); i >= 0 {
			end = refs[0].start + i
		}
		n := 1
		for n < len(refs) && refs[n].start < end {
			n++
		}
		t.takeNote(slices.Clone(refs[:n]), end)
		refs = refs[n:]
	}
}

func (t *noteTaker) takeNote(refs []*Ref, lineEnd int) {
	last := refs[len(refs)-1]
	refs = slices.DeleteFunc(refs, func(r *Ref) bool { return r.style != StyleCommit || r.rule != "" })
	if len(refs) == 0 {
		return
	}
	n := &note{refs: refs, spot: -1}
	if last.spliceable && last.end <= lineEnd {
		t.read(n, last.end, lineEnd)
	}
	for _, r := range refs {
		r.note = n
	}
}

// read finds the place of a note behind the last ref of its line, and the
// versions that stand there.
func (t *noteTaker) read(n *note, refsEnd, lineEnd int) {
	spot, comment, ok := t.tail(refsEnd, lineEnd)
	if !ok {
		return
	}
	n.spot = t.place(spot)
	if comment < 0 {
		return
	}
	var pins []*Ref
	for _, r := range n.refs {
		if r.commit != "" {
			pins = append(pins, r)
		}
	}
	start, end := findVersions(string(t.text[comment:lineEnd]))
	versions := strings.Split(string(t.text[comment+start:comment+end]), ",")
	if start == end || len(versions) != len(pins) {
		return
	}
	n.start, n.text = t.place(comment+start), string(t.text[comment+start:comment+end])
	for i, r := range pins {
		r.version = strings.TrimSpace(versions[i])
	}
}

// tail looks at what follows the last ref of a line, which ends at i: where a
// comment can begin, and where the comment begins that is there, or -1. It is not
// ok where the line ends inside of something else, such as quoted text.
func (t *noteTaker) tail(i, end int) (spot, comment int, ok bool) {
	// Mostly there is nothing but a quote, the ends of what holds the ref, and a
	// comment. Anything else can be text of any kind: there the document knows.
	after := t.text[i:end]
	if isQuote(after, 0) {
		after = after[1:]
	}
	after = bytes.TrimLeft(after, "}], \t:")
	if len(after) > 0 && (after[0] != '#' || !isSpace(t.text[end-len(after)-1])) {
		if i, ok = t.lastScalar(i, end); !ok {
			return 0, 0, false
		}
	}
	for comment = i; comment < end; comment++ {
		if t.text[comment] == '#' && isSpace(t.text[comment-1]) {
			return i + len(bytes.TrimRight(t.text[i:comment], " \t")), comment, true
		}
	}
	return i + len(bytes.TrimRight(t.text[i:end], " \t")), -1, true
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// lastScalar returns where the last scalar ends that begins between two places
// of a line, or the first of these if there is none. A # behind it, after a
// space, begins a comment. It is not ok if the scalar goes on after the line.
func (t *noteTaker) lastScalar(i, end int) (int, bool) {
	if t.document == nil {
		return 0, false
	}
	nodes := t.document.nodes
	if t.scalars == nil {
		for k, n := range nodes {
			empty := n.start == n.end && n.value == "" && (n.spliceable || !isQuote(t.text, int(n.start)))
			if n.kind == scalarNode && !empty {
				t.scalars = append(t.scalars, int32(k))
			}
		}
		slices.SortStableFunc(t.scalars, func(a, b int32) int { return int(nodes[a].start - nodes[b].start) })
	}
	k := sort.Search(len(t.scalars), func(k int) bool { return int(nodes[t.scalars[k]].start) >= end }) - 1
	if k < 0 || int(nodes[t.scalars[k]].start) < i {
		return i, true
	}
	n := nodes[t.scalars[k]]
	if n.spliceable {
		return int(n.end), true
	}
	return endOfScalar(t.text[:end], int(n.start))
}

func isQuote(text []byte, i int) bool {
	return i < len(text) && (text[i] == '"' || text[i] == '\'')
}

// endOfScalar returns where a scalar ends whose value is not what stands at i:
// the header of a block text, or text in quotes. It is not ok if that is not on
// this line.
func endOfScalar(line []byte, i int) (int, bool) {
	switch quote := line[i]; quote {
	case '|', '>':
		return i + 1, true
	case '"', '\'':
		for i++; i < len(line); i++ {
			switch {
			case line[i] == '\\' && quote == '"':
				i++
			case line[i] == quote && quote == '\'' && i+1 < len(line) && line[i+1] == quote:
				i++
			case line[i] == quote:
				return i + 1, true
			}
		}
	}
	return 0, false
}

// versionOrName is a version, or one behind a name, such as release/v1.2.
const versionOrName = `(?:` + versionText + `|[A-Za-z][A-Za-z0-9_.-]*[-/]v?[0-9]+(?:\.[0-9]+)+(?:[-+][0-9A-Za-z.+-]+)?)`

// The versions at the beginning of a comment. A number alone is text unless it is
// all of the comment, or what stands before another #, or has three parts.
// Renovate, Dependabot and pinact read `# v1.2.3`; the words before it are what
// other tools write.
var (
	versionsFirst = regexp.MustCompile(`^#\s*(?:renovate:\s*)?(?:tag=|pin\s*@?\s*|ratchet:[^\s@]+@|@)?` +
		`((?:v[0-9]+(?:\.[0-9]+){0,2}|[0-9]+\.[0-9]+\.[0-9]+)(?:[-+][0-9A-Za-z.+-]+)?(?:,\s*` + versionText + `)*)(?:\s|$)`)
	versionAlone = regexp.MustCompile(`^#\s*(` + versionOrName + `(?:,\s*` + versionOrName + `)*)\s*(?:$|\s#)`)
)

// reads tells whether a version is found again where it is all of a comment, and
// whether another one is. What is not found, such as `stable`, says something to
// people alone.
func reads(version string) (readable, misread bool) {
	start, end := findVersions("# " + version)
	return end-start == len(version), start < end && end-start < len(version)
}

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
