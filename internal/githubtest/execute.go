package githubtest

import (
	"errors"
	"path"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// An execution carries one GraphQL operation out over the model. What it answers
// has the schema's shape: a leaf of the wrong type, an unknown enum value, or a
// null where none may be and without an error, fails the test.
type execution struct {
	s         *Server
	fault     *Fault
	variables map[string]any
	fragments ast.FragmentDefinitionList
	failures  []*failure
	used      map[string]bool // patterns of the fault that were met
	nodes     int             // that the query may give at most
}

// A node is a value with fields.
type node interface {
	// typeName is the name of the node's own type; it may be empty where the
	// schema leaves no choice.
	typeName() string
	// field returns a node, a list ([]any), a leaf or nil. Its error is a
	// *failure for the client, or errNoField.
	field(x *execution, name string, args arguments) (any, error)
}

// errNoField says that the stand-in, not the schema, lacks a field.
var errNoField = errors.New("the stand-in does not know this field")

// A record is a node whose fields are all known beforehand.
type record map[string]any

func (record) typeName() string { return "" }
func (r record) field(_ *execution, name string, _ arguments) (any, error) {
	v, ok := r[name]
	if !ok {
		return nil, errNoField
	}
	return v, nil
}

func (x *execution) run(operation *ast.OperationDefinition) any {
	var root node = rootQuery{}
	definition := x.s.specs.schema.Query
	if operation.Operation == ast.Mutation {
		root, definition = rootMutation{}, x.s.specs.schema.Mutation
	}
	data, ok := x.object(root, definition, operation.SelectionSet, nil)
	if !ok {
		return nil
	}
	return data
}

// object gives the selected fields of a node. ok is false where one of them is
// null and may not be, so that the node is null in its stead.
func (x *execution) object(n node, definition *ast.Definition, selected ast.SelectionSet, at *place) (_ []member, ok bool) {
	fields := x.collect(nil, definition, selected)
	result := make([]member, 0, len(fields))
	for _, group := range fields {
		first := group[0]
		value, ok := x.fieldOf(n, definition, group, &place{above: at, alias: first.Alias})
		if !ok {
			return nil, false
		}
		result = append(result, member{first.Alias, value})
	}
	return result, true
}

// collect groups the selected fields by the name that they have in the answer.
func (x *execution) collect(groups [][]*ast.Field, on *ast.Definition, selected ast.SelectionSet) [][]*ast.Field {
	for _, s := range selected {
		switch s := s.(type) {
		case *ast.Field:
			if x.skipped(s.Directives) {
				continue
			}
			i := slices.IndexFunc(groups, func(g []*ast.Field) bool { return g[0].Alias == s.Alias })
			if i < 0 {
				groups = append(groups, []*ast.Field{s})
			} else {
				groups[i] = append(groups[i], s)
			}
		case *ast.InlineFragment:
			if !x.skipped(s.Directives) && x.applies(s.TypeCondition, on) {
				groups = x.collect(groups, on, s.SelectionSet)
			}
		case *ast.FragmentSpread:
			f := x.fragments.ForName(s.Name)
			if !x.skipped(s.Directives) && x.applies(f.TypeCondition, on) {
				groups = x.collect(groups, on, f.SelectionSet)
			}
		}
	}
	return groups
}

func (x *execution) skipped(directives ast.DirectiveList) bool {
	for _, d := range directives {
		condition, _ := d.ArgumentMap(x.variables)["if"].(bool)
		if d.Name == "skip" && condition || d.Name == "include" && !condition {
			return true
		}
	}
	return false
}

func (x *execution) applies(condition string, on *ast.Definition) bool {
	if condition == "" || condition == on.Name {
		return true
	}
	return slices.Contains(x.s.specs.schema.PossibleTypes[condition], on)
}

func (x *execution) fieldOf(n node, on *ast.Definition, group []*ast.Field, at *place) (any, bool) {
	first := group[0]
	if first.Name == "__typename" {
		return on.Name, true
	}
	before := len(x.failures)
	if kind := x.nulled(at); kind != nil {
		if *kind != "" {
			x.fail(faultOf(*kind), first, at)
		}
		return nil, *kind == "" || !first.Definition.Type.NonNull
	}
	value, err := n.field(x, first.Name, x.arguments(first))
	if errors.Is(err, errNoField) {
		x.s.errorf("%s.%s: %v", on.Name, first.Name, err)
	}
	if err != nil {
		x.fail(err, first, at)
	}
	below := first.SelectionSet
	for _, f := range group[1:] {
		below = append(slices.Clip(below), f.SelectionSet...)
	}
	result, ok := x.complete(first.Definition.Type, value, below, at)
	if !ok && len(x.failures) == before {
		x.s.errorf("%s.%s is null and may not be", on.Name, first.Name)
		x.fail(&failure{Message: "null"}, first, at)
	}
	return result, ok
}

// nulled is the type of the fault at a path, or nil.
func (x *execution) nulled(at *place) *string {
	if x.fault == nil || len(x.fault.Null) == 0 {
		return nil
	}
	name := at.String()
	for pattern, kind := range x.fault.Null {
		if ok, _ := path.Match(pattern, name); ok {
			x.used[pattern] = true
			return &kind
		}
	}
	return nil
}

// faultOf is an error of a chosen type, with what GitHub says beside it.
func faultOf(kind string) *failure {
	f := &failure{Type: kind, Message: "Something went wrong while executing your query."}
	switch kind {
	case "FORBIDDEN":
		f.Message = "Resource protected by organization SAML enforcement. You must grant your OAuth token access to this organization."
		f.Extensions = map[string]any{"saml_failure": true}
	case notFound:
		f.Message = "Could not resolve to a Repository."
	}
	return f
}

func (x *execution) fail(err error, f *ast.Field, at *place) {
	var known *failure
	if !errors.As(err, &known) {
		known = &failure{Message: err.Error()}
	}
	full := *known
	full.Path = at.parts()
	full.Locations = []location{{f.Position.Line, f.Position.Column}}
	x.failures = append(x.failures, &full)
}

// complete checks a value against its type and goes on below it.
func (x *execution) complete(t *ast.Type, v any, below ast.SelectionSet, at *place) (any, bool) {
	if v == nil {
		return nil, !t.NonNull
	}
	if t.Elem != nil {
		list, ok := v.([]any)
		if !ok {
			x.s.errorf("%s: a %T for %s", at, v, t)
			return nil, !t.NonNull
		}
		result := make([]any, len(list))
		for i, e := range list {
			if result[i], ok = x.complete(t.Elem, e, below, &place{above: at, index: i}); !ok {
				return nil, !t.NonNull
			}
		}
		return result, true
	}
	definition := x.s.specs.schema.Types[t.NamedType]
	if definition.IsLeafType() {
		leaf, ok := leaf(definition, v)
		if !ok {
			x.s.errorf("%s: %T %v for %s", at, v, v, t)
		}
		return leaf, true
	}
	n, ok := v.(node)
	if !ok {
		x.s.errorf("%s: a %T for %s", at, v, t)
		return nil, !t.NonNull
	}
	if name := n.typeName(); name != "" && name != definition.Name {
		concrete := x.s.specs.schema.Types[name]
		if concrete == nil || !slices.Contains(x.s.specs.schema.GetPossibleTypes(definition), concrete) {
			x.s.errorf("%s: a %s for %s", at, name, t)
			return nil, !t.NonNull
		}
		definition = concrete
	}
	if definition.Kind != ast.Object {
		x.s.errorf("%s: a %T of no type for %s", at, v, t)
		return nil, !t.NonNull
	}
	result, ok := x.object(n, definition, below, at)
	if !ok {
		return nil, !t.NonNull
	}
	return result, true
}
