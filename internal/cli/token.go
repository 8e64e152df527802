package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/runner"
	"github.com/countersign-ci/countersign/internal/runspec"
)

// maxTokenFile is the size of the largest token with a line end, in bytes.
var maxTokenFile = int64(runspec.Token.MaxSize + len("\r\n"))

// maxManifestFile is that of a manifest of artifacts.
var maxManifestFile = int64(runspec.Manifest.MaxSize + len("\r\n"))

// tokenFlags say where a token comes from.
type tokenFlags struct {
	token, file string
}

func addTokenFlags(c *cobra.Command, t *tokenFlags) {
	c.Flags().StringVar(&t.token, "token", "", "the token itself")
	c.Flags().StringVar(&t.file, "token-file", "", "file that holds the token; - is standard input")
}

// readToken returns the token less one line end. It is empty where none was given.
func (a *app) readToken(t tokenFlags, limit int64) (string, error) {
	text := t.token
	if t.file != "" {
		if t.token != "" {
			return "", usage("give --token or --token-file", "two tokens where one is meant")
		}
		var err error
		text, err = a.readText("the token file", t.file, limit)
		// What is too large is no token, which is for the check to say.
		if err != nil && !errors.Is(err, errTooLarge) {
			return "", err
		}
	}
	token := dropLineEnd(text)
	a.noteFile(t.token)
	if len(token) >= largeManifest*100 {
		sparing()
	}
	// No variable holds a manifest that is larger.
	if int64(len(token)) <= maxTokenFile && tokenForm.MatchString(strings.TrimSpace(token)) {
		a.keep([]byte(token))
		if _, identity, ok := strings.Cut(token, "~"); ok {
			a.keep([]byte(identity))
		}
	}
	return token, nil
}

// noteFile says where a file was named in the place of a token. On a runner somebody
// else may have chosen the token, and one that leads beyond the folder is not looked
// for: on Windows it may name another machine.
func (a *app) noteFile(token string) {
	if !filepath.IsLocal(token) || len(token) > 255 || runner.OnRunner(a.Getenv) {
		return
	}
	if info, err := os.Stat(token); err == nil && info.Mode().IsRegular() {
		a.say("note", "--token is the token itself, and there is a file of that name: --token-file "+token+" reads it")
	}
}

// mask hides a token in the rest of the log, where there is one: the whole and, of
// one that an identity signed, the identity token too. What is too short for a token
// is left alone, for a mask of `true` drops outputs, and so is a manifest that is longer
// than any token of a run: it is no secret, and the runner looks for a mask in each line.
func (a *app) mask(token string) error {
	if !runner.OnRunner(a.Getenv) {
		return nil
	}
	texts := []string{token}
	if _, identity, ok := strings.Cut(token, "~"); ok {
		texts = append(texts, identity)
	}
	for _, text := range texts {
		if len(text) < minMask || int64(len(text)) > maxTokenFile+1 {
			continue
		}
		if err := runner.Mask(a.Stderr, text); err != nil {
			return undecided("", "the token cannot be masked: %w", err)
		}
	}
	return nil
}

func (a *app) maskAll(secrets []string) error {
	for _, secret := range secrets {
		if err := a.mask(secret); err != nil {
			return err
		}
	}
	return nil
}
