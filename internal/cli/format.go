package cli

import (
	"cmp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/countersign-ci/countersign/internal/runspec"
)

// The formats of what is signed: a token for a run, and those of other systems.
const (
	formatToken     = "token"
	formatBuildkite = "buildkite"
	formatSpacelift = "spacelift"
	formatDigger    = "digger"
)

// A formats says for which formats a flag means something. A flag that is not in it
// is for all.
type formats map[string][]string

// add adds flags that are for some formats alone.
func (t formats) add(names []string, flags ...string) formats {
	for _, flag := range flags {
		t[flag] = names
	}
	return t
}

// signFormats are those of the flags of sign.
var signFormats = formats{}.
	add([]string{formatToken}, "keyless", "identity-command", "issuer", "audience", "token-input",
		"kind", "artifacts", "image", "root", "out").
	add([]string{formatToken, formatSpacelift}, fieldFlags()...).
	add([]string{formatToken, formatSpacelift}, "command", "inputs").
	add([]string{formatToken, formatSpacelift, formatDigger}, "ref", "spec", "ttl", "mask", "json").
	add([]string{formatToken, formatDigger}, "dispatch").
	add([]string{formatBuildkite}, "pipeline", "repository-url", "in-place", "bind").
	add([]string{formatSpacelift}, "stacks", "dry-run", "trigger", "run-type").
	add([]string{formatDigger}, "detached")

// verifyFormats are those of the flags of verify. What another system's token does
// not say cannot be checked, and not in silence.
var verifyFormats = formats{}.
	add([]string{formatToken}, "keyless", "trusted-issuer", "trusted-identity", "jwks", "jwks-cache",
		"issuer", "audience", "token-input", "allow-unsigned-inputs").
	add([]string{formatToken, formatDigger}, "dispatchers", "allow-rerun").
	add([]string{formatDigger}, "spec")

// fieldFlags returns the names of the flags for the fields of a spec.
func fieldFlags() (names []string) {
	for _, field := range runspec.Fields {
		names = append(names, fieldFlag(field))
	}
	return names
}

func fieldFlag(field runspec.Field) string { return strings.ReplaceAll(field.Name, "_", "-") }

// check refuses flags that mean nothing for a format.
func (t formats) check(c *cobra.Command, format string) (err error) {
	c.Flags().VisitAll(func(flag *pflag.Flag) {
		// A variable can change one too.
		if of, some := t[flag.Name]; err == nil && flag.Changed && some && !slices.Contains(of, format) {
			err = usage("leave it out, or give --format "+strings.Join(of, " or "), "--%s means nothing with --format %s", flag.Name, cmp.Or(format, formatToken))
		}
	})
	return err
}
