package cli

import (
	"strings"
	"testing"

	"github.com/countersign-ci/countersign/internal/spacelifttest"
)

// One of three runs fails: those before it go on and stand in the outputs.
func TestSpaceliftTriggerHalf(t *testing.T) {
	for _, test := range []struct {
		name  string
		nth   int
		fault spacelifttest.Fault
		code  int
		says  []string
	}{
		{"the second is busy", 2, spacelifttest.Fault{Status: 429}, exitUndecided, []string{"the run of app-prod (started before it: network; not started after it: database)", "still after 5 tries", "with --stack"}},
		{"the second is lost", 2, spacelifttest.Fault{Status: 500, Late: true}, exitUndecided, []string{"the run of app-prod", "it is not known whether the run was started", "look at the runs of app-prod"}},
		{"the second is refused", 2, spacelifttest.Fault{Status: 401}, exitUsage, []string{"started before it: network;", "it answered 401", "those that were started go on"}},
		{"the third is refused", 3, spacelifttest.Fault{Status: 401}, exitUsage, []string{"the run of database (started before it: network, app-prod; not started after it: none)"}},
		{"the first is refused", 1, spacelifttest.Fault{Status: 401}, exitUsage, []string{"the run of network (started before it: none; not started after it: app-prod, database)", "give the API key"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPushTest(t)
			sha := p.touching()
			p.env["GITHUB_ACTIONS"] = "true"
			order := []string{"network", "app-prod", "database"}
			p.account.Fault(func(_ int, r spacelifttest.Request) *spacelifttest.Fault {
				if r.Operation == "runTrigger" && strings.Contains(r.Body, `"`+order[test.nth-1]+`"`) {
					return &test.fault
				}
				return nil
			})
			_, stderr := p.sign(test.code, "--trigger")
			for _, want := range test.says {
				if !strings.Contains(stderr, want) {
					t.Errorf("it says %q, want %q", stderr, want)
				}
			}
			if test.nth > 1 && strings.Contains(stderr, "no run was started") {
				t.Errorf("it says that no run was started: %s", stderr)
			}
			runs := p.account.Runs()
			var tokens, urls []string
			for i := range test.nth - 1 {
				if runs[i].Stack != order[i] || runs[i].SHA != sha || !strings.Contains(stderr, "started: ") {
					t.Errorf("the runs are %+v", runs)
				}
				tokens, urls = append(tokens, runs[i].Metadata), append(urls, p.account.RunURL(runs[i]))
			}
			out := p.outputs()
			if out["token"] != strings.Join(tokens, "\n") || out["run-url"] != strings.Join(urls, "\n") {
				t.Errorf("the outputs are %q, want those of %d runs", out, test.nth-1)
			}
			if !strings.Contains(p.read("summary"), "app&#45;prod") {
				t.Errorf("the summary is %s", p.read("summary"))
			}
		})
	}
}

// A stack that is not there keeps all runs from being started.
func TestSpaceliftTriggerAllOrNone(t *testing.T) {
	p := newPushTest(t)
	p.touching()
	p.write("stacks.yml", strings.Replace(stacksYAML, "database", "gone", 1))
	p.refuses(exitUsage, `the stack "gone"`, "--trigger")
}
