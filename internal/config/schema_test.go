package config_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/countersign-ci/countersign/internal/config"
)

// schema returns the compiled schema.
func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// instance returns what an editor sees of the first document in a text, and
// whether it is YAML. To an editor no file is null.
func instance(text string) (any, bool) {
	var n yaml.Node
	if yaml.Unmarshal([]byte(text), &n) != nil {
		return nil, false
	}
	if len(n.Content) == 0 || n.Content[0].ShortTag() == "!!null" && n.Content[0].Value == "" {
		return map[string]any{}, true
	}
	return asJSON(n.Content[0])
}

func asJSON(n *yaml.Node) (v any, ok bool) {
	switch n.Kind {
	case yaml.AliasNode:
		return asJSON(n.Alias)
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			v, ok := asJSON(item)
			if !ok {
				return nil, false
			}
			list = append(list, v)
		}
		return list, true
	case yaml.MappingNode:
		object := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			v, ok := asJSON(n.Content[i+1])
			if !ok || n.Content[i].Kind != yaml.ScalarNode {
				return nil, false
			}
			object[n.Content[i].Value] = v
		}
		return object, true
	}
	if n.ShortTag() == "!!str" || n.ShortTag() == "!!timestamp" {
		return n.Value, true
	}
	err := n.Decode(&v)
	return v, err == nil
}

// TestSchema has the schema and Parse say the same about every case.
func TestSchema(t *testing.T) {
	t.Parallel()
	schema := schema(t)
	for _, c := range append(cases, testCase{text: docExample(t)}) {
		v, ok := instance(c.text)
		if !ok {
			if !c.blind {
				t.Errorf("%.100q: it is not YAML, so no schema can see it", c.text)
			}
			continue
		}
		err := schema.Validate(v)
		if refuses, want := err != nil, c.want != accepted && !c.blind; refuses != want {
			t.Errorf("%.100q: the schema says %v, Parse %q", c.text, err, c.want)
		}
	}
}

// A node is a part of the schema.
type node struct {
	Ref         string           `json:"$ref"`
	Defs        map[string]*node `json:"$defs"`
	Description string
	Type        string
	Enum        []string
	Properties  map[string]*node
	Additional  *bool `json:"additionalProperties"`
	Required    []string
	Items       *node
	Pattern     string
	Not         *node
	AnyOf       []*node
}

// walk calls f for each mapping of the schema; above is "" or ends with a dot.
func (n *node) walk(above string, f func(above string, n *node)) {
	if n.Properties == nil {
		return
	}
	f(above, n)
	for key, property := range n.Properties {
		if property.Items != nil {
			property = property.Items
		}
		property.walk(above+key+".", f)
	}
}

func root(t *testing.T) *node {
	t.Helper()
	n := &node{}
	if err := json.Unmarshal(config.Schema, n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSchemaKeys(t *testing.T) {
	t.Parallel()
	var keys, required []string
	root(t).walk("", func(above string, n *node) {
		if n.Type != "object" || n.Additional == nil || *n.Additional {
			t.Errorf("%q is no object, or takes any key", above)
		}
		for key, property := range n.Properties {
			keys = append(keys, above+key)
			if property.Description == "" {
				t.Errorf("%s%s has no description", above, key)
			}
		}
		for _, key := range n.Required {
			required = append(required, above+key)
		}
	})
	sorted := cmp.Transformer("sort", func(s []string) []string { return slices.Sorted(slices.Values(s)) })
	if diff := cmp.Diff(config.Keys(), keys, sorted); diff != "" {
		t.Errorf("keys (-parser +schema):\n%s", diff)
	}
	if diff := cmp.Diff(config.Required(), required, sorted); diff != "" {
		t.Errorf("required keys (-parser +schema):\n%s", diff)
	}
	if len(keys) < 20 {
		t.Errorf("the schema has only %d keys", len(keys))
	}
}

// TestSchemaKeysParse has Parse know each key of the schema: it does not say
// that there is none.
func TestSchemaKeysParse(t *testing.T) {
	t.Parallel()
	root(t).walk("", func(above string, n *node) {
		for key := range n.Properties {
			text := "{" + key + ": 2}"
			if above := strings.TrimSuffix(above, "."); above == "exceptions" || above == "updates" {
				text = "{" + above + ": [" + text + "]}"
			} else if above != "" {
				text = "{" + above + ": " + text + "}"
			}
			c, err := config.Parse(name, []byte(text))
			if said := wantError(t, text, c, err); strings.Contains(said, "there is no key") || strings.Contains(said, "about trust") {
				t.Errorf("%s%s: %s", above, key, said)
			}
		}
	})
}

// TestSchemaValues has every value that the schema lists be one for Parse, and
// the forms of texts be the same.
func TestSchemaValues(t *testing.T) {
	t.Parallel()
	n := root(t)
	listed := 0
	for key, property := range n.Properties {
		for _, value := range property.Enum {
			parse(t, key+": "+value)
			listed++
		}
	}
	for _, rule := range n.Properties["exceptions"].Items.Properties["rule"].Enum {
		parse(t, "exceptions: [{repository: acme/widgets, reason: none, until: 2027-03-31, rule: "+rule+"}]")
		listed++
	}
	if listed != 2+5+2+6 {
		t.Errorf("the schema lists %d values", listed)
	}
	forms := map[string]string{"duration": strings.NewReplacer("(?:0|", "", ")$", "$").Replace(n.Properties["min-age"].AnyOf[0].Pattern)}
	for key, def := range n.Defs {
		forms[key] = def.Pattern
		if def.Not != nil {
			forms[key] = def.Not.Pattern
		}
	}
	if diff := cmp.Diff(maps.Clone(config.Forms), forms); diff != "" {
		t.Errorf("forms (-parser +schema):\n%s", diff)
	}
}
