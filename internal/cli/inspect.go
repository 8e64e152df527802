package cli

import (
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/keyless"
	"github.com/countersign-ci/countersign/internal/runspec"
)

func (a *app) inspect() *cobra.Command {
	var from tokenFlags
	c := &cobra.Command{
		Use:     "inspect",
		Short:   "Show what a token says, without trusting it",
		Long:    "Show what a token says, without trusting it. Nothing is verified, not even the signature.",
		Example: "  countersign inspect --token-file run.jwt",
		Args:    noArguments,
	}
	addTokenFlags(c, &from)
	c.RunE = a.run(func() error {
		token, err := a.readToken(from, maxManifestFile)
		if err != nil {
			return err
		}
		if strings.TrimSpace(token) == "" {
			return usage("give --token or --token-file", "there is no token")
		}
		if strings.Contains(token, "~") {
			return a.inspectKeyless(token)
		}
		parts, err := jose.Unverified(runspec.Manifest, token)
		if err != nil {
			return &exitError{exitRefused, err, "a token is three parts of base64url joined by points"}
		}
		return a.answer(shownParts{Header: raw(parts.Header), Claims: raw(parts.Claims)})
	})
	return c
}

// A shownParts is what inspect prints.
type shownParts struct {
	Verified bool            `json:"verified"` // always false
	Header   json.RawMessage `json:"header,omitempty"`
	Claims   json.RawMessage `json:"claims"`
	// Identity is what the identity token says, where one signed.
	Identity *shownIdentity `json:"identity,omitempty"`
}

type shownIdentity struct {
	Header json.RawMessage `json:"header"`
	Claims json.RawMessage `json:"claims"`
}

func raw(v jose.Value) json.RawMessage { return json.RawMessage(v.Text) }

func (a *app) inspectKeyless(token string) error {
	u, err := keyless.Parse(runspec.Manifest, token)
	var claims jose.Value
	if err == nil {
		claims, err = jose.ParseJSON(u.Claims)
	}
	switch {
	case err == nil && claims.Kind != jose.Object:
		err = jose.Malformed("its claims are %s where an object is expected", claims.Kind)
	case err == nil:
		return a.answer(shownParts{Claims: raw(claims), Identity: &shownIdentity{raw(u.Identity.Header), raw(u.Identity.Claims)}})
	}
	return &exitError{exitRefused, err, "a token that an identity signed is base64url, a tilde, and the identity token"}
}
