package cli

import (
	"context"
	"errors"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/jwks"
	"github.com/countersign-ci/countersign/internal/keyless"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/runner"
	"github.com/countersign-ci/countersign/internal/shellwords"
)

// A signer makes a token of claims.
type signer func(context.Context, jose.Claims) (string, error)

// signer returns what signs: a key, or the identity of this job.
func (a *app) signer(k keyFlags, identityCommand string, form jose.Form) (signer, error) {
	if !k.keyless {
		if identityCommand != "" {
			return nil, usage("add --keyless", "--identity-command gets an identity token, and a key signs without one")
		}
		key, err := a.signingKey(k)
		return func(_ context.Context, c jose.Claims) (string, error) { return jose.Sign(form, key, c) }, err
	}
	if _, err := a.keySource(k); err != nil {
		return nil, err
	}
	identity, err := a.identity(identityCommand)
	return func(ctx context.Context, c jose.Claims) (string, error) {
		claims, err := keyless.Claims(form, c)
		if err != nil {
			return "", err
		}
		token, err := identity(ctx, keyless.Audience(claims))
		if err != nil {
			return "", err
		}
		joined, err := keyless.Join(form, claims, token)
		if errors.As(err, new(*jose.Error)) {
			return "", undecided("nothing was signed; ask again for an identity token", "what came as an identity token cannot be used: %w", err)
		}
		return joined, err
	}, err
}

// identity returns what gets the identity token for an audience: a command, or
// GitHub's runner.
func (a *app) identity(command string) (func(ctx context.Context, audience string) (string, error), error) {
	if command == "" {
		if a.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL") == "" || a.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN") == "" {
			return nil, usage("", "%w", runner.ErrNoIdentity)
		}
		return func(ctx context.Context, audience string) (string, error) {
			token, err := runner.IdentityToken(ctx, a.HTTP, a.Getenv, audience, a.Sleep)
			if err != nil {
				return "", undecided("", "%w", err)
			}
			return token, nil
		}, nil
	}
	words, err := shellwords.Split(command)
	if err != nil {
		return nil, usage("", "--identity-command: %w", err)
	}
	return func(ctx context.Context, audience string) (string, error) {
		c := exec.CommandContext(ctx, words[0], append(words[1:], audience)...)
		c.Stderr = a.Stderr
		output, err := c.Output()
		if err != nil {
			return "", undecided("nothing was signed; see what the command says", "--identity-command got no identity token: %w", err)
		}
		return strings.TrimSpace(string(output)), nil
	}, nil
}

// trustFlags say which identities may sign.
type trustFlags struct {
	issuer     string
	identities []string
	jwks       string
	cache      string
}

func addTrustFlags(c *cobra.Command, f *trustFlags) {
	c.Flags().StringVar(&f.issuer, "trusted-issuer", keyless.DefaultIssuer, "the OpenID provider that tells who signed without a key")
	listFlag(c, &f.identities, "trusted-identity", whole, "claim=value of the identities that may sign, such as repository=acme/orchestrator; * does not go over / (repeats)")
	c.Flags().StringVar(&f.jwks, "jwks", "", "file with the issuer's keys, a JWKS; then no connection is made")
	c.Flags().StringVar(&f.cache, "jwks-cache", "", "folder to keep the issuer's keys in until they expire")
}

// trust returns who may sign the token: keys, or identities.
func (a *app) trust(ctx context.Context, k keyFlags, f trustFlags, form jose.Form, token string) (policy.Trust, error) {
	if !k.keyless {
		if len(f.identities) > 0 || f.jwks != "" || f.cache != "" || f.issuer != keyless.DefaultIssuer {
			return nil, usage("add --keyless", "an identity is trusted, and a key is to verify")
		}
		return a.verifyingKeys(ctx, k)
	}
	if _, err := a.keySource(k); err != nil {
		return nil, err
	}
	identity, err := keyless.ParseIdentity(f.identities)
	if err != nil {
		return nil, usage("", "--trusted-identity: %w", err)
	}
	// It is wrong whatever the token says.
	if err := jwks.CheckIssuer(f.issuer); err != nil {
		return nil, usage(adviceIssuer, "--trusted-issuer: %w", err)
	}
	issuer := keyless.Issuer{URL: f.issuer, Identities: []keyless.Identity{identity}}
	if f.jwks != "" {
		text, err := a.readFile("the JWKS file", f.jwks, maxKeySize)
		if err != nil {
			return nil, err
		}
		if issuer.Keys, err = jose.ParseIssuerKeys(text); err != nil {
			return nil, usage("", "the JWKS file: %w", err)
		}
		return keyless.Issuers{issuer}, nil
	}
	source := jwks.Source{Client: a.HTTP, Note: func(err error) { a.say("note", err.Error()) }}
	if f.cache != "" {
		source.Cache = &jwks.Cache{Dir: f.cache, Now: a.Now}
	}
	return identityTrust(ctx, source, keyless.Issuers{issuer}, form, token)
}

// identityTrust gives the issuer that a token names its keys. Nothing is asked for
// what cannot hold.
func identityTrust(ctx context.Context, source jwks.Source, issuers keyless.Issuers, form jose.Form, token string) (policy.Trust, error) {
	u, err := keyless.Parse(form, token)
	if err != nil {
		return issuers, nil // which refuses it for that
	}
	for i := range issuers {
		if issuers[i].URL != u.Issuer || issuers[i].Keys != nil {
			continue
		}
		if issuers[i].Keys, err = issuerKeys(ctx, source, u.Issuer, u.KeyID); err != nil {
			return refusalOf(err)
		}
	}
	return issuers, nil
}

// issuerKeys returns an issuer's keys. Where kept ones lack the one that is looked
// for they are asked for anew: issuers change their keys.
func issuerKeys(ctx context.Context, source jwks.Source, issuer, id string) (*jose.VerifyingKeys, error) {
	found, err := source.Keys(ctx, issuer, false)
	if err != nil {
		return nil, err
	}
	keys, err := jose.ParseIssuerKeys(found.Set)
	if !found.Cached || err == nil && keys.Has(id) {
		return keys, err
	}
	if found, err = source.Keys(ctx, issuer, true); err != nil {
		return nil, err
	}
	return jose.ParseIssuerKeys(found.Set)
}

const adviceIssuer = "it has the form https://host or https://host/path"

// refusalOf tells a check of the issuer that failed, which refuses the token, from
// what decides nothing.
func refusalOf(err error) (policy.Trust, error) {
	switch {
	case errors.Is(err, jwks.ErrAddress):
		return nil, usage(adviceIssuer, "the trusted issuer: %w", err)
	case errors.Is(err, jwks.ErrIssuer), errors.As(err, new(*jose.KeyError)):
		return refusal{err}, nil
	}
	return nil, undecided("without the issuer's keys nothing can be verified; try again, or give them as a file: --jwks, in a worker's config jwks", "%w", err)
}

// A refusal trusts nobody.
type refusal struct{ err error }

func (r refusal) Open(jose.Form, string) (*jose.Token, error) {
	return nil, &jose.Error{Outcome: keyless.ErrUntrustedIdentity, Reason: r.err.Error()}
}
