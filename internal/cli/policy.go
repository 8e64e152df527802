package cli

import (
	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/dialect/spacelift"
)

// policyFlags are the flags of policy.
type policyFlags struct {
	keyFlags
	placeholder bool
}

func (a *app) policy() *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "Print a worker-side policy for another system",
		Long:  "Print a policy for another system, which then checks tokens itself.",
		Example: `  countersign policy spacelift --key runs.pub.jwk >initialization.rego
  countersign policy spacelift-push >push.rego`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			return usage(nearMiss(c, args)+"there are: spacelift, spacelift-push", "policy needs to be told for which system")
		},
	}
	c.AddCommand(a.policySpacelift(), a.policySpaceliftPush())
	return c
}

func (a *app) policySpacelift() *cobra.Command {
	f := policyFlags{}
	c := &cobra.Command{
		Use:   "spacelift",
		Short: "Print the initialization policy of Spacelift's private workers",
		Long: `Print the initialization policy of Spacelift's private workers: a run whose metadata
is not exactly one token, of that key and for that stack and commit, is denied.

With --key the policy holds public keys, and nothing in it is secret. Without, it is
for a secret of at least 32 bytes, which is to replace ${SECRET} in it.`,
		Example: `  countersign policy spacelift --key runs.pub.jwk >initialization.rego
  countersign policy spacelift --secret-placeholder >initialization.rego`,
		Args: noArguments,
	}
	c.Flags().StringVar(&f.key, "key", "", "public key as PEM, JWK or JWKS: a path; in a variable also the content; or the https URL of a JWKS")
	c.Flags().StringVar(&f.algorithm, "alg", "", "algorithm, where the key does not say it: another one of its type")
	c.Flags().BoolVar(&f.placeholder, "secret-placeholder", false, "for a secret that takes the place of ${SECRET} (the default where there is no --key)")
	c.RunE = a.run(func() error {
		if f.key == "" {
			if f.algorithm != "" {
				return usage("leave out --alg, or give --key", "--alg is about a key, and a secret is used with HS256")
			}
			return a.print(spacelift.PlaceholderPolicy())
		}
		if f.placeholder {
			return usage("give --key or --secret-placeholder", "a policy for a key, and for a secret")
		}
		keys, err := a.verifyingKeys(c.Context(), f.keyFlags)
		if err != nil {
			return err
		}
		policy, err := spacelift.Policy(keys)
		if err != nil {
			return usage("", "%w", err)
		}
		return a.print(policy)
	})
	return c
}

func (a *app) policySpaceliftPush() *cobra.Command {
	return &cobra.Command{
		Use:   "spacelift-push",
		Short: "Print the push policy of Spacelift that ignores all pushes",
		Long: `Print the push policy of Spacelift that ignores all pushes, so that runs are started
by a signer alone.`,
		Example: "  countersign policy spacelift-push >push.rego",
		Args:    noArguments,
		RunE:    a.run(func() error { return a.print(spacelift.PushPolicy()) }),
	}
}
