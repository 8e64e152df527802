package buildkite

import (
	"math"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/countersign-ci/countersign/internal/jose"
)

// A pair is a name of a mapping and its value, which may be an alias.
type pair struct {
	name       string
	key, value *yaml.Node
}

// follow returns the node that an alias stands for, or the node.
func follow(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// get returns the value of a name, or nil.
func get(pairs []pair, name string) *yaml.Node {
	for _, p := range pairs {
		if p.name == name {
			return p.value
		}
	}
	return nil
}

// members returns what a mapping has, merges included (https://yaml.org/type/merge.html):
// its own names win over merged ones, and earlier merges over later ones. Of any
// other node it returns nothing. It is for trees that go-pipeline has read, which
// refuses endless ones.
func members(n *yaml.Node) []pair {
	var pairs []pair
	seen := map[string]bool{}
	merged := map[*yaml.Node]bool{}
	var add func(n *yaml.Node)
	add = func(n *yaml.Node) {
		if n = follow(n); n == nil || merged[n] {
			return
		}
		merged[n] = true
		if n.Kind == yaml.SequenceNode {
			for _, c := range n.Content {
				add(c)
			}
			return
		}
		if n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i < len(n.Content)-1; i += 2 {
			key := follow(n.Content[i])
			if n.Content[i].Tag != "!!merge" && !seen[key.Value] {
				seen[key.Value] = true
				pairs = append(pairs, pair{key.Value, n.Content[i], n.Content[i+1]})
			}
		}
		for i := 0; i < len(n.Content)-1; i += 2 {
			if n.Content[i].Tag == "!!merge" {
				add(n.Content[i+1])
			}
		}
	}
	if n != nil && n.Kind == yaml.MappingNode {
		add(n)
	}
	return pairs
}

// maxSafe bounds the numbers that a signature covers, both ways (RFC 7493 section
// 2.2): from 2^53 on the canonical form (RFC 8785) has one text for several.
const maxSafe = 1 << 53

// unsafeNumber returns the first number in a tree that is not safe, or nil.
func unsafeNumber(n *yaml.Node) *yaml.Node {
	n = follow(n)
	if n.Kind == yaml.ScalarNode && (n.Tag == "!!int" || n.Tag == "!!float") {
		var v float64
		var whole any
		if err := n.Decode(&whole); err != nil {
			return n
		}
		switch x := whole.(type) {
		case int:
			v = float64(x)
		case int64:
			v = float64(x)
		case uint64:
			v = float64(x)
		case float64:
			v = x
		}
		if !(math.Abs(v) < maxSafe) {
			return n
		}
	}
	for _, c := range n.Content {
		if found := unsafeNumber(c); found != nil {
			return found
		}
	}
	return nil
}

// unsafeValue tells whether a number in a JSON value is not safe.
func unsafeValue(v jose.Value) bool {
	if v.Kind == jose.Number {
		f, err := strconv.ParseFloat(v.Text, 64)
		return err != nil || !(math.Abs(f) < maxSafe)
	}
	for _, m := range v.Members {
		if unsafeValue(m.Value) {
			return true
		}
	}
	return false
}
