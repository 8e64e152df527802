package github

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/countersign-ci/countersign/internal/pin"
)

// Types of GraphQL errors, as GitHub has them beside the message.
const (
	typeNotFound = "NOT_FOUND"
	typeStale    = "STALE_DATA"
	typeTooMuch  = "RESOURCE_LIMITS_EXCEEDED"
)

// typesLimited come with the status 200 where there were too many requests.
var typesLimited = []string{"RATE_LIMITED", "RATE_LIMIT"}

// A graphError is one of the errors of a GraphQL answer.
type graphError struct {
	Type       string `json:"type"`
	Path       []any  `json:"path"`
	Message    string `json:"message"`
	Extensions struct {
		SAML bool `json:"saml_failure"`
	} `json:"extensions"`
}

// place is the path, such as r0/t3.
func (e *graphError) place() string {
	parts := make([]string, len(e.Path))
	for i, p := range e.Path {
		parts[i] = fmt.Sprint(p)
	}
	return strings.Join(parts, "/")
}

// noAncestor is what GitHub says instead of comparing commits that have nothing
// in common, such as those of an orphan branch.
const noAncestor = "No common ancestor"

func (e *graphError) notFound() bool {
	return e.Type == typeNotFound || strings.HasPrefix(e.Message, noAncestor)
}

// graphBody is the body of an answer. Its data may be null beside errors.
type graphBody struct {
	Data   json.RawMessage `json:"data"`
	Errors []*graphError   `json:"errors"`
}

func isGraphLimit(body []byte) bool {
	if !bytes.Contains(body, []byte("RATE_LIMIT")) {
		return false
	}
	var b graphBody
	return json.Unmarshal(body, &b) == nil &&
		slices.ContainsFunc(b.Errors, func(e *graphError) bool { return slices.Contains(typesLimited, e.Type) })
}

// A query is the text of a GraphQL operation in the making. All values are
// variables.
type query struct {
	operation      string // query or mutation
	declared, body strings.Builder
	names          map[string]string // of variables, by type and value
	values         map[string]any
	refs           bool // the text uses the fragment R
}

func newQuery(operation string) *query {
	return &query{operation: operation, names: map[string]string{}, values: map[string]any{}}
}

// value returns the variable for a value of a GraphQL type.
func (q *query) value(kind, v string) string {
	key := kind + " " + v
	name, ok := q.names[key]
	if !ok {
		name = q.declare(kind, v)
		q.names[key] = name
	}
	return name
}

// declare makes a variable.
func (q *query) declare(kind string, v any) string {
	name := fmt.Sprintf("v%d", len(q.values))
	q.values[name] = v
	fmt.Fprintf(&q.declared, "$%s:%s ", name, kind)
	return "$" + name
}

func (q *query) add(format string, args ...any) { fmt.Fprintf(&q.body, format, args...) }

// open begins the part of a repository; "}" ends it.
func (q *query) open(alias string, r pin.Repository) {
	q.add("%s:repository(owner:%s,name:%s){__typename ", alias, q.value("String!", r.Owner), q.value("String!", r.Name))
}

// maxTags is how many tag objects may lie between a ref and its commit.
const maxTags = 6

// fragmentRef is a ref with what it leads to.
var fragmentRef = "fragment R on Ref{prefix name target{__typename oid" +
	strings.Repeat(" ...on Tag{target{__typename oid", maxTags) + strings.Repeat("}}", maxTags) + "}}"

// ref asks for a ref by its full name.
func (q *query) ref(alias, full string) {
	q.refs = true
	q.add("%s:ref(qualifiedName:%s){...R}", alias, q.value("String!", full))
}

// tags asks for a page of tags, those with the newest commits first. What is empty
// of part and after is not asked.
func (q *query) tags(alias, part, after string, first int) {
	q.refs = true
	q.add(`%s:refs(refPrefix:"refs/tags/",first:%d,orderBy:{field:TAG_COMMIT_DATE,direction:DESC}`, alias, first)
	if part != "" {
		q.add(",query:%s", q.value("String!", part))
	}
	if after != "" {
		q.add(",after:%s", q.value("String!", after))
	}
	q.add("){nodes{...R}pageInfo{hasNextPage endCursor}}")
}

// object asks what kind of object a digest is of.
func (q *query) object(alias, digest string) {
	if len(digest) == 40 {
		q.add("%s:object(oid:%s){__typename oid}", alias, q.value("GitObjectID!", digest))
		return
	}
	// GitHub knows SHA-1 ids only. A branch may have 64 digits for its name; then
	// the oid in the answer differs.
	q.add("%s:object(expression:%s){__typename oid}", alias, q.value("String!", digest))
}

func (q *query) encode() ([]byte, error) {
	text := q.operation
	if len(q.values) > 0 {
		text += "(" + strings.TrimSpace(q.declared.String()) + ")"
	}
	text += "{" + q.body.String() + "}"
	if q.refs {
		text += fragmentRef
	}
	return json.Marshal(map[string]any{"query": text, "variables": q.values})
}

// post sends an operation and returns its data and its errors.
func (c *Client) post(ctx context.Context, q *query, as manner) (json.RawMessage, []*graphError, error) {
	if err := take(ctx, c.slots); err != nil {
		return nil, nil, err
	}
	defer release(c.slots)
	body, err := q.encode()
	if err != nil {
		return nil, nil, err
	}
	r, err := newPost(ctx, c.graphQL, body)
	if err != nil {
		return nil, nil, err
	}
	as.limited = isGraphLimit
	a, err := c.sender.send(r, as)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case a.status == http.StatusNotFound:
		return nil, nil, errNoGraphQL
	case a.status/100 == 3:
		return nil, nil, &Error{Reason: fmt.Sprintf("%s answered %d, a redirect, which is not followed", c.graphQL.Host, a.status), Advice: adviceAddress}
	case a.status != http.StatusOK:
		var problem struct{ Message string }
		_ = json.Unmarshal(a.body, &problem) // else there is no message
		return nil, nil, c.sender.refused(c.graphQL.Host, a.status, a.header, problem.Message)
	}
	var b graphBody
	if err := json.Unmarshal(a.body, &b); err != nil {
		return nil, nil, c.unreadable("the answer is no JSON, or no answer of GraphQL")
	}
	return b.Data, b.Errors, nil
}

// ask sends a query. Where it halves, [errTooMuch] says that a smaller one should
// be tried. Any error of the server but that something does not exist is an error.
func (c *Client) ask(ctx context.Context, q *query, halves bool) (*field, error) {
	data, errs, err := c.post(ctx, q, manner{safe: true, halves: halves})
	if err != nil {
		return nil, err
	}
	missing := map[string]bool{}
	for _, e := range errs {
		switch {
		case e.Type == typeTooMuch && halves:
			return nil, errTooMuch
		case !e.notFound() || len(e.Path) == 0:
			return nil, c.failed(e)
		}
		missing[e.place()] = true
	}
	root := &field{client: c, missing: missing}
	if json.Unmarshal(data, &root.members) != nil || root.members == nil {
		return nil, c.unreadable("the answer has no data")
	}
	return root, nil
}

// failed is the error for an error of a GraphQL answer.
func (c *Client) failed(e *graphError) error {
	failure := &Error{Reason: c.graphQL.Host + ": " + c.sender.quote(e.Message), Advice: adviceLater}
	if e.Type != "" {
		failure.Reason += " (" + strings.Trim(c.sender.quote(e.Type), `"`) + ")"
	}
	switch {
	case e.Extensions.SAML || isSAML(e.Message):
		failure.Advice = adviceSAML
	case e.Type == "FORBIDDEN" || e.Type == "INSUFFICIENT_SCOPES":
		failure.Advice = adviceRead
	case e.Type == typeTooMuch:
		failure.Advice = "one ref alone is too much for the server; try again later, or without a token, which asks in another way"
	}
	return failure
}

// A field is an object in an answer. Its path is that of the aliases.
type field struct {
	client  *Client
	path    string
	members map[string]json.RawMessage
	missing map[string]bool // paths of which the server says NOT_FOUND
}

// A state is whether a field has a value.
type state int

const (
	present state = iota
	absent        // null, and the server says that there is no such thing
	silent        // null, and no error says why
)

// get decodes a member. Only where it is present v is changed.
func (f *field) get(name string, v any) (state, error) {
	at := f.at(name)
	raw, ok := f.members[name]
	switch {
	case !ok:
		return 0, f.client.unreadable("the answer lacks %s", at)
	case !bytes.Equal(raw, []byte("null")):
		if err := json.Unmarshal(raw, v); err != nil {
			return 0, f.client.unreadable("%s in the answer has the wrong form", at)
		}
		return present, nil
	case f.missing[at]:
		return absent, nil
	}
	for place := range f.missing {
		if strings.HasPrefix(place, at+"/") {
			return 0, f.client.unreadable("%s in the answer is null because of %s", at, place)
		}
	}
	return silent, nil
}

func (f *field) at(name string) string {
	if f.path == "" {
		return name
	}
	return f.path + "/" + name
}

// object goes into a member that is an object. It is nil unless it is present.
func (f *field) object(name string) (*field, state, error) {
	inner := &field{client: f.client, path: f.at(name), missing: f.missing}
	state, err := f.get(name, &inner.members)
	if err != nil || state != present {
		return nil, state, err
	}
	return inner, present, nil
}

// repository goes into the part of a repository, nil where there is none.
func (f *field) repository(alias string) (*field, error) {
	inner, state, err := f.object(alias)
	if err == nil && state == silent {
		// It may well exist.
		return nil, f.client.unreadable("the repository at %s is null, and no error says why", f.at(alias))
	}
	return inner, err
}

// held tells whether a comparison says that its base holds its head. Where the two
// could not be compared it does not.
func (f *field) held(alias string) (bool, error) {
	var comparison struct{ Status string }
	state, err := f.get(alias, &comparison)
	if err != nil || state != present {
		return false, err
	}
	switch comparison.Status {
	case "BEHIND", "IDENTICAL":
		return true, nil
	case "AHEAD", "DIVERGED":
		return false, nil
	}
	return false, f.client.unreadable("%s has an unknown status", f.at(alias))
}

// nodes goes into the nodes of a connection and returns the cursor of the next
// page, empty where there is none.
func (f *field) nodes(alias string) (nodes []*field, next string, err error) {
	connection, state, err := f.object(alias)
	if err != nil {
		return nil, "", err
	}
	if state != present {
		return nil, "", f.client.unreadable("%s is null", f.at(alias))
	}
	var list []map[string]json.RawMessage
	var info struct {
		HasNextPage bool
		EndCursor   string
	}
	for _, part := range []struct {
		name string
		v    any
	}{{"nodes", &list}, {"pageInfo", &info}} {
		state, err := connection.get(part.name, part.v)
		if err == nil && state != present {
			err = f.client.unreadable("%s is null", connection.at(part.name))
		}
		if err != nil {
			return nil, "", err
		}
	}
	for i, members := range list {
		if members == nil {
			return nil, "", f.client.unreadable("%s/nodes/%d is null", connection.path, i)
		}
		nodes = append(nodes, &field{f.client, fmt.Sprintf("%s/nodes/%d", connection.path, i), members, f.missing})
	}
	if info.HasNextPage {
		if info.EndCursor == "" {
			return nil, "", f.client.unreadable("%s has a next page and no cursor", connection.path)
		}
		next = info.EndCursor
	}
	return nodes, next, nil
}
