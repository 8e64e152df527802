package cli

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/githubtest"
)

// TestSpaceliftStacks signs and starts what each kind of push touched.
func TestSpaceliftStacks(t *testing.T) {
	all := "network app-prod database"
	for _, test := range []struct {
		name string
		push func(p *pushTest) (sha string)
		want string // stacks
	}{
		{"a push", func(p *pushTest) string {
			sha := p.commit(p.first, map[string]string{"infra/network/a.tf": "2", "README.md": "2"})
			p.push("refs/heads/main", p.first, sha)
			return sha
		}, "network"},
		{"a push of two commits", func(p *pushTest) string {
			sha := p.commit(p.commit(p.first, map[string]string{"infra/network/b.tf": "1"}), map[string]string{"infra/network/b.tf": "1", "infra/app/deep/a.tf": "2"})
			p.push("refs/heads/main", p.first, sha)
			return sha
		}, "network app-prod"},
		{"a path of two stacks", func(p *pushTest) string {
			sha := p.commit(p.first, map[string]string{"modules/m.tf": "2"})
			p.push("refs/heads/main", p.first, sha)
			return sha
		}, "network database"},
		{"a file that is gone", func(p *pushTest) string {
			sha := p.commit(p.first, map[string]string{"infra/app/deep/a.tf": ""})
			p.push("refs/heads/main", p.first, sha)
			return sha
		}, "app-prod"},
		{"a file that moved", func(p *pushTest) string {
			sha := p.commit(p.first, map[string]string{"infra/app/deep/a.tf": "", "infra/database/a.tf": "1"})
			p.push("refs/heads/main", p.first, sha)
			return sha
		}, "app-prod database"},
		{"none", func(p *pushTest) string {
			sha := p.commit(p.first, map[string]string{"README.md": "2", "infra/database/deep/a.tf": "1"})
			p.push("refs/heads/main", p.first, sha)
			return sha
		}, ""},
		{"a force push", func(p *pushTest) string {
			// What is taken back counts as what is new.
			before := p.commit(p.first, map[string]string{"infra/app/deep/a.tf": "2"})
			sha := p.commit(p.first, map[string]string{"infra/network/a.tf": "2"})
			p.push("refs/heads/main", before, sha)
			return sha
		}, "network app-prod"},
		{"a force push back", func(p *pushTest) string {
			before := p.commit(p.first, map[string]string{"infra/app/deep/a.tf": "2"})
			p.push("refs/heads/main", before, p.first)
			return p.first
		}, "app-prod"},
		{"a new branch", func(p *pushTest) string {
			// Since the branch left main only one has changed.
			sha := p.commit(p.first, map[string]string{"infra/database/a.tf": "1"})
			p.widgets.Branch("main", p.commit(p.first, map[string]string{"infra/network/a.tf": "2"}))
			p.push("refs/heads/feature", noCommit, sha)
			return sha
		}, "database"},
		{"a new branch at main", func(p *pushTest) string {
			p.push("refs/heads/feature", noCommit, p.first)
			return p.first
		}, ""},
		{"a branch of another history", func(p *pushTest) string {
			sha := p.commit("", map[string]string{"infra/app/deep/a.tf": "", "modules/m.tf": "", "README.md": "2"})
			p.push("refs/heads/orphan", noCommit, sha)
			return sha
		}, "network"},
		{"the first push of the default branch", func(p *pushTest) string {
			p.push("refs/heads/main", noCommit, p.first)
			return p.first
		}, all},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPushTest(t)
			sha, want := test.push(p), strings.Fields(test.want)
			stdout, stderr := p.sign(exitOK, "--dry-run")
			if diff := cmp.Diff(want, strings.Fields(stdout)); diff != "" || strings.Count(stdout, "\n") != len(want) {
				t.Errorf("the stacks (-want +got):\n%s", diff)
			}
			p.notAsked()
			stdout, stderr = p.sign(exitOK, "--trigger")
			runs, out := p.account.Runs(), p.outputs()
			if diff := cmp.Diff(want, append([]string{}, p.runStacks()...)); diff != "" {
				t.Fatalf("the stacks that run (-want +got):\n%s", diff)
			}
			tokens, urls := strings.Fields(stdout), strings.Fields(out["run-url"])
			ids := map[any]bool{}
			for i, run := range runs {
				wantType := map[bool]string{true: "TRACKED", false: "PROPOSED"}[p.env["GITHUB_REF"] == "refs/heads/main" && run.Stack != "app-prod"]
				if run.SHA != sha || run.Type != wantType || run.Metadata != tokens[i] || urls[i] != p.account.RunURL(run) {
					t.Errorf("a run of %s is %+v at %s", sha, run, urls[i])
				}
				claims := decoded(t, tokens[i], 1)
				spec := claims["spec"].(map[string]any)
				ids[claims["jti"]] = true
				if claims["spacelift_stack"] != run.Stack || claims["sub"] != sha || spec["stack"] != run.Stack || spec["sha"] != sha {
					t.Errorf("the token of %s has %v", run.Stack, claims)
				}
				if !strings.Contains(stderr, "started: "+wantType+" run of "+run.Stack+": "+urls[i]+"\n") {
					t.Errorf("it says %q", stderr)
				}
			}
			if len(tokens) != len(want) || len(urls) != len(want) || len(ids) != len(want) || out["token"] != strings.TrimSuffix(stdout, "\n") {
				t.Errorf("it prints %q and has the outputs %q", stdout, out)
			}
			for name, value := range out {
				if lines := len(strings.Split(value, "\n")); len(want) > 0 && lines != len(want) || len(want) == 0 && value != "" {
					t.Errorf("the output %s is %q", name, value)
				}
			}
			summary := p.read("summary")
			for _, stack := range want {
				if !strings.Contains(summary, "| stack | "+strings.ReplaceAll(stack, "-", "&#45;")+" |") {
					t.Errorf("the summary lacks %s: %s", stack, summary)
				}
			}
			if len(want) == 0 && !strings.Contains(summary, "The push touched no stack.") {
				t.Errorf("the summary is %s", summary)
			}
			touched := "note: the push touched " + strings.Join(want, ", ")
			if len(want) == 0 {
				touched = "note: the push touched no stack"
				p.notAsked()
			}
			if !strings.HasPrefix(stderr, touched+"\n") {
				t.Errorf("it says %q, want %q", stderr, touched)
			}
		})
	}
}

// What is no push of a branch tells not what changed, and one that ends a branch
// changes nothing.
func TestSpaceliftStacksEvents(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(p *pushTest)
		args   []string
		code   int
		says   string
	}{
		{"a branch is gone", func(p *pushTest) { p.push("refs/heads/feature", p.first, noCommit) }, nil, exitOK, "the push touched no stack"},
		{"another event", func(p *pushTest) { p.env["GITHUB_EVENT_NAME"] = "workflow_dispatch" }, nil, exitUsage, "this run is of no push"},
		{"no event", func(p *pushTest) { p.env["GITHUB_EVENT_NAME"] = "" }, nil, exitUsage, "this run is of no push"},
		{"no payload", func(p *pushTest) { p.env["GITHUB_EVENT_PATH"] = "" }, nil, exitUsage, "GITHUB_EVENT_PATH"},
		{"a payload that is gone", func(p *pushTest) { _ = os.Remove(p.path("event.json")) }, nil, exitUndecided, "cannot be read"},
		{"a payload that is none", func(p *pushTest) { p.write("event.json", `{"before": 7}`) }, nil, exitUsage, "before is not the id of a commit"},
		{"a tag", func(p *pushTest) { p.push("refs/tags/v1", noCommit, p.first) }, nil, exitUsage, "what was pushed is no branch"},
		{"a tag with another type", func(p *pushTest) { p.push("refs/tags/v1", noCommit, p.first) }, []string{"--run-type", "TRACKED", "--trigger"}, exitUsage, "what was pushed is no branch"},
		{"another commit", nil, []string{"--sha", otherSHA}, exitUsage, "another is to be signed"},
		{"another branch", nil, []string{"--ref", "refs/heads/feature"}, exitUsage, "another is to be signed"},
		{"another repository", nil, []string{"--repository", "acme/other", "--sha", otherSHA}, exitUsage, "another is to be signed"},
		{"another repository at that commit", func(p *pushTest) { p.env["COUNTERSIGN_SHA"] = p.env["GITHUB_SHA"] }, []string{"--repository", "acme/other"}, exitUsage, "another is to be signed"},
		{"the same in capitals", nil, []string{"--repository", "Acme/Widgets"}, exitOK, "network, app-prod, database"},
		{"a commit that is gone", func(p *pushTest) { p.push("refs/heads/main", otherSHA, p.env["GITHUB_SHA"]) }, nil, exitUndecided, "no commit " + otherSHA},
		{"a token that may not see it", func(p *pushTest) { p.server.Private("acme/widgets"); p.env["COUNTERSIGN_GITHUB_TOKEN"] = "" }, nil, exitUndecided, "it is not known what the push changed"},
		{"GitHub is down", func(p *pushTest) {
			p.server.Fault(func(int, *http.Request, []byte) *githubtest.Fault {
				return &githubtest.Fault{Status: http.StatusForbidden, Body: `{"message": "no"}`}
			})
		}, nil, exitUndecided, "it is not known what the push changed"},
		{"an address that is none", func(p *pushTest) { p.env["GITHUB_API_URL"] = "http://acme.invalid" }, nil, exitUsage, "https"},
	} {
		for _, mode := range []string{"", "--dry-run", "--trigger"} {
			t.Run(strings.TrimSpace(test.name+" "+mode), func(t *testing.T) {
				p := newPushTest(t)
				p.touching()
				if test.change != nil {
					test.change(p)
				}
				args := test.args
				switch {
				case mode == "--dry-run" && len(args) > 2:
					t.Skip("it starts nothing")
				case mode != "":
					args = append([]string{mode}, args...)
				}
				if test.code == exitOK {
					if _, stderr := p.sign(exitOK, args...); !strings.Contains(stderr, test.says) {
						t.Errorf("it says %q, want %q", stderr, test.says)
					}
					return
				}
				if stderr := p.refuses(test.code, test.says, args...); test.says == "this run is of no push" && !strings.Contains(stderr, "hint: --stack ID names a stack") {
					t.Errorf("it advises %q", stderr)
				}
				p.notAsked()
			})
		}
	}
}

// TestSpaceliftStacksFile has a wrong file be told with its place.
func TestSpaceliftStacksFile(t *testing.T) {
	for name, test := range map[string]struct{ text, says string }{
		"empty":        {"", "stacks.yml:1"},
		"no YAML":      {"version: 1\nstacks: [", "stacks.yml:"},
		"no version":   {"stacks: {a: [b]}\n", "stacks.yml:1"},
		"no stacks":    {"version: 1\n", "stacks.yml:1"},
		"another name": {"version: 1\nstack: {a: [b]}\n", "stacks.yml:2"},
		"no id":        {"version: 1\nstacks:\n  ../a: [b]\n", "stacks.yml:3"},
		"twice":        {"version: 1\nstacks:\n  a: [b]\n  a: [c]\n", "stacks.yml:4"},
		"no glob":      {"version: 1\nstacks:\n  a: ['[']\n", "stacks.yml:3"},
		"no files":     {"version: 1\nstacks:\n  a: []\n", "stacks.yml:3"},
		"too large":    {strings.Repeat("#", maxStacks+1), "is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPushTest(t)
			p.touching()
			p.write("stacks.yml", test.text)
			p.refuses(exitUsage, test.says, "--trigger")
			if n := len(p.server.Requests()); n != 0 {
				t.Errorf("GitHub was asked %d times", n)
			}
			p.notAsked()
		})
	}
	p := newPushTest(t)
	p.touching()
	p.env["COUNTERSIGN_STACKS"] = p.path("gone.yml")
	p.refuses(exitUsage, "the file of stacks cannot be read")
}

// A key that cannot be used shows before GitHub is asked.
func TestSpaceliftStacksKey(t *testing.T) {
	p := newPushTest(t)
	p.touching()
	p.withKey("ed25519")
	p.refuses(exitUsage, "EdDSA", "--trigger")
	p.refuses(exitUsage, "EdDSA")
	if n := len(p.server.Requests()); n != 0 {
		t.Errorf("GitHub was asked %d times", n)
	}
}

func TestSpaceliftStacksJSON(t *testing.T) {
	for _, touched := range []bool{true, false} {
		p := newPushTest(t)
		sha := p.touching()
		if !touched {
			p.push("refs/heads/main", sha, sha)
		}
		stdout, _ := p.sign(exitOK, "--json", "--dry-run")
		want := `{"stacks":[]}` + "\n"
		if touched {
			want = `{"stacks":[{"stack":"network"},{"stack":"app-prod"},{"stack":"database"}]}` + "\n"
		}
		if stdout != want {
			t.Errorf("it prints %s, want %s", stdout, want)
		}
		stdout, _ = p.sign(exitOK, "--json", "--trigger")
		if !touched {
			if stdout != want {
				t.Errorf("it prints %s, want %s", stdout, want)
			}
			continue
		}
		var got struct {
			Stacks []struct {
				Stack, Token string
				RunURL       string `json:"run_url"`
			}
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatal(err)
		}
		runs := p.account.Runs()
		for i, s := range got.Stacks {
			if s.Stack != runs[i].Stack || s.Token != runs[i].Metadata || s.RunURL != p.account.RunURL(runs[i]) {
				t.Errorf("it prints %+v for %+v", s, runs[i])
			}
		}
		if len(runs) != 3 || len(got.Stacks) != 3 {
			t.Errorf("%d runs of %d", len(runs), len(got.Stacks))
		}
	}
}

// A dry run needs no key and no account, and says what it found.
func TestSpaceliftDryRun(t *testing.T) {
	p := newPushTest(t)
	p.touching()
	for _, key := range []string{"", p.path("gone.jwk"), testKey("ed25519")} {
		p.env["COUNTERSIGN_SECRET"], p.env["COUNTERSIGN_KEY"] = "", key
		stdout, stderr := p.sign(exitOK, "--dry-run")
		if stdout != "network\napp-prod\ndatabase\n" || stderr != "note: the push touched network, app-prod, database\n" {
			t.Errorf("it prints %q and says %q", stdout, stderr)
		}
		if summary := p.read("summary"); !strings.Contains(summary, "| app&#45;prod |") {
			t.Errorf("the summary is %s", summary)
		}
		if diff := cmp.Diff(map[string]string{"token": "", "spec": "", "spec-digest": "", "jti": "", "expires-at": "", "run-url": ""}, p.outputs()); diff != "" {
			t.Errorf("the outputs (-want +got):\n%s", diff)
		}
	}
	p.notAsked()
	p.push("refs/heads/main", p.first, p.first)
	p.sign(exitOK, "--dry-run")
	if summary := p.read("summary"); !strings.Contains(summary, "The push touched no stack.") {
		t.Errorf("the summary is %s", summary)
	}
}

// Tokens that start no run leave the output run-url empty: a workflow may ask for it.
func TestSpaceliftStacksWithoutRuns(t *testing.T) {
	p := newPushTest(t)
	p.touching()
	stdout, _ := p.sign(exitOK)
	if out := p.outputs(); out["run-url"] != "" || out["token"]+"\n" != stdout || strings.Count(stdout, "\n") != 3 {
		t.Errorf("the outputs are %q", out)
	}
	p.notAsked()
}

// TestSpaceliftStacksAction is the Action with the job of a push.
func TestSpaceliftStacksAction(t *testing.T) {
	p := newPushTest(t)
	p.touching()
	maps.DeleteFunc(p.env, func(name, _ string) bool { return strings.HasPrefix(name, "COUNTERSIGN_") })
	p.set(map[string]string{
		"GITHUB_ACTIONS": "true", "INPUT_MODE": "sign", "INPUT_FORMAT": "spacelift", "INPUT_SECRET": stackSecret, "INPUT_GITHUB_TOKEN": apiToken,
		"INPUT_STACKS": p.path("stacks.yml"), "INPUT_TRIGGER": "true", "INPUT_RUN_TYPE": "proposed",
	})
	_, stderr := p.run(exitOK)
	runs := p.account.Runs()
	if len(runs) != 3 || runs[0].Type != "PROPOSED" || strings.Count(stderr, addMask) != 3 || strings.Count(stderr, "signed: ") != 3 {
		t.Errorf("the runs are %+v, and it says %q", runs, stderr)
	}
	p.set(map[string]string{"INPUT_TRIGGER": "", "INPUT_RUN_TYPE": "", "INPUT_DRY_RUN": "true"})
	p.account.ResetRequests()
	if stdout, _ := p.run(exitOK); stdout != "network\napp-prod\ndatabase\n" {
		t.Errorf("it prints %q", stdout)
	}
	p.notAsked()
}
