package cli

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/jose"
	"github.com/countersign-ci/countersign/internal/jwks"
	"github.com/countersign-ci/countersign/internal/runner"
)

// maxKeySize is the size of the largest key file, in bytes.
const maxKeySize = 1 << 20

// keyFlags say which key signs or verifies, or that none does.
type keyFlags struct {
	key, secretFile, algorithm string
	keyless                    bool
}

func addKeyFlags(c *cobra.Command, k *keyFlags, half string) {
	c.Flags().StringVar(&k.key, "key", "", half+" as PEM, JWK or JWKS: a path; in a variable also the content")
	c.Flags().StringVar(&k.secretFile, "secret-file", "", "file with the secret that signer and verifier share")
	c.Flags().StringVar(&k.algorithm, "alg", "", "algorithm, where the key does not say it: another one of its type (default EdDSA, ES256, ES384, ES512, PS256 or HS256)")
}

// A keySource is the one key or secret that was given.
type keySource struct {
	text   []byte // PEM, JWK or JWKS
	url    string // of a JWKS
	secret []byte // not nil where it is the one that was given
}

// isContent tells whether a value is a key itself and not the name of one.
func isContent(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "-----BEGIN") || strings.HasPrefix(s, "{") || strings.Contains(s, "\n")
}

// isJSON tells whether a value is a spec itself and not the name of a file.
func isJSON(s string) bool {
	s = strings.TrimLeft(s, " \t\r\n")
	return strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")
}

// readSpec returns the spec that a flag or a variable gives, which is the path of a
// file or the spec itself.
func (a *app) readSpec(what, value string, limit int64) ([]byte, error) {
	if isJSON(value) {
		return []byte(value), nil
	}
	return a.readFile(what, string(dropLineEnd([]byte(value))), limit)
}

func (a *app) keySource(k keyFlags) (s keySource, err error) {
	defer func() {
		a.keep(s.text)
		a.keep(s.secret)
	}()
	secret := a.Getenv(a.variable("secret"))
	given := 0
	for _, value := range []string{k.key, k.secretFile, secret} {
		if value != "" {
			given++
		}
	}
	switch {
	case k.keyless && given > 0:
		return s, usage("leave out --keyless, or the key", "a key beside --keyless, which has none")
	case given == 0 && !k.keyless && runner.InAction(a.Getenv):
		return s, usage("the input `key` is empty, and so is `secret`: a variable or secret that is not set, or that this job may not see, is empty", "there is no key")
	case given == 0 && !k.keyless:
		return s, usage("give --key, "+a.variable("key")+", --secret-file or "+a.variable("secret")+", or --keyless", "there is no key")
	case given > 1:
		return s, usage("give one of --key, --secret-file and "+a.variable("secret")+", on the command line or as a variable", "two keys where one is meant")
	case k.keyless && k.algorithm != "":
		return s, usage("leave out --alg", "--alg is about a key, and --keyless has none")
	case k.keyless:
		return s, nil
	case secret != "":
		s.secret = dropLineEnd([]byte(secret))
		return s, nil
	case k.secretFile != "":
		text, err := a.readFile("the secret file", k.secretFile, maxKeySize)
		if err != nil {
			return s, err
		}
		// An empty file is a secret too, one that is refused for its length.
		s.secret = append([]byte{}, dropLineEnd(text)...)
		return s, nil
	case isContent(k.key):
		s.text = []byte(k.key)
	case strings.HasPrefix(k.key, "https://"):
		s.url = k.key
	case strings.HasPrefix(k.key, "http://"):
		return s, usage("use https", "a key set over http could be anybody's")
	default:
		s.text, err = a.readFile("the key file", k.key, maxKeySize)
	}
	return s, err
}

func (a *app) signingKey(k keyFlags) (*jose.SigningKey, error) {
	s, err := a.keySource(k)
	switch {
	case err != nil:
		return nil, err
	case s.url != "":
		return nil, usage("sign with a private key from a file or a variable", "a key set's URL where a private key is needed")
	case s.secret != nil:
		return jose.SecretSigningKey(s.secret, k.algorithm)
	}
	return jose.ParseSigningKey(s.text, k.algorithm)
}

func (a *app) verifyingKeys(ctx context.Context, k keyFlags) (*jose.VerifyingKeys, error) {
	s, err := a.keySource(k)
	switch {
	case err != nil:
		return nil, err
	case s.secret != nil:
		return jose.SecretVerifyingKey(s.secret, k.algorithm)
	case s.url != "":
		text, err := fetchKeys(ctx, a.HTTP, s.url)
		if err != nil {
			return nil, err
		}
		s.text = text
	}
	return jose.ParseVerifyingKeys(s.text, k.algorithm)
}

// fetchKeys returns the key set at a URL.
func fetchKeys(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	const hint = "without the keys nothing can be verified; try again, or give the keys as a file"
	text, err := jwks.Fetch(ctx, client, url)
	switch {
	case errors.Is(err, jwks.ErrAddress):
		return nil, usage("it has the form https://host/path", "%w", err)
	case err != nil:
		return nil, undecided(hint, "the key set cannot be fetched: %w", err)
	case !json.Valid(text):
		return nil, undecided(hint, "the key set's URL did not answer with JSON")
	}
	return text, nil
}
