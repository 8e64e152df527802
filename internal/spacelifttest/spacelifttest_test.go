package spacelifttest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/spacelifttest"
)

const (
	sha    = "0123456789abcdef0123456789abcdef01234567"
	branch = "query($id:ID!){stack(id: $id){id,branch}}"
	login  = "mutation($id:ID!$secret:String!){apiKeyUser(id: $id, secret: $secret){jwt,validUntil}}"
	start  = "mutation($runtimeConfig:RuntimeConfigInput$sha:String$stack:ID!$type:RunType){runTrigger(stack: $stack, commitSha: $sha, runType: $type, runtimeConfig: $runtimeConfig){id}}"
)

type object = map[string]any

// A complaint is a test that notes what is complained of.
type complaint struct {
	testing.TB
	all []string
}

func (c *complaint) Helper() {}

func (c *complaint) Errorf(format string, args ...any) {
	c.all = append(c.all, fmt.Sprintf(format, args...))
}

// A post is a request, and an answer to it.
type post struct {
	method, path string
	header       map[string]string // an empty value takes one away
	body         string
}

// operation is a request of a right client; without a token it bears none.
func operation(token, query string, variables object) post {
	body := object{"query": query}
	if variables != nil {
		body["variables"] = variables
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	p := post{"POST", "/graphql", map[string]string{"Content-Type": "application/json"}, string(text)}
	if token != "" {
		p.header["Authorization"] = "Bearer " + token
		p.header["Spacelift-Client-Type"], p.header["Spacelift-Client-Os"] = "spacectl", "linux"
	}
	return p
}

func (p post) send(t *testing.T, s *spacelifttest.Server) (int, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), p.method, s.URL()+p.path, strings.NewReader(p.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range p.header {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// want compares an answer as JSON.
func (p post) want(t *testing.T, s *spacelifttest.Server, want string) {
	t.Helper()
	status, body, err := p.send(t, s)
	var a, b any
	if err != nil || status != 200 || json.Unmarshal([]byte(body), &a) != nil || json.Unmarshal([]byte(want), &b) != nil || !cmp.Equal(a, b) {
		t.Errorf("%.80s…: %d %s, error %v; want %s", p.body, status, body, err, want)
	}
}

func account(version string) spacelifttest.Options {
	return spacelifttest.Options{
		Stacks: map[string]string{"network": "main"}, KeyID: "01KEYID", KeySecret: "sekret", SelfHostedVersion: version,
	}
}

func run(kind string) object {
	return object{"stack": "network", "sha": sha, "type": kind, "runtimeConfig": nil}
}

func forced() object {
	v := run("TRACKED")
	v["forceApply"] = nil
	return v
}

const force = "mutation($forceApply:ForceApplyMode$runtimeConfig:RuntimeConfigInput$sha:String$stack:ID!$type:RunType){runTrigger(stack: $stack, commitSha: $sha, runType: $type, runtimeConfig: $runtimeConfig, forceApply: $forceApply){id}}"

func TestAnswers(t *testing.T) {
	s := spacelifttest.New(t, account(""))
	_, body, err := operation("", login, object{"id": "01KEYID", "secret": "sekret"}).send(t, s)
	var got struct {
		Data struct {
			APIKeyUser struct {
				JWT        string
				ValidUntil int
			}
		}
	}
	if err != nil || json.Unmarshal([]byte(body), &got) != nil || strings.Count(got.Data.APIKeyUser.JWT, ".") != 2 || got.Data.APIKeyUser.ValidUntil == 0 {
		t.Fatalf("%s, error %v", body, err)
	}
	const unauthorized = `{"data":null,"errors":[{"message":"unauthorized","path":["%s"]}]}`
	for _, v := range []object{{"id": "01KEYID", "secret": "other"}, {"id": "01OTHER", "secret": "sekret"}} {
		operation("", login, v).want(t, s, fmt.Sprintf(unauthorized, "apiKeyUser"))
	}
	operation("a.b.c", branch, object{"id": "network"}).want(t, s, fmt.Sprintf(unauthorized, "stack"))
	operation("a.b.c", start, run("PROPOSED")).want(t, s, fmt.Sprintf(unauthorized, "runTrigger"))
	for _, token := range []string{got.Data.APIKeyUser.JWT, s.Token()} {
		operation(token, branch, object{"id": "network"}).want(t, s, `{"data":{"stack":{"id":"network","branch":"main"}}}`)
	}
	token := s.Token()
	operation(token, strings.Replace(branch, "branch", "name", 1), object{"id": "network"}).want(t, s, `{"data":{"stack":{"id":"network","name":"network"}}}`)
	operation(token, branch, object{"id": "gone"}).want(t, s, `{"data":{"stack":null}}`)
	operation(token, "{debugInfo{selfHostedVersion}}", nil).want(t, s, `{"data":{"debugInfo":{"selfHostedVersion":null}}}`)

	p := operation(token, start, run("PROPOSED"))
	p.header["Spacelift-User-Provided-Run-Metadata"] = "the token"
	p.want(t, s, `{"data":{"runTrigger":{"id":"01KRUN00000000000000000001"}}}`)
	operation(token, force, forced()).want(t, s, `{"data":{"runTrigger":{"id":"01KRUN00000000000000000002"}}}`)
	want := []spacelifttest.Run{
		{ID: "01KRUN00000000000000000001", Stack: "network", SHA: sha, Type: "PROPOSED", Metadata: "the token"},
		{ID: "01KRUN00000000000000000002", Stack: "network", SHA: sha, Type: "TRACKED", ForceApply: true},
	}
	if diff := cmp.Diff(want, s.Runs()); diff != "" {
		t.Error(diff)
	}
	s.Revoke()
	operation(token, branch, object{"id": "network"}).want(t, s, fmt.Sprintf(unauthorized, "stack"))
}

func TestSelfHosted(t *testing.T) {
	const unknown = `{"errors":[{"message":"Unknown argument \"forceApply\" on field \"runTrigger\" of type \"Mutation\"."}]}`
	for version, want := range map[string]string{"5.0.9": unknown, "v4.2.0": unknown, "5.1.0": "", "6.0.0": "", "v5.1.0": "", "nightly": unknown} {
		s := spacelifttest.New(t, account(version))
		operation(s.Token(), "{debugInfo{selfHostedVersion}}", nil).want(t, s, `{"data":{"debugInfo":{"selfHostedVersion":"`+version+`"}}}`)
		if want == "" {
			want = `{"data":{"runTrigger":{"id":"01KRUN00000000000000000001"}}}`
		}
		operation(s.Token(), force, forced()).want(t, s, want)
		if want == unknown && len(s.Runs()) != 0 {
			t.Errorf("%s: %d runs", version, len(s.Runs()))
		}
	}
}

// What no right client sends fails the test, and starts nothing.
func TestComplaints(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*post)
		says   string
	}{
		"GET":             {func(p *post) { p.method = "GET" }, "GET /graphql"},
		"another path":    {func(p *post) { p.path = "/graphql/" }, "POST /graphql/"},
		"a query":         {func(p *post) { p.path = "/graphql?x" }, "POST /graphql?x"},
		"no type":         {func(p *post) { p.header["Content-Type"] = "" }, "content type"},
		"a type":          {func(p *post) { p.header["Content-Type"] = "text/plain" }, "content type"},
		"no token":        {func(p *post) { p.header["Authorization"] = "" }, "bears no token"},
		"basic":           {func(p *post) { p.header["Authorization"] = "Basic x" }, "bears no token"},
		"no client":       {func(p *post) { p.header["Spacelift-Client-Type"] = "" }, "which client"},
		"no system":       {func(p *post) { p.header["Spacelift-Client-Os"] = "" }, "which client"},
		"too much":        {func(p *post) { p.header["Spacelift-User-Provided-Run-Metadata"] = strings.Repeat("x", 8193) }, "8192 bytes"},
		"no JSON":         {func(p *post) { p.body = "x" }, "no JSON"},
		"no query":        {func(p *post) { p.body = "{}" }, "no JSON with a query"},
		"more":            {func(p *post) { p.body = strings.Replace(p.body, "{", `{"x":1,`, 1) }, "no JSON with a query"},
		"an operation":    {func(p *post) { p.body = `{"query":"{viewer{id}}"}` }, "does not know"},
		"a space":         {func(p *post) { p.body = strings.Replace(p.body, "{id}", "{ id }", 1) }, "does not know"},
		"a variable less": {func(p *post) { p.body = strings.Replace(p.body, `"runtimeConfig":null,`, "", 1) }, "other variables"},
		"a variable more": {func(p *post) {
			p.body = strings.Replace(p.body, `"runtimeConfig":null,`, `"runtimeConfig":null,"x":1,`, 1)
		}, "other variables"},
		"another one":     {func(p *post) { p.body = strings.Replace(p.body, `"sha":`, `"SHA":`, 1) }, "other variables"},
		"a type of run":   {func(p *post) { p.body = strings.Replace(p.body, "PROPOSED", "TASK", 1) }, "no run type"},
		"a number":        {func(p *post) { p.body = strings.Replace(p.body, `"network"`, "1", 1) }, "stack is no text"},
		"no stack":        {func(p *post) { p.body = strings.Replace(p.body, `"network"`, "null", 1) }, "stack is no text"},
		"a configuration": {func(p *post) { p.body = strings.Replace(p.body, `"runtimeConfig":null`, `"runtimeConfig":"x"`, 1) }, "runtimeConfig is no null"},
		"metadata, login": {func(p *post) {
			*p = operation("", login, object{"id": "a", "secret": "b"})
			p.header["Spacelift-User-Provided-Run-Metadata"] = "x"
		}, "has metadata"},
		"a token at login": {func(p *post) { *p = operation("x", login, object{"id": "a", "secret": "b"}) }, "bears a token"},
	} {
		c := &complaint{TB: t}
		s := spacelifttest.New(c, account(""))
		p := operation(s.Token(), start, run("PROPOSED"))
		test.change(&p)
		status, _, err := p.send(t, s)
		if err != nil || status != 400 || len(c.all) != 1 || !strings.Contains(c.all[0], test.says) || len(s.Runs()) != 0 {
			t.Errorf("%s: %d, error %v, complaints %q, %d runs", name, status, err, c.all, len(s.Runs()))
		}
		if got := s.Requests(); len(got) != 1 || got[0].Body != p.body {
			t.Errorf("%s: requests %+v", name, got)
		}
	}
}

func TestFaults(t *testing.T) {
	for name, test := range map[string]struct {
		fault spacelifttest.Fault
		says  string // empty: no whole answer
		runs  int
	}{
		"status":         {spacelifttest.Fault{Status: 502, Body: "<html>"}, "502 <html>", 0},
		"status, late":   {spacelifttest.Fault{Status: 502, Late: true}, "502 ", 1},
		"body":           {spacelifttest.Fault{Body: "x"}, "200 x", 0},
		"errors":         {spacelifttest.Fault{Errors: `[{"message":"m"}]`}, `200 {"data":null,"errors":[{"message":"m"}]}`, 0},
		"cut":            {spacelifttest.Fault{Cut: true}, "", 0},
		"cut, late":      {spacelifttest.Fault{Cut: true, Late: true}, "", 1},
		"half":           {spacelifttest.Fault{Half: true}, "", 1},
		"half of a 502":  {spacelifttest.Fault{Status: 502, Body: "12", Half: true}, "", 0},
		"a header alone": {spacelifttest.Fault{Header: http.Header{"X-A": {"b"}}}, `200 {"data":{"runTrigger":{"id":"01KRUN00000000000000000001"}}}`, 1},
	} {
		s := spacelifttest.New(t, account(""))
		s.First(1, "runTrigger", test.fault)
		p := operation(s.Token(), start, run("TRACKED"))
		operation(s.Token(), branch, object{"id": "gone"}).want(t, s, `{"data":{"stack":null}}`)
		status, body, err := p.send(t, s)
		if (err != nil) != (test.says == "") || err == nil && fmt.Sprint(status, " ", body) != test.says || len(s.Runs()) != test.runs {
			t.Errorf("%s: %d %s, error %v, %d runs", name, status, body, err, len(s.Runs()))
		}
		if status, _, err := p.send(t, s); status != 200 || err != nil || len(s.Runs()) != test.runs+1 {
			t.Errorf("%s: then %d, error %v", name, status, err)
		}
		if s.ResetRequests(); len(s.Requests()) != 0 {
			t.Error("requests are not forgotten")
		}
	}
}

// TestRecording has the stand-in take what spacectl sends, as it was recorded.
func TestRecording(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "vectors")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the test vectors are absent: there is no folder %s", dir)
	}
	f, err := os.Open(filepath.Join(dir, "spacelift", "capture.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	o := account("")
	o.Stacks = map[string]string{"my-stack": "main"}
	s := spacelifttest.New(t, o)
	token, n := s.Token(), 0
	for d := json.NewDecoder(f); ; n++ {
		var r struct {
			Path    string
			Headers map[string]string
			Body    json.RawMessage
		}
		if err := d.Decode(&r); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if r.Headers["Authorization"] != "" {
			r.Headers["Authorization"] = "Bearer " + token
		}
		delete(r.Headers, "Content-Length")
		delete(r.Headers, "Accept-Encoding")
		status, body, err := post{"POST", r.Path, r.Headers, string(r.Body)}.send(t, s)
		if err != nil || status != 200 || strings.Contains(body, "errors") {
			t.Errorf("request %d: %d %s, error %v", n, status, body, err)
		}
	}
	if runs := s.Runs(); n != 10 || len(runs) != 2 || runs[0].Type != "TRACKED" || !runs[0].ForceApply || runs[1].Type != "PROPOSED" || runs[1].ForceApply {
		t.Errorf("%d requests, runs %+v", n, runs)
	}
}
