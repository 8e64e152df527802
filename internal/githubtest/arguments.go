package githubtest

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
)

// arguments are the arguments of a field, or the input of a mutation, coerced.
type arguments map[string]any

func (x *execution) arguments(f *ast.Field) arguments {
	if len(f.Definition.Arguments) == 0 {
		return nil
	}
	return f.ArgumentMap(x.variables)
}

func (a arguments) text(name string) string {
	s, _ := a[name].(string)
	return s
}

// given is the text of an argument, or nil where it is absent or null.
func (a arguments) given(name string) *string {
	if s, ok := a[name].(string); ok {
		return &s
	}
	return nil
}

func (a arguments) flag(name string) bool {
	b, _ := a[name].(bool)
	return b
}

// number is an integer; ok is false where it is absent or null.
func (a arguments) number(name string) (_ int, ok bool) {
	switch n := a[name].(type) {
	case int64:
		return int(n), true
	case float64: // from JSON; the variable was checked to be whole
		return int(n), true
	}
	return 0, false
}

func (a arguments) input(name string) arguments {
	m, _ := a[name].(map[string]any)
	return m
}

// inputs is a list of input objects. One alone counts as a list of it.
func (a arguments) inputs(name string) (list []arguments) {
	switch v := a[name].(type) {
	case map[string]any:
		list = append(list, v)
	case []any:
		for _, e := range v {
			if m, ok := e.(map[string]any); ok {
				list = append(list, m)
			}
		}
	}
	return list
}

// texts is a list of texts or enum values. One alone counts as a list of it.
func (a arguments) texts(name string) (list []string) {
	switch v := a[name].(type) {
	case string:
		list = append(list, v)
	case []any:
		for _, e := range v {
			list = append(list, fmt.Sprint(e))
		}
	}
	return list
}
