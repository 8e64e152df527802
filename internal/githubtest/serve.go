package githubtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A reply is an answer that is not yet sent.
type reply struct {
	status int
	header http.Header
	body   []byte
	hook   func() // called before it is sent, nil for none
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return // the client went away
	}
	// RFC 9112, section 3.2.2: a server takes the absolute form too.
	path, query, _ := strings.Cut(strings.TrimPrefix(r.RequestURI, s.url), "?")
	graphQL := path == graphQLPath

	s.mu.Lock()
	s.count++
	s.requests = append(s.requests, Request{
		Method: r.Method, Path: path, Query: query, Header: r.Header.Clone(), Body: string(body), GraphQL: graphQL,
	})
	n, delay, faulty := s.count, s.delay, s.fault
	s.mu.Unlock()

	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
			return
		}
	}
	var fault *Fault
	if faulty != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		fault = faulty(n, r, body)
	}
	answer := fault.instead()
	if answer == nil || fault.Late {
		real := s.answer(r, path, query, body, graphQL, fault)
		answer = cmp.Or(answer, real)
		answer.hook = real.hook
	}
	if answer.hook != nil {
		answer.hook()
	}
	fault.send(w, answer)
}

// answer answers from the model.
func (s *Server) answer(r *http.Request, path, query string, body []byte, graphQL bool, fault *Fault) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	var answer *reply
	if refused := s.authorize(r, graphQL); refused != nil {
		answer = refused
	} else if graphQL {
		answer = s.graphQL(r, body, fault)
	} else {
		answer = s.rest(r, path, query, body)
	}
	h := answer.header
	h.Set("X-RateLimit-Limit", "5000")
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, 5000-s.count)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10))
	h.Set("X-RateLimit-Resource", map[bool]string{true: "graphql", false: "core"}[graphQL])
	return answer
}

// authorize refuses a request without the right token, as GitHub does.
func (s *Server) authorize(r *http.Request, graphQL bool) *reply {
	given := r.Header.Get("Authorization")
	token, bearer := strings.CutPrefix(given, "Bearer ")
	switch {
	case given == "" && graphQL:
		return problem(http.StatusUnauthorized, "This endpoint requires you to be authenticated.")
	case given == "" && s.token != "":
		return problem(http.StatusUnauthorized, "Requires authentication")
	case given != "" && (!bearer || token == "" || s.token != "" && token != s.token):
		return problem(http.StatusUnauthorized, "Bad credentials")
	}
	return nil
}

// answerJSON is an answer with a JSON body.
func answerJSON(status int, body any) *reply {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // the stand-in's own values
	}
	return &reply{status: status, body: text, header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}
}

// problem is what GitHub answers with an error status. REST's description calls
// the shape basic-error, or validation-error where details are given.
func problem(status int, message string, details ...any) *reply {
	body := map[string]any{
		"message":           message,
		"documentation_url": "https://docs.github.com/rest",
		"status":            strconv.Itoa(status),
	}
	if len(details) > 0 {
		body["errors"] = details
	}
	return answerJSON(status, body)
}
