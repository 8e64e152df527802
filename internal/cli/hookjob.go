package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/countersign-ci/countersign/internal/dialect/buildkite"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/runner"
	"github.com/countersign-ci/countersign/internal/runspec"
	"github.com/countersign-ci/countersign/internal/worker"
)

// The variables in which a Buildkite agent names the files with a job's own
// environment, for its pre-bootstrap hook.
const (
	environmentFile     = "BUILDKITE_ENV_FILE"
	environmentJSONFile = "BUILDKITE_ENV_JSON_FILE"
)

// jobVariables are all that hook reads of the environment.
var jobVariables = append(slices.Clone(runner.ContextVariables), environmentFile, environmentJSONFile)

// maxEnvironment is the size of the largest file with a job's environment, in
// bytes.
const maxEnvironment = 16 << 20

// A job is what a runner or an agent says of the job that it is about to start.
type job struct {
	run       runspec.Context
	buildkite bool
	// environment is that of a Buildkite job.
	environment buildkite.Environment
}

// token returns the token that the job came with: an input of its event, or a
// variable of a Buildkite job.
func (j *job) token(input string) string {
	if j.buildkite {
		return j.environment["COUNTERSIGN_TOKEN"]
	}
	return j.run.Inputs.Text[input]
}

// require returns the fields that a token for the job must have. The creator of a
// Buildkite build is a display name, which nobody can be sure of.
func (j *job) require() []string {
	if j.buildkite {
		return slices.DeleteFunc(slices.Clone(policy.DefaultRequire), func(name string) bool { return name == "actor" })
	}
	return slices.Clone(policy.DefaultRequire)
}

// readJob reads the facts about the job.
func (g *gate) readJob() (err error) {
	plain, asJSON := g.Getenv(environmentFile), g.Getenv(environmentJSONFile)
	onAgent := plain != "" || asJSON != ""
	onRunner := runner.OnRunner(g.Getenv) || g.Getenv("GITHUB_REPOSITORY") != ""
	switch {
	case onAgent && onRunner:
		return usage("a job cannot choose by whose rules it is checked", "the job has the variables of a GitHub runner and of a Buildkite agent")
	case onRunner:
		g.job.run, err = g.context()
	case onAgent:
		// The agent itself refuses what its hook does, and has no worker above.
		g.job.buildkite, g.endsRunner = true, false
		err = g.readEnvironment(plain, asJSON)
	default:
		return usage("it is for a runner's ACTIONS_RUNNER_HOOK_JOB_STARTED and an agent's pre-bootstrap hook", "there is no job: neither GITHUB_REPOSITORY nor BUILDKITE_ENV_JSON_FILE is set")
	}
	return err
}

func (g *gate) readEnvironment(plain, asJSON string) (err error) {
	if g.job.environment, err = g.jobEnvironment(plain, asJSON); err != nil {
		return err
	}
	if g.job.run, err = g.job.environment.Context(); err != nil {
		return usage("", "the job's environment: %w", err)
	}
	return nil
}

// jobEnvironment reads the environment of a job out of a file that an agent has
// written: the one with JSON if there is one.
func (a *app) jobEnvironment(plain, asJSON string) (buildkite.Environment, error) {
	parse, path := buildkite.ParseEnvironmentJSON, asJSON
	if asJSON == "" {
		parse, path = buildkite.ParseEnvironment, plain
	}
	text, err := a.readFile("the job's environment", path, maxEnvironment)
	if err != nil {
		return nil, err
	}
	environment, err := parse(string(text))
	if err != nil {
		return nil, usage("", "the job's environment: %w", err)
	}
	return environment, nil
}

// A record is a line of the audit log.
type record struct {
	Time       string `json:"time"` // RFC 3339, UTC
	Repository string `json:"repository"`
	Workflow   string `json:"workflow"`
	RunID      string `json:"run_id"`
	SHA        string `json:"sha"`
	JTI        string `json:"jti"`      // of a token that held, used before or not
	Decision   string `json:"decision"` // allowed, warned or refused
	Failure    string `json:"failure"`  // the first rule that failed

	rule int // that decided, from 1; 0: the default
}

// maxRecorded is the length of the longest text in a record, in bytes.
const maxRecorded = 500

func newRecord(run runspec.Context, now time.Time) record {
	r := record{
		Time: now.UTC().Format(time.RFC3339), Repository: run.Repository, Workflow: run.Workflow(), RunID: run.RunID, SHA: run.SHA,
	}
	for _, text := range []*string{&r.Repository, &r.Workflow, &r.RunID, &r.SHA} {
		if len(*text) > maxRecorded {
			*text = (*text)[:maxRecorded] + "…"
		}
	}
	return r
}

// of records the decision.
func (r *record) of(k checked, err error) {
	r.Decision = "allowed"
	switch {
	case err != nil || k.report != nil && k.report.Blocks():
		r.Decision = "refused"
	case k.report != nil && !k.report.OK:
		r.Decision = "warned"
	}
	if k.report != nil {
		r.Failure = k.report.Failure
	}
}

// describe names the job and the rule that decided, for people.
func (g *gate) describe() string {
	rule := "the default"
	if g.record.rule > 0 {
		rule = fmt.Sprintf("rule %d", g.record.rule)
	}
	job := g.record.Repository
	if g.record.Workflow != "" { // Buildkite has none
		job += " " + g.record.Workflow
	}
	if g.record.RunID != "" {
		job += ", run " + g.record.RunID
	}
	return fmt.Sprintf("%s, by %s of the worker's config", job, rule)
}

// audit appends the record to the audit log.
func (g *gate) audit() error {
	if g.config.AuditLog == "" {
		return nil
	}
	line, err := json.Marshal(g.record)
	if err == nil {
		err = worker.Append(g.path(g.config.AuditLog), line)
	}
	if err != nil {
		return undecided("", "the audit log: %w", err)
	}
	return nil
}
