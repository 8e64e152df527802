package githubtest

import (
	"fmt"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
)

// GitHub's limits: what one connection may be asked for, and the product of
// connections inside each other, summed up.
const (
	maxPage  = 100
	maxNodes = 500_000
)

// bounds refuses connections without first or last, or with too large ones, and
// queries for too many nodes, before anything is carried out.
func (x *execution) bounds(operation *ast.OperationDefinition) {
	x.bound(operation.SelectionSet, 1, nil)
	if x.nodes > maxNodes {
		x.failures = append(x.failures, &failure{
			Type: "MAX_NODE_LIMIT_EXCEEDED",
			Message: fmt.Sprintf("This query requests up to %d possible nodes which exceeds the maximum limit of %d.",
				x.nodes, maxNodes),
		})
	}
}

func (x *execution) bound(selected ast.SelectionSet, times int, at *place) {
	for _, s := range selected {
		switch s := s.(type) {
		case *ast.Field:
			here := &place{above: at, alias: s.Alias}
			below := times
			if s.Definition.Arguments.ForName("first") != nil {
				below = times * x.page(s, here)
				x.nodes += below
			}
			x.bound(s.SelectionSet, below, here)
		case *ast.InlineFragment:
			x.bound(s.SelectionSet, times, at)
		case *ast.FragmentSpread:
			x.bound(x.fragments.ForName(s.Name).SelectionSet, times, at)
		}
	}
}

// page is how many nodes a connection is asked for.
func (x *execution) page(f *ast.Field, at *place) int {
	args := x.arguments(f)
	size, asked := 0, false
	for _, side := range []string{"first", "last"} {
		n, ok := args.number(side)
		if !ok {
			continue
		}
		asked = true
		switch {
		case n > maxPage:
			x.fail(&failure{Type: "EXCESSIVE_PAGINATION", Message: "Requesting " + strconv.Itoa(n) +
				" records on the `" + f.Name + "` connection exceeds the `" + side + "` limit of 100 records."}, f, at)
		case n < 1:
			x.fail(&failure{Type: unprocessable, Message: "`" + side + "` on the `" + f.Name +
				"` connection cannot be less than one."}, f, at)
		}
		size = max(size, n)
	}
	if !asked {
		x.fail(&failure{Type: "MISSING_PAGINATION_BOUNDARIES", Message: "You must provide a `first` or `last` value" +
			" to properly paginate the `" + f.Name + "` connection."}, f, at)
	}
	return size
}
