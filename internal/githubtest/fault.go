package githubtest

import (
	"fmt"
	"net/http"
	"strconv"
)

// A Fault is something that goes wrong with one request.
//
// Where one of Status, Body and GraphQLErrors is set the request is not carried
// out, unless Late is set too, and they are the answer. Otherwise it is carried
// out, and the other fields change the answer that it would have had.
type Fault struct {
	Status int // 200 where Body or GraphQLErrors is set alone
	Header http.Header
	Body   string
	// Late: the server fails after it has carried out the request.
	Late bool
	// GraphQLErrors is a JSON array, answered as "errors" beside "data": null.
	GraphQLErrors string
	// Null makes fields of a GraphQL answer null. A key is the path of a field
	// by aliases, such as "a7" or "a7/ref"; a part may be a pattern of
	// [path.Match], so that "*" is every alias of the query. A value is the type
	// of the error that goes with it, such as FORBIDDEN; where it is empty none
	// does. A key that no field of the query has fails the test.
	Null map[string]string
	// Cut closes the connection in the middle of the answer. Where the request is
	// carried out, it was; the client cannot know.
	Cut bool
}

// Fault makes requests fail. The function is called once for each, with n
// counted from 1 since the call of Fault, and the request's body; nil means that
// nothing goes wrong. It may be called by several goroutines at once, and may
// change the model.
func (s *Server) Fault(f func(n int, r *http.Request, body []byte) *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count = 0
	s.fault = f
}

// instead is the answer of a request that is not carried out, or nil.
func (f *Fault) instead() *reply {
	if f == nil || f.Status == 0 && f.Body == "" && f.GraphQLErrors == "" {
		return nil
	}
	answer := &reply{status: f.Status, header: http.Header{}, body: []byte(f.Body)}
	if f.Status == 0 {
		answer.status = http.StatusOK
	}
	answer.header.Set("Content-Type", "application/json; charset=utf-8")
	if f.GraphQLErrors != "" {
		answer.body = fmt.Appendf(nil, `{"data":null,"errors":%s}`, f.GraphQLErrors)
	}
	return answer
}

// send writes an answer, with what the fault does to any.
func (f *Fault) send(w http.ResponseWriter, answer *reply) {
	h := w.Header()
	for name, values := range answer.header {
		h[name] = values
	}
	body := answer.body
	if f != nil {
		for name, values := range f.Header {
			h[http.CanonicalHeaderKey(name)] = values
		}
		if f.Cut {
			// The length is promised, and half of it comes.
			h.Set("Content-Length", strconv.Itoa(max(len(body), 2)))
			w.WriteHeader(answer.status)
			_, _ = w.Write(body[:len(body)/2])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	}
	w.WriteHeader(answer.status)
	_, _ = w.Write(body)
}
