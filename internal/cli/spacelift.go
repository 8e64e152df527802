package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/config"
	"github.com/countersign-ci/countersign/internal/dialect/spacelift"
	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/pin"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runner"
	"github.com/countersign-ci/countersign/internal/runspec"
	"github.com/countersign-ci/countersign/internal/spaceliftapi"
)

const (
	headPrefix = "refs/heads/"
	// maxStacks is the size of the largest file of stacks, in bytes.
	maxStacks = 1 << 20
)

// spaceliftFlags are the flags of sign for runs of Spacelift.
type spaceliftFlags struct {
	stacks  string
	dryRun  bool
	trigger bool
	runType string
}

func addSpaceliftFlags(c *cobra.Command, f *spaceliftFlags) {
	c.Flags().StringVar(&f.stacks, "stacks", "", "spacelift: file that says which paths belong to which stack; those that the push touched are signed")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "spacelift: show which stacks the push touched, and sign nothing")
	c.Flags().BoolVar(&f.trigger, "trigger", false, "spacelift: start the run of each stack with its token")
	c.Flags().StringVar(&f.runType, "run-type", "", "spacelift: TRACKED or PROPOSED (default: TRACKED where the run's branch is the stack's)")
}

// validate refuses what contradicts itself.
func (f *spaceliftFlags) validate(stack string) error {
	switch {
	case stack != "" && f.stacks != "":
		return usage("give --stack or --stacks", "one stack, and a file of stacks")
	case stack == "" && f.stacks == "":
		return usage("give --stack ID, or --stacks FILE", "it is not known which stack is to run")
	case f.dryRun && f.stacks == "":
		return usage("leave out --dry-run", "--dry-run shows the stacks of --stacks")
	case f.dryRun && f.trigger:
		return usage("leave out --dry-run or --trigger", "--dry-run starts nothing")
	case f.runType != "" && !f.trigger:
		return usage("add --trigger", "--run-type is about the run that --trigger starts")
	}
	f.runType = strings.ToUpper(f.runType)
	if f.runType != "" && f.runType != string(spaceliftapi.Tracked) && f.runType != string(spaceliftapi.Proposed) {
		return usage("there are TRACKED and PROPOSED", "--run-type is neither of the two types of run")
	}
	return nil
}

// signSpacelift signs the runs of the stacks that are meant, and starts them.
func (a *app) signSpacelift(ctx context.Context, f *signFlags) error {
	if err := f.spaceliftFlags.validate(*f.fields["stack"]); err != nil {
		return err
	}
	var key *jose.SigningKey
	if !f.dryRun {
		var err error
		if key, err = a.signingKey(f.keyFlags); err != nil {
			return err
		}
		if err := spacelift.CheckKey(key); err != nil {
			return err
		}
	}
	run, err := a.context()
	if err != nil {
		return err
	}
	spec, err := a.draft(f)
	if err != nil {
		return err
	}
	if err := f.complete(spec, run, []string{"sha"}); err != nil {
		return err
	}
	stacks := []string{spec.Stack}
	if f.stacks != "" {
		if stacks, err = a.touchedStacks(ctx, f, spec, run); err != nil {
			return err
		}
	}
	if f.dryRun {
		return a.showStacks(f, stacks)
	}
	all, err := a.signStacks(f, key, spec, stacks)
	if err != nil {
		return err
	}
	// Nobody needs the token of a run that is started already.
	if f.mask || f.trigger {
		for _, s := range all {
			if err := a.mask(s.Token); err != nil {
				return err
			}
		}
	}
	if f.trigger && len(all) > 0 {
		if err := a.triggerRuns(ctx, f, spec, all); err != nil {
			return err
		}
	}
	return a.signedStacks(f, spec, stacks, all)
}

// signStacks makes the token of each stack.
func (a *app) signStacks(f *signFlags, key *jose.SigningKey, spec *runspec.Spec, stacks []string) ([]*signed, error) {
	var all []*signed
	for _, stack := range stacks {
		id, from, until, err := a.lifetime(f)
		if err != nil {
			return nil, err
		}
		of := *spec
		of.Stack = stack
		token, err := spacelift.Sign(key, spacelift.Claims{ID: id, IssuedAt: from, Expires: until, Spec: &of})
		if err != nil {
			return nil, usage(cmp.Or(hintOf(err), adviceShorter), "%w", err)
		}
		s, err := issued(&of, token, id, until)
		if err != nil {
			return nil, err
		}
		s.Stack = stack
		all = append(all, s)
	}
	return all, nil
}

// touchedStacks returns the stacks that the push at hand touched.
func (a *app) touchedStacks(ctx context.Context, f *signFlags, spec *runspec.Spec, run runspec.Context) ([]string, error) {
	const hint = "--stack ID names a stack, whatever was pushed"
	text, err := a.readFile("the file of stacks", f.stacks, maxStacks)
	if err != nil {
		return nil, err
	}
	stacks, err := config.ParseStacks(f.stacks, text)
	if err != nil {
		return nil, usage("", "%w", err)
	}
	push, ok, err := runner.ReadPush(a.Getenv)
	switch {
	case errors.Is(err, runner.ErrUnreadable):
		return nil, undecided("", "%w", err)
	case err != nil:
		return nil, usage("the event payload is not as GitHub gives it", "%w", err)
	case !ok:
		return nil, usage(hint, "this run is of no push, so nothing tells what changed")
	case push.Deleted:
		return nil, nil
	case !runspec.SameName(spec.Repository, run.Repository) || spec.SHA != push.After:
		return nil, usage("leave out --repository and --sha", "what changed is known of the commit that was pushed, and another is to be signed")
	}
	client, err := a.apiClient()
	if err != nil {
		return nil, err
	}
	r := pin.Repository{}
	r.Owner, r.Name, _ = strings.Cut(spec.Repository, "/")
	base := headPrefix + push.DefaultBranch
	changes := github.Range{Base: push.Before, Head: push.After}
	switch {
	case push.Created && run.Ref == base:
		changes.Base = ""
	case push.Created:
		changes.Base, changes.FromMergeBase = base, true
	}
	paths, err := client.Changed(ctx, r, changes)
	if err != nil {
		return nil, undecided(cmp.Or(hintOf(err), hint), "it is not known what the push changed: %w", err)
	}
	return stacks.Touched(paths), nil
}

// showStacks shows which stacks the push touched.
func (a *app) showStacks(f *signFlags, stacks []string) error {
	a.sayStacks(stacks)
	rows := make([][]string, len(stacks))
	lines := ""
	shown := struct {
		Stacks []shownStack `json:"stacks"`
	}{make([]shownStack, len(stacks))}
	for i, stack := range stacks {
		rows[i] = []string{report.Markdown(stack)}
		shown.Stacks[i].Stack = stack
		lines += stack + "\n"
	}
	summary := "### Countersign: stacks that the push touched\n\n" + report.Table([]string{"stack"}, rows)
	if err := a.results((&signed{}).outputs(), summary); err != nil {
		return err
	}
	if f.json {
		return a.answer(shown)
	}
	return a.print([]byte(lines))
}

type shownStack struct {
	Stack string `json:"stack"`
}

func (a *app) sayStacks(stacks []string) {
	if len(stacks) == 0 {
		a.say("note", "the push touched no stack")
		return
	}
	a.say("note", "the push touched "+strings.Join(stacks, ", "))
}

// triggerRuns starts the run of each stack. Everything that can be known before is
// asked before, for a run that was started cannot be taken back.
func (a *app) triggerRuns(ctx context.Context, f *signFlags, spec *runspec.Spec, all []*signed) error {
	branch, onBranch := strings.CutPrefix(spec.Ref, headPrefix)
	if f.runType == "" && !onBranch {
		return usage("give --run-type, or --ref refs/heads/NAME", "the commit is on no branch that is known, so it is not known whether its run is TRACKED or PROPOSED")
	}
	client, err := a.spaceliftClient(ctx)
	if err != nil {
		return spaceliftError(err)
	}
	err = client.Login(ctx)
	for _, secret := range client.Secrets() {
		a.keep([]byte(secret))
	}
	if err != nil {
		return spaceliftError(err)
	}
	types := make([]spaceliftapi.RunType, len(all))
	for i, s := range all {
		tracked, err := client.Branch(ctx, s.Stack)
		if err != nil {
			return spaceliftError(err)
		}
		types[i] = spaceliftapi.RunType(f.runType)
		if types[i] == "" {
			types[i] = spaceliftapi.Proposed
			if branch == tracked {
				types[i] = spaceliftapi.Tracked
			}
		}
	}
	for i, s := range all {
		s.RunURL, err = client.Trigger(ctx, spaceliftapi.Run{Stack: s.Stack, SHA: spec.SHA, Type: types[i], Token: s.Token})
		if err != nil {
			// What was started goes on, and stands in the outputs.
			a.failed = outputsOf(all[:i])
			if i > 0 {
				a.say("note", fmt.Sprintf("of %d runs %d were started before this one, and none after it", len(all), i))
			}
			return spaceliftError(err)
		}
		a.say("started", fmt.Sprintf("%s run of %s: %s", types[i], s.Stack, s.RunURL))
	}
	return nil
}

// spaceliftClient returns the client that spacectl's variables describe. A key
// without a secret is one for an identity token of this job.
func (a *app) spaceliftClient(ctx context.Context) (*spaceliftapi.Client, error) {
	credentials := spaceliftapi.Credentials{
		Endpoint: cmp.Or(a.Getenv("SPACELIFT_API_KEY_ENDPOINT"), a.Getenv("SPACELIFT_API_ENDPOINT")),
		KeyID:    a.Getenv("SPACELIFT_API_KEY_ID"), KeySecret: a.Getenv("SPACELIFT_API_KEY_SECRET"),
		Token: a.Getenv("SPACELIFT_API_TOKEN"),
	}
	if credentials.Token == "" && credentials.KeySecret == "" && credentials.KeyID != "" && a.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL") != "" {
		audience := a.Getenv("SPACELIFT_OIDC_AUDIENCE")
		if u, err := url.Parse(credentials.Endpoint); audience == "" && err == nil {
			audience = u.Hostname()
		}
		identity, err := a.identity("")
		if err != nil {
			return nil, err
		}
		if credentials.KeySecret, err = identity(ctx, audience); err != nil {
			return nil, err
		}
	}
	for _, secret := range []string{credentials.KeySecret, credentials.Token} {
		a.keep([]byte(secret))
	}
	return spaceliftapi.New(a.HTTP, credentials, func(ctx context.Context, d time.Duration) error {
		a.Sleep(d)
		return ctx.Err()
	})
}

// spaceliftError gives an error of the client its exit code.
func spaceliftError(err error) error {
	var exit *exitError
	var credentials *spaceliftapi.CredentialsError
	var impossible *spaceliftapi.RunError
	switch {
	case errors.As(err, &exit):
		return err
	case errors.As(err, &credentials), errors.As(err, &impossible), errors.Is(err, spaceliftapi.ErrUnknownStack):
		return usage("", "%w", err)
	}
	return undecided("", "%w", err)
}

// outputsOf returns the outputs of several tokens: one a line.
func outputsOf(all []*signed) []runner.Output {
	outputs := (&signed{}).outputs()
	for i, s := range all {
		for j, output := range s.outputs() {
			if i > 0 {
				outputs[j].Value += "\n"
			}
			outputs[j].Value += output.Value
		}
	}
	return outputs
}

// signedStacks shows what was signed.
func (a *app) signedStacks(f *signFlags, spec *runspec.Spec, stacks []string, all []*signed) error {
	summary, lines := "", ""
	for _, s := range all {
		of := *spec
		of.Stack = s.Stack
		summary += signSummary(&of, s) + "\n"
		lines += s.Token + "\n"
	}
	if f.stacks != "" {
		a.sayStacks(stacks)
	}
	if len(all) == 0 {
		summary = "### Countersign: nothing to sign\n\nThe push touched no stack.\n"
	}
	if err := a.results(outputsOf(all), summary); err != nil {
		return err
	}
	switch {
	case f.json && f.stacks == "":
		return a.answer(all[0])
	case f.json:
		return a.answer(struct {
			Stacks []*signed `json:"stacks"`
		}{append([]*signed{}, all...)})
	}
	return a.print([]byte(lines))
}

// verifySpacelift checks a token as the policy of a worker does: what it is compared
// with is what is expected alone.
func (a *app) verifySpacelift(ctx context.Context, f *verifyFlags, token string) (*report.Report, *policy.Verified, error) {
	p, err := f.policy()
	if err != nil {
		return nil, nil, err
	}
	for _, name := range []string{"sha", "stack"} {
		if !p.Expect.Names(name) {
			return nil, nil, usage("give --expect sha=COMMIT,stack=ID as the worker knows them", "the %s of the run at hand is not known", name)
		}
	}
	return a.verifyForeign(ctx, f, token, runspec.Context{}, p, func(keys *jose.VerifyingKeys) (*policy.Verified, error) {
		t, spec, err := spacelift.Open(keys, token)
		return &policy.Verified{Token: t, Spec: spec}, err
	})
}

// verifyForeign decides about a token of another system. Where there is no run, the
// spec has to have what is expected of it, and what --require names.
func (a *app) verifyForeign(ctx context.Context, f *verifyFlags, token string, run runspec.Context, p policy.Policy,
	open func(*jose.VerifyingKeys) (*policy.Verified, error),
) (*report.Report, *policy.Verified, error) {
	if !run.IsKnown() && slices.Equal(p.Require, policy.DefaultRequire) {
		p.Require = nil
	}
	if err := p.CheckForeign(run); err != nil {
		return nil, nil, usage("--expect name=value supplies what the run does not tell", "%w", err)
	}
	var keys *jose.VerifyingKeys
	if strings.TrimSpace(token) != "" || p.WarnMissing {
		var err error
		if keys, err = a.verifyingKeys(ctx, f.keyFlags); err != nil {
			return nil, nil, err
		}
	}
	r, verified := policy.VerifyForeign(token, func() (*policy.Verified, error) { return open(keys) }, run, p, a.Now())
	return r, verified, nil
}
