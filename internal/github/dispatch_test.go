package github_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/pin"
)

const signedToken = "eyJhbGciOiJFZERTQSJ9.eyJzcGVjIjp7fX0.c2lnbmF0dXJl"

func deployment() github.Dispatch {
	return github.Dispatch{
		Repository: widgets, Workflow: "deploy.yml", Ref: "refs/heads/main",
		Inputs: map[string]string{"reason": "<a & b>"}, TokenInput: "token", Token: signedToken,
	}
}

// deployable is a server whose acme/widgets has the workflow deploy.yml.
func deployable(t *testing.T) (*githubtest.Server, *githubtest.Repo, *github.Client, *clock) {
	t.Helper()
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	r.CommitFile("main", ".github/workflows/deploy.yml", "on: {workflow_dispatch: {inputs: {token: {}, reason: {}}}}\n")
	c, slept := newClient(t, s, token)
	return s, r, c, slept
}

// wantDispatchError checks that an error says that nothing was started.
func wantDispatchError(t *testing.T, err error, says, advises string) {
	t.Helper()
	var e *github.DispatchError
	if !errors.As(err, &e) || errors.Is(err, github.ErrLost) {
		t.Fatalf("error %v, which does not say that no run can be started", err)
	}
	if !strings.Contains(e.Error(), says) || e.Hint() == "" || !strings.Contains(e.Hint(), advises) {
		t.Errorf("error %q, hint %q, want %q and %q", e, e.Hint(), says, advises)
	}
}

func TestDispatch(t *testing.T) {
	s, r, c, _ := deployable(t)
	url, err := c.Dispatch(t.Context(), deployment())
	if err != nil || !strings.HasSuffix(url, "/acme/widgets/actions/runs/9000000001") {
		t.Errorf("URL %q, error %v", url, err)
	}
	want := []githubtest.Dispatch{{
		ID: 9000000001, Repository: "acme/widgets", Workflow: ".github/workflows/deploy.yml", Ref: "refs/heads/main",
		SHA: r.Head("main"), Inputs: map[string]string{"reason": "<a & b>", "token": signedToken},
	}}
	if diff := cmp.Diff(want, s.Dispatches()); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	const body = `{"inputs":{"reason":"<a & b>","token":"` + signedToken + `"},"ref":"refs/heads/main","return_run_details":true}`
	if got := s.Requests(); len(got) != 1 || got[0].Body != body || got[0].Header.Get("X-Github-Api-Version") != "2022-11-28" {
		t.Errorf("requests %+v", got)
	}
}

func TestDispatchCheck(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*github.Dispatch)
		says   string // empty where it is fine
	}{
		{"all is well", func(*github.Dispatch) {}, ""},
		{"no ref", func(d *github.Dispatch) { d.Ref = "" }, ""},
		{"a short ref", func(d *github.Dispatch) { d.Ref = "v1" }, ""},
		{"yaml", func(d *github.Dispatch) { d.Workflow = "Deploy-2_a.b.yaml" }, ""},
		{"no inputs", func(d *github.Dispatch) { d.Inputs = nil }, ""},
		{"an empty input of the token's name", func(d *github.Dispatch) { d.Inputs["token"] = "" }, ""},
		{"the token's input", func(d *github.Dispatch) { d.Inputs["token"] = "x" }, "the token's own"},
		{"a path", func(d *github.Dispatch) { d.Workflow = "../deploy.yml" }, "cannot be dispatched as a workflow"},
		{"text", func(d *github.Dispatch) { d.Workflow = "deploy.txt" }, "cannot be dispatched as a workflow"},
		{"a line end", func(d *github.Dispatch) { d.Workflow = "deploy.yml\n" }, "cannot be dispatched as a workflow"},
		{"no workflow", func(d *github.Dispatch) { d.Workflow = "" }, "cannot be dispatched as a workflow"},
		{"a long workflow", func(d *github.Dispatch) { d.Workflow = strings.Repeat("a", 256) + ".yml" }, "cannot be dispatched as a workflow"},
		{"no repository", func(d *github.Dispatch) { d.Repository = pin.Repository{} }, "cannot be the name of a repository"},
		{"a folder above", func(d *github.Dispatch) { d.Repository.Name = ".." }, "cannot be the name of a repository"},
		{"a pull request", func(d *github.Dispatch) { d.Ref = "refs/pull/1/merge" }, "neither a branch nor a tag"},
		{"no branch", func(d *github.Dispatch) { d.Ref = "refs/heads/" }, "cannot be the name of a tag or a branch"},
		{"dots", func(d *github.Dispatch) { d.Ref = "refs/tags/../x" }, "cannot be the name of a tag or a branch"},
		{"no input", func(d *github.Dispatch) { d.TokenInput = "" }, "cannot be the name of an input"},
		{"not UTF-8", func(d *github.Dispatch) { d.TokenInput = "\xff" }, "cannot be the name of an input"},
		{"24 inputs", func(d *github.Dispatch) { d.Inputs = many(24) }, ""},
		{"25 inputs", func(d *github.Dispatch) { d.Inputs = many(25) }, "there are 26 inputs"},
		{"65,535 bytes", func(d *github.Dispatch) { d.Token = fitting(65535) }, ""},
		{"65,536 bytes", func(d *github.Dispatch) { d.Token = fitting(65536) }, "65536 bytes"},
	} {
		d := deployment()
		test.change(&d)
		if test.says == "" {
			if err := d.Check(); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		wantDispatchError(t, d.Check(), test.says, "")
		s, _, c, _ := deployable(t)
		if _, err := c.Dispatch(t.Context(), d); err == nil || len(s.Requests()) != 0 {
			t.Errorf("%s: error %v, %d requests", test.name, err, len(s.Requests()))
		}
	}
}

func many(n int) map[string]string {
	inputs := map[string]string{}
	for i := range n {
		inputs[fmt.Sprint("i", i)] = ""
	}
	return inputs
}

// fitting returns a token that makes the inputs so many bytes.
func fitting(n int) string {
	return strings.Repeat("x", n-len(`{"reason":"<a & b>","token":""}`))
}

// The bound counts the bytes that are sent.
func TestDispatchBytes(t *testing.T) {
	s, _, c, _ := deployable(t)
	d := deployment()
	d.Token = fitting(65535)
	if _, err := c.Dispatch(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	var sent struct{ Inputs json.RawMessage }
	if err := json.Unmarshal([]byte(s.Requests()[0].Body), &sent); err != nil || len(sent.Inputs) != 65535 {
		t.Errorf("%d bytes, error %v", len(sent.Inputs), err)
	}
}

// What may have been done is never asked for again.
func TestDispatchLost(t *testing.T) {
	for name, fault := range map[string]*githubtest.Fault{
		"cut": {Cut: true}, "500": {Status: 500}, "502": {Status: 502}, "503": {Status: 503, Header: http.Header{"Retry-After": {"1"}}}, "504": {Status: 504},
		"201": {Status: 201, Body: "{}"}, "a page": {Body: "<html>"}, "null": {Body: "null"},
	} {
		s, _, c, slept := deployable(t)
		s.Fault(always(fault))
		_, err := c.Dispatch(t.Context(), deployment())
		if wantError(t, err, "it is not known whether", "look"); !errors.Is(err, github.ErrLost) {
			t.Errorf("%s: error %v", name, err)
		}
		if strings.Contains(err.Error(), signedToken) || len(s.Requests()) != 1 || slept.total() != 0 {
			t.Errorf("%s: error %v after %d requests", name, err, len(s.Requests()))
		}
	}
}

// A caller that goes away does not know either.
func TestDispatchEnded(t *testing.T) {
	s, _, c, _ := deployable(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.OnDispatch(func(githubtest.Dispatch) { cancel() })
	_, err := c.Dispatch(ctx, deployment())
	if !errors.Is(err, github.ErrLost) && err != nil || len(s.Requests()) != 1 {
		t.Errorf("error %v after %d requests", err, len(s.Requests()))
	}
	s.ResetRequests()
	if _, err := c.Dispatch(ctx, deployment()); err == nil || len(s.Requests()) != 0 {
		t.Errorf("error %v after %d requests", err, len(s.Requests()))
	}
}

// A request that was not looked at may be sent again.
func TestDispatchLimited(t *testing.T) {
	s, _, c, slept := deployable(t)
	s.Fault(first(2, &githubtest.Fault{Status: 429, Body: `{"message":"slow"}`, Header: http.Header{"Retry-After": {"3"}}}))
	if _, err := c.Dispatch(t.Context(), deployment()); err != nil || len(s.Dispatches()) != 1 || len(s.Requests()) != 3 || slept.total().Seconds() != 6 {
		t.Errorf("error %v, %d runs by %d requests, waited %v", err, len(s.Dispatches()), len(s.Requests()), slept.total())
	}
}

func TestDispatchRefused(t *testing.T) {
	answer := func(status int, message string) *githubtest.Fault {
		text, _ := json.Marshal(map[string]string{"message": message})
		return &githubtest.Fault{Status: status, Body: string(text)}
	}
	for _, test := range []struct {
		fault         *githubtest.Fault
		impossible    bool
		says, advises string
	}{
		{answer(404, "Not Found"), true, "no workflow deploy.yml in acme/widgets", "actions: write"},
		{answer(422, "Workflow does not have 'workflow_dispatch' trigger"), true, "trigger", "workflow_dispatch to `on`"},
		{answer(422, `Unexpected inputs provided: ["token"]`), true, "token", `"token" for the token`},
		{answer(422, "Required input 'a' not provided"), true, "'a'", "--inputs"},
		{answer(422, "Required input 'trigger disabled' not provided"), true, "does not take", "--inputs"},
		{answer(422, "No ref found for: refs/heads/main"), true, "No ref", "see the message"},
		{answer(422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow"), true, "is disabled", "enable"},
		{answer(403, "Cannot trigger a 'workflow_dispatch' on a disabled workflow"), true, "is disabled", "enable"},
		{answer(403, "Resource not accessible by integration"), false, "answered 403", "actions: write"},
		{answer(403, "Resource protected by organization SAML enforcement"), false, "answered 403", "SSO"},
		{answer(401, "Bad credentials"), false, "answered 401", "valid for this server"},
		{answer(404, ""), false, "answered 404", "try again"},
		{answer(422, ""), false, "answered 422", "try again"},
		{answer(410, "Gone"), false, "answered 410", "try again"},
	} {
		s, _, c, _ := deployable(t)
		s.Fault(always(test.fault))
		_, err := c.Dispatch(t.Context(), deployment())
		if test.impossible {
			wantDispatchError(t, err, test.says, test.advises)
		} else if wantError(t, err, test.says, test.advises); errors.Is(err, github.ErrLost) {
			t.Errorf("error %v: nothing was started", err)
		}
		if len(s.Requests()) != 1 {
			t.Errorf("%v: %d requests", err, len(s.Requests()))
		}
	}
}

func TestHead(t *testing.T) {
	_, r, c, _ := deployable(t)
	r.AnnotatedTag("v1", r.Commit("main", "one"))
	v1 := r.Head("main")
	main := r.Commit("main", "two")
	head := func(ref, sha string) github.Head {
		return github.Head{RepositoryID: r.ID(), OwnerID: r.OwnerID(), Ref: ref, SHA: sha}
	}
	for ref, want := range map[string]github.Head{
		"": head("refs/heads/main", main), "main": head("refs/heads/main", main), "refs/heads/main": head("refs/heads/main", main),
		"v1": head("refs/tags/v1", v1), "refs/tags/v1": head("refs/tags/v1", v1),
	} {
		if got, err := c.Head(t.Context(), pin.Repository{Owner: "ACME", Name: "Widgets"}, ref); err != nil || got != want {
			t.Errorf("%q is %+v, want %+v; error %v", ref, got, want, err)
		}
	}
	for ref, says := range map[string]string{"gone": "no branch or tag", "refs/notes/x": "neither", "refs/tags/main": "no branch or tag"} {
		_, err := c.Head(t.Context(), widgets, ref)
		wantDispatchError(t, err, says, "")
	}
	_, err := c.Head(t.Context(), pin.Repository{Owner: "acme", Name: "gone"}, "")
	wantDispatchError(t, err, "no repository acme/gone", "token")

	object := r.Head("main")
	for i := range 30 {
		object = r.AnnotatedTag(fmt.Sprint("t", i), object)
	}
	_, err = c.Head(t.Context(), widgets, "t29")
	wantError(t, err, "is not decided", "")
}

// What the client remembers is not where a ref is now.
func TestHasMoved(t *testing.T) {
	_, r, c, _ := deployable(t)
	r.AnnotatedTag("v1", r.Head("main"))
	for _, ref := range []string{"main", "v1"} {
		head, err := c.Head(t.Context(), widgets, ref)
		if err != nil {
			t.Fatal(err)
		}
		if moved, err := c.HasMoved(t.Context(), widgets, head); moved || err != nil {
			t.Errorf("%s has moved: %v, %v", ref, moved, err)
		}
		if next := r.Commit("main", ref); ref == "v1" {
			r.AnnotatedTag("v1", next)
		}
		if moved, err := c.HasMoved(t.Context(), widgets, head); !moved || err != nil {
			t.Errorf("%s has moved: %v, %v", ref, moved, err)
		}
	}
}

func TestHeadMalformed(t *testing.T) {
	const repository = `{"id":1,"owner":{"id":2},"full_name":"acme/widgets","default_branch":%q}`
	for _, body := range []string{
		`{"id":0,"owner":{"id":2},"full_name":"acme/widgets","default_branch":"main"}`,
		`{"id":1,"owner":{},"full_name":"acme/widgets","default_branch":"main"}`,
		`{"id":1,"owner":{"id":2},"default_branch":"main"}`,
		fmt.Sprintf(repository, ""), `[]`, `null`,
	} {
		s, _, c, _ := deployable(t)
		s.Fault(always(&githubtest.Fault{Body: body}))
		_, err := c.Head(t.Context(), widgets, "")
		wantError(t, err, "", "")
		if len(s.Requests()) != 1 {
			t.Errorf("%s: %d requests", body, len(s.Requests()))
		}
	}
	s, _, c, _ := deployable(t)
	s.Fault(always(&githubtest.Fault{Body: fmt.Sprintf(repository, "../../x")}))
	_, err := c.Head(t.Context(), widgets, "")
	wantDispatchError(t, err, "cannot be the name", "")
}
