package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDiggerRun compares a signed spec with the run at hand.
func TestDiggerRun(t *testing.T) {
	base := newDiggerTest(t)
	const (
		actor     = `"vcs": {"actor": "octocat"`
		requested = `"requestedBy": "octocat"`
		owner     = `"repo_owner": "acme", "repo_name": "widgets", `
		commit    = `"commit": "` + otherSHA + `", `
	)
	for _, test := range []struct {
		name  string
		spec  []string          // changes of the spec: old and new
		env   map[string]string // of the run
		args  []string
		rules []string
	}{
		{name: "the same run"},
		{name: "other letter case", env: map[string]string{"GITHUB_REPOSITORY": "Acme/WIDGETS", "GITHUB_ACTOR": "OctoCat"}},

		{name: "another repository", env: map[string]string{"GITHUB_REPOSITORY": "acme/gadgets"}, rules: []string{"wrong-repository"}},
		{name: "another owner", env: map[string]string{"GITHUB_REPOSITORY": "mallory/widgets"}, rules: []string{"wrong-repository"}},
		{name: "another commit", env: map[string]string{"GITHUB_SHA": strings.Repeat("1", 40)}, rules: []string{"wrong-commit"}},
		{name: "a commit in capitals", env: map[string]string{"GITHUB_SHA": strings.ToUpper(otherSHA)}, rules: []string{"wrong-commit"}},
		{name: "another actor", env: map[string]string{"GITHUB_ACTOR": "mallory"}, rules: []string{"wrong-actor"}},
		{name: "a run that tells nothing", env: map[string]string{"GITHUB_REPOSITORY": "", "GITHUB_ACTOR": "", "GITHUB_SHA": ""}, rules: []string{"wrong-actor", "wrong-commit", "wrong-repository"}},
		{
			name: "all wrong", env: map[string]string{"GITHUB_REPOSITORY": "a/b", "GITHUB_ACTOR": "mallory", "GITHUB_SHA": "x", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_TRIGGERING_ACTOR": "mallory"},
			rules: []string{"rerun", "wrong-actor", "wrong-commit", "wrong-repository", "wrong-triggering-actor"},
		},

		{name: "requested by another", spec: []string{requested, `"requestedBy": "mallory"`}, rules: []string{"wrong-actor"}},
		{name: "requested by another, in a run of that one", spec: []string{requested, `"requestedBy": "mallory"`}, env: map[string]string{"GITHUB_ACTOR": "mallory"}, rules: []string{"wrong-actor"}},
		{name: "requested by another, and both are dispatchers", spec: []string{requested, `"requestedBy": "mallory"`}, args: []string{"--dispatchers", "octocat,mallory"}, rules: []string{"wrong-actor"}},
		{name: "requested in other letter case", spec: []string{requested, `"requestedBy": "OCTOCAT"`}},
		{name: "requested by another alone", spec: []string{requested, `"requestedBy": "mallory"`, actor, `"vcs": {"actor": ""`}, rules: []string{"wrong-actor"}},
		{name: "requested by the actor alone", spec: []string{actor, `"vcs": {"actor": ""`}},
		{name: "not said who requested", spec: []string{", " + requested, ``}},
		{name: "not said for whom", spec: []string{", " + requested, ``, actor + ", ", `"vcs": {`}, rules: []string{"unbound"}},

		{name: "the full name alone", spec: []string{owner, `"repo_full_name": "acme/widgets", `}},
		{name: "another full name alone", spec: []string{owner, `"repo_full_name": "acme/gadgets", `}, rules: []string{"wrong-repository"}},
		{name: "all names", spec: []string{owner, owner + `"repo_full_name": "ACME/widgets", `}},
		{name: "no repository", spec: []string{owner, ``}, rules: []string{"unbound"}},
		{name: "no commit", spec: []string{commit, ``}, rules: []string{"unbound"}},
		{name: "an empty commit", spec: []string{commit, `"commit": "", `}, rules: []string{"unbound"}},
		{name: "no repository, not required", spec: []string{owner, ``}, args: []string{"--require", "actor,sha"}},
		{name: "no commit, not required", spec: []string{commit, ``}, args: []string{"--require", "actor"}},
		{name: "required and there", args: []string{"--require", "sha"}},
		{name: "required, and no spec has it", args: []string{"--require", "ref,environment,inputs,commands"}, rules: []string{"unbound"}},
		{name: "not required, and wrong", args: []string{"--require", "sha"}, env: map[string]string{"GITHUB_ACTOR": "mallory"}, rules: []string{"wrong-actor"}},

		{name: "a bot", env: map[string]string{"GITHUB_ACTOR": "digger[bot]"}, rules: []string{"wrong-actor"}},
		{name: "a bot for people", env: map[string]string{"GITHUB_ACTOR": "digger[bot]", "GITHUB_TRIGGERING_ACTOR": "digger[bot]"}, args: []string{"--dispatchers", "hubot,Digger[bot]"}},
		{name: "another bot", env: map[string]string{"GITHUB_ACTOR": "digger[bot]"}, args: []string{"--dispatchers", "hubot"}, rules: []string{"wrong-actor"}},
		{name: "triggered by another", env: map[string]string{"GITHUB_TRIGGERING_ACTOR": "mallory"}, rules: []string{"wrong-triggering-actor"}},
		{name: "triggered by another for a bot", env: map[string]string{"GITHUB_ACTOR": "hubot", "GITHUB_TRIGGERING_ACTOR": "mallory"}, args: []string{"--dispatchers", "hubot"}, rules: []string{"wrong-triggering-actor"}},
		{name: "triggered by the actor", env: map[string]string{"GITHUB_TRIGGERING_ACTOR": "octocat"}},
		{name: "a second attempt", env: map[string]string{"GITHUB_RUN_ATTEMPT": "2"}, rules: []string{"rerun"}},
		{name: "an attempt that is not told", env: map[string]string{"GITHUB_RUN_ATTEMPT": ""}, rules: []string{"rerun"}},
		{name: "a second attempt that is allowed", env: map[string]string{"GITHUB_RUN_ATTEMPT": "2"}, args: []string{"--allow-rerun"}},

		// Its inputs, ref and event are not signed.
		{name: "another ref and event", env: map[string]string{"GITHUB_REF": "refs/heads/other", "GITHUB_EVENT_NAME": "pull_request"}},
		{name: "what is expected and the case", args: []string{"--expect", "sha=" + otherSHA + ",repository=ACME/widgets,actor=octocat"}},
		{name: "what the run does not tell", env: map[string]string{"GITHUB_SHA": ""}, args: []string{"--expect", "sha=" + otherSHA}},
		{name: "what the run does not tell, and is wrong", env: map[string]string{"GITHUB_SHA": ""}, args: []string{"--expect", "sha=" + strings.Repeat("1", 40)}, rules: []string{"wrong-commit"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := base.with(test.env)
			d.t = t
			spec := jobSpec
			for i := 0; i < len(test.spec); i += 2 {
				spec = changed(t, spec, test.spec[i], test.spec[i+1])
			}
			for form, args := range d.forms(spec) {
				args = append(args, test.args...)
				d.want(test.rules, args...)
				// To warn of it verifies nothing.
				c := d.verify(append(args, "--on-invalid", "warn")...)
				if diff := cmp.Diff(append([]string{}, test.rules...), c.failures("warn")); diff != "" || len(c.failures("fail")) > 0 {
					t.Errorf("%s: warned of (-want +got):\n%s", form, diff)
				}
			}
		})
	}
}

// TestDiggerFindings has the rules that are checked, and no other.
func TestDiggerFindings(t *testing.T) {
	d := newDiggerTest(t)
	d.program.env["GITHUB_TRIGGERING_ACTOR"] = "octocat"
	want := []string{
		"bad-signature", "expired", "lifetime-too-long", "missing-token", "not-yet-valid", "rerun", "unbound", "wrong-actor", "wrong-commit", "wrong-repository", "wrong-triggering-actor",
	}
	for _, args := range d.forms(jobSpec) {
		c := d.want(nil, args...)
		if diff := cmp.Diff(want, c.failures("pass")); diff != "" {
			t.Errorf("rules (-want +got):\n%s", diff)
		}
		if c.stderr != "verified: 11 rules hold\n" {
			t.Errorf("it says %q", c.stderr)
		}
		// The report has the spec too, as JSON.
		if !strings.HasPrefix(string(c.report.Spec), `{"job_id":"abc123",`) || !strings.Contains(string(c.report.Spec), `"pullRequestNumber":7.0e0`) {
			t.Errorf("the report has the spec %s", c.report.Spec)
		}
		for _, rule := range want {
			if !strings.Contains(d.read(d.summary), rule) {
				t.Errorf("the summary lacks %s: %s", rule, d.read(d.summary))
			}
		}
	}
}

// TestDiggerAway checks a spec where there is no run: against what is expected, or by
// its signature and expiry alone.
func TestDiggerAway(t *testing.T) {
	base := newDiggerTest(t).away()
	const other = "1111111111111111111111111111111111111111"
	for _, test := range []struct {
		name  string
		spec  string
		args  []string
		rules []string
	}{
		{"nothing expected", jobSpec, nil, nil},
		{"nothing said", "{}", nil, nil},
		{"two accounts", changed(t, jobSpec, `"requestedBy": "octocat"`, `"requestedBy": "mallory"`), nil, nil},
		{"two accounts, another fact expected", changed(t, jobSpec, `"requestedBy": "octocat"`, `"requestedBy": "mallory"`), []string{"--expect", "sha=" + otherSHA}, nil},
		{"two accounts, one expected", changed(t, jobSpec, `"requestedBy": "octocat"`, `"requestedBy": "mallory"`), []string{"--expect", "actor=octocat"}, []string{"wrong-actor"}},
		{"two accounts, the other expected", changed(t, jobSpec, `"requestedBy": "octocat"`, `"requestedBy": "mallory"`), []string{"--expect", "actor=mallory"}, []string{"wrong-actor"}},
		{"all expected", jobSpec, []string{"--expect", "sha=" + otherSHA + ",repository=ACME/Widgets,actor=OctoCat"}, nil},
		{"a commit", jobSpec, []string{"--expect", "sha=" + otherSHA}, nil},
		{"another commit", jobSpec, []string{"--expect", "sha=" + other}, []string{"wrong-commit"}},
		{"another repository", jobSpec, []string{"--expect", "repository=acme/gadgets"}, []string{"wrong-repository"}},
		{"another actor", jobSpec, []string{"--expect", "actor=mallory"}, []string{"wrong-actor"}},
		{"all others", jobSpec, []string{"--expect", "actor=mallory", "--expect", "repository=a/b", "--expect", "sha=" + other}, []string{"wrong-actor", "wrong-commit", "wrong-repository"}},
		{"expected and not said", `{"job":{"commit":"` + otherSHA + `"}}`, []string{"--expect", "sha=" + otherSHA + ",actor=octocat"}, []string{"unbound"}},
		{"required and not said", "{}", []string{"--require", "repository"}, []string{"unbound"}},
		{"required as by default and not said", "{}", []string{"--require", "repository,actor,sha"}, []string{"unbound"}},
		{"required and said", jobSpec, []string{"--require", "repository,actor,sha"}, nil},
		{"dispatchers", jobSpec, []string{"--expect", "actor=hubot", "--dispatchers", "hubot"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := base.with(nil)
			d.t = t
			for _, args := range d.forms(test.spec) {
				d.want(test.rules, append(args, test.args...)...)
			}
		})
	}
	for _, args := range base.forms(jobSpec) {
		const note = "note: not compared, for --expect does not name them: actor, repository\n"
		if c := base.want(nil, append(args, "--expect", "sha="+otherSHA)...); !strings.HasSuffix(c.stderr, note) {
			t.Errorf("it says %q, want %q", c.stderr, note)
		}
	}
}

// TestDiggerMeaningless refuses flags that could do nothing, before anything else.
func TestDiggerMeaningless(t *testing.T) {
	base := newDiggerTest(t)
	spec := base.envelope(jobSpec)
	for _, test := range []struct {
		says string
		args []string
		env  map[string]string
	}{
		{"--keyless means nothing with --format digger", []string{"--keyless"}, nil},
		{"--trusted-issuer means nothing", []string{"--trusted-issuer", "https://example.com"}, nil},
		{"--trusted-identity means nothing", []string{"--trusted-identity", "repository=acme/widgets"}, nil},
		{"--jwks means nothing", []string{"--jwks", "x"}, nil},
		{"--jwks-cache means nothing", []string{"--jwks-cache", "x"}, nil},
		{"--issuer means nothing", []string{"--issuer", "https://github.com/acme/orchestrator"}, nil},
		{"--audience means nothing", []string{"--audience", "https://github.com/acme/widgets"}, nil},
		{"--token-input means nothing", []string{"--token-input", "signature"}, nil},
		{"--allow-unsigned-inputs means nothing", []string{"--allow-unsigned-inputs", "run_name"}, nil},
		{"--issuer means nothing", nil, map[string]string{"COUNTERSIGN_ISSUER": "https://github.com/acme/orchestrator"}},
		{"add `token` to --check", []string{"--check", "pins"}, nil},
		{"--expect names the ref", []string{"--expect", "ref=refs/heads/main"}, nil},
		{"--expect names the environment", []string{"--expect", "sha=" + otherSHA + ",environment=production"}, nil},
		{"--expect names the repository_id", []string{"--expect", "repository-id=1"}, nil},
		{"--expect names the commands", []string{"--expect", `commands=["x"]`}, nil},
		{"--expect names the inputs", []string{"--expect", `inputs={"x":"y"}`}, nil},
		{"of a job spec there are repository, actor, sha", []string{"--expect", "stack=blue"}, nil},
		{"--expect: ", []string{"--expect", "commit=x"}, nil},
		{"--require: ", []string{"--require", "commit"}, nil},
		{"the workflow context", nil, map[string]string{"GITHUB_RUN_ATTEMPT": "zero"}},
		{`sha is expected to be "1111111"`, []string{"--expect", "sha=1111111"}, nil},
		{`repository is expected to be "acme/gadgets"`, []string{"--expect", "repository=acme/gadgets"}, nil},
		{`actor is expected to be "hubot" and this run has "octocat"`, []string{"--expect", "actor=hubot", "--dispatchers", "hubot"}, nil},
	} {
		d := base.with(test.env)
		d.wantUsage(test.says, slices.Concat([]string{"verify", "--format", "digger", "--key", d.public}, spec, test.args)...)
	}
	// And the other way round.
	token := base.ledgerTest.sign()
	base.wantUsage("--spec means nothing with --format token", append([]string{"verify", "--key", base.public, "--token", token}, spec...)...)
	base.wantUsage("give --format digger", append([]string{"verify", "--key", base.public, "--token", token}, spec...)...)
	base.wantUsage("--detached means nothing with --format token", "sign", "--key", base.key, "--detached")
}

// TestDiggerOtherChecks says Digger's error of the spec alone.
func TestDiggerOtherChecks(t *testing.T) {
	d := newDiggerTest(t)
	t.Chdir(t.TempDir())
	d.program.env["GITHUB_TOKEN"] = ""
	if code, _, stderr := d.run(append([]string{"verify", "--format", "digger", "--key", d.public, "--check", "token,pins"}, d.envelope(jobSpec)...)...); code != exitOK {
		t.Fatalf("without files it ended with %d: %s", code, stderr)
	}
	pipeline := d.file("pipeline.yml", "steps:\n  - command: make\n")
	args := append([]string{"verify", "--format", "digger", "--key", d.public, "--check", "token,pipeline", "--pipeline", pipeline, "--repository-url", widgetsURL}, d.envelope(jobSpec)...)
	code, _, stderr := d.run(args...)
	if code != exitRefused || !strings.Contains(stderr, "error: unsigned-step") || strings.Contains(stderr, errDigger) {
		t.Errorf("it ended with %d and says %q", code, stderr)
	}
	d.program.env["GITHUB_ACTOR"] = "mallory"
	code, _, stderr = d.run(args...)
	if code != exitRefused || strings.Contains(stderr, "unsigned-step") || !strings.Contains(stderr, "error: "+errDigger+": wrong-actor\n") {
		t.Errorf("it ended with %d and says %q", code, stderr)
	}
}
