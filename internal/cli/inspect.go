package cli

import (
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/jose"
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
		token, err := a.readToken(from)
		if err != nil {
			return err
		}
		if strings.TrimSpace(token) == "" {
			return usage("give --token or --token-file", "there is no token")
		}
		parts, err := jose.Unverified(runspec.Token.MaxSize, token)
		if err != nil {
			return &exitError{exitRefused, err, "a token is three parts of base64url joined by points"}
		}
		return a.answer(struct {
			Verified bool            `json:"verified"` // always false
			Header   json.RawMessage `json:"header"`
			Claims   json.RawMessage `json:"claims"`
		}{false, json.RawMessage(parts.Header.Text), json.RawMessage(parts.Claims.Text)})
	})
	return c
}
