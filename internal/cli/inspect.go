package cli

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// maxTokenFile is the size of the largest token with a line end, in bytes.
var maxTokenFile = int64(runspec.Token.MaxSize + len("\r\n"))

// tokenFlags say where a token comes from.
type tokenFlags struct {
	token, file string
}

func addTokenFlags(c *cobra.Command, t *tokenFlags) {
	stringFlag(c, &t.token, "token", "", "the token itself")
	stringFlag(c, &t.file, "token-file", "", "file that holds the token; - is standard input")
}

// readToken returns the token less one line end. It is empty where none was given.
func (a *app) readToken(t tokenFlags) (string, error) {
	text := []byte(t.token)
	if t.file != "" {
		if t.token != "" {
			return "", usage("give --token or --token-file", "two tokens where one is meant")
		}
		var err error
		if text, err = a.readFile("the token file", t.file, maxTokenFile); err != nil {
			return "", err
		}
	}
	return string(dropLineEnd(text)), nil
}

func (a *app) inspect() *cobra.Command {
	var from tokenFlags
	c := &cobra.Command{
		Use:     "inspect",
		Short:   "Show what a token says, without trusting it",
		Long:    "Show what a token says, without trusting it. Nothing is verified, not even the signature.",
		Example: "  countersign inspect --token-file run.jwt",
		Args:    cobra.NoArgs,
	}
	addTokenFlags(c, &from)
	c.RunE = a.run(func() error {
		token, err := a.readToken(from)
		if err != nil {
			return err
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
