package cli

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/countersign-ci/countersign/internal/dialect/spacelift"
	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
)

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
	return a.verifyForeign(ctx, f, token, runspec.Context{}, p, 0, func(keys *jose.VerifyingKeys) (*policy.Verified, error) {
		t, spec, err := spacelift.Open(keys, token)
		if err != nil {
			return nil, err
		}
		t.Issuer = cmp.Or(t.Issuer, spacelift.Issuer) // which a ledger needs
		return &policy.Verified{Token: t, Spec: spec}, nil
	})
}

// verifyForeign decides about a token of another system. Where there is no run, the
// spec has to have what is expected of it, and what --require names.
func (a *app) verifyForeign(ctx context.Context, f *verifyFlags, token string, run runspec.Context, p policy.Policy, lifetime time.Duration,
	open func(*jose.VerifyingKeys) (*policy.Verified, error),
) (*report.Report, *policy.Verified, error) {
	if !run.IsKnown() && !f.requireGiven {
		p.Require = nil
	}
	if err := p.CheckForeign(run); err != nil {
		return nil, nil, usage(adviceExpect(p, run), "%w", err)
	}
	var keys *jose.VerifyingKeys
	if strings.TrimSpace(token) != "" || p.WarnMissing {
		var err error
		if keys, err = a.verifyingKeys(ctx, f.keyFlags); err != nil {
			return nil, nil, err
		}
	}
	r, verified := policy.VerifyForeign(token, func() (*policy.Verified, error) { return open(keys) }, run, p, lifetime, a.Now())
	return r, verified, nil
}
