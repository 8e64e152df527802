package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/countersign-ci/countersign/internal/github"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runner"
	"github.com/countersign-ci/countersign/internal/runspec"
)

const (
	workflowFolder = ".github/workflows/"
	dispatchEvent  = "workflow_dispatch"
)

// A dispatch is the run that sign starts with its token.
type dispatch struct {
	*app
	client *github.Client
	run    github.Dispatch
	given  runspec.Spec // what flags and file say of what the API tells
	head   github.Head
}

// newDispatch returns a dispatch of the workflow that a flag names.
func (a *app) newDispatch(workflow string) (*dispatch, error) {
	if a.apiToken() == "" {
		return nil, usage("set COUNTERSIGN_GITHUB_TOKEN, in the Action the input github-token", "to start a run takes a token for GitHub's API")
	}
	client, err := a.apiClient()
	return &dispatch{app: a, client: client, run: github.Dispatch{Workflow: strings.TrimPrefix(workflow, workflowFolder)}}, err
}

// setRepository sets the repository that runs, by its full name.
func (d *dispatch) setRepository(name string) {
	d.given.Repository = name
	d.run.Repository.Owner, d.run.Repository.Name, _ = strings.Cut(name, "/")
}

// planDispatch takes from a draft what is to be looked up, and sets what is known
// of any run that is started so.
func (a *app) planDispatch(f *signFlags, spec *runspec.Spec, run runspec.Context) (*dispatch, error) {
	d, err := a.newDispatch(f.dispatch)
	if err != nil {
		return nil, err
	}
	for _, known := range []struct{ name, value string }{{"workflow", workflowFolder + d.run.Workflow}, {"event", dispatchEvent}} {
		field, _ := runspec.FieldNamed(known.name)
		to := field.Of(spec)
		if *to != "" && *to != known.value {
			return nil, usage("leave out --"+known.name, "the %s is %.100q and --dispatch makes it %.100q", known.name, *to, known.value)
		}
		*to = known.value
	}
	if spec.Repository = cmp.Or(spec.Repository, run.Repository); spec.Repository == "" {
		return nil, usage("give --repository", "it is not known in which repository the run is to be started")
	}
	d.given, d.run.Ref, d.run.TokenInput = *spec, spec.Ref, f.tokenInput
	d.setRepository(spec.Repository)
	if spec.Ref == "" && runspec.SameName(spec.Repository, run.Repository) && isBranchOrTag(run.Ref) {
		d.run.Ref = run.Ref
	}
	spec.Ref = "" // it may be a short one
	return d, nil
}

func isBranchOrTag(ref string) bool {
	return strings.HasPrefix(ref, "refs/heads/") || strings.HasPrefix(ref, "refs/tags/")
}

// lookUp gives the spec what the API says, over whatever the signer's own run has.
func (d *dispatch) lookUp(ctx context.Context, spec *runspec.Spec) (err error) {
	d.run.Inputs = spec.Inputs
	if err := d.run.Check(); err != nil {
		return usage("", "%w", err)
	}
	if d.head, err = d.client.Head(ctx, d.run.Repository, d.run.Ref); err != nil {
		return dispatchError(err)
	}
	d.run.Ref, spec.Ref = d.head.Ref, d.head.Ref
	for _, fact := range []struct{ name, value string }{
		{"sha", d.head.SHA},
		{"repository_id", strconv.FormatInt(d.head.RepositoryID, 10)},
		{"repository_owner_id", strconv.FormatInt(d.head.OwnerID, 10)},
	} {
		field, _ := runspec.FieldNamed(fact.name)
		if given := *field.Of(&d.given); given != "" && given != fact.value {
			return &exitError{
				exitRefused,
				fmt.Errorf("%s is to be %s, and for %s at %s it is %s", fact.name, given, d.run.Repository, d.head.Ref, fact.value),
				"nothing was started; give what it is now, or leave it out and it is looked up",
			}
		}
		*field.Of(spec) = fact.value
	}
	return nil
}

// send starts the run and returns its URL, empty where the server does not give it.
func (d *dispatch) send(ctx context.Context, token string) (url string, err error) {
	d.run.Token = token
	if err := d.run.Check(); err != nil {
		return "", usage("", "%w", err)
	}
	if url, err = d.client.Dispatch(ctx, d.run); err != nil {
		return "", dispatchError(err)
	}
	d.say("started", cmp.Or(url, fmt.Sprintf("%s in %s; this server does not tell the run's URL", d.run.Workflow, d.run.Repository)))
	// A failure to ask again changes nothing about the run.
	if moved, err := d.client.HasMoved(ctx, d.run.Repository, d.head); err == nil && moved {
		d.warnMoved()
	}
	return url, nil
}

// warnMoved says that the run may have started on a commit that is not signed.
func (d *dispatch) warnMoved() {
	message := fmt.Sprintf("%s of %s has moved on from the signed commit %.7s: the run may be on another commit, and then its own check refuses it as %s; sign again",
		d.head.Ref, d.run.Repository, d.head.SHA, report.WrongCommit)
	d.say("warning", message)
	if runner.OnRunner(d.Getenv) {
		// It repeats what was said already.
		_ = runner.Annotate(d.Stderr, []report.Finding{{Rule: report.WrongCommit, Status: report.Warn, Message: message}})
	}
}

// dispatchError gives an error of the client its exit code.
func dispatchError(err error) error {
	var impossible *github.DispatchError
	switch {
	case errors.As(err, &impossible):
		return usage("", "%w", err)
	case errors.Is(err, github.ErrLost):
		// What is lost is the run, which need not be said twice.
		text := strings.Replace(err.Error(), github.ErrLost.Error()+": ", "", 1)
		return undecided("look at the runs of that workflow before you sign again", "it is not known whether the run was started: %s", text)
	}
	return undecided("", "%w", err)
}
