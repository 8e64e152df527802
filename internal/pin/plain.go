package pin

import "bytes"

// Nearly all workflows are written in a small part of YAML: mappings and
// sequences in block style, scalars on one line, block texts. parsePlain reads
// that part several times as fast as a YAML parser does, and claims nothing
// about the rest: where it meets anything else it gives up, and parseYAML reads
// the text. A fuzz test holds the two against each other.

// A frame is an open mapping or sequence.
type frame struct {
	indent   int32 // the column of its keys or dashes
	node     int32
	last     int32 // its last child, 0 at first
	sequence bool
	pending  bool // its last key or dash has no value so far
}

// maxFrames is how deep mappings and sequences stand in each other here.
const maxFrames = 100

// A plainParser is the state of parsePlain. It can be used again.
type plainParser struct {
	*document
	frames []frame
	at     int // the start of the next line
}

// parsePlain reads the text of d into nodes and tells whether it could.
func (p *plainParser) parsePlain(d *document) bool {
	p.document, p.frames, p.at = d, p.frames[:0], 0
	if !isPlainText(d.text) {
		return false
	}
	if bytes.HasPrefix(d.text, byteOrderMark) {
		p.at = len(byteOrderMark)
	}
	marked := false
	for p.at < len(p.text) {
		start, end := p.line()
		column := p.spaces(start, end)
		if column == end || p.text[column] == '#' {
			continue
		}
		if column == start && p.isMarker(start, end) {
			if marked || len(p.roots) > 0 || p.text[start] != '-' || !isBlankAfter(p.text[start+3:end]) {
				return false
			}
			marked = true
			continue
		}
		if bytes.IndexByte(p.text[column:end], '\t') >= 0 || !p.entry(start, column, end) {
			return false
		}
	}
	p.closeAll()
	return len(p.roots) > 0 || !marked
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// isPlainText tells whether the text has no character that YAML forbids or that
// parsers disagree about: other line ends than LF and CRLF.
func isPlainText(text []byte) bool {
	for i, c := range text {
		switch {
		case c >= 0x7f:
			return isYAMLText(text) && !hasOtherBreaks(text) && !hasLoneCR(text[i:])
		case c < ' ' && c != '\n' && c != '\t' && (c != '\r' || i+1 == len(text) || text[i+1] != '\n'):
			return false
		}
	}
	return true
}

func hasLoneCR(text []byte) bool {
	return bytes.Count(text, []byte("\r")) != bytes.Count(text, []byte("\r\n"))
}

// line goes over the next line and returns where it starts and ends.
func (p *plainParser) line() (start, end int) {
	start = p.at
	if i := bytes.IndexByte(p.text[start:], '\n'); i >= 0 {
		end, p.at = start+i, start+i+1
	} else {
		end, p.at = len(p.text), len(p.text)
	}
	if end > start && p.text[end-1] == '\r' {
		end--
	}
	return start, end
}

// isMarker tells whether a line begins as one does that parts documents.
func (p *plainParser) isMarker(start, end int) bool {
	if p.text[start] == '%' {
		return true
	}
	head := p.text[start:min(start+3, end)]
	return string(head) == "---" || string(head) == "..."
}

// entry reads what stands on a line from column on: dashes, then a key, a value
// or both.
func (p *plainParser) entry(start, column, end int) bool {
	indent := int32(column - start)
	for first := true; ; first = false {
		dash := p.text[column] == '-' && (column+1 == end || p.text[column+1] == ' ')
		colon := -1
		if !dash {
			colon = p.key(column, end)
		}
		if colon < 0 && !dash {
			// A scalar on a line of its own may go on from the line before.
			return !first && p.scalarItem(column, end)
		}
		if !p.open(indent, dash, first) {
			return false
		}
		if !dash {
			return p.member(column, colon, end, indent)
		}
		f := &p.frames[len(p.frames)-1]
		f.pending = true
		column = p.spaces(column+1, end)
		if column == end || p.text[column] == '#' {
			return true
		}
		indent = int32(column - start)
	}
}

// open makes the frame for a key or a dash at indent the last one. The first on
// a line decides by its indent where it belongs; the others stand in the dash
// before them.
func (p *plainParser) open(indent int32, sequence, first bool) bool {
	if first {
		for len(p.frames) > 0 && p.frames[len(p.frames)-1].indent > indent {
			p.close()
		}
	}
	if len(p.frames) == 0 {
		if len(p.roots) > 0 {
			return false
		}
		root := p.push(indent, sequence)
		p.roots = append(p.roots, root)
		return true
	}
	f := &p.frames[len(p.frames)-1]
	if first && f.indent == indent {
		switch {
		case f.sequence == sequence:
			p.fillPending()
			return true
		case f.sequence:
			// A sequence may stand at the indent of the key that it belongs to.
			p.close()
			if len(p.frames) == 0 {
				return false
			}
			f = &p.frames[len(p.frames)-1]
			if f.sequence || f.indent != indent {
				return false
			}
			p.fillPending()
			return true
		}
	}
	if !f.pending || len(p.frames) == maxFrames {
		return false
	}
	f.pending = false
	parent := len(p.frames) - 1
	p.appendChild(parent, p.push(indent, sequence))
	return true
}

func (p *plainParser) push(indent int32, sequence bool) int32 {
	kind := mappingNode
	if sequence {
		kind = sequenceNode
	}
	n := p.add(node{kind: kind})
	p.frames = append(p.frames, frame{indent: indent, node: n, sequence: sequence})
	return n
}

// appendChild adds a child to the node of a frame.
func (p *plainParser) appendChild(frame int, child int32) {
	f := &p.frames[frame]
	if f.last == 0 {
		p.nodes[f.node].first = child
	} else {
		p.nodes[f.last].next = child
	}
	f.last = child
}

// fillPending gives a key or dash without a value an empty one.
func (p *plainParser) fillPending() {
	f := &p.frames[len(p.frames)-1]
	if f.pending {
		f.pending = false
		p.appendChild(len(p.frames)-1, p.add(node{}))
	}
}

func (p *plainParser) close() {
	p.fillPending()
	p.frames = p.frames[:len(p.frames)-1]
}

func (p *plainParser) closeAll() {
	for len(p.frames) > 0 {
		p.close()
	}
}

// maxKey is less than the length up to which YAML looks for the colon of a key.
const maxKey = 1000

// key returns where the colon of a key stands that begins at column, or -1.
func (p *plainParser) key(column, end int) int {
	text := p.text[column:min(end, column+maxKey)]
	if c := text[0]; c == '"' || c == '\'' {
		closing := quoteEnd(text)
		if closing > 0 && closing+1 < len(text) && text[closing+1] == ':' && (column+closing+2 == end || closing+2 < len(text) && text[closing+2] == ' ') {
			return column + closing + 1
		}
		return -1
	}
	if !startsPlain(text[0]) {
		return -1
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '#' && text[i-1] == ' ':
			return -1
		case text[i] == ':' && (column+i+1 == end || i+1 < len(text) && text[i+1] == ' '):
			if text[i-1] == ' ' {
				return -1
			}
			return column + i
		}
	}
	return -1
}

// startsPlain tells whether a plain scalar may begin with c. It leaves out some
// that may.
func startsPlain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '/' || c == '$' || c == '(' || c == '~' || c == '^'
}

// quoteEnd returns where the quoted text ends that text begins with, 0 if it has
// escapes or no end here.
func quoteEnd(text []byte) int {
	quote := text[0]
	i := bytes.IndexByte(text[1:], quote) + 1
	switch {
	case i == 0, quote == '"' && bytes.IndexByte(text[:i], '\\') >= 0, i+1 < len(text) && text[i+1] == quote:
		return 0
	}
	return i
}

// member reads a key and what follows it on the line.
func (p *plainParser) member(column, colon, end int, indent int32) bool {
	start, stop := column, colon
	if p.text[start] == '"' || p.text[start] == '\'' {
		start, stop = start+1, stop-1
	}
	top := len(p.frames) - 1
	p.appendChild(top, p.scalar(start, stop))
	p.frames[top].pending = true
	column = p.spaces(colon+1, end)
	if column == end || p.text[column] == '#' {
		return true
	}
	p.frames[top].pending = false
	if c := p.text[column]; c == '|' || c == '>' {
		p.appendChild(top, p.add(node{unread: true}))
		return p.block(column, end, indent)
	}
	return p.inline(column, end)
}

func (p *plainParser) scalar(start, end int) int32 {
	return p.add(node{spliceable: true, start: int32(start), end: int32(end)})
}

// scalarItem reads the scalar behind a dash.
func (p *plainParser) scalarItem(column, end int) bool {
	f := &p.frames[len(p.frames)-1]
	if !f.pending {
		return false
	}
	f.pending = false
	if c := p.text[column]; c == '|' || c == '>' {
		p.appendChild(len(p.frames)-1, p.add(node{unread: true}))
		return p.block(column, end, f.indent)
	}
	return p.inline(column, end)
}

// inline reads a value that ends on its line.
func (p *plainParser) inline(column, end int) bool {
	top := len(p.frames) - 1
	text := p.text[column:end]
	switch c := text[0]; {
	case c == '"' || c == '\'':
		closing := quoteEnd(text)
		if closing == 0 || !isBlankAfter(text[closing+1:]) {
			return false
		}
		p.appendChild(top, p.scalar(column+1, column+closing))
		return true
	case c == '[':
		return p.flow(column, end)
	case c == '{':
		// A mapping without anything in it, as in `permissions: {}`.
		closing := p.spaces(column+1, end)
		if closing == end || p.text[closing] != '}' || !isBlankAfter(p.text[closing+1:end]) {
			return false
		}
		p.appendChild(top, p.add(node{kind: mappingNode}))
		return true
	case !startsPlain(c) && (c != '-' || len(text) < 2 || text[1] == ' '):
		return false
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '#' && text[i-1] == ' ':
			text = text[:i]
		case text[i] == ':' && (i+1 == len(text) || text[i+1] == ' '):
			return false
		}
	}
	p.appendChild(top, p.scalar(column, column+len(bytes.TrimRight(text, " "))))
	return true
}

// isBlankAfter tells whether nothing but a comment follows a value.
func isBlankAfter(text []byte) bool {
	trimmed := bytes.TrimLeft(text, " ")
	return len(trimmed) == 0 || trimmed[0] == '#' && len(trimmed) < len(text)
}

// flow reads a sequence such as [main, "release/v1"] of words and quoted text.
func (p *plainParser) flow(column, end int) bool {
	sequence := p.add(node{kind: sequenceNode})
	p.appendChild(len(p.frames)-1, sequence)
	at, last := p.spaces(column+1, end), int32(0)
	if at < end && p.text[at] == ']' {
		return isBlankAfter(p.text[at+1 : end])
	}
	for at < end {
		start, stop := at, at
		if c := p.text[at]; c == '"' || c == '\'' {
			closing := quoteEnd(p.text[at:end])
			if closing == 0 {
				return false
			}
			start, stop = at+1, at+closing
			at = p.spaces(stop+1, end)
		} else {
			for at < end && isWord(p.text[at]) {
				at++
			}
			stop = start + len(bytes.TrimRight(p.text[start:at], " "))
			if start == stop || !startsPlain(c) {
				return false
			}
		}
		item := p.scalar(start, stop)
		if last == 0 {
			p.nodes[sequence].first = item
		} else {
			p.nodes[last].next = item
		}
		last = item
		switch {
		case at == end:
			return false
		case p.text[at] == ']':
			return isBlankAfter(p.text[at+1 : end])
		case p.text[at] != ',':
			return false
		}
		at = p.spaces(at+1, end)
	}
	return false
}

// spaces returns where the spaces end that begin at a place.
func (p *plainParser) spaces(at, end int) int {
	for at < end && p.text[at] == ' ' {
		at++
	}
	return at
}

// isWord tells whether a plain scalar in a flow sequence may have c in it. It
// leaves out some that it may have.
func isWord(c byte) bool {
	return startsPlain(c) && c != '(' || bytes.IndexByte([]byte(" -*+=@"), c) >= 0
}

// block goes over a block text (YAML 1.2.2, section 8.1) whose header begins at
// column and whose parent stands at indent.
func (p *plainParser) block(column, end int, indent int32) bool {
	header := p.text[column+1 : end]
	if len(header) > 0 && (header[0] == '-' || header[0] == '+') {
		header = header[1:]
	}
	if !isBlankAfter(header) {
		return false
	}
	content := int32(0) // the indent of the text, 0 before its first line
	blank := int32(0)   // the most spaces of a blank line before that
	for p.at < len(p.text) {
		before := p.at
		start, end := p.line()
		i := p.spaces(start, end)
		spaces := int32(i - start)
		switch {
		case i == end:
			if content == 0 {
				blank = max(blank, spaces)
			}
		case content == 0 && spaces > indent && p.text[i] != '\t':
			if blank > spaces {
				return false
			}
			content = spaces
		case content != 0 && spaces >= content:
		case p.text[i] == '\t', spaces > indent && p.text[i] != '#':
			return false
		default:
			p.at = before
			return content != 0 || blank <= indent
		}
	}
	return content != 0
}
