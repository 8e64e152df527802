package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/artifactfs"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runner"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// checks are what verify can check.
var checks = []string{"token", "pins", "artifacts", "pipeline"}

// minMask is the length of the shortest text that is masked, in bytes.
const minMask = 20

// verifyFlags are the flags of verify.
type verifyFlags struct {
	keyFlags
	trustFlags
	tokenFlags
	format, spec         string
	check                []string
	issuer, audience     string
	require, expect      []string
	requireGiven         bool // require is not the default
	tokenInput           string
	allowUnsignedInputs  []string
	dispatchers          []string
	allowRerun           bool
	onMissing, onInvalid string
	ledgerFlags
	pins      pinFlags
	pipeline  checkPipelineFlags
	artifacts checkArtifactFlags
	json      bool
}

func (a *app) verify() *cobra.Command {
	f := newVerifyFlags()
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check that a signed spec lets the run go on, and what the run pulls in",
		Long: `Check that a signed spec lets the run at hand go on, and what the run pulls in.

--check token: every field that the spec has must match the run. --check pins:
every plugin and action is pinned to a commit that its repository holds. --check
artifacts: every file below --root is the one that the manifest lists. --check
pipeline: every step of a Buildkite pipeline, or a job, is as it was signed. Exit
code 0: it holds. 1: it is refused, and standard error says why. 2: flags, config
or keys are wrong. 3: undecided.`,
		Example: `  countersign verify --key orchestrator.pub.jwk --token "$TOKEN"
  countersign verify --key orchestrator.pub.jwk --token-file run.jwt \
    --expect repository=acme/widgets,actor=octocat,sha="$SHA"
  countersign verify --key orchestrator.pub.jwk --token "$TOKEN" --single-use \
    --ledger github:acme/ledger
  countersign verify --check pins --write
  countersign verify --check artifacts --key orchestrator.pub.jwk --token-file dist.countersign \
    --root dist --expect repository=acme/widgets,sha="$SHA"
  countersign verify --check pipeline --key steps.pub.jwk --pipeline signed.yml \
    --repository-url https://github.com/acme/widgets.git
  countersign verify --check pins --lower pipeline.yml | buildkite-agent pipeline upload
  countersign verify --format spacelift --key runs.pub.jwk --token "$TOKEN" \
    --expect sha="$SHA",stack=network
  countersign verify --format digger --key orchestrator.pub.jwk --spec signed.json`,
		Args: noArguments,
	}
	addVerifyFlags(c, f)
	c.RunE = a.run(func() error {
		checked, err := a.check(c, f, nil)
		if err != nil {
			return err
		}
		return a.finish(checked, f.json)
	})
	return c
}

func newVerifyFlags() *verifyFlags {
	return &verifyFlags{check: []string{"token"}, require: slices.Clone(policy.DefaultRequire)}
}

func addVerifyFlags(c *cobra.Command, f *verifyFlags) {
	listFlag(c, &f.check, "check", commas, "what to check: "+strings.Join(checks, ", "))
	choiceFlag(c, &f.format, "format", "what the token is: one for a run, for a run of Spacelift, or a job spec of Digger", formatToken, formatSpacelift, formatDigger)
	addTokenFlags(c, &f.tokenFlags)
	c.Flags().StringVar(&f.spec, "spec", "", "digger: file with the signed job spec, or with the spec of which the token is the detached signature; - is standard input; in a variable also the content (default: the run's own inputs spec and signature)")
	addKeyFlags(c, &f.keyFlags, "public key")
	c.Flags().Lookup("key").Usage += "; or the https URL of a JWKS"
	c.Flags().BoolVar(&f.keyless, "keyless", false, "an identity signed and no key; --trusted-identity says whose")
	addTrustFlags(c, &f.trustFlags)
	c.Flags().StringVar(&f.issuer, "issuer", "", "who must have signed, such as https://github.com/acme/orchestrator")
	c.Flags().StringVar(&f.audience, "audience", "", "for whom the token must be (default: the URL of the run's repository)")
	listFlag(c, &f.require, "require", commas, "fields that the spec must have")
	c.Flags().Var(&facts{list{values: &f.expect, split: whole}}, "expect", "name=value: a fact that the run does not tell, such as environment=production (repeats)")
	c.Flags().StringVar(&f.tokenInput, "token-input", "token", "the input that carries the token, which is not compared")
	listFlag(c, &f.allowUnsignedInputs, "allow-unsigned-inputs", commas, "inputs that may have a value although none is signed, such as those with a default")
	listFlag(c, &f.dispatchers, "dispatchers", commas, "accounts that may start the run for the signed actor")
	c.Flags().BoolVar(&f.allowRerun, "allow-rerun", false, "accept further attempts of a run")
	choiceFlag(c, &f.onMissing, "on-missing", "what a missing token or signature does", "block", "warn")
	choiceFlag(c, &f.onInvalid, "on-invalid", "what a token or step that fails does", "block", "warn")
	addLedgerFlags(c, &f.ledgerFlags)
	addPinFlags(c, &f.pins)
	addCheckPipelineFlags(c, &f.pipeline)
	addCheckArtifactFlags(c, &f.artifacts)
	c.Flags().BoolVar(&f.json, "json", false, "print the report as one JSON object")
}

// checkFormat refuses flags that mean nothing for the token's format.
func (f *verifyFlags) checkFormat(c *cobra.Command) error {
	if f.format != formatToken && !slices.Contains(f.check, "token") {
		return usage("add `token` to --check", "--format is about a token, and none is checked")
	}
	f.requireGiven = c.Flags().Changed("require")
	return verifyFormats.check(c, f.format)
}

// softened is the status of what fails where it blocks or is only to be warned of.
func softened(mode string) report.Status {
	if mode == "warn" {
		return report.Warn
	}
	return report.Fail
}

// A checked is what came of a check.
type checked struct {
	report   *report.Report
	verified *policy.Verified // nil unless the report is OK
	halt     string           // the name that another system has for a refusal
	done     rewritten
}

// check does what the flags of verify ask for. Where all holds, or what does not
// is only to be warned of, ready is called, if there is one, with what the report
// lets be used, before a token is used up and before files are written.
func (a *app) check(c *cobra.Command, f *verifyFlags, ready func(*policy.Verified) error) (k checked, err error) {
	if a.failed, err = verifyOutputs(checked{report: &report.Report{}}); err != nil {
		return k, err
	}
	if err := f.checkFormat(c); err != nil {
		return k, err
	}
	var job signedJob
	var token string // or what of it is to stay out of logs
	if f.format == formatDigger {
		job, err = a.readJob(f)
		token, k.halt = job.hidden(), errDigger
	} else {
		token, err = a.readToken(f.tokenFlags, f.tokenLimit())
	}
	if err != nil {
		return k, err
	}
	// Nothing is printed before: whatever it is, it may be somebody's token.
	if err := a.mask(token); err != nil {
		return k, err
	}
	for _, check := range f.check {
		if !slices.Contains(checks, check) {
			return k, usage("there are: "+strings.Join(checks, ", "), "there is no check %.40q", check)
		}
	}
	if err := f.ledgerFlags.validate(f.check); err != nil {
		return k, err
	}
	withToken, withArtifacts := slices.Contains(f.check, "token"), slices.Contains(f.check, "artifacts")
	if err := f.artifacts.validate(withArtifacts); err != nil {
		return k, err
	}
	withPipeline := slices.Contains(f.check, "pipeline")
	if err := f.pipeline.validate(withPipeline); err != nil {
		return k, err
	}
	var bound map[string]string
	if withPipeline {
		if f.expect, bound = splitBound(f.expect); len(f.expect) > 0 && !withToken && !withArtifacts {
			return k, usage("of a pipeline there are commit, branch, build and pipeline", "--expect names what steps cannot be bound to")
		}
	}
	k.report = report.New(nil, nil)
	if withToken || withArtifacts {
		switch f.format {
		case formatSpacelift:
			k.report, k.verified, err = a.verifySpacelift(c.Context(), f, token)
		case formatDigger:
			k.report, k.verified, err = a.verifyDigger(c.Context(), f, job)
		default:
			k.report, k.verified, err = a.verifyToken(c.Context(), f, token, !withToken)
		}
		if err != nil || k.report.Blocks() {
			return k, err
		}
	}
	held := k.verified
	var pins *pinCheck
	if slices.Contains(f.check, "pins") {
		if pins, err = a.verifyPins(c, f, &k); err != nil {
			return k, err
		}
	}
	if withPipeline {
		if err := a.verifyPipeline(c.Context(), f, bound, &k); err != nil {
			return k, err
		}
	}
	var artifacts *artifactCheck
	if withArtifacts {
		if artifacts, err = a.verifyArtifacts(c.Context(), f, held, &k); err != nil {
			return k, err
		}
	}
	var staged *artifactfs.Staged
	if artifacts != nil {
		if staged, err = artifacts.stage(c.Context(), &k); err != nil {
			return k, err
		}
	}
	if staged != nil {
		defer func() {
			if staged != nil {
				staged.Discard()
			}
		}()
	}
	if k.report.Blocks() {
		k.halt = "" // the token holds
	} else {
		if ready != nil {
			if err := ready(k.verified); err != nil {
				return k, err
			}
		}
		if f.singleUse && held != nil {
			if err := a.spend(c.Context(), f, held, &k); err != nil || k.report.Blocks() {
				return k, err
			}
		}
	}
	if staged != nil && k.report.OK {
		err := staged.Publish()
		if staged = nil; err != nil {
			return k, diskError(err)
		}
	}
	if pins != nil {
		k.done, err = pins.apply(c.Context(), k.report)
	}
	return k, err
}

// add adds findings to the report.
func (k *checked) add(findings []report.Finding) {
	var spec json.Marshaler
	if k.verified != nil {
		spec = k.verified
	}
	pins, artifacts := k.report.Pins, k.report.Artifacts
	k.report = report.New(slices.Concat(k.report.Findings, findings), spec)
	k.report.Pins, k.report.Artifacts = pins, artifacts
	if !k.report.OK {
		k.verified = nil
	}
}

// verifyToken checks the token of a run, or a manifest of artifacts. What it verified
// is nil unless the report is OK.
func (a *app) verifyToken(ctx context.Context, f *verifyFlags, token string, manifest bool) (*report.Report, *policy.Verified, error) {
	missing := strings.TrimSpace(token) == ""
	p, err := f.policy()
	if err != nil {
		return nil, nil, err
	}
	run, err := a.context()
	if err != nil {
		return nil, nil, err
	}
	if manifest {
		if p.Manifest = true; !f.requireGiven {
			p.Require = policy.ManifestRequire
		}
		if len(f.expect) > 0 {
			run = runspec.Context{ServerURL: run.ServerURL} // a deploy is no run of the build
		}
	}
	if missing && !p.WarnMissing {
		// It is refused for that, whatever it would be compared with.
		r, _ := policy.Verify(token, nil, run, p, a.Now())
		return r, nil, nil
	}
	if err := p.Check(run); err != nil {
		hint := adviceExpect(p, run)
		if manifest && len(f.expect) > 0 {
			hint = "with --expect a manifest is compared with what that says alone, on a runner too: expect repository and sha"
		}
		return nil, nil, usage(hint, "%w", err)
	}
	trust, err := a.trust(ctx, f.keyFlags, f.trustFlags, p.Form(), token)
	if err != nil {
		return nil, nil, err
	}
	r, verified := policy.Verify(token, trust, run, p, a.Now())
	if !manifest {
		a.setNotCompared(p, run, verified)
	}
	return r, verified, nil
}

// adviceExpect says what to do where what is expected makes no sound question.
func adviceExpect(p policy.Policy, run runspec.Context) string {
	switch {
	case run.OnRunner:
		return "what the run tells cannot be overruled: correct --expect"
	case run.IsKnown():
		return "what the run tells cannot be overruled: correct --expect, or unset the variable of the run"
	}
	forms := map[string]string{"repository": "OWNER/NAME", "actor": "LOGIN", "sha": "COMMIT"}
	required := p.Require
	if p.Audience == "" && !slices.Contains(required, "repository") {
		required = append([]string{"repository"}, required...)
	}
	var facts []string
	for _, name := range required {
		facts = append(facts, name+"="+cmp.Or(forms[name], "VALUE"))
	}
	return "away from GitHub say what the run is: `--expect " + strings.Join(facts, ",") + "`"
}

// setNotCompared keeps what of a token that holds was compared with nothing.
func (a *app) setNotCompared(p policy.Policy, run runspec.Context, verified *policy.Verified) {
	if verified != nil {
		a.notCompared = p.NotCompared(verified.Spec, run)
	}
}

// policy returns what the flags ask for.
func (f *verifyFlags) policy() (policy.Policy, error) {
	p := policy.Policy{
		Audience: f.audience, TokenInput: f.tokenInput,
		AllowUnsignedInputs: f.allowUnsignedInputs, Dispatchers: f.dispatchers, AllowRerun: f.allowRerun,
		WarnMissing: f.onMissing == "warn", WarnInvalid: f.onInvalid == "warn",
	}
	if f.issuer != "" {
		p.Issuers = []string{f.issuer}
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

// finish shows a report and decides the exit code.
func (a *app) finish(k checked, asJSON bool) error {
	outputs, err := verifyOutputs(k)
	if err != nil {
		return err
	}
	if err := a.show(k.report); err != nil {
		return err
	}
	if k.verified != nil && outputs[2].Value == "" {
		a.noteSpec()
	}
	if k.halt != "" && k.report.Blocks() {
		a.say("error", k.halt+": "+k.report.Failure)
	}
	if err := a.results(outputs, k.report.Summary()); err != nil {
		return err
	}
	if asJSON {
		if err := k.report.WriteJSON(a.Stdout); err != nil {
			return unprintable(err)
		}
	}
	return verdict(k.report)
}

// show writes a report for people, and as annotations.
func (a *app) show(r *report.Report) error {
	err := r.Text(a.Stderr)
	if err == nil && runner.OnRunner(a.Getenv) {
		err = runner.Annotate(a.Stderr, r.Findings)
	}
	if err != nil {
		return undecided("", "standard error cannot be written: %w", err)
	}
	if len(a.notCompared) > 0 {
		a.say("note", "not compared, for --expect does not name them: "+strings.Join(a.notCompared, ", "))
	}
	return nil
}

// verdict returns the error that a report ends with.
func verdict(r *report.Report) error {
	switch {
	case !r.Blocks():
		return nil
	case r.Failure == report.LedgerUnavailable:
		return errUndecided
	}
	return errRefused
}

// verifyOutputs returns the outputs of a check. They are always all written, so
// that none is left from before.
func verifyOutputs(k checked) ([]runner.Output, error) {
	spec := &runspec.Spec{}
	var signed string
	var commands []byte
	if k.verified != nil {
		spec = k.verified.Spec
		var err error
		if signed, err = specOutput(k.verified.Spec, k.verified); err != nil {
			return nil, err
		}
		if commands, err = report.JSON(append([]string{}, spec.Commands...)); err != nil {
			return nil, err
		}
	}
	return []runner.Output{
		{Name: "verified", Value: strconv.FormatBool(k.report.OK)},
		{Name: "failure", Value: k.report.Failure},
		{Name: "spec", Value: signed},
		{Name: "repository", Value: spec.Repository},
		{Name: "actor", Value: spec.Actor},
		{Name: "ref", Value: spec.Ref},
		{Name: "sha", Value: spec.SHA},
		{Name: "commands", Value: strings.TrimSpace(string(commands))},
		{Name: "pins-changed", Value: strconv.FormatBool(k.done.files > 0)},
		{Name: "pull-request-url", Value: k.done.pullRequest},
	}, nil
}
