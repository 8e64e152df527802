package githubtest

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// Types of GraphQL errors.
const (
	notFound      = "NOT_FOUND"
	staleData     = "STALE_DATA"
	unprocessable = "UNPROCESSABLE"
	invalidOID    = "argumentLiteralsIncompatible"
)

// A failure is an error of a GraphQL answer. GitHub puts the type beside the
// message, where the standard would have it among the extensions.
type failure struct {
	Type       string         `json:"type,omitempty"`
	Path       []any          `json:"path,omitempty"`
	Extensions map[string]any `json:"extensions,omitempty"`
	Locations  []location     `json:"locations,omitempty"`
	Message    string         `json:"message"`
}

type location struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

func (f *failure) Error() string { return f.Message }

// graphQL answers a POST of a query. A query that the schema does not allow is
// answered as on GitHub and fails the test too.
func (s *Server) graphQL(r *http.Request, body []byte, fault *Fault) *reply {
	if r.Method != http.MethodPost {
		s.errorf("%s to GraphQL", r.Method)
		return problem(http.StatusNotFound, "Not Found")
	}
	var sent struct {
		Query         string         `json:"query"`
		Variables     map[string]any `json:"variables"`
		OperationName string         `json:"operationName"`
	}
	if err := json.Unmarshal(body, &sent); err != nil {
		s.errorf("a GraphQL request that is no JSON: %v", err)
		return problem(http.StatusBadRequest, "Problems parsing JSON")
	}
	doc, err := s.parse(sent.Query)
	if err != nil {
		return s.invalid(err, sent.Query)
	}
	operation := doc.Operations.ForName(sent.OperationName)
	if operation == nil {
		return s.invalid(errors.New("there is no such operation"), sent.Query)
	}
	variables, err := s.coerce(operation, sent.Variables)
	if err != nil {
		return s.invalid(err, sent.Query)
	}
	x := &execution{s: s, fault: fault, variables: variables, fragments: doc.Fragments, used: map[string]bool{}}
	if x.bounds(operation); len(x.failures) > 0 {
		return answerJSON(http.StatusOK, map[string]any{"data": nil, "errors": x.failures})
	}
	data := x.run(operation)
	if fault != nil {
		for pattern := range fault.Null {
			if !x.used[pattern] {
				s.errorf("a fault at %q, and the query has no such field: %s", pattern, sent.Query)
			}
		}
	}
	answer := appendJSON([]byte(`{"data":`), data)
	if len(x.failures) > 0 {
		errors, _ := json.Marshal(x.failures)
		answer = append(append(answer, `,"errors":`...), errors...)
	}
	return &reply{
		status: http.StatusOK, body: append(answer, '}'),
		header: http.Header{"Content-Type": {"application/json; charset=utf-8"}},
	}
}

// parsed holds the valid queries so far by their text, for benchmarks, which ask
// the same over and over.
var parsed sync.Map

// parse reads and validates a query.
func (s *Server) parse(query string) (*ast.QueryDocument, error) {
	if doc, ok := parsed.Load(query); ok {
		return doc.(*ast.QueryDocument), nil
	}
	doc, err := parser.ParseQuery(&ast.Source{Input: query})
	if err != nil {
		return nil, err
	}
	if errs := validator.ValidateWithRules(s.specs.schema, doc, nil); len(errs) > 0 {
		return nil, errs
	}
	parsed.Store(query, doc)
	return doc, nil
}

// invalid reports a query that is wrong in itself.
func (s *Server) invalid(err error, query string) *reply {
	s.errorf("an invalid GraphQL query: %v\n%s", err, query)
	var failures []failure
	var list gqlerror.List
	if !errors.As(err, &list) {
		failures = append(failures, failure{Message: err.Error()})
	}
	for _, e := range list {
		failures = append(failures, failure{Message: e.Message})
	}
	return answerJSON(http.StatusOK, map[string]any{"errors": failures})
}

// A member is one name of a JSON object. GraphQL keeps the order of the query.
type member struct {
	name  string
	value any
}

func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case []member:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(strconv.AppendQuote(b, m.name), ':') // a name of GraphQL needs no escape
			b = appendJSON(b, m.value)
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, e)
		}
		return append(b, ']')
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // leaves are checked
	}
	return append(b, text...)
}
