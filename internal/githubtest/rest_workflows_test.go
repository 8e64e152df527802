package githubtest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

const deploy = ".github/workflows/deploy.yml"

// dispatches is where deploy.yml is started.
const dispatches = widgets + "/actions/workflows/deploy.yml/dispatches"

func TestDispatch(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	r.CommitFile("main", deploy, `on:
  workflow_dispatch:
    inputs:
      token: {required: true}
      size: {type: choice, options: [small, large], default: small}
      count: {type: number, default: 3}
      dry: {type: boolean}
      note:
`)
	r.AnnotatedTag("v1", r.Head("main"))
	v1 := r.Head("main")
	r.CommitFile("main", "README.md", "hello\n")
	var seen []githubtest.Dispatch
	s.OnDispatch(func(d githubtest.Dispatch) {
		if _, ok := s.Repo(d.Repository).File("main", d.Workflow); ok && len(s.Dispatches()) > 0 {
			seen = append(seen, d)
		}
	})
	details := rest(t, s, "POST", dispatches, `{"ref":"v1","inputs":{"token":"x","count":5},"return_run_details":true}`, 200)
	rest(t, s, "POST", dispatches, `{"ref":"refs/heads/main","inputs":{"token":"y","size":"large","dry":"true","note":"n"}}`, 204)
	want := []githubtest.Dispatch{
		{
			ID: 9000000001, Repository: "acme/widgets", Workflow: deploy, Ref: "refs/tags/v1", SHA: v1,
			Inputs: map[string]string{"token": "x", "size": "small", "count": "5", "dry": "false", "note": ""},
		},
		{
			ID: 9000000002, Repository: "acme/widgets", Workflow: deploy, Ref: "refs/heads/main", SHA: r.Head("main"),
			Inputs: map[string]string{"token": "y", "size": "large", "count": "3", "dry": "true", "note": "n"},
		},
	}
	if diff := cmp.Diff(want, s.Dispatches()); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("runs that the function saw (-want +got):\n%s", diff)
	}
	same(t, "id", pick(details, "workflow_run_id"), want[0].ID)
	same(t, "page", pick(details, "html_url"), strings.TrimSuffix(s.URL(), "/api/v3")+"/acme/widgets/actions/runs/9000000001")
}

func TestDispatchRefused(t *testing.T) {
	s := githubtest.New(t)
	r := s.Repo("acme/widgets")
	r.Branch("before", r.Head("main"))
	r.CommitFile("main", deploy, "on: {workflow_dispatch: {inputs: {token: {required: true}, size: {type: choice, options: [a]}}}}\n")
	r.CommitFile("scalar", deploy, "on: workflow_dispatch\n")
	r.CommitFile("list", deploy, "on: [push, workflow_dispatch]\n")
	r.CommitFile("push", deploy, "on: push\n")
	r.CommitFile("map", deploy, "on: {push: }\n")
	r.CommitFile("broken", deploy, "on: [\n")
	r.CommitFile("next", ".github/workflows/next.yml", "on: workflow_dispatch\n")
	const none = "Workflow does not have 'workflow_dispatch' trigger"
	for _, test := range []struct {
		path, body string
		status     int
		message    string
	}{
		{dispatches, `{"ref":"gone"}`, 422, "No ref found for: gone"},
		{dispatches, `{"ref":""}`, 422, "No ref found for: "},
		{dispatches, `{"ref":"before"}`, 422, none},
		{dispatches, `{"ref":"push"}`, 422, none},
		{dispatches, `{"ref":"map"}`, 422, none},
		{dispatches, `{"ref":"broken"}`, 422, "Failed to parse workflow: yaml: line 1: did not find expected node content"},
		{dispatches, `{"ref":"main"}`, 422, "Required input 'token' not provided"},
		{dispatches, `{"ref":"main","inputs":{"token":""}}`, 422, "Required input 'token' not provided"},
		{dispatches, `{"ref":"main","inputs":{"token":"x","b":"","a":""}}`, 422, `Unexpected inputs provided: ["a","b"]`},
		{dispatches, `{"ref":"main","inputs":{"token":"x","size":"b"}}`, 422, "Provided value 'b' for input 'size' not in the list of allowed values"},
		{dispatches, `{"ref":"main","inputs":{"token":"` + strings.Repeat("x", 65535) + `"}}`, 422, "inputs are too large."},
		{dispatches, `{"ref":"scalar","inputs":{"token":"x"}}`, 422, `Unexpected inputs provided: ["token"]`},
		{dispatches, `{"ref":"list","inputs":{"token":"x"}}`, 422, `Unexpected inputs provided: ["token"]`},
		{strings.Replace(dispatches, "deploy", "gone", 1), `{"ref":"main"}`, 404, "Not Found"},
		{strings.Replace(dispatches, "deploy", "next", 1), `{"ref":"next"}`, 404, "Not Found"},
		{strings.Replace(dispatches, "widgets", "gone", 1), `{"ref":"main"}`, 404, "Not Found"},
	} {
		same(t, test.body, pick(rest(t, s, "POST", test.path, test.body, test.status), "message"), test.message)
	}
	rest(t, s, "POST", dispatches, `{"ref":"scalar"}`, 204)
	rest(t, s, "POST", dispatches, `{"ref":"list"}`, 204)
	if n := len(s.Dispatches()); n != 2 {
		t.Errorf("%d runs, want 2", n)
	}
	request, err := http.NewRequestWithContext(t.Context(), "POST", s.URL()+dispatches, strings.NewReader(`{"ref":"scalar"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if response.Body.Close(); response.StatusCode != http.StatusUnauthorized || len(s.Dispatches()) != 2 {
		t.Errorf("without a token: status %d", response.StatusCode)
	}
}
