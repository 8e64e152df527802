package spaceliftapi_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/spaceliftapi"
	"github.com/countersign-ci/countersign/internal/spacelifttest"
)

// A recorded is a request that the stock spacectl sent.
type recorded struct {
	Path    string
	Headers map[string]string
	Body    struct {
		Query     string         `json:"query"`
		Variables map[string]any `json:"variables"`
	}
}

// recording reads what spacectl sends for `stack deploy`, then `stack preview`, or
// skips where there are no vectors at all.
func recording(t *testing.T) (all []recorded) {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "vectors")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the test vectors are absent: there is no folder %s", dir)
	}
	f, err := os.Open(filepath.Join(dir, "spacelift", "capture.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := json.NewDecoder(f); ; {
		var r recorded
		if err := d.Decode(&r); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if len(all) != 10 {
		t.Fatalf("the recording has %d requests, want 10", len(all))
	}
	return all
}

// part returns the requests for an operation.
func part(all []recorded, operation string) (some []recorded) {
	for _, r := range all {
		if strings.Contains(r.Body.Query, operation) {
			some = append(some, r)
		}
	}
	return some
}

// A shape is of a request what a server goes by.
type shape struct {
	Method, Path string
	Header       map[string]string // those that matter
	Body         any
}

var matter = []string{"Content-Type", "Authorization", "Spacelift-Client-Type", "Spacelift-Client-Os", "Spacelift-User-Provided-Run-Metadata"}

func shapeOf(t *testing.T, method, path string, header func(string) string, body []byte) shape {
	t.Helper()
	s := shape{method, path, map[string]string{}, nil}
	for _, name := range matter {
		if v := header(name); v != "" {
			s.Header[name] = v
		}
	}
	if s.Header["Spacelift-Client-Os"] != "" {
		s.Header["Spacelift-Client-Os"] = "linux" // where it was recorded
	}
	if err := json.Unmarshal(body, &s.Body); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRecording sends the recording's own values and compares the requests.
func TestRecording(t *testing.T) {
	all := recording(t)
	logins, versions, triggers := part(all, "apiKeyUser"), part(all, "debugInfo"), part(all, "runTrigger")
	if len(logins) == 0 || len(versions) == 0 || len(triggers) != 2 {
		t.Fatal("the recording lacks an operation")
	}
	text := func(v any) string { s, _ := v.(string); return s }
	login := logins[0].Body.Variables
	bearer := strings.TrimPrefix(versions[0].Headers["Authorization"], "Bearer ")

	stack := text(triggers[0].Body.Variables["stack"])
	s := spacelifttest.New(t, spacelifttest.Options{
		Stacks: map[string]string{stack: "main"}, KeyID: text(login["id"]), KeySecret: text(login["secret"]),
	})
	credentials := spaceliftapi.Credentials{Endpoint: s.URL() + "/graphql", KeyID: text(login["id"]), KeySecret: text(login["secret"])}
	// The server gives the token of the recording, which the stand-in does not know.
	s.Fault(func(n int, r spacelifttest.Request) *spacelifttest.Fault {
		body, _ := json.Marshal(map[string]any{"data": map[string]any{
			"apiKeyUser": map[string]any{"jwt": bearer, "validUntil": 1795310859},
			"debugInfo":  map[string]any{"selfHostedVersion": ""},
			"runTrigger": map[string]any{"id": "01RUN"},
		}})
		return &spacelifttest.Fault{Body: string(body)}
	})
	c, _ := clientOf(t, credentials)
	if err := c.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range triggers {
		v := r.Body.Variables
		url, err := c.Trigger(t.Context(), spaceliftapi.Run{
			Stack: text(v["stack"]), SHA: text(v["sha"]), Type: spaceliftapi.RunType(text(v["type"])),
			Token: r.Headers["Spacelift-User-Provided-Run-Metadata"],
		})
		if want := s.URL() + "/stack/my-stack/run/01RUN"; url != want || err != nil {
			t.Errorf("the run is at %q, want %q; error %v", url, want, err)
		}
	}
	var got, want []shape
	for _, r := range s.Requests() {
		got = append(got, shapeOf(t, r.Method, r.Path, r.Header.Get, []byte(r.Body)))
		if agent := r.Header.Get("User-Agent"); agent != "countersign" {
			t.Errorf("the user agent is %q", agent)
		}
		if os := r.Header.Get("Spacelift-Client-Os"); os != "" && os != runtime.GOOS {
			t.Errorf("the client's system is %q", os)
		}
	}
	for _, r := range []recorded{logins[0], versions[0], triggers[0], triggers[1]} {
		header := http.Header{}
		for name, value := range r.Headers {
			header.Set(name, value)
		}
		body, err := json.Marshal(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		s := shapeOf(t, "POST", r.Path, header.Get, body)
		if r.Body.Variables == nil {
			delete(s.Body.(map[string]any), "variables") // the field's zero value
		}
		want = append(want, s)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-recorded +sent):\n%s", diff)
	}
}

// TestBranchQuery has the one operation that is not spacectl's be in its style.
func TestBranchQuery(t *testing.T) {
	all := part(recording(t), "stack(id:")
	s, c, _ := loggedIn(t, options())
	if branch, err := c.Branch(t.Context(), "network"); branch != "main" || err != nil {
		t.Fatalf("branch %q, error %v", branch, err)
	}
	i := slices.IndexFunc(all, func(r recorded) bool { return strings.Contains(r.Body.Query, "{id,name}") })
	var body struct {
		Query     string
		Variables map[string]any
	}
	if err := json.Unmarshal([]byte(s.Requests()[0].Body), &body); err != nil || i < 0 {
		t.Fatal(err, i)
	}
	if want := strings.Replace(all[i].Body.Query, "name", "branch", 1); body.Query != want {
		t.Errorf("the query is %q, want %q", body.Query, want)
	}
	if diff := cmp.Diff(map[string]any{"id": "network"}, body.Variables); diff != "" {
		t.Error(diff)
	}
}
