package cli

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/config"
	"github.com/countersign-ci/countersign/internal/dialect/spacelift"
	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/pin"
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

// validate refuses what contradicts itself, and a stack that cannot be one.
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
	if !slices.Contains([]string{"", string(spaceliftapi.Tracked), string(spaceliftapi.Proposed)}, f.runType) {
		return usage("there are TRACKED and PROPOSED", "--run-type is neither of the two types of run")
	}
	if stack == "" {
		return nil // the file's own are checked where it is read
	}
	if err := spaceliftapi.CheckStack(stack); err != nil {
		return usage("", "%w", err)
	}
	return nil
}

// signSpacelift signs the runs of the stacks that are meant, and starts them.
func (a *app) signSpacelift(ctx context.Context, f *signFlags) error {
	run, err := a.context()
	if err != nil {
		return err
	}
	spec, err := a.draft(f)
	if err != nil {
		return err
	}
	if err := f.spaceliftFlags.validate(spec.Stack); err != nil {
		return err
	}
	var key *jose.SigningKey
	if !f.dryRun {
		if key, err = a.signingKey(f.keyFlags); err != nil {
			return err
		}
		if err := spacelift.CheckKey(key); err != nil {
			return err
		}
	}
	refGiven := spec.Ref != ""
	if err := f.complete(spec, run, []string{"sha"}); err != nil {
		return err
	}
	if !refGiven && spec.SHA != run.SHA {
		spec.Ref = "" // that of the run is not known to have this commit
	}
	stacks := []string{spec.Stack}
	if f.stacks != "" {
		if stacks, err = a.touchedStacks(ctx, f, spec, run); err != nil {
			return err
		}
		a.say("note", "the push touched "+cmp.Or(strings.Join(stacks, ", "), "no stack"))
	}
	if f.dryRun {
		return a.showStacks(f, stacks)
	}
	if f.trigger && f.runType == "" && !strings.HasPrefix(spec.Ref, headPrefix) {
		return usage("give --run-type, or --ref refs/heads/NAME", "the commit is on no branch that is known, so it is not known whether its run is TRACKED or PROPOSED")
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
	return a.signedStacks(f, spec, all)
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
	case !strings.HasPrefix(run.Ref, headPrefix):
		return nil, usage("run on pushes of branches alone, with `branches: ['**']` below `push:`; "+hint, "what was pushed is no branch, so nothing tells what changed")
	case !runspec.SameName(spec.Repository, run.Repository) || spec.SHA != push.After || spec.Ref != run.Ref:
		return nil, usage("leave out --repository, --ref and --sha", "what changed is known of the commit that was pushed, and another is to be signed")
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
	type stack struct {
		Stack string `json:"stack"`
	}
	shown := struct {
		Stacks []stack `json:"stacks"`
	}{[]stack{}}
	lines, rows := "", [][]string{}
	for _, id := range stacks {
		lines += id + "\n"
		rows = append(rows, []string{report.Markdown(id)})
		shown.Stacks = append(shown.Stacks, stack{id})
	}
	summary := "### Countersign: stacks that the push touched\n\n" + report.Table([]string{"stack"}, rows)
	if len(stacks) == 0 {
		summary = noStackSummary
	}
	if err := a.results(outputsOf(nil), summary); err != nil {
		return err
	}
	if f.json {
		return a.answer(shown)
	}
	return a.print([]byte(lines))
}

const noStackSummary = "### Countersign: nothing to sign\n\nThe push touched no stack.\n"

// outputsOf returns the outputs of several tokens: one a line.
func outputsOf(all []*signed) []runner.Output {
	outputs := (&signed{}).outputs()
	for i := range outputs {
		var values []string
		for _, s := range all {
			values = append(values, s.outputs()[i].Value)
		}
		// Without a run to any of them there is no URL, and no empty lines either.
		outputs[i].Value = strings.Trim(strings.Join(values, "\n"), "\n")
	}
	return outputs
}

// signedStacks shows what was signed.
func (a *app) signedStacks(f *signFlags, spec *runspec.Spec, all []*signed) error {
	summary, lines := "", ""
	for _, s := range all {
		of := *spec
		of.Stack = s.Stack
		summary += signSummary(&of, s) + "\n"
		lines += s.Token + "\n"
	}
	if err := a.results(outputsOf(all), cmp.Or(summary, noStackSummary)); err != nil {
		return err
	}
	if runner.OnRunner(a.Getenv) {
		for _, s := range all {
			a.say("signed", s.Stack+": "+s.SpecDigest+", valid until "+s.ExpiresAt)
		}
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
