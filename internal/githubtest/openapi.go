package githubtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// description is GitHub's description of REST.
type description struct{ doc *openapi3.T }

func loadDescription(file string) (*description, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		return nil, err
	}
	for i := range routes {
		if _, err := (&description{doc}).operation(&routes[i]); err != nil {
			return nil, err
		}
	}
	return &description{doc}, nil
}

func (d *description) operation(r *route) (*routers.Route, error) {
	item := d.doc.Paths.Value(r.described())
	if item == nil || item.GetOperation(r.method) == nil {
		return nil, fmt.Errorf("%s %s is not described", r.method, r.described())
	}
	return &routers.Route{
		Spec: d.doc, Path: r.described(), PathItem: item, Method: r.method, Operation: item.GetOperation(r.method),
	}, nil
}

// input makes the route by hand: kin-openapi's routers match no {ref} of several
// parts.
func (d *description) input(r *route, c *call, body []byte) (*openapi3filter.RequestValidationInput, error) {
	found, err := d.operation(r)
	if err != nil {
		return nil, err
	}
	request := c.request.Clone(context.Background())
	request.Body = io.NopCloser(bytes.NewReader(body))
	options := &openapi3filter.Options{
		IncludeResponseStatus: true, RejectWhenRequestBodyNotSpecified: true, SkipSettingDefaults: true, MultiError: true,
	}
	options.WithCustomSchemaErrorFunc(func(err *openapi3.SchemaError) string {
		return fmt.Sprintf("/%s: %s", strings.Join(err.JSONPointer(), "/"), err.Reason) // and not the whole schema
	})
	return &openapi3filter.RequestValidationInput{
		Request: request, PathParams: c.params, QueryParams: c.query, Route: found, Options: options,
	}, nil
}

func (d *description) checkRequest(r *route, c *call, body []byte) error {
	input, err := d.input(r, c, body)
	if err != nil {
		return err
	}
	return openapi3filter.ValidateRequest(context.Background(), input)
}

// checkResponse checks status, headers and body. GitHub leaves the statuses of
// errors out of many a description; their body is known nevertheless.
func (d *description) checkResponse(r *route, c *call, answer *reply) error {
	input, err := d.input(r, c, nil)
	if err != nil {
		return err
	}
	if answer.status >= http.StatusBadRequest && input.Route.Operation.Responses.Status(answer.status) == nil {
		var body any
		if err := json.Unmarshal(answer.body, &body); err != nil {
			return err
		}
		return d.doc.Components.Schemas["basic-error"].Value.VisitJSON(body)
	}
	options := *input.Options
	// A sha alone is a text, for which kin-openapi has no decoder.
	options.ExcludeResponseBody = !strings.HasPrefix(answer.header.Get("Content-Type"), "application/json")
	response := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: answer.status, Header: answer.header, Options: &options,
	}
	return openapi3filter.ValidateResponse(context.Background(), response.SetBodyBytes(answer.body))
}
