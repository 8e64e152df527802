package githubtest

import (
	"math"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
)

// leaf gives a scalar or an enum value its form in JSON.
func leaf(definition *ast.Definition, v any) (any, bool) {
	if when, ok := v.(time.Time); ok {
		return when.UTC().Format(time.RFC3339), definition.OneOf("DateTime", "GitTimestamp")
	}
	switch definition.Name {
	case "Int":
		i, ok := v.(int)
		return v, ok && i >= math.MinInt32 && i <= math.MaxInt32
	case "Boolean":
		_, ok := v.(bool)
		return v, ok
	case "DateTime", "GitTimestamp":
		return v, false
	}
	text, ok := v.(string)
	if definition.Kind == ast.Enum {
		ok = ok && definition.EnumValues.ForName(text) != nil
	}
	if definition.Name == "GitObjectID" {
		ok = ok && isID(text)
	}
	return v, ok
}
