package githubtest

import (
	"fmt"
	"slices"
	"strings"
)

// A place is where in a GraphQL answer a value stands: below another place, under
// an alias or at an index. Nil is the answer's data.
type place struct {
	above *place
	alias string // empty for an element of a list
	index int
}

// parts is the path as an error of GraphQL has it.
func (p *place) parts() (path []any) {
	for ; p != nil; p = p.above {
		if p.alias == "" {
			path = append(path, p.index)
		} else {
			path = append(path, p.alias)
		}
	}
	slices.Reverse(path)
	return path
}

func (p *place) String() string {
	return strings.TrimSuffix(strings.ReplaceAll(fmt.Sprintln(p.parts()...), " ", "/"), "\n")
}
