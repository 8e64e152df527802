package pin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// errNoYAML is wrapped by errors about text that is no YAML.
var errNoYAML = errors.New("it is no YAML")

// isYAMLText tells whether all characters may stand in YAML (YAML 1.2.2,
// section 5.1) and are UTF-8.
func isYAMLText(text []byte) bool {
	if !utf8.Valid(text) {
		return false
	}
	for i, r := range string(text) {
		switch {
		case r == '\t', r == '\n', r == '\r', r == 0x85:
		case r < ' ', r == 0x7f, r > 0x7f && r < 0xa0, r == 0xfffe, r == 0xffff, r == 0xfeff && i > 0:
			return false
		}
	}
	return true
}

// hasOtherBreaks tells whether the text has a character that YAML 1.1 takes for
// the end of a line and YAML 1.2 does not: what one of them reads as a comment,
// the other may run.
func hasOtherBreaks(text []byte) bool {
	return bytes.Contains(text, []byte("\u0085")) || bytes.Contains(text, []byte("\u2028")) || bytes.Contains(text, []byte("\u2029"))
}

// parseYAML reads the text of d into nodes.
func parseYAML(d *document) error {
	switch {
	case !isYAMLText(d.text):
		return fmt.Errorf("%w: it has a character that YAML does not allow", errNoYAML)
	case hasOtherBreaks(d.text):
		return fmt.Errorf("%w that is read alike everywhere: it has a line end other than CR and LF", errNoYAML)
	}
	c := &converter{document: d, lines: lineStarts(d.text), nodes: map[*yaml.Node]int32{}}
	decoder := yaml.NewDecoder(bytes.NewReader(d.text))
	for {
		var root yaml.Node
		err := decoder.Decode(&root)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %s", errNoYAML, strings.TrimPrefix(err.Error(), "yaml: "))
		}
		for _, child := range root.Content {
			i, err := c.convert(child)
			if err != nil {
				return err
			}
			d.roots = append(d.roots, i)
		}
	}
}

// A converter makes nodes of those of the YAML parser, which gives lines and
// columns where offsets are needed.
type converter struct {
	*document
	lines []int32
	nodes map[*yaml.Node]int32

	// The last position, from which the next one of its line is counted.
	line, column int
	offset       int
}

func (c *converter) convert(n *yaml.Node) (int32, error) {
	switch n.Kind {
	case yaml.AliasNode:
		target, ok := c.nodes[n.Alias]
		if !ok {
			return 0, fmt.Errorf("%w: the anchor %.40q holds itself", errNoYAML, n.Value)
		}
		// Inside of itself an anchor is known already, but not complete.
		return c.add(node{kind: aliasNode, target: target}), nil
	case yaml.ScalarNode:
		if n.ShortTag() == "!!binary" {
			return 0, fmt.Errorf("%w that is read alike everywhere: it has text in base64", errNoYAML)
		}
		i := c.add(c.scalar(n))
		c.nodes[n] = i
		return i, nil
	}
	kind := mappingNode
	if n.Kind == yaml.SequenceNode {
		kind = sequenceNode
	}
	i := c.add(node{kind: kind})
	last := int32(0)
	for _, child := range n.Content {
		j, err := c.convert(child)
		if err != nil {
			return 0, err
		}
		if last == 0 {
			c.document.nodes[i].first = j
		} else {
			c.document.nodes[last].next = j
		}
		last = j
	}
	c.nodes[n] = i
	return i, nil
}

// scalar finds where the value of a scalar stands.
func (c *converter) scalar(n *yaml.Node) node {
	start := c.position(n.Line, n.Column)
	quote := ""
	switch n.Style &^ yaml.TaggedStyle {
	case yaml.DoubleQuotedStyle:
		quote = `"`
	case yaml.SingleQuotedStyle:
		quote = "'"
	case 0:
	default:
		return node{value: n.Value, start: int32(start), end: int32(start)}
	}
	start = skipProperties(c.text, start)
	want := quote + n.Value + quote // empty where nothing stands there at all
	if want == "" || !bytes.HasPrefix(c.text[start:], []byte(want)) || quote == `"` && strings.Contains(n.Value, `\`) {
		return node{value: n.Value, start: int32(start), end: int32(start)}
	}
	start += len(quote)
	return node{spliceable: true, start: int32(start), end: int32(start + len(n.Value))}
}

// position returns the offset of a line and column, both from 1, the column in
// characters.
func (c *converter) position(line, column int) int {
	if line < 1 || line > len(c.lines) || column < 1 {
		return len(c.text)
	}
	if line != c.line || column < c.column {
		c.line, c.column, c.offset = line, 1, int(c.lines[line-1])
	}
	for ; c.column < column && c.offset < len(c.text); c.column++ {
		_, size := utf8.DecodeRune(c.text[c.offset:])
		c.offset += size
	}
	return c.offset
}

// skipProperties goes over the anchor and the tag in front of a scalar (YAML
// 1.2.2, section 6.9), where the parser says that it begins.
func skipProperties(text []byte, i int) int {
	for i < len(text) && (text[i] == '&' || text[i] == '!') {
		for i < len(text) && !isBlank(text[i]) {
			i++
		}
		for i < len(text) && (isBlank(text[i]) || text[i] == '#') {
			if text[i] != '#' {
				i++
				continue
			}
			for i < len(text) && text[i] != '\n' && text[i] != '\r' {
				i++
			}
		}
	}
	return i
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// lineStarts returns where the lines begin. A CR, an LF and both together end
// one; a byte order mark is no part of the first.
func lineStarts(text []byte) []int32 {
	first := int32(0)
	if bytes.HasPrefix(text, byteOrderMark) {
		first = int32(len(byteOrderMark))
	}
	starts := []int32{first}
	for i, b := range text {
		if b == '\n' || b == '\r' && (i+1 == len(text) || text[i+1] != '\n') {
			starts = append(starts, int32(i+1))
		}
	}
	return starts
}
