package spaceliftapi

import (
	"errors"

	"github.com/countersign-ci/countersign/internal/jose"
)

// A fields is an object in an answer; nil is a null.
type fields []jose.Member

// get returns a member; ok tells whether it is there.
func (f fields) get(name string) (v jose.Value, ok bool) {
	return jose.Value{Kind: jose.Object, Members: f}.Get(name)
}

// object goes into a member that is an object, or null; ok tells whether it is either.
func (f fields) object(name string) (inner fields, ok bool) {
	switch v, there := f.get(name); {
	case there && v.Kind == jose.Object:
		return append(fields{}, v.Members...), true
	case there && v.Kind == jose.Null:
		return nil, true
	}
	return nil, false
}

// text returns a member that is a string; ok tells whether it is one.
func (f fields) text(name string) (text string, ok bool) {
	v, ok := f.get(name)
	return v.Text, ok && v.Kind == jose.String
}

// integer tells whether a member is an integer.
func (f fields) integer(name string) bool {
	v, ok := f.get(name)
	_, err := v.Int()
	return ok && err == nil
}

// null tells whether a member is there and null.
func (f fields) null(name string) bool {
	v, ok := f.get(name)
	return ok && v.Kind == jose.Null
}

// parseAnswer returns the data and the messages of the errors in the body of an answer
// (GraphQL, October 2021, section 7.1). The data is nil where it is null, or is absent
// beside errors.
func parseAnswer(body string) (data fields, messages []string, err error) {
	v, err := jose.ParseJSON(body)
	if err != nil {
		return nil, nil, errors.New("the answer is no JSON, or JSON of which not all readers make the same")
	}
	if v.Kind != jose.Object {
		return nil, nil, errors.New("the answer is no answer of GraphQL")
	}
	// Some servers send an empty list, or a null, where nothing is wrong.
	list, _ := v.Get("errors")
	if list.Kind != jose.Array && list.Kind != jose.Null {
		return nil, nil, errors.New("the errors in the answer are no list")
	}
	for _, e := range list.Members {
		text, ok := fields(e.Value.Members).text("message")
		if !ok {
			return nil, nil, errors.New("an error in the answer has no message")
		}
		messages = append(messages, text)
	}
	all := fields(v.Members)
	data, ok := all.object("data")
	if _, there := all.get("data"); !ok && (there || len(messages) == 0) {
		return nil, nil, errors.New("the answer has no data")
	}
	return data, messages, nil
}
