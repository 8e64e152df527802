package githubtest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

type quiet struct {
	testing.TB
	reported []string
}

func (q *quiet) Errorf(format string, args ...any) {
	q.reported = append(q.reported, fmt.Sprintf(format, args...))
}

// A value that the schema does not allow is caught, wherever the model has it from.
func TestWrongValue(t *testing.T) {
	tb := &quiet{TB: t}
	s := New(tb)
	for _, test := range []struct {
		query string
		root  record
		want  string // empty: right
	}{
		{"{rateLimit{cost resetAt}}", record{"rateLimit": record{"cost": 1, "resetAt": time.Now()}}, ""},
		{"{rateLimit{cost}}", record{"rateLimit": nil}, ""},
		{"{rateLimit{cost}}", record{"rateLimit": record{"cost": nil}}, "RateLimit.cost is null and may not be"},
		{"{rateLimit{cost}}", record{"rateLimit": record{"cost": "1"}}, "rateLimit/cost: string 1 for Int!"},
		{"{rateLimit{cost}}", record{"rateLimit": record{"cost": 1 << 31}}, "rateLimit/cost: int 2147483648 for Int!"},
		{"{rateLimit{resetAt}}", record{"rateLimit": record{"resetAt": "now"}}, "rateLimit/resetAt: string now for DateTime!"},
		{"{rateLimit{cost}}", record{"rateLimit": 1}, "rateLimit: a int for RateLimit"},
		{"{rateLimit{cost}}", record{"rateLimit": record{}}, "RateLimit.cost: the stand-in does not know this field"},
		{`{node(id:"1"){... on Comparison{status}}}`, record{"node": typed{"Comparison", record{"status": "SIDEWAYS"}}}, "node/status: string SIDEWAYS for ComparisonStatus!"},
		{`{node(id:"1"){... on Commit{oid}}}`, record{"node": typed{"Commit", record{"oid": "short"}}}, "node/oid: string short for GitObjectID!"},
		{`{node(id:"1"){id}}`, record{"node": typed{"PageInfo", record{"id": "1"}}}, "node: a PageInfo for Node"},
		{`{node(id:"1"){id}}`, record{"node": record{"id": "1"}}, "node: a githubtest.record of no type for Node"},
		{"{licenses{name}}", record{"licenses": record{}}, "licenses: a githubtest.record for [License]!"},
	} {
		doc, err := s.parse(test.query)
		if err != nil {
			t.Fatal(err)
		}
		tb.reported = nil
		x := &execution{s: s}
		x.object(test.root, s.specs.schema.Query, doc.Operations[0].SelectionSet, nil)
		if got := strings.Join(tb.reported, "\n"); test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: reported %q, want %q", test.query, got, test.want)
		}
	}
}

// typed is a record of a type of its own.
type typed struct {
	name string
	record
}

func (t typed) typeName() string { return t.name }
