package githubtest

import (
	"encoding/base64"
	"fmt"
	"math"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
)

// coerce gives the variables of an operation, defaults included. gqlparser takes
// an enum's value in any case, a number written as a text, and anything at all for
// a scalar of GitHub's; none of that gets by here.
func (s *Server) coerce(operation *ast.OperationDefinition, given map[string]any) (map[string]any, error) {
	for _, v := range operation.VariableDefinitions {
		if value, ok := given[v.Variable]; ok {
			if err := s.strict(v.Type, value); err != nil {
				return nil, fmt.Errorf("variable $%s of type %s: %w", v.Variable, v.Type, err)
			}
		}
	}
	return validator.VariableValues(s.specs.schema, operation, given)
}

func (s *Server) strict(t *ast.Type, v any) error {
	if v == nil {
		return nil // gqlparser knows where null may be
	}
	if t.Elem != nil {
		list, ok := v.([]any)
		if !ok {
			return s.strict(t.Elem, v) // one alone counts as a list of it
		}
		for _, e := range list {
			if err := s.strict(t.Elem, e); err != nil {
				return err
			}
		}
		return nil
	}
	definition := s.specs.schema.Types[t.NamedType]
	if definition.Kind == ast.InputObject {
		m, _ := v.(map[string]any)
		for _, f := range definition.Fields {
			if err := s.strict(f.Type, m[f.Name]); err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
		}
		return nil
	}
	if !scalar(definition, v) {
		return fmt.Errorf("%.100v is no %s", v, t.NamedType)
	}
	return nil
}

// scalar tells whether a value from JSON is one of a scalar or of an enum.
func scalar(definition *ast.Definition, v any) bool {
	switch definition.Name {
	case "Int":
		n, ok := v.(float64)
		return ok && n == math.Trunc(n) && math.Abs(n) <= math.MaxInt32
	case "Float":
		_, ok := v.(float64)
		return ok
	case "Boolean":
		_, ok := v.(bool)
		return ok
	}
	text, ok := v.(string)
	switch definition.Name {
	case "GitObjectID":
		return ok && isID(text)
	case "GitRefname":
		return ok && strings.HasPrefix(text, "refs/")
	case "Base64String":
		_, err := base64.StdEncoding.DecodeString(text)
		return ok && err == nil
	}
	return ok && (definition.Kind != ast.Enum || definition.EnumValues.ForName(text) != nil)
}
