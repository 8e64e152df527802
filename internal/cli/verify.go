package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runner"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// checks are what verify can check.
var checks = []string{"token", "pins"}

// minMask is the length of the shortest text that is masked, in bytes.
const minMask = 20

// verifyFlags are the flags of verify.
type verifyFlags struct {
	keyFlags
	tokenFlags
	check                []string
	issuer, audience     string
	require, expect      []string
	tokenInput           string
	allowUnsignedInputs  []string
	dispatchers          []string
	allowRerun           bool
	onMissing, onInvalid string
	pins                 pinFlags
	json                 bool
}

func (a *app) verify() *cobra.Command {
	f := &verifyFlags{check: []string{"token"}, require: slices.Clone(policy.DefaultRequire)}
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check that a signed spec lets the run go on, and what the run pulls in",
		Long: `Check that a signed spec lets the run at hand go on, and what the run pulls in.

--check token: every field that the spec has must match the run. --check pins:
every plugin and action is pinned to a commit that its repository holds. Exit code
0: it holds. 1: it is refused, and standard error says why. 2: flags, config or
keys are wrong. 3: undecided.`,
		Example: `  countersign verify --key orchestrator.pub.jwk --token "$TOKEN"
  countersign verify --key orchestrator.pub.jwk --token-file run.jwt --expect repository=acme/widgets,actor=octocat,sha="$SHA"
  countersign verify --check pins --write
  countersign verify --check pins --lower pipeline.yml | buildkite-agent pipeline upload`,
		Args: noArguments,
	}
	listFlag(c, &f.check, "check", commas, "what to check: "+strings.Join(checks, ", "))
	addTokenFlags(c, &f.tokenFlags)
	addKeyFlags(c, &f.keyFlags, "public key")
	c.Flags().Lookup("key").Usage += "; or the https URL of a JWKS"
	c.Flags().StringVar(&f.issuer, "issuer", "", "who must have signed, such as https://github.com/acme/orchestrator")
	c.Flags().StringVar(&f.audience, "audience", "", "for whom the token must be (default: the URL of the run's repository)")
	listFlag(c, &f.require, "require", commas, "fields that the spec must have")
	c.Flags().Var(&facts{list{values: &f.expect, split: whole}}, "expect", "name=value: a fact that the run does not tell, such as environment=production (repeats)")
	c.Flags().StringVar(&f.tokenInput, "token-input", "token", "the input that carries the token, which is not compared")
	listFlag(c, &f.allowUnsignedInputs, "allow-unsigned-inputs", commas, "inputs that may have a value although none is signed, such as those with a default")
	listFlag(c, &f.dispatchers, "dispatchers", commas, "accounts that may start the run for the signed actor")
	c.Flags().BoolVar(&f.allowRerun, "allow-rerun", false, "accept further attempts of a run")
	choiceFlag(c, &f.onMissing, "on-missing", "what a missing token does", "block", "warn")
	choiceFlag(c, &f.onInvalid, "on-invalid", "what a token that fails does", "block", "warn")
	addPinFlags(c, &f.pins)
	c.Flags().BoolVar(&f.json, "json", false, "print the report as one JSON object")
	c.RunE = a.run(func() error {
		var err error
		if a.failed, err = verifyOutputs(&report.Report{}, nil, rewritten{}); err != nil {
			return err
		}
		return a.runVerify(c, f)
	})
	return c
}

func (a *app) runVerify(c *cobra.Command, f *verifyFlags) error {
	token, err := a.readToken(f.tokenFlags)
	if err != nil {
		return err
	}
	// Nothing is printed before: whatever it is, it may be somebody's token. What
	// is too short for one is left alone, for a mask of `true` drops outputs.
	if len(token) >= minMask && runner.OnRunner(a.Getenv) {
		if err := runner.Mask(a.Stderr, token); err != nil {
			return undecided("", "the token cannot be masked: %w", err)
		}
	}
	for _, check := range f.check {
		if !slices.Contains(checks, check) {
			return usage("there are: "+strings.Join(checks, ", "), "there is no check %.40q", check)
		}
	}
	var findings []report.Finding
	var spec *runspec.Spec
	if slices.Contains(f.check, "token") {
		r, signed, err := a.verifyToken(c.Context(), f, token)
		if err != nil {
			return err
		}
		if !slices.Contains(f.check, "pins") || r.Blocks() {
			return a.finish(r, signed, rewritten{}, f.json)
		}
		findings, spec = r.Findings, signed
	}
	return a.verifyPins(c, f, findings, spec)
}

// verifyToken checks the token. The spec is nil unless the report is OK.
func (a *app) verifyToken(ctx context.Context, f *verifyFlags, token string) (*report.Report, *runspec.Spec, error) {
	missing := strings.TrimSpace(token) == ""
	p, err := f.policy()
	if err != nil {
		return nil, nil, err
	}
	run, err := a.context()
	if err != nil {
		return nil, nil, err
	}
	if missing && !p.WarnMissing {
		// It is refused for that, whatever it would be compared with.
		r, _ := policy.Verify(token, nil, run, p, a.Now())
		return r, nil, nil
	}
	if err := p.Check(run); err != nil {
		return nil, nil, usage("--expect name=value supplies what the run does not tell, --audience for whom the token is", "%w", err)
	}
	keys, err := a.verifyingKeys(ctx, f.keyFlags)
	if err != nil {
		return nil, nil, err
	}
	r, spec := policy.Verify(token, keys, run, p, a.Now())
	return r, spec, nil
}

// policy returns what the flags ask for.
func (f *verifyFlags) policy() (policy.Policy, error) {
	p := policy.Policy{
		Issuer: f.issuer, Audience: f.audience, TokenInput: f.tokenInput,
		AllowUnsignedInputs: f.allowUnsignedInputs, Dispatchers: f.dispatchers, AllowRerun: f.allowRerun,
		WarnMissing: f.onMissing == "warn", WarnInvalid: f.onInvalid == "warn",
	}
	for _, s := range f.require {
		name, err := policy.FieldName(s)
		if err != nil {
			return p, usage("", "--require: %w", err)
		}
		p.Require = append(p.Require, name)
	}
	var err error
	if p.Expect, err = policy.ParseExpect(f.expect); err != nil {
		return p, usage("it takes name=value, such as environment=production", "--expect: %w", err)
	}
	return p, nil
}

// finish shows a report and decides the exit code. The spec is nil unless the
// report is OK.
func (a *app) finish(r *report.Report, spec *runspec.Spec, done rewritten, asJSON bool) error {
	outputs, err := verifyOutputs(r, spec, done)
	if err != nil {
		return err
	}
	if err := r.Text(a.Stderr); err != nil {
		return undecided("", "standard error cannot be written: %w", err)
	}
	if runner.OnRunner(a.Getenv) {
		if err := runner.Annotate(a.Stderr, r.Findings); err != nil {
			return undecided("", "standard error cannot be written: %w", err)
		}
	}
	if err := a.results(outputs, r.Summary()); err != nil {
		return err
	}
	if asJSON {
		if err := a.answer(r); err != nil {
			return err
		}
	}
	if r.Blocks() {
		return errRefused
	}
	return nil
}

// verifyOutputs returns the outputs of a report. They are always all written, so
// that none is left from before.
func verifyOutputs(r *report.Report, spec *runspec.Spec, done rewritten) ([]runner.Output, error) {
	var canonical, commands []byte
	if spec == nil {
		spec = &runspec.Spec{}
	} else {
		var err error
		if canonical, err = spec.MarshalJSON(); err != nil {
			return nil, err
		}
		if commands, err = report.JSON(append([]string{}, spec.Commands...)); err != nil {
			return nil, err
		}
	}
	return []runner.Output{
		{Name: "verified", Value: strconv.FormatBool(r.OK)},
		{Name: "failure", Value: r.Failure},
		{Name: "spec", Value: string(canonical)},
		{Name: "repository", Value: spec.Repository},
		{Name: "actor", Value: spec.Actor},
		{Name: "ref", Value: spec.Ref},
		{Name: "sha", Value: spec.SHA},
		{Name: "commands", Value: strings.TrimSpace(string(commands))},
		{Name: "pins-changed", Value: strconv.FormatBool(done.files > 0)},
		{Name: "pull-request-url", Value: done.pullRequest},
	}, nil
}
