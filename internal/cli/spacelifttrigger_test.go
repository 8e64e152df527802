package cli

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-ci/countersign/internal/spacelifttest"
)

// TestSpaceliftTrigger starts a run with the token that it prints.
func TestSpaceliftTrigger(t *testing.T) {
	for _, test := range []struct {
		name, stack, ref string
		args             []string
		want             string
	}{
		{"the stack's branch", "network", "refs/heads/main", nil, "TRACKED"},
		{"its branch has a slash", "app-prod", "refs/heads/release/1", nil, "TRACKED"},
		{"another branch", "network", "refs/heads/feature", nil, "PROPOSED"},
		{"the end of another branch", "network", "refs/heads/feature/main", nil, "PROPOSED"},
		{"in capitals", "network", "refs/heads/MAIN", nil, "PROPOSED"},
		{"a branch named as a ref", "network", "refs/heads/refs/heads/main", nil, "PROPOSED"},
		{"the branch by a flag", "network", "refs/heads/feature", []string{"--ref", "refs/heads/main"}, "TRACKED"},
		{"tracked from another branch", "network", "refs/heads/feature", []string{"--run-type", "TRACKED"}, "TRACKED"},
		{"in small letters", "network", "refs/heads/feature", []string{"--run-type", "tracked"}, "TRACKED"},
		{"proposed from its branch", "network", "refs/heads/main", []string{"--run-type", "Proposed"}, "PROPOSED"},
		{"a tag", "network", "refs/tags/v1", []string{"--run-type", "tracked"}, "TRACKED"},
		{"a pull request", "network", "refs/pull/1/merge", []string{"--run-type", "proposed"}, "PROPOSED"},
		{"no ref", "network", "", []string{"--run-type", "proposed"}, "PROPOSED"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSpaceliftTest(t).set(map[string]string{"GITHUB_REF": test.ref})
			stdout, stderr := s.sign(exitOK, append(test.args, "--stack", test.stack, "--trigger")...)
			runs := s.account.Runs()
			want := []spacelifttest.Run{{
				ID: "01KRUN00000000000000000001", Stack: test.stack, SHA: otherSHA, Type: test.want,
				Metadata: strings.TrimSuffix(stdout, "\n"), ForceApply: test.want == "TRACKED",
			}}
			if diff := cmp.Diff(want, runs); diff != "" {
				t.Fatalf("the runs (-want +got):\n%s", diff)
			}
			if decoded(t, stdout, 1)["spacelift_stack"] != test.stack {
				t.Errorf("the token is for %v", decoded(t, stdout, 1))
			}
			url := s.account.RunURL(runs[0])
			if want := fmt.Sprintf("started: %s run of %s: %s\n", test.want, test.stack, url); stderr != want {
				t.Errorf("it says %q, want %q", stderr, want)
			}
			if out := s.outputs(); out["run-url"] != url || out["token"]+"\n" != stdout {
				t.Errorf("the outputs are %v", out)
			}
			if !strings.Contains(s.read("summary"), "| run |") {
				t.Errorf("the summary is %s", s.read("summary"))
			}
		})
	}
}

// TestSpaceliftOtherCommit signs a commit that is not the run's own, as of a pull
// request: that the run is of the stack's branch says nothing about it.
func TestSpaceliftOtherCommit(t *testing.T) {
	other := strings.Repeat("f", 40)
	s := newSpaceliftTest(t)
	if _, stderr := s.sign(exitUsage, "--stack", "network", "--trigger", "--sha", other); !strings.Contains(stderr, "on no branch") || len(s.asked()) != 0 {
		t.Errorf("it says %q and asked for %v", stderr, s.asked())
	}
	stdout, _ := s.sign(exitOK, "--stack", "network", "--sha", other)
	if ref, ok := decoded(t, stdout, 1)["spec"].(map[string]any)["ref"]; ok {
		t.Errorf("the token is for %v", ref)
	}
	s.sign(exitOK, "--stack", "network", "--trigger", "--sha", other, "--run-type", "proposed")
	s.sign(exitOK, "--stack", "network", "--trigger", "--sha", other, "--ref", "refs/heads/main")
	for i, want := range []string{"PROPOSED", "TRACKED"} {
		if run := s.account.Runs()[i]; run.Type != want || run.SHA != other {
			t.Errorf("run %d is %+v", i, run)
		}
	}
}

// Every way to name an account.
func TestSpaceliftCredentials(t *testing.T) {
	for name, change := range map[string]func(*spaceliftTest){
		"a key": func(*spaceliftTest) {},
		"the other name": func(s *spaceliftTest) {
			s.env["SPACELIFT_API_ENDPOINT"] = s.env["SPACELIFT_API_KEY_ENDPOINT"]
			delete(s.env, "SPACELIFT_API_KEY_ENDPOINT")
		},
		"the first name":         func(s *spaceliftTest) { s.env["SPACELIFT_API_ENDPOINT"] = "https://acme.invalid" },
		"an address with a path": func(s *spaceliftTest) { s.env["SPACELIFT_API_KEY_ENDPOINT"] += "/graphql/" },
		"a token": func(s *spaceliftTest) {
			s.set(map[string]string{"SPACELIFT_API_KEY_ENDPOINT": "", "SPACELIFT_API_KEY_ID": "", "SPACELIFT_API_KEY_SECRET": "", "SPACELIFT_API_TOKEN": s.account.Token()})
		},
		"a token beside a key": func(s *spaceliftTest) { s.env["SPACELIFT_API_TOKEN"] = s.account.Token() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpaceliftTest(t)
			change(s)
			s.sign(exitOK, "--stack", "network", "--trigger")
			login := 1
			if s.env["SPACELIFT_API_TOKEN"] != "" {
				login = 0
			}
			if asked := s.asked(); len(s.account.Runs()) != 1 || asked["apiKeyUser"] != login {
				t.Errorf("it asked for %v", asked)
			}
		})
	}
}

// What can be known to be wrong before is refused, and nothing is asked.
func TestSpaceliftTriggerRefuses(t *testing.T) {
	none := map[string]string{"SPACELIFT_API_KEY_ENDPOINT": "", "SPACELIFT_API_KEY_ID": "", "SPACELIFT_API_KEY_SECRET": ""}
	for _, test := range []struct {
		name string
		env  map[string]string
		says string
	}{
		{"a detached HEAD", map[string]string{"GITHUB_REF": ""}, "on no branch"},
		{"a tag", map[string]string{"GITHUB_REF": "refs/tags/main"}, "on no branch"},
		{"a pull request", map[string]string{"GITHUB_REF": "refs/pull/1/merge"}, "on no branch"},
		{"no account", none, "SPACELIFT_API_KEY_ENDPOINT is missing"},
		{"no address", map[string]string{"SPACELIFT_API_KEY_ENDPOINT": ""}, "SPACELIFT_API_KEY_ENDPOINT is missing"},
		{"no id", map[string]string{"SPACELIFT_API_KEY_ID": ""}, "SPACELIFT_API_KEY_ID is missing"},
		{"no secret", map[string]string{"SPACELIFT_API_KEY_SECRET": ""}, "SPACELIFT_API_KEY_SECRET is missing"},
		{"a secret with a line end", map[string]string{"SPACELIFT_API_KEY_SECRET": accountKey + "\n"}, "SPACELIFT_API_KEY_SECRET has"},
		{"a token with a line end", map[string]string{"SPACELIFT_API_TOKEN": "a\nb"}, "SPACELIFT_API_TOKEN has"},
		{"a token that is none", map[string]string{"SPACELIFT_API_TOKEN": "abc", "SPACELIFT_API_KEY_ENDPOINT": ""}, "SPACELIFT_API_TOKEN is no JWT"},
		{"no https", map[string]string{"SPACELIFT_API_KEY_ENDPOINT": "http://acme.invalid"}, "not reached through https"},
		{"no scheme", map[string]string{"SPACELIFT_API_KEY_ENDPOINT": "acme.invalid"}, "no URL with a host"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSpaceliftTest(t).set(test.env)
			s.refuses(exitUsage, test.says, "--stack", "network", "--trigger")
			s.notAsked()
		})
	}
}

// What the server says or fails to say, and what of it is asked again.
func TestSpaceliftTriggerFails(t *testing.T) {
	const login, branch, run = "apiKeyUser", "stack", "runTrigger"
	lost := "it is not known whether the run was started"
	for _, test := range []struct {
		name, operation string
		fault           spacelifttest.Fault
		code            int
		says            string
		tries           int // of the operation
	}{
		{"an error at the login", login, spacelifttest.Fault{Errors: `[{"message": "no such thing"}]`}, exitUndecided, `"no such thing"`, 1},
		{"an error about the stack", branch, spacelifttest.Fault{Errors: `[{"message": "no such thing"}]`}, exitUndecided, `"no such thing"`, 1},
		{"an error about the run", run, spacelifttest.Fault{Errors: `[{"message": "commit not found"}]`}, exitUndecided, `"commit not found"`, 1},
		{"an error that repeats secrets", run, spacelifttest.Fault{Errors: `[{"message": "bad ` + accountKey + ` of eyJhbGciOiJ9.eyJ4Ijoi.x"}]`}, exitUndecided, "bad … of …", 1},
		{"data null at the login", login, spacelifttest.Fault{Body: `{"data": null}`}, exitUndecided, "no data", 1},
		{"data null for the stack", branch, spacelifttest.Fault{Body: `{"data": null}`}, exitUndecided, "no data", 1},
		{"data null for the run", run, spacelifttest.Fault{Body: `{"data": null}`}, exitUndecided, lost, 1},
		{"a run null", run, spacelifttest.Fault{Body: `{"data": {"runTrigger": null}}`}, exitUndecided, lost, 1},
		{"no JSON", run, spacelifttest.Fault{Body: `<html>`}, exitUndecided, lost, 1},
		{"not allowed", login, spacelifttest.Fault{Status: 401}, exitUsage, "it answered 401", 1},
		{"not allowed to see", branch, spacelifttest.Fault{Status: 401}, exitUsage, "it answered 401", 1},
		{"not allowed to start", run, spacelifttest.Fault{Status: 401}, exitUsage, "it answered 401", 1},
		{"forbidden", run, spacelifttest.Fault{Status: 403}, exitUsage, "it answered 403", 1},
		{"unauthorized", run, spacelifttest.Fault{Errors: `[{"message": "unauthorized"}]`}, exitUsage, "unauthorized", 1},
		{"busy for good", login, spacelifttest.Fault{Status: 429}, exitUndecided, "it answered 429, still after 5 tries", 5},
		{"busy for long", login, spacelifttest.Fault{Status: 429, Header: http.Header{"Retry-After": {"3600"}}}, exitUndecided, "too long", 1},
		{"broken at the login", login, spacelifttest.Fault{Status: 500}, exitUndecided, "it answered 500, still after 5 tries", 5},
		{"broken at the run", run, spacelifttest.Fault{Status: 500}, exitUndecided, lost, 1},
		{"broken after the run", run, spacelifttest.Fault{Status: 502, Late: true}, exitUndecided, lost, 1},
		{"cut at the run", run, spacelifttest.Fault{Cut: true}, exitUndecided, lost, 1},
		{"cut after the run", run, spacelifttest.Fault{Cut: true, Late: true}, exitUndecided, lost, 1},
		{"cut in the answer", run, spacelifttest.Fault{Half: true}, exitUndecided, lost, 1},
		{"a redirect", run, spacelifttest.Fault{Status: 307, Header: http.Header{"Location": {"http://127.0.0.1:1/graphql"}}}, exitUndecided, "redirect", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSpaceliftTest(t)
			s.account.On(test.operation, test.fault)
			_, stderr := s.sign(test.code, "--stack", "network", "--trigger")
			if !strings.Contains(stderr, test.says) || strings.Contains("\n"+stderr, "\nstarted: ") {
				t.Errorf("it says %q, want %q", stderr, test.says)
			}
			if test.says == lost && !strings.Contains(stderr, "look at the runs of the stack before you try again") {
				t.Errorf("it advises %q", stderr)
			}
			if got := s.asked()[test.operation]; got != test.tries || len(s.slept) != test.tries-1 {
				t.Errorf("%s was asked %d times with %v in between, want %d times", test.operation, got, s.slept, test.tries)
			}
			for name, value := range s.outputs() {
				if value != "" {
					t.Errorf("the output %s is %q", name, value)
				}
			}
		})
	}
}

// What passes is waited for, as long as the server says, and the run starts once.
func TestSpaceliftTriggerAgain(t *testing.T) {
	for _, operation := range []string{"apiKeyUser", "stack", "runTrigger"} {
		s := newSpaceliftTest(t)
		s.account.First(2, operation, spacelifttest.Fault{Status: 429, Header: http.Header{"Retry-After": {"7"}}})
		code, want := exitOK, []time.Duration{7 * time.Second, 7 * time.Second}
		s.sign(code, "--stack", "network", "--trigger")
		if diff := cmp.Diff(want, s.slept); diff != "" || len(s.account.Runs()) != 1 || s.asked()[operation] != 3 {
			t.Errorf("%s: %d runs, waited %v", operation, len(s.account.Runs()), s.slept)
		}
	}
}

func TestSpaceliftTriggerUnknown(t *testing.T) {
	s := newSpaceliftTest(t)
	for _, args := range [][]string{nil, {"--run-type", "TRACKED"}} {
		stderr := s.refuses(exitUsage, `the stack "gone"`, append(args, "--stack", "gone", "--trigger")...)
		if !strings.Contains(stderr, "there is no such stack, or these credentials may not see it") || s.asked()["runTrigger"] != 0 {
			t.Errorf("it says %q", stderr)
		}
	}
	s.env["SPACELIFT_API_KEY_SECRET"] = "another-secret-of-a-key"
	s.secrets = append(s.secrets, s.env["SPACELIFT_API_KEY_SECRET"])
	stderr := s.refuses(exitUsage, "unauthorized", "--stack", "network", "--trigger")
	if !strings.Contains(stderr, "check SPACELIFT_API_KEY_ID and SPACELIFT_API_KEY_SECRET") {
		t.Errorf("it advises %q", stderr)
	}
	s.env["SPACELIFT_API_TOKEN"] = s.account.Token()
	s.account.Revoke()
	if stderr := s.refuses(exitUsage, "unauthorized", "--stack", "network", "--trigger"); !strings.Contains(stderr, "check SPACELIFT_API_TOKEN") {
		t.Errorf("it advises %q", stderr)
	}
	s.env["SPACELIFT_API_KEY_ENDPOINT"], s.env["SPACELIFT_API_TOKEN"] = "http://127.0.0.1:1", ""
	s.refuses(exitUndecided, "127.0.0.1:1", "--stack", "network", "--trigger")
}

// A server that is somebody's own may be older.
func TestSpaceliftSelfHosted(t *testing.T) {
	for version, force := range map[string]bool{"": true, "5.1.0": true, "v6.0.0": true, "5.0.1": false, "4.9.9": false} {
		s := newSpaceliftTestOf(t, spacelifttest.Options{KeyID: "01KEYID", KeySecret: accountKey, SelfHostedVersion: version})
		s.sign(exitOK, "--stack", "network", "--trigger")
		if runs := s.account.Runs(); len(runs) != 1 || runs[0].ForceApply != force {
			t.Errorf("%q: the runs are %+v", version, runs)
		}
	}
}

// What fails after a run was started leaves its URL.
func TestSpaceliftTriggerUnwritable(t *testing.T) {
	s := newSpaceliftTest(t)
	s.env["GITHUB_STEP_SUMMARY"] = t.TempDir()
	_, stderr := s.sign(exitUndecided, "--stack", "network", "--trigger")
	if !strings.Contains(stderr, "a run that was started goes on") || s.outputs()["run-url"] != s.account.RunURL(s.account.Runs()[0]) {
		t.Errorf("it says %q, and the outputs are %q", stderr, s.outputs())
	}
}

// The token is in no argument of a process and in one header of one request.
func TestSpaceliftTokenOnce(t *testing.T) {
	s := newSpaceliftTest(t)
	stdout, _ := s.sign(exitOK, "--stack", "network", "--trigger")
	token := strings.TrimSpace(stdout)
	for _, r := range s.account.Requests() {
		in := 0
		for name, values := range r.Header {
			if strings.Contains(strings.Join(values, "\n"), token) {
				in++
				if name != "Spacelift-User-Provided-Run-Metadata" || len(values) != 1 || values[0] != token {
					t.Errorf("%s has the header %s", r.Operation, name)
				}
			}
		}
		if want := r.Operation == "runTrigger"; (in == 1) != want || strings.Contains(r.Body+r.Path, token) {
			t.Errorf("%s has the token in %d headers, or elsewhere", r.Operation, in)
		}
		if strings.Contains(r.Body, accountKey) != (r.Operation == "apiKeyUser") || strings.Contains(fmt.Sprint(r.Header), accountKey) {
			t.Errorf("%s has the secret of the key", r.Operation)
		}
	}
}
