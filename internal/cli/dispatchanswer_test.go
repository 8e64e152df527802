package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// manyInputs is a JSON object with n inputs and a workflow that takes them.
func manyInputs(n int) (inputs, workflow string) {
	values := map[string]string{}
	workflow = deployYAML[:strings.Index(deployYAML, "jobs")]
	for i := range n {
		values[fmt.Sprintf("i%d", i)] = "v"
		workflow += fmt.Sprintf("      i%d: {}\n", i)
	}
	text, _ := json.Marshal(values)
	return string(text), workflow
}

// TestDispatchUsage refuses before anything is asked.
func TestDispatchUsage(t *testing.T) {
	many, _ := manyInputs(25)
	for _, test := range []struct {
		name string
		args []string
		env  map[string]string
		says string
	}{
		{"no token for the API", nil, map[string]string{"COUNTERSIGN_GITHUB_TOKEN": " "}, "set COUNTERSIGN_GITHUB_TOKEN, in the Action the input github-token"},
		{"no key", nil, map[string]string{"COUNTERSIGN_KEY": ""}, "there is no key"},
		{"no repository", []string{"--repository", ""}, map[string]string{"GITHUB_REPOSITORY": ""}, "give --repository"},
		{"no name of a repository", []string{"--repository", "acme"}, nil, "owner/name"},
		{"dots as a repository", []string{"--repository", "acme/.."}, nil, "cannot be the name of a repository"},
		{"another workflow", []string{"--workflow", ".github/workflows/other.yml"}, nil, "leave out --workflow"},
		{"another event", []string{"--event", "push"}, nil, "leave out --event"},
		{"a query", []string{"--dispatch", "deploy.yml?a=b.yml"}, nil, "such as deploy.yml"},
		{"a folder", []string{"--dispatch", "a/deploy.yml"}, nil, "such as deploy.yml"},
		{"a folder above", []string{"--dispatch", ".github/workflows/../deploy.yml"}, nil, "such as deploy.yml"},
		{"an encoded slash", []string{"--dispatch", "a%2Fdeploy.yml"}, nil, "such as deploy.yml"},
		{"an id", []string{"--dispatch", "161335"}, nil, "such as deploy.yml"},
		{"no name but an end", []string{"--dispatch", ".yml"}, nil, "such as deploy.yml"},
		{"a line end", []string{"--dispatch", "deploy.yml\n"}, nil, "such as deploy.yml"},
		{"too many inputs", []string{"--inputs", many}, nil, "there are 26 inputs with that of the token, and a dispatch takes 25"},
		{"the token's own input", []string{"--inputs", `{"token": "x"}`}, nil, "cannot be signed"},
		{"no token input", []string{"--token-input", ""}, nil, "cannot be the name of an input"},
		{"too long a life", []string{"--ttl", "25h"}, nil, "--ttl takes from 1s to 24h"},
		{"no commit", []string{"--sha", "main"}, nil, "a full commit id"},
		{"no issuer", nil, map[string]string{"GITHUB_REPOSITORY": ""}, "give --issuer"},
		{"no actor", nil, map[string]string{"GITHUB_ACTOR": ""}, "give --actor"},
		{"no address", nil, map[string]string{"GITHUB_API_URL": "http://example.com"}, "set GITHUB_API_URL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDispatchTest(t)
			maps.Copy(d.program.env, test.env)
			_, stderr := d.sign(exitUsage, test.args...)
			if !strings.Contains(stderr, test.says) || len(d.server.Requests()) != 0 {
				t.Errorf("it says %q, want %q; it sent %d requests", stderr, test.says, len(d.server.Requests()))
			}
		})
	}
}

// TestDispatchLimits goes up to GitHub's limits.
func TestDispatchLimits(t *testing.T) {
	d := newDispatchTest(t)
	inputs, workflow := manyInputs(24)
	d.widgets.CommitFile("main", deploy, workflow)
	d.sign(exitOK, "--inputs", inputs)
	if run := d.started(); run.Inputs["i23"] != "v" {
		t.Errorf("the inputs are %v", run.Inputs)
	}

	// The signed inputs stand in the token too, which alone would be small enough.
	d = newDispatchTest(t)
	_, stderr := d.sign(exitUsage, "--inputs", `{"reason": "`+strings.Repeat("x", 28500)+`"}`)
	if d.notStarted(0); !strings.Contains(stderr, "a dispatch takes 65535") || !strings.Contains(stderr, "hint: sign less") {
		t.Errorf("it says %q", stderr)
	}
	d.sign(exitUsage, "--command", strings.Repeat("x", 65535))
	d.notStarted(0)
	d.sign(exitOK, "--inputs", `{"reason": "`+strings.Repeat("x", 27000)+`"}`)
	d.started()
}

// TestDispatchMismatch refuses what is said and is not so.
func TestDispatchMismatch(t *testing.T) {
	d := newDispatchTest(t)
	head, id, owner := d.widgets.Head("main"), fmt.Sprint(d.widgets.ID()), fmt.Sprint(d.widgets.OwnerID())
	for _, test := range []struct {
		args []string
		says []string
	}{
		{[]string{"--sha", otherSHA}, []string{otherSHA, head}},
		{[]string{"--repository-id", "1" + id}, []string{"repository_id is to be 1" + id, "it is " + id}},
		{[]string{"--repository-owner-id", "1" + owner}, []string{"repository_owner_id is to be 1" + owner, "it is " + owner}},
	} {
		_, stderr := d.sign(exitRefused, test.args...)
		for _, text := range test.says {
			if !strings.Contains(stderr, text) {
				t.Errorf("it says %q, want %q", stderr, text)
			}
		}
		d.notStarted(0)
	}
	d.sign(exitOK, "--sha", head, "--repository-id", id, "--repository-owner-id", owner)
	d.started()
}

// TestDispatchAnswers ends with a code and a hint for each answer, and never sends
// twice what might have started a run.
func TestDispatchAnswers(t *testing.T) {
	message := func(status int, text string) *githubtest.Fault {
		body, _ := json.Marshal(map[string]string{"message": text})
		return &githubtest.Fault{Status: status, Body: string(body)}
	}
	later := func(f *githubtest.Fault) *githubtest.Fault {
		f.Header = http.Header{"Retry-After": {"3600"}} // more than is ever waited
		return f
	}
	const lost = "it is not known whether the run was started"
	for _, test := range []struct {
		name  string
		setUp func(*dispatchTest)
		fault *githubtest.Fault // of the request that starts the run
		args  []string
		code  int
		says  []string
		posts int
	}{
		{name: "no repository", args: []string{"--repository", "acme/gone"}, code: exitUsage, says: []string{"no repository acme/gone", "actions: write"}},
		{name: "a repository that is not to be seen", setUp: func(d *dispatchTest) { d.server.Private("acme/widgets") }, code: exitUsage, says: []string{"no repository acme/widgets"}},
		{name: "no workflow", args: []string{"--dispatch", "gone.yml"}, code: exitUsage, posts: 1, says: []string{"no workflow gone.yml in acme/widgets, or the token may not see it", "default branch", "actions: write"}},
		{
			name: "no workflow on the default branch", args: []string{"--dispatch", "new.yml", "--ref", "next"}, code: exitUsage, posts: 1,
			setUp: func(d *dispatchTest) { d.widgets.CommitFile("next", ".github/workflows/new.yml", deployYAML) },
			says:  []string{"no workflow new.yml"},
		},
		{
			name: "no trigger", args: []string{"--ref", "old"}, code: exitUsage, posts: 1,
			setUp: func(d *dispatchTest) { d.widgets.CommitFile("old", deploy, "on: [push]\n") },
			says:  []string{"at refs/heads/old", "does not have 'workflow_dispatch' trigger", "add workflow_dispatch"},
		},
		{
			name: "no input for the token", code: exitUsage, posts: 1,
			setUp: func(d *dispatchTest) { d.widgets.CommitFile("main", deploy, "on: workflow_dispatch\n") },
			says:  []string{"Unexpected inputs", "on.workflow_dispatch.inputs of the workflow at that ref", `the input "token" for the token`},
		},
		{name: "no such input", args: []string{"--inputs", `{"other": "x"}`}, code: exitUsage, posts: 1, says: []string{"Unexpected inputs", "other"}},
		{
			name: "an input is missing", code: exitUsage, posts: 1,
			setUp: func(d *dispatchTest) {
				d.widgets.CommitFile("main", deploy, strings.Replace(deployYAML, "reason: {}", "reason: {required: true}", 1))
			},
			says: []string{"Required input 'reason' not provided", "--inputs"},
		},
		{
			name: "a value that is no choice", code: exitUsage, posts: 1, args: []string{"--inputs", `{"reason": "c"}`},
			setUp: func(d *dispatchTest) {
				d.widgets.CommitFile("main", deploy, strings.Replace(deployYAML, "reason: {}", "reason: {type: choice, options: [a, b]}", 1))
			},
			says: []string{"not in the list"},
		},
		{
			name: "the ref is gone meanwhile", code: exitUsage, posts: 1, args: []string{"--ref", "next"},
			setUp: func(d *dispatchTest) {
				d.widgets.Commit("next", "next")
				d.onPost(func([]byte) *githubtest.Fault { d.widgets.Delete("refs/heads/next"); return nil })
			},
			says: []string{"No ref found for"},
		},
		{name: "disabled", fault: message(422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow"), code: exitUsage, posts: 1, says: []string{"disabled", "enable the workflow"}},
		{name: "disabled, forbidden", fault: message(403, "Cannot trigger a 'workflow_dispatch' on a disabled workflow"), code: exitUsage, posts: 1, says: []string{"enable the workflow"}},
		{name: "no permission", fault: message(403, "Resource not accessible by integration"), code: exitUndecided, posts: 1, says: []string{"not accessible", "actions: write"}},
		{name: "single sign-on", fault: message(403, "Resource protected by organization SAML enforcement."), code: exitUndecided, posts: 1, says: []string{"Configure SSO"}},
		{name: "a bad token", fault: message(401, "Bad credentials"), code: exitUndecided, posts: 1, says: []string{"valid for this server"}},
		{name: "a bad request", fault: message(400, "Problems parsing JSON"), code: exitUndecided, posts: 1, says: []string{"answered 400"}},
		{name: "not GitHub's 404", fault: &githubtest.Fault{Status: 404, Body: "<html>"}, code: exitUndecided, posts: 1, says: []string{"answered 404"}},
		{name: "not GitHub's 422", fault: &githubtest.Fault{Status: 422, Body: `{"message": 1}`}, code: exitUndecided, posts: 1, says: []string{"answered 422"}},
		{name: "a rate limit", fault: later(message(429, "Too many")), code: exitUndecided, posts: 1, says: []string{"asks to wait"}},
		{name: "a secondary rate limit", fault: later(message(403, "You have exceeded a secondary rate limit")), code: exitUndecided, posts: 1, says: []string{"asks to wait"}},
		{
			name: "a redirect", code: exitUndecided, posts: 1, says: []string{"answered 307"},
			fault: &githubtest.Fault{Status: 307, Header: http.Header{"Location": {"/api/v3/repos/acme/widgets"}}, Body: "{}"},
		},
		{name: "an answer that is cut", fault: &githubtest.Fault{Cut: true}, code: exitUndecided, posts: 1, says: []string{lost, "look at the runs"}},
		{name: "broken", fault: message(500, "Server Error"), code: exitUndecided, posts: 1, says: []string{lost, "look at the runs"}},
		{name: "no gateway", fault: later(message(502, "Server Error")), code: exitUndecided, posts: 1, says: []string{lost}},
		{name: "too slow", fault: message(504, "Timeout"), code: exitUndecided, posts: 1, says: []string{lost}},
		{name: "a page", fault: &githubtest.Fault{Status: 200, Body: "<html>log in</html>"}, code: exitUndecided, posts: 1, says: []string{lost}},
		{name: "a list", fault: &githubtest.Fault{Status: 200, Body: "[]"}, code: exitUndecided, posts: 1, says: []string{lost}},
		{name: "another success", fault: &githubtest.Fault{Status: 202, Body: "{}"}, code: exitUndecided, posts: 1, says: []string{lost}},
		{name: "no URL", fault: &githubtest.Fault{Status: 200, Body: "{}"}, code: exitOK, posts: 1, says: []string{"started: deploy.yml in acme/widgets"}},
		{name: "what is no URL", fault: &githubtest.Fault{Status: 200, Body: `{"html_url": "javascript:a\n::error::b"}`}, code: exitOK, posts: 1, says: []string{"started: deploy.yml in acme/widgets"}},
		{
			name: "the lookup fails", code: exitUndecided, says: []string{"answered 503"},
			setUp: func(d *dispatchTest) {
				d.server.Fault(func(int, *http.Request, []byte) *githubtest.Fault { return later(message(503, "")) })
			},
		},
		{
			name: "the lookup is no JSON", code: exitUndecided, says: []string{"no JSON"},
			setUp: func(d *dispatchTest) {
				d.server.Fault(func(int, *http.Request, []byte) *githubtest.Fault { return &githubtest.Fault{Body: "<html>"} })
			},
		},
		{
			name: "another name now", code: exitUsage, args: []string{"--repository", "acme/gadgets"}, says: []string{"another name now: \"acme/widgets\""},
			setUp: func(d *dispatchTest) {
				d.server.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
					if strings.HasSuffix(r.URL.Path, "/acme/gadgets") {
						return &githubtest.Fault{Status: 301, Body: "{}", Header: http.Header{"Location": {d.server.URL() + "/repos/acme/widgets"}}}
					}
					return nil
				})
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDispatchTest(t)
			if test.setUp != nil {
				test.setUp(d)
			}
			if test.fault != nil {
				d.onPost(func([]byte) *githubtest.Fault { return test.fault })
			}
			_, stderr := d.sign(test.code, test.args...)
			for _, text := range test.says {
				if !strings.Contains(stderr, text) {
					t.Errorf("it says %q, want %q", stderr, text)
				}
			}
			if test.code != exitOK && strings.HasPrefix(stderr, "started: ") || strings.Contains(stderr, "the change was made") {
				t.Errorf("it says %q", stderr)
			}
			if n := len(d.posts()); n != test.posts {
				t.Errorf("%d requests to start a run, want %d", n, test.posts)
			}
			carriedOut := test.fault != nil && test.fault.Cut
			if started := len(d.server.Dispatches()); started > 1 || started == 1 != carriedOut {
				t.Errorf("%d runs were started", started)
			}
		})
	}
}

// TestDispatchOldServer leaves out what an older server does not know.
func TestDispatchOldServer(t *testing.T) {
	d := newDispatchTest(t)
	const refusal = `{"message": "Invalid request.\n\n\"return_run_details\" is not a permitted key."}`
	d.onPost(func(body []byte) *githubtest.Fault {
		if bytes.Contains(body, []byte("return_run_details")) {
			return &githubtest.Fault{Status: http.StatusUnprocessableEntity, Body: refusal}
		}
		return nil
	})
	_, stderr := d.sign(exitOK)
	if len(d.server.Dispatches()) != 1 || len(d.posts()) != 2 || !strings.Contains(stderr, "does not tell the run's URL") {
		t.Errorf("%d runs by %d requests: %q", len(d.server.Dispatches()), len(d.posts()), stderr)
	}

	d = newDispatchTest(t)
	d.onPost(func([]byte) *githubtest.Fault {
		return &githubtest.Fault{Status: http.StatusUnprocessableEntity, Body: refusal}
	})
	d.sign(exitUsage)
	d.notStarted(2)
}

// TestDispatchMoved says that a run may have started on a commit that is not signed.
func TestDispatchMoved(t *testing.T) {
	const says = "refs/heads/main of acme/widgets has moved on from the signed commit"
	for _, test := range []struct {
		name    string
		setUp   func(*dispatchTest)
		args    []string
		warning bool
		verify  int
	}{
		{name: "not", setUp: func(*dispatchTest) {}, verify: exitOK},
		{
			name: "before", warning: true, verify: exitRefused,
			setUp: func(d *dispatchTest) {
				d.onPost(func([]byte) *githubtest.Fault { d.widgets.Commit("main", "meanwhile"); return nil })
			},
		},
		{
			name: "after", warning: true, verify: exitOK,
			setUp: func(d *dispatchTest) {
				d.server.OnDispatch(func(githubtest.Dispatch) { d.widgets.Commit("main", "after") })
			},
		},
		{
			name: "gone", warning: true, verify: exitOK,
			setUp: func(d *dispatchTest) {
				d.server.OnDispatch(func(githubtest.Dispatch) { d.widgets.Delete("refs/heads/main") })
			},
		},
		{
			name: "not known", verify: exitOK,
			setUp: func(d *dispatchTest) {
				sent := false
				d.server.Fault(func(_ int, r *http.Request, _ []byte) *githubtest.Fault {
					if sent {
						return &githubtest.Fault{Status: 503, Header: http.Header{"Retry-After": {"3600"}}}
					}
					sent = r.Method == http.MethodPost
					return nil
				})
			},
		},
	} {
		for _, onRunner := range []bool{false, true} {
			d := newDispatchTest(t)
			test.setUp(d)
			if onRunner {
				d.program.env["GITHUB_ACTIONS"] = "true"
			}
			_, stderr := d.sign(exitOK, "--ref", "main")
			if got := strings.Contains(stderr, "warning: "+says) && strings.Contains(stderr, "sign again"); got != test.warning {
				t.Errorf("%s: it says %q", test.name, stderr)
			}
			if got := strings.Contains(stderr, "::warning title=Countersign%3A wrong-commit::"+says); got != (test.warning && onRunner) {
				t.Errorf("%s: it says %q", test.name, stderr)
			}
			if code, said := d.verify(d.started()); code != test.verify || code != exitOK && !strings.Contains(said, "wrong-commit") {
				t.Errorf("%s: the run ends with %d: %s", test.name, code, said)
			}
		}
	}
}

// TestDispatchSecrets has a server repeat what it was sent.
func TestDispatchSecrets(t *testing.T) {
	d := newDispatchTest(t)
	d.onPost(func(body []byte) *githubtest.Fault {
		var sent struct{ Inputs map[string]string }
		if err := json.Unmarshal(body, &sent); err != nil || sent.Inputs["token"] == "" {
			t.Errorf("the body is %s", body)
		}
		text, _ := json.Marshal(map[string]string{"message": apiToken + " and " + sent.Inputs["token"]})
		return &githubtest.Fault{Status: http.StatusUnprocessableEntity, Body: string(text)}
	})
	if _, stderr := d.sign(exitUsage); !strings.Contains(stderr, `"… and …"`) {
		t.Errorf("it says %q", stderr)
	}
}

// TestDispatchAction signs and starts as the Action does.
func TestDispatchAction(t *testing.T) {
	d := newDispatchTest(t)
	for name, value := range map[string]string{
		"MODE": "sign", "DISPATCH": "deploy.yml\n", "REPOSITORY": "acme/widgets", "REF": "main", "INPUTS": `{"reason": "weekly"}`,
		"KEY": d.read(d.program.env["COUNTERSIGN_KEY"]), "MASK": "true",
	} {
		d.program.env["INPUT_"+name] = value
	}
	d.program.env["GITHUB_ACTIONS"] = "true"
	summary := filepath.Join(t.TempDir(), "summary")
	d.program.env["GITHUB_STEP_SUMMARY"] = summary
	// Whatever an earlier step set does not count.
	if _, _, stderr := d.program.run(); !strings.Contains(stderr, "set COUNTERSIGN_GITHUB_TOKEN, in the Action the input github-token") {
		t.Errorf("it says %q", stderr)
	}
	d.notStarted(0)

	d.program.env["INPUT_GITHUB_TOKEN"] = apiToken
	if err := os.Remove(d.out); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := d.program.run()
	run := d.started()
	token := run.Inputs["token"]
	if code != exitOK || stdout != token+"\n" || !strings.Contains(stderr, "::add-mask::"+token+"\n") || strings.Count(stderr, token) != 1 {
		t.Errorf("it ended with %d and printed %q and %q", code, stdout, stderr)
	}
	if code, stderr := d.verify(run); code != exitOK {
		t.Errorf("the run refuses the token: %s", stderr)
	}
	url := fmt.Sprintf("/acme/widgets/actions/runs/%d", run.ID)
	for _, file := range []string{d.out, summary} {
		if !strings.Contains(d.read(file), url) {
			t.Errorf("%s has %q", filepath.Base(file), d.read(file))
		}
	}
}
