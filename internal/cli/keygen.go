package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/jose"
)

func (a *app) keygen() *cobra.Command {
	var algorithm, private, public string
	c := &cobra.Command{
		Use:     "keygen",
		Short:   "Make a key pair",
		Long:    "Make a key pair, one JWK (RFC 7517) a file. An existing file is never overwritten.",
		Example: "  countersign keygen --private orchestrator.jwk --public orchestrator.pub.jwk",
		Args:    noArguments,
	}
	c.Flags().StringVar(&algorithm, "alg", "EdDSA", "EdDSA, ES256, ES384, ES512, PS256, PS384, PS512, RS256, RS384 or RS512")
	c.Flags().StringVar(&private, "private", "", "file for the private key, which gets the mode 0600")
	c.Flags().StringVar(&public, "public", "", "file for the public key")
	c.RunE = a.run(func() error {
		if private == "" || public == "" {
			return usage("give --private FILE and --public FILE", "two files are needed, one for each half of the pair")
		}
		if filepath.Clean(private) == filepath.Clean(public) {
			return usage("give each half a file of its own", "one file for both halves of the pair")
		}
		privateJWK, publicJWK, id, err := jose.Generate(algorithm)
		if err != nil {
			return err
		}
		if err := create(private, privateJWK, 0o600); err != nil {
			return err
		}
		if err := create(public, publicJWK, 0o644); err != nil {
			return errors.Join(err, os.Remove(private))
		}
		a.say("kid", id)
		return nil
	})
	return c
}

// create writes a new file whole, or leaves none.
func create(path string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	switch {
	case errors.Is(err, fs.ErrExist):
		return usage("choose another name, or remove the file if nothing depends on it", "%q exists and is not overwritten", path)
	case err != nil:
		return usage("choose a folder that exists and can be written", "a key file cannot be made: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return undecided("", "a key file cannot be written: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}
