package githubtest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// A recorder is a testing.TB that keeps what is reported to it.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	reported []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reported = append(r.reported, fmt.Sprintf(format, args...))
}

// want checks that exactly one thing was reported, and what.
func (r *recorder) want(t *testing.T, text string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.reported) != 1 || !strings.Contains(r.reported[0], text) {
		t.Errorf("reported %q, want one report with %q", r.reported, text)
	}
	r.reported = nil
}

type object = map[string]any

// send makes a request, with a token, and returns what came.
func send(t testing.TB, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer secret")
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(answer)
}

// ask sends a GraphQL query and returns the data and the errors of the answer.
func ask(t testing.TB, s *githubtest.Server, query string, variables object) (data object, errors []object) {
	t.Helper()
	body, err := json.Marshal(object{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	response, text := send(t, http.MethodPost, s.GraphQLURL(), string(body))
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", response.StatusCode, text)
	}
	var answer struct {
		Data   object
		Errors []object
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return answer.Data, answer.Errors
}

// rest asks REST and returns the body as JSON.
func rest(t testing.TB, s *githubtest.Server, method, path, body string, status int) any {
	t.Helper()
	response, text := send(t, method, s.URL()+path, body)
	if response.StatusCode != status {
		t.Errorf("%s %s: status %d, want %d: %s", method, path, response.StatusCode, status, text)
	}
	if text == "" {
		return nil
	}
	var answer any
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, text)
	}
	return answer
}

// pick follows names and indexes into JSON.
func pick(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(object)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// same compares two values as JSON has them.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	plain := func(v any) (plain any) {
		text, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(text, &plain)
		}
		if err != nil {
			t.Fatal(err)
		}
		return plain
	}
	if diff := cmp.Diff(plain(want), plain(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
