package spacelifttest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	maxBody     = 1 << 20
	maxMetadata = 8 << 10
	validUntil  = 1795310859
	metadata    = "Spacelift-User-Provided-Run-Metadata"
)

// A reply is an answer that is not yet sent.
type reply struct {
	status int
	body   []byte
}

type object = map[string]any

func answer(status int, v any) *reply {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // the stand-in's own values
	}
	return &reply{status, text}
}

func data(v object) *reply { return answer(http.StatusOK, object{"data": v}) }

// problem is an answer with one error of a field.
func problem(field, format string, args ...any) *reply {
	return answer(http.StatusOK, object{
		"data":   nil,
		"errors": []object{{"message": fmt.Sprintf(format, args...), "path": []string{field}}},
	})
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return // the client went away
	}
	request := Request{Method: r.Method, Path: r.RequestURI, Header: r.Header.Clone(), Body: string(body)}
	asked, wrong := parse(request)
	if asked != nil {
		request.Operation = asked.field
	}
	s.mu.Lock()
	s.requests = append(s.requests, request)
	s.count++
	n, faulty := s.count, s.fault
	s.mu.Unlock()

	var fault *Fault
	if faulty != nil {
		fault = faulty(n, request)
	}
	var result *reply
	switch {
	case wrong != nil:
		s.mu.Lock()
		s.errorf("%v", wrong)
		s.mu.Unlock()
		result, fault = answer(http.StatusBadRequest, object{"errors": []object{{"message": wrong.Error()}}}), nil
	case !fault.prevents():
		result = s.answer(r.Header, asked)
	}
	fault.send(w, r, result)
}

// authorized tells whether a request bears a token of this server.
func (s *Server) authorized(h http.Header) bool {
	token, ok := strings.CutPrefix(h.Get("Authorization"), "Bearer ")
	return ok && s.tokens[token]
}

// answer carries an operation out.
func (s *Server) answer(h http.Header, o *operation) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := o.variables
	if o.field == "apiKeyUser" {
		right := v["secret"] == s.options.KeySecret && s.options.KeySecret != ""
		if s.options.CheckSecret != nil {
			right = s.options.CheckSecret(v["secret"].(string))
		}
		if v["id"] != s.options.KeyID || !right {
			return problem(o.field, "unauthorized")
		}
		return data(object{o.field: object{"jwt": s.newToken(), "validUntil": validUntil}})
	}
	if !s.authorized(h) {
		return problem(o.field, "unauthorized")
	}
	if o.field == "debugInfo" {
		var version any
		if s.options.SelfHostedVersion != "" {
			version = s.options.SelfHostedVersion
		}
		return data(object{o.field: object{"selfHostedVersion": version}})
	}
	if o.field == "stack" {
		id := v["id"].(string)
		branch, ok := s.options.Stacks[id]
		switch {
		case !ok:
			return data(object{o.field: nil})
		case o.query == stackName:
			return data(object{o.field: object{"id": id, "name": id}})
		}
		return data(object{o.field: object{"id": id, "branch": branch}})
	}
	return s.trigger(h.Get(metadata), o)
}

func (s *Server) trigger(given string, o *operation) *reply {
	v := o.variables
	force := o.query == triggerForce
	if force && older(s.options.SelfHostedVersion) {
		return answer(http.StatusOK, object{"errors": []object{{"message": `Unknown argument "forceApply" on field "runTrigger" of type "Mutation".`}}})
	}
	stack := v["stack"].(string)
	if _, ok := s.options.Stacks[stack]; !ok {
		return problem(o.field, "stack not found")
	}
	sha, _ := v["sha"].(string) // null is the head of the stack's branch
	run := Run{
		ID: fmt.Sprintf("01KRUN%020d", len(s.runs)+1), Stack: stack, SHA: sha,
		Type: v["type"].(string), Metadata: given, ForceApply: force,
	}
	s.runs = append(s.runs, run)
	return data(object{o.field: object{"id": run.ID}})
}

// older tells whether a server that is somebody's own has no forceApply.
func older(version string) bool {
	var major, minor int
	if n, _ := fmt.Sscanf(strings.TrimPrefix(version, "v"), "%d.%d", &major, &minor); n < 2 {
		return version != ""
	}
	return major < 5 || major == 5 && minor < 1
}
