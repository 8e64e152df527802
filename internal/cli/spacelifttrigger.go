package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/countersign-ci/countersign/internal/runspec"
	"github.com/countersign-ci/countersign/internal/spaceliftapi"
)

// triggerRuns starts the run of each stack. Everything that can be known before is
// asked before, for a run that was started cannot be taken back.
func (a *app) triggerRuns(ctx context.Context, f *signFlags, spec *runspec.Spec, all []*signed) error {
	client, err := a.spaceliftClient(ctx)
	if err != nil {
		return spaceliftError("", err)
	}
	if err := client.Login(ctx); err != nil {
		return spaceliftError("", err)
	}
	types := make([]spaceliftapi.RunType, len(all))
	for i, s := range all {
		branch, err := client.Branch(ctx, s.Stack)
		if err != nil {
			return spaceliftError("", err)
		}
		types[i] = runType(f.runType, spec.Ref, branch)
	}
	for i, s := range all {
		s.RunURL, err = client.Trigger(ctx, spaceliftapi.Run{Stack: s.Stack, SHA: spec.SHA, Type: types[i], Token: s.Token})
		if err != nil {
			return triggerError(all, i, err)
		}
		// Whatever comes after, it goes on.
		a.failed = outputsOf(all[:i+1])
		a.say("started", fmt.Sprintf("%s run of %s: %s", types[i], s.Stack, s.RunURL))
	}
	return nil
}

// runType returns the type of a run of ref, in a stack that follows branch.
func runType(given, ref, branch string) spaceliftapi.RunType {
	switch {
	case given != "":
		return spaceliftapi.RunType(given)
	case ref == headPrefix+branch:
		return spaceliftapi.Tracked
	}
	return spaceliftapi.Proposed
}

// spaceliftClient returns the client that spacectl's variables describe. A key
// without a secret is one for an identity token of this job.
func (a *app) spaceliftClient(ctx context.Context) (*spaceliftapi.Client, error) {
	credentials := spaceliftapi.Credentials{
		Endpoint: cmp.Or(a.Getenv("SPACELIFT_API_KEY_ENDPOINT"), a.Getenv("SPACELIFT_API_ENDPOINT")),
		KeyID:    a.Getenv("SPACELIFT_API_KEY_ID"), KeySecret: a.Getenv("SPACELIFT_API_KEY_SECRET"),
		Token: a.Getenv("SPACELIFT_API_TOKEN"),
	}
	lacksSecret := credentials.Token == "" && credentials.Endpoint != "" && credentials.KeyID != "" && credentials.KeySecret == ""
	if lacksSecret && a.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL") != "" {
		var err error
		if credentials.KeySecret, err = a.spaceliftIdentity(ctx, credentials.Endpoint); err != nil {
			return nil, err
		}
	}
	return spaceliftapi.New(a.HTTP, credentials, func(ctx context.Context, d time.Duration) error {
		a.Sleep(d)
		return ctx.Err()
	})
}

// spaceliftIdentity returns an identity token for an account, whose audience is the
// host's name unless a variable has another.
func (a *app) spaceliftIdentity(ctx context.Context, endpoint string) (string, error) {
	audience := a.Getenv("SPACELIFT_OIDC_AUDIENCE")
	if u, err := url.Parse(endpoint); audience == "" && err == nil {
		audience = u.Hostname()
	}
	identity, err := a.identity("")
	if err != nil {
		return "", err
	}
	return identity(ctx, audience)
}

// triggerError is the error of the run of all[i], beside what is known of the others.
func triggerError(all []*signed, i int, err error) error {
	names := func(all []*signed) string {
		var names []string
		for _, s := range all {
			names = append(names, s.Stack)
		}
		return cmp.Or(strings.Join(names, ", "), "none")
	}
	if len(all) == 1 {
		return spaceliftError("", err)
	}
	hint := ""
	if i > 0 { // what the error itself advises is for one run
		hint = "those that were started go on; look at the runs of " + all[i].Stack + ", then start what is missing with --stack"
	}
	return spaceliftError(hint, fmt.Errorf("the run of %s (started before it: %s; not started after it: %s): %w",
		all[i].Stack, names(all[:i]), names(all[i+1:]), err))
}

// spaceliftError gives an error of the client its exit code.
func spaceliftError(hint string, err error) error {
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		return err
	case errors.As(err, new(*spaceliftapi.CredentialsError)), errors.Is(err, spaceliftapi.ErrUnknownStack):
		return usage(hint, "%w", err)
	}
	return undecided(hint, "%w", err)
}
