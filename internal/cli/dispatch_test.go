package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

const (
	deploy   = ".github/workflows/deploy.yml"
	apiToken = "ghs_0123456789abcdefghijABCDEFGHIJ012345"
	otherSHA = "0123456789abcdef0123456789abcdef01234567"
)

// deployYAML is a workflow that takes a token and a reason.
const deployYAML = `on:
  push:
  workflow_dispatch:
    inputs:
      token: {required: true}
      reason: {}
jobs: {}
`

// A dispatchTest is a run of acme/orchestrator and a server that has acme/widgets
// with the workflow deploy.yml.
type dispatchTest struct {
	t           *testing.T
	server      *githubtest.Server
	widgets     *githubtest.Repo
	program     program
	public, out string // files
	private     string // the key's own part
}

func newDispatchTest(t *testing.T) *dispatchTest {
	t.Helper()
	folder := t.TempDir()
	d := &dispatchTest{t: t, server: githubtest.New(t), public: filepath.Join(folder, "pub"), out: filepath.Join(folder, "out")}
	key := filepath.Join(folder, "key")
	if code, _, stderr := (program{}).run("keygen", "--private", key, "--public", d.public); code != exitOK {
		t.Fatal(stderr)
	}
	var jwk struct{ D string }
	if err := json.Unmarshal([]byte(d.read(key)), &jwk); err != nil || jwk.D == "" {
		t.Fatalf("the key has no private part: %v", err)
	}
	d.private = jwk.D
	d.server.SetToken(apiToken)
	d.widgets = d.server.Repo("acme/widgets")
	d.widgets.CommitFile("main", deploy, deployYAML)
	d.program = program{env: map[string]string{
		"GITHUB_API_URL": d.server.URL(), "GITHUB_GRAPHQL_URL": d.server.GraphQLURL(), "COUNTERSIGN_GITHUB_TOKEN": apiToken,
		"COUNTERSIGN_KEY": key, "GITHUB_OUTPUT": d.out,
		"GITHUB_REPOSITORY": "acme/orchestrator", "GITHUB_REPOSITORY_ID": "17", "GITHUB_REPOSITORY_OWNER_ID": "18",
		"GITHUB_REF": "refs/heads/trunk", "GITHUB_SHA": otherSHA, "GITHUB_EVENT_NAME": "push",
		"GITHUB_ACTOR": "octocat", "GITHUB_ACTOR_ID": "583231", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1",
	}}
	return d
}

func (d *dispatchTest) read(path string) string {
	d.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

// sign runs `sign --dispatch deploy.yml --repository acme/widgets` with further
// arguments, of which the last of a name counts.
func (d *dispatchTest) sign(code int, args ...string) (stdout, stderr string) {
	d.t.Helper()
	return d.signFor(code, append([]string{"--dispatch", "deploy.yml", "--repository", "acme/widgets"}, args...)...)
}

func (d *dispatchTest) signFor(code int, args ...string) (stdout, stderr string) {
	d.t.Helper()
	_ = os.Remove(d.out)
	got, stdout, stderr := d.program.run(append([]string{"sign"}, args...)...)
	if got != code {
		d.t.Fatalf("sign %.300q ended with %d, want %d:\n%s", args, got, code, stderr)
	}
	if code != exitOK && (!strings.Contains(stderr, "error: ") || !strings.Contains(stderr, "hint: ") || stdout != "") {
		d.t.Errorf("sign %.300q printed %q and %q", args, stdout, stderr)
	}
	if code != exitOK && (strings.Contains(d.read(d.out), "eyJ") || !strings.Contains(d.read(d.out), "run-url<<")) {
		d.t.Errorf("sign %.300q has the outputs %q", args, d.read(d.out))
	}
	for _, secret := range []string{apiToken, d.private, "eyJ"} {
		if strings.Contains(stderr, secret) || secret != "eyJ" && strings.Contains(stdout, secret) {
			d.t.Errorf("sign %.300q shows a secret: %q and %q", args, stdout, stderr)
		}
	}
	return stdout, stderr
}

// posts returns the bodies of the requests that would start a run.
func (d *dispatchTest) posts() (bodies []string) {
	for _, r := range d.server.Requests() {
		if r.Method == http.MethodPost && !r.GraphQL {
			bodies = append(bodies, r.Body)
		}
	}
	return bodies
}

// started returns the one run that was started.
func (d *dispatchTest) started() githubtest.Dispatch {
	d.t.Helper()
	all := d.server.Dispatches()
	if len(all) != 1 || len(d.posts()) != 1 {
		d.t.Fatalf("%d runs were started by %d requests, want 1", len(all), len(d.posts()))
	}
	return all[0]
}

// notStarted checks that no run was started, and with how many requests.
func (d *dispatchTest) notStarted(requests int) {
	d.t.Helper()
	if all := d.server.Dispatches(); len(all) != 0 || len(d.posts()) != requests {
		d.t.Errorf("%d runs were started by %d requests, want none by %d", len(all), len(d.posts()), requests)
	}
}

// onPost has something happen to the requests that would start a run.
func (d *dispatchTest) onPost(f func(body []byte) *githubtest.Fault) {
	d.server.Fault(func(_ int, r *http.Request, body []byte) *githubtest.Fault {
		if r.Method != http.MethodPost {
			return nil
		}
		return f(body)
	})
}

// spec returns what is signed in a token.
func (d *dispatchTest) spec(token string) *runspec.Spec {
	d.t.Helper()
	_, text, _ := (program{}).run("inspect", "--token", token)
	v, err := jose.ParseJSON(text)
	if err != nil {
		d.t.Fatal(err)
	}
	claims, _ := v.Get("claims")
	member, _ := claims.Get("spec")
	spec, err := runspec.Parse(member)
	if err != nil {
		d.t.Fatalf("%v in %s", err, text)
	}
	return spec
}

// verify checks the token of a run in the environment that the run would have.
func (d *dispatchTest) verify(run githubtest.Dispatch) (code int, stderr string) {
	d.t.Helper()
	payload, err := json.Marshal(map[string]any{"inputs": run.Inputs, "ref": run.Ref})
	if err != nil {
		d.t.Fatal(err)
	}
	event := filepath.Join(d.t.TempDir(), "event.json")
	if err := os.WriteFile(event, payload, 0o600); err != nil {
		d.t.Fatal(err)
	}
	code, _, stderr = program{env: map[string]string{
		"COUNTERSIGN_KEY": d.public, "COUNTERSIGN_TOKEN": run.Inputs["token"], "COUNTERSIGN_ISSUER": "https://github.com/acme/orchestrator",
		"COUNTERSIGN_DISPATCHERS": "hubot", "GITHUB_REPOSITORY": run.Repository,
		"GITHUB_REPOSITORY_ID": fmt.Sprint(d.widgets.ID()), "GITHUB_REPOSITORY_OWNER_ID": fmt.Sprint(d.widgets.OwnerID()),
		"GITHUB_REF": run.Ref, "GITHUB_SHA": run.SHA, "GITHUB_WORKFLOW_REF": run.Repository + "/" + run.Workflow + "@" + run.Ref,
		"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_EVENT_PATH": event,
		"GITHUB_ACTOR": "hubot", "GITHUB_ACTOR_ID": "480938", "GITHUB_TRIGGERING_ACTOR": "hubot",
		"GITHUB_RUN_ID": fmt.Sprint(run.ID), "GITHUB_RUN_ATTEMPT": "1",
	}}.run("verify")
	return code, stderr
}

// TestDispatch signs for a run and starts it, and the run accepts the token.
func TestDispatch(t *testing.T) {
	for _, name := range []string{"deploy.yml", deploy} {
		d := newDispatchTest(t)
		stdout, stderr := d.sign(exitOK, "--dispatch", name, "--ref", "main", "--inputs", `{"reason": "a < b & \"c\""}`)
		run := d.started()
		want := githubtest.Dispatch{
			ID: run.ID, Repository: "acme/widgets", Workflow: deploy, Ref: "refs/heads/main", SHA: d.widgets.Head("main"),
			Inputs: map[string]string{"reason": `a < b & "c"`, "token": strings.TrimSuffix(stdout, "\n")},
		}
		if diff := cmp.Diff(want, run); diff != "" {
			t.Errorf("the run (-want +got):\n%s", diff)
		}
		if code, stderr := d.verify(run); code != exitOK {
			t.Errorf("the run refuses the token: %s", stderr)
		}
		wantSpec := &runspec.Spec{
			Version: 1, Repository: "acme/widgets",
			RepositoryID: fmt.Sprint(d.widgets.ID()), RepositoryOwnerID: fmt.Sprint(d.widgets.OwnerID()),
			Ref: "refs/heads/main", SHA: run.SHA, Workflow: deploy, Event: "workflow_dispatch",
			Actor: "octocat", ActorID: "583231", Inputs: map[string]string{"reason": `a < b & "c"`},
			Signer: &runspec.Signer{Repository: "acme/orchestrator", RunID: "7", RunAttempt: 1, Actor: "octocat", SHA: otherSHA},
		}
		if diff := cmp.Diff(wantSpec, d.spec(run.Inputs["token"])); diff != "" {
			t.Errorf("the spec (-want +got):\n%s", diff)
		}
		url := strings.TrimSuffix(d.server.URL(), "/api/v3") + "/acme/widgets/actions/runs/" + strconv.FormatInt(run.ID, 10)
		if !strings.Contains(stderr, "started: "+url+"\n") || strings.Contains(stderr, "warning") {
			t.Errorf("it says %q", stderr)
		}
		if out := d.read(d.out); !strings.Contains(out, "\n"+url+"\n") {
			t.Errorf("the outputs are %q", out)
		}
	}
}

func TestDispatchJSON(t *testing.T) {
	for _, gives := range []bool{true, false} {
		d := newDispatchTest(t)
		if !gives {
			d.onPost(func([]byte) *githubtest.Fault { return &githubtest.Fault{Status: http.StatusNoContent} })
		}
		stdout, stderr := d.sign(exitOK, "--json")
		var got map[string]any
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatal(err)
		}
		if url, has := got["run_url"].(string); has != gives || gives && !strings.Contains(url, "/actions/runs/") {
			t.Errorf("it prints %s", stdout)
		}
		if !strings.Contains(stderr, "started: ") {
			t.Errorf("it says %q", stderr)
		}
	}
}

// TestDispatchRefs binds the commit that the API names for a ref.
func TestDispatchRefs(t *testing.T) {
	for _, test := range []struct {
		name, ref, own string // own is the ref of the signer's run, where it is in acme/widgets
		want           string // or what is said where it is refused
		code           int
	}{
		{"the default branch", "", "", "refs/heads/main", exitOK},
		{"a branch", "main", "", "refs/heads/main", exitOK},
		{"a branch with slashes", "feature/x", "", "refs/heads/feature/x", exitOK},
		{"a branch in full", "refs/heads/both", "", "refs/heads/both", exitOK},
		{"a tag", "v1", "", "refs/tags/v1", exitOK},
		{"a tag in full", "refs/tags/both", "", "refs/tags/both", exitOK},
		{"an annotated tag", "v2", "", "refs/tags/v2", exitOK},
		{"a tag of a tag", "v3", "", "refs/tags/v3", exitOK},
		{"the own branch", "", "refs/heads/feature/x", "refs/heads/feature/x", exitOK},
		{"the own tag", "", "refs/tags/v2", "refs/tags/v2", exitOK},
		{"the own pull request", "", "refs/pull/1/merge", "refs/heads/main", exitOK},
		{"another than the own", "main", "refs/heads/feature/x", "refs/heads/main", exitOK},
		{"both", "both", "", "write it in full: refs/heads/both or refs/tags/both", exitUsage},
		{"none", "gone", "", `no branch or tag "gone"`, exitUsage},
		{"none in full", "refs/tags/main", "", `no branch or tag "refs/tags/main"`, exitUsage},
		{"neither", "refs/pull/1/merge", "", "neither a branch nor a tag", exitUsage},
		{"no commit", "tree", "", "leads to no commit", exitUsage},
		{"no name", "../..", "", "cannot be the name of a tag or a branch", exitUsage},
		{"no name in full", "refs/heads/a?b", "", "cannot be the name of a tag or a branch", exitUsage},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDispatchTest(t)
			heads := map[string]string{
				"refs/heads/feature/x": d.widgets.Commit("feature/x", "x"), "refs/heads/both": d.widgets.Commit("both", "branch"),
				"refs/tags/both": d.widgets.Commit("main", "tag"),
				"refs/tags/v1":   d.widgets.Commit("main", "v1"), "refs/tags/v2": d.widgets.Commit("main", "v2"), "refs/tags/v3": d.widgets.Commit("main", "v3"),
			}
			for _, name := range []string{"both", "v1"} {
				d.widgets.Tag(name, heads["refs/tags/"+name])
			}
			d.widgets.AnnotatedTag("v2", heads["refs/tags/v2"])
			d.widgets.Tag("v3", d.widgets.AnnotatedTag("inner", d.widgets.AnnotatedTag("innermost", heads["refs/tags/v3"])))
			d.widgets.Tag("tree", "4b825dc642cb6eb9a060e54bf8d69288fbee4904") // git's empty tree
			heads["refs/heads/main"] = d.widgets.Commit("main", "last")
			if test.own != "" {
				maps.Copy(d.program.env, map[string]string{"GITHUB_REPOSITORY": "Acme/Widgets", "GITHUB_REF": test.own})
			}
			stdout, stderr := d.sign(test.code, "--ref", test.ref)
			if test.code != exitOK {
				if d.notStarted(0); !strings.Contains(stderr, test.want) {
					t.Errorf("it says %q, want %q", stderr, test.want)
				}
				return
			}
			run, spec := d.started(), d.spec(strings.TrimSpace(stdout))
			if run.Ref != test.want || run.SHA != heads[test.want] || spec.Ref != run.Ref || spec.SHA != run.SHA {
				t.Errorf("the run is at %s %s, the spec for %s %s, want %s %s", run.Ref, run.SHA, spec.Ref, spec.SHA, test.want, heads[test.want])
			}
		})
	}
}

// TestDispatchOwn has what the API says win over what the signer's own run has.
func TestDispatchOwn(t *testing.T) {
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"inputs": {"reason": "own", "token": "x"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, workflow string
		args           []string
		reason         string
	}{
		{"the same workflow", deploy, nil, "own"},
		{"the same workflow, with inputs", deploy, []string{"--inputs", `{"reason":"given"}`}, "given"},
		{"another workflow", ".github/workflows/ask.yml", nil, ""},
	} {
		d := newDispatchTest(t)
		maps.Copy(d.program.env, map[string]string{
			"GITHUB_REPOSITORY": "acme/widgets", "GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_NAME": "workflow_dispatch",
			"GITHUB_EVENT_PATH": event, "GITHUB_WORKFLOW_REF": "acme/widgets/" + test.workflow + "@refs/heads/main",
		})
		args := append([]string{"--dispatch", "deploy.yml"}, test.args...)
		stdout, _ := d.signFor(exitOK, args...)
		run, spec := d.started(), d.spec(strings.TrimSpace(stdout))
		if spec.SHA != d.widgets.Head("main") || spec.SHA == otherSHA || spec.RepositoryID != fmt.Sprint(d.widgets.ID()) || spec.RepositoryOwnerID != fmt.Sprint(d.widgets.OwnerID()) {
			t.Errorf("%s: the spec is %+v", test.name, spec)
		}
		if run.Inputs["reason"] != test.reason || spec.Inputs["reason"] != test.reason {
			t.Errorf("%s: the reason is %q, signed %q, want %q", test.name, run.Inputs["reason"], spec.Inputs["reason"], test.reason)
		}
	}
}

// TestDispatchFile starts from a spec in a file.
func TestDispatchFile(t *testing.T) {
	d := newDispatchTest(t)
	d.widgets.Tag("v1", d.widgets.Commit("main", "one"))
	sha := d.widgets.Head("main")
	d.widgets.Commit("main", "two")
	file := filepath.Join(t.TempDir(), "spec.json")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"version": 1, "event": "push", "repository": "acme/widgets"}`)
	d.signFor(exitUsage, "--dispatch", "deploy.yml", "--spec", file)
	write(`{"version": 1, "repository": "acme/widgets", "sha": "` + otherSHA + `"}`)
	d.signFor(exitRefused, "--dispatch", "deploy.yml", "--spec", file)
	d.notStarted(0)
	write(`{"version": 1, "repository": "acme/widgets", "ref": "refs/tags/v1", "event": "workflow_dispatch", "workflow": "` + deploy + `",
		"sha": "` + sha + `", "inputs": {"reason": "filed"}, "stack": "blue"}`)
	stdout, _ := d.signFor(exitOK, "--dispatch", "deploy.yml", "--spec", file)
	run, spec := d.started(), d.spec(strings.TrimSpace(stdout))
	if run.Ref != "refs/tags/v1" || run.SHA != sha || run.Inputs["reason"] != "filed" || spec.Stack != "blue" || spec.SHA != sha {
		t.Errorf("the run is %+v, the spec %+v", run, spec)
	}
}

// What fails after the run was started does not invite to start another one.
func TestDispatchUnwritable(t *testing.T) {
	d := newDispatchTest(t)
	d.program.env["GITHUB_STEP_SUMMARY"] = t.TempDir()
	_, stderr := d.sign(exitUndecided)
	if !strings.Contains(stderr, "started: ") || !strings.Contains(stderr, "a run that was started goes on") {
		t.Error(stderr)
	}
}
