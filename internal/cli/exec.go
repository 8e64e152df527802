package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runspec"
	"github.com/countersign-ci/countersign/internal/shellwords"
)

// verifiedPrefix begins the names of the variables that a command gets.
const verifiedPrefix = "COUNTERSIGN_VERIFIED_"

func (a *app) exec() *cobra.Command {
	f := newVerifyFlags()
	number := 0
	c := &cobra.Command{
		Use:   "exec [flags] (-- COMMAND ARG… | --spec-command N)",
		Short: "Verify a token, then replace this process by the given command",
		Long: `Verify a token, then replace this process by the given command, or by a command
of the verified spec.

The command gets the verified spec as COUNTERSIGN_VERIFIED_SPEC and one
COUNTERSIGN_VERIFIED_<FIELD> for each of its fields, and neither the token nor the
key. A command of the spec is split into words as a shell does, and nothing in it
is expanded: sh -c '…' asks for a shell. The exit code is that of the command; of a
run that is refused it is that of verify, and --json prints the report then.`,
		Example: `  countersign exec --key orchestrator.pub.jwk --token-file run.jwt -- terraform apply
  countersign exec --key orchestrator.pub.jwk --token-file run.jwt --spec-command 1`,
	}
	addVerifyFlags(c, f)
	c.Flags().IntVar(&number, "spec-command", 0, "execute this command of the spec, counted from 1")
	c.RunE = func(c *cobra.Command, args []string) error {
		return a.run(func() error { return a.runExec(c, f, args, number) })(c, nil)
	}
	return c
}

func (a *app) runExec(c *cobra.Command, f *verifyFlags, args []string, number int) error {
	const hint = "countersign exec [flags] -- COMMAND ARG…, or countersign exec [flags] --spec-command N"
	chosen := c.Flags().Changed("spec-command")
	switch {
	case len(args) > 0 && c.ArgsLenAtDash() != 0:
		return usage(hint, "an argument before --, which begins the command")
	case len(args) > 0 && chosen:
		return usage(hint, "two commands where one is meant")
	case len(args) == 0 && !chosen:
		return usage(hint, "there is no command to execute")
	case chosen && number < 1:
		return usage("--spec-command counts from 1", "there is no command %d", number)
	case f.pins.lower != "" || f.pins.dryRun:
		return usage(hint, "--lower and --dry-run print on standard output, which is the command's")
	}
	// What can be known of the command shows before a token is used up.
	var p prepared
	k, err := a.check(c, f, func(verified *policy.Verified) (err error) {
		if chosen {
			if args, err = specCommand(verified, number); err != nil {
				return err
			}
		}
		p, err = a.prepare(args, verified)
		return err
	})
	if err == nil && k.verified == nil {
		// The ledger is asked last, and it may be what says no.
		p.variables = nil
		if chosen {
			err = errUnverified
		}
	}
	if err != nil && err != errUnverified {
		return err
	}
	// What is only warned of says why there is no command.
	if done := a.finish(k, f.json && (k.report.Blocks() || err != nil)); done != nil || err != nil {
		return cmp.Or(done, err)
	}
	code, err := replace(p.path, p.args, a.childEnviron(p.variables))
	if err != nil {
		return undecided("the token may be used up; ask for a new run", "the command cannot be started: %w", err)
	}
	if code != exitOK {
		return &exitError{code: code}
	}
	return nil
}

// errUnverified refuses a command of a spec that does not hold.
var errUnverified error = &exitError{
	exitRefused, errors.New("nothing was verified, so there is no command of a spec that could be executed"),
	"what only warns lets a command pass that is given after --, and none of the token's",
}

// specCommand returns the words of a command of the spec.
func specCommand(verified *policy.Verified, number int) ([]string, error) {
	const hint = "`countersign inspect` shows what the token says; sign the command with `sign --command`"
	if verified == nil {
		return nil, errUnverified
	}
	commands := verified.Spec.Commands
	if number > len(commands) {
		return nil, &exitError{exitRefused, errors.New("the spec has " + report.Count(len(commands), "command", "commands") + " and not that one"), hint}
	}
	words, err := shellwords.Split(commands[number-1])
	if err != nil {
		return nil, &exitError{code: exitRefused, err: err}
	}
	return words, nil
}

// A prepared is a command that can be executed.
type prepared struct {
	path      string
	args      []string // with the command's name
	variables []string // what was verified, as name=value
}

func (a *app) prepare(args []string, verified *policy.Verified) (p prepared, err error) {
	p.args = args
	if p.path, err = exec.LookPath(args[0]); err != nil {
		var cause *exec.Error
		if errors.As(err, &cause) {
			err = cause.Err
		}
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return p, usage("give the path of a program; sh -c '…' asks for a shell and its own commands", "%.100q cannot be executed: %w", args[0], err)
	}
	if verified == nil {
		return p, nil
	}
	if p.variables, err = verifiedVariables(verified); err != nil {
		return p, err
	}
	p.variables = slices.DeleteFunc(p.variables, func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		if len(variable) >= maxVariable {
			a.say("note", name+" is left out, for no command can get a variable of that size")
		}
		return len(variable) >= maxVariable
	})
	if slices.ContainsFunc(slices.Concat(p.variables, args), func(s string) bool { return strings.ContainsRune(s, 0) }) {
		return p, &exitError{exitRefused, errors.New("the spec has a zero byte, which no command can get"), "sign again without it"}
	}
	return p, err
}

// maxVariable is the size of a variable that is too large for a command, in bytes, with
// its name and a zero byte (MAX_ARG_STRLEN of Linux, execve(2)).
const maxVariable = 128 << 10

// verifiedVariables returns what a spec says as variables. What is no text is JSON.
func verifiedVariables(verified *policy.Verified) ([]string, error) {
	spec := verified.Spec
	canonical, err := spec.MarshalJSON()
	if err != nil {
		return nil, err
	}
	whole, err := verified.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(canonical, &fields); err != nil {
		return nil, err
	}
	variables := []string{verifiedPrefix + "SPEC=" + string(whole)}
	for name, value := range fields {
		if f, ok := runspec.FieldNamed(name); ok {
			value = []byte(*f.Of(spec))
		}
		variables = append(variables, verifiedPrefix+strings.ToUpper(name)+"="+string(value))
	}
	slices.Sort(variables)
	return variables, nil
}

// own are the variables that are for this program alone.
var own = []string{"TOKEN", "TOKEN_FILE", "SPEC", "KEY", "SECRET", "SECRET_FILE", "GITHUB_TOKEN"}

// tokenForm is what a token consists of. What has another form is no token, and what
// a variable that contains it holds is none either.
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9_.~-]{20,}$`)

// keep remembers a token or a key that was read, for no command is to get it.
func (a *app) keep(secret []byte) {
	if secret = bytes.TrimSpace(secret); len(secret) >= minMask {
		a.secrets = append(a.secrets, string(secret))
	}
}

// childEnviron returns the environment of the command: that of this process
// without the token and the key, under whatever name, and with what was verified
// alone under the names that say so.
func (a *app) childEnviron(verified []string) []string {
	environ := slices.DeleteFunc(append([]string{}, a.Environ...), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		name = variableName(name)
		for _, prefix := range []string{"COUNTERSIGN_", "INPUT_"} {
			if rest, ok := strings.CutPrefix(name, prefix); ok && slices.Contains(own, rest) {
				return true
			}
		}
		return strings.HasPrefix(name, verifiedPrefix) ||
			slices.ContainsFunc(a.secrets, func(secret string) bool { return strings.Contains(variable, secret) })
	})
	return append(environ, verified...)
}
