package cli

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/ledger"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// ledgerFlags say whether and where the use of a token is recorded.
type ledgerFlags struct {
	singleUse bool
	ledger    string
}

const locationForms = "github, github:OWNER/REPO or dir:PATH"

func addLedgerFlags(c *cobra.Command, f *ledgerFlags) {
	c.Flags().BoolVar(&f.singleUse, "single-use", false, "refuse a token that was used before")
	c.Flags().StringVar(&f.ledger, "ledger", "", "where used tokens are recorded: "+locationForms+" (default github: refs in the repository that runs)")
}

// validate refuses what would record nothing.
func (f ledgerFlags) validate(checks []string) error {
	switch {
	case f.singleUse && !slices.Contains(checks, "token"):
		return usage("add `token` to --check", "--single-use is about a token, and none is checked")
	case f.ledger != "" && !f.singleUse:
		return usage("add --single-use", "--ledger says where uses are recorded, and none is")
	}
	_, err := f.location()
	return err
}

func (f ledgerFlags) location() (ledger.Location, error) {
	l, err := ledger.ParseLocation(f.ledger)
	if err != nil {
		return l, usage("", "--ledger: %w", err)
	}
	return l, nil
}

// openLedger returns the ledger, whose repository may be the one that runs.
func (a *app) openLedger(f ledgerFlags, repository string) (*ledger.Ledger, error) {
	at, err := f.location()
	if err != nil {
		return nil, err
	}
	if at.Dir != "" {
		store, err := ledger.OpenDir(at.Dir)
		if err != nil {
			return nil, err
		}
		return ledger.New(store), nil
	}
	at.Repository = cmp.Or(at.Repository, repository)
	if at.Repository == "" {
		return nil, usage("give --ledger github:OWNER/REPO or dir:PATH", "nothing tells which repository has the ledger")
	}
	client, err := a.apiClient()
	if err != nil {
		return nil, err
	}
	return gitLedger(client, at.Repository)
}

func gitLedger(client *github.Client, repository string) (*ledger.Ledger, error) {
	store, err := ledger.NewGitRefs(client, repository)
	if err != nil {
		return nil, err
	}
	return ledger.New(store), nil
}

// spend uses up in the ledger what was verified.
func (a *app) spend(ctx context.Context, f *verifyFlags, verified *policy.Verified, k *checked) error {
	run, err := a.context()
	if err != nil {
		return err
	}
	// Away from a run the repository is the one that was expected.
	run.Repository = cmp.Or(run.Repository, verified.Spec.Repository)
	l, err := a.openLedger(f.ledgerFlags, run.Repository)
	if err == nil {
		err = l.Use(ctx, useOf(verified, run, f.allowRerun))
	}
	return k.used(err, f.onInvalid == "warn")
}

// useOf returns the use of a token by a run.
func useOf(verified *policy.Verified, run runspec.Context, allowRerun bool) ledger.Use {
	t := verified.Token
	return ledger.Use{
		Issuer: t.Issuer, ID: t.ID, Expires: time.Unix(t.Expires, 0),
		Repository: run.Repository, RunID: run.RunID, Attempt: run.RunAttempt, Commit: verified.Spec.SHA, AllowRerun: allowRerun,
	}
}

// used adds to the report what the ledger said. How the program is used is an
// error, and no finding.
func (k *checked) used(err error, warn bool) error {
	var exit *exitError
	f := report.Finding{Rule: report.Replayed, Status: report.Pass, Message: "the token was not used before"}
	switch {
	case err == nil:
	case errors.As(err, &exit):
		return err
	case errors.Is(err, ledger.ErrUsed):
		f.Status, f.Message = report.Fail, "the token was used before, and it holds once"
		if warn {
			f.Status = report.Warn
		}
	default:
		f = report.Finding{Rule: report.LedgerUnavailable, Status: report.Fail, Message: err.Error()}
		if hint := hintOf(err); hint != "" {
			f.Message += "; " + hint
		}
	}
	k.add([]report.Finding{f})
	return nil
}

func (a *app) ledger() *cobra.Command {
	c := &cobra.Command{
		Use:   "ledger",
		Short: "Prune the record of used tokens",
		Long: `Prune the record of used tokens, which verify --single-use keeps so that none passes
a second time.`,
		Example: "  countersign ledger prune --ledger dir:/var/lib/countersign",
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			return usage(nearMiss(c, args)+"countersign ledger prune", "ledger needs to be told what to do")
		},
	}
	f := ledgerFlags{}
	prune := &cobra.Command{
		Use:   "prune",
		Short: "Remove what is recorded of tokens that can pass no more",
		Long: `Remove what is recorded of tokens that can pass no more: those that expired on a day
that is past, in UTC.`,
		Example: `  countersign ledger prune --ledger github:acme/ledger
  countersign ledger prune --ledger dir:/var/lib/countersign`,
		Args: noArguments,
	}
	prune.Flags().StringVar(&f.ledger, "ledger", "", "where used tokens are recorded: "+locationForms+" (default github: the run's own repository)")
	prune.RunE = a.run(func() error {
		return a.runPrune(prune.Context(), f)
	})
	c.AddCommand(prune)
	return c
}

func (a *app) runPrune(ctx context.Context, f ledgerFlags) error {
	removed := 0
	l, err := a.openLedger(f, a.Getenv("GITHUB_REPOSITORY"))
	if err == nil {
		removed, err = l.Prune(ctx, a.Now())
	}
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		return err
	case err != nil:
		return undecided("", "%w", err)
	}
	a.say("removed", report.Count(removed, "entry", "entries")+" of days that are past")
	return nil
}
