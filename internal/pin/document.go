package pin

import "fmt"

// A document is what YAML text says, as far as refs go: the structure, and where
// the scalars stand. It is kept in one slice so that it can be used again for
// the next of many files.
type document struct {
	text  []byte
	nodes []node // the first is no node: index 0 stands for none
	roots []int32
	steps int // what was taken from mappings and sequences so far
}

// A node is a part of a document. The children of a mapping are a key, its
// value, the next key, and so on.
type node struct {
	kind        nodeKind
	unread      bool   // a block text whose value was not read
	spliceable  bool   // text[start:end] is the value itself, not a way to write it
	start, end  int32  // of a scalar, without its quotes
	first, next int32  // the first child; the next one of the same parent
	target      int32  // what an alias stands for
	value       string // of a scalar that is not spliceable
}

type nodeKind uint8

const (
	scalarNode nodeKind = iota
	mappingNode
	sequenceNode
	aliasNode
)

// reset makes the document one of another text, without any node.
func (d *document) reset(text []byte) {
	d.text, d.nodes, d.roots, d.steps = text, append(d.nodes[:0], node{}), d.roots[:0], 0
}

// maxSteps is how much aliases may make of a document, beside what is in it.
const maxSteps = 1 << 17

// overrun tells whether aliases of aliases stand for so much that not all of it
// was looked at.
func (d *document) overrun() bool { return d.steps > maxSteps+4*len(d.nodes) }

// errOverrun is the error about such a document.
var errOverrun = fmt.Errorf("%w that can be read: its aliases stand for too much", errNoYAML)

func (d *document) add(n node) int32 {
	d.nodes = append(d.nodes, n)
	return int32(len(d.nodes) - 1)
}

// resolve returns what an alias stands for, and any other node itself.
func (d *document) resolve(i int32) int32 {
	for d.nodes[i].kind == aliasNode {
		i = d.nodes[i].target
	}
	return i
}

// value returns the value of a scalar.
func (d *document) value(i int32) string {
	n := &d.nodes[i]
	if n.spliceable {
		return string(d.text[n.start:n.end])
	}
	return n.value
}

// is tells whether a node is the scalar with that value.
func (d *document) is(i int32, value string) bool {
	n := &d.nodes[i]
	switch {
	case n.kind == aliasNode:
		return d.is(d.resolve(i), value)
	case n.kind != scalarNode:
		return false
	case n.spliceable:
		return string(d.text[n.start:n.end]) == value
	}
	return n.value == value
}

// each calls f with each key of a mapping and its value, also those that the
// merge key << takes in.
func (d *document) each(mapping int32, f func(key, value int32)) {
	mapping = d.resolve(mapping)
	if d.nodes[mapping].kind != mappingNode {
		return
	}
	for key := d.nodes[mapping].first; key != 0 && !d.overrun(); {
		d.steps++
		value := d.nodes[key].next
		if d.is(key, "<<") {
			d.each(value, f)
			d.items(value, func(item int32) { d.each(item, f) })
		} else {
			f(key, value)
		}
		key = d.nodes[value].next
	}
}

// items calls f with each item of a sequence.
func (d *document) items(sequence int32, f func(int32)) {
	sequence = d.resolve(sequence)
	if d.nodes[sequence].kind != sequenceNode {
		return
	}
	for item := d.nodes[sequence].first; item != 0 && !d.overrun(); item = d.nodes[item].next {
		d.steps++
		f(item)
	}
}
