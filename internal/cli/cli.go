// Package cli is the command line: flags, and the wiring of all other packages.
//
// A flag is looked for on the command line, then in COUNTERSIGN_<NAME>. In the
// Action, where INPUT_MODE is set, it is looked for on the command line and in
// INPUT_<NAME> alone, so that no earlier step can set it through the
// environment. An empty variable counts as not set.
//
// Standard output is for programs: a token, or one JSON object. Text for people
// and workflow commands go to standard error.
package cli

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/countersign-ci/countersign/internal/report"
	"github.com/countersign-ci/countersign/internal/runner"
)

// The exit codes.
const (
	exitOK        = 0 // what was asked for holds
	exitRefused   = 1 // at least one finding blocks
	exitUsage     = 2 // flags, config or keys are wrong
	exitUndecided = 3 // the network, the API or the disk failed; nothing was accepted
)

// Env is what a command gets from outside.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Environ        []string // of the form name=value; the first of a name counts
	Now            func() time.Time
	HTTP           *http.Client

	// These are for hook. Clearenv empties the environment of the process, which
	// the standard library reads too. EndRunner ends the worker of a GitHub runner
	// that started this process, after telling it why, and returns its id.
	Clearenv  func()
	EndRunner func(reason string) (pid int, err error)
	Sleep     func(time.Duration)
}

// Main runs the command that args name, without the program's own name, and
// returns its exit code.
func Main(args []string, env Env) int {
	a := &app{Env: env, Getenv: lookup(env.Environ)}
	if len(args) > 0 && args[0] == "hook" {
		return a.guard(args)
	}
	args, err := a.mode(args)
	if err == nil {
		err = a.execute(args)
	}
	return a.end(err)
}

// An app is one run of the program.
type app struct {
	Env
	Getenv runner.Getenv
	// failed are the outputs of a run that ends with an error.
	failed []runner.Output
	// secrets are the token and the keys that were read.
	secrets []string
	// guarded: guard runs hook. endsRunner: a refusal ends the runner's worker,
	// for this reason.
	guarded, endsRunner bool
	reason              string
	// notCompared are the fields of a verified spec that nothing was told of.
	notCompared []string
}

// lookup returns the function that finds a variable.
func lookup(environ []string) runner.Getenv {
	values := make(map[string]string, len(environ))
	for _, variable := range slices.Backward(environ) {
		name, value, _ := strings.Cut(variable, "=")
		values[variableName(name)] = value
	}
	return func(name string) string { return values[variableName(name)] }
}

// variableName returns the name by which a variable is known: Windows does not
// tell apart capitals.
func variableName(name string) string {
	if runtime.GOOS == "windows" {
		return strings.ToUpper(name)
	}
	return name
}

func (a *app) execute(args []string) error {
	root := a.root()
	if completing(args) {
		addCompletions(root)
	}
	root.SetArgs(args)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	return root.Execute()
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "countersign",
		Short: "Sign what a CI run may do and check it before anything runs",
		Long: `Sign what a CI run may do and check it before anything runs.

A flag is looked for on the command line, then in the variable COUNTERSIGN_<NAME>,
with _ for each hyphen. What is for programs is on standard output, what is for
people on standard error. Exit code 0: what was asked for holds. 1: it is refused.
2: flags, config or keys are wrong. 3: undecided, and nothing was accepted.`,
		Example: `  countersign keygen --private orchestrator.jwk --public orchestrator.pub.jwk
  countersign sign --key orchestrator.jwk --issuer https://github.com/acme/orchestrator \
    --repository acme/widgets --sha "$SHA" --actor octocat >run.jwt
  countersign verify --key orchestrator.pub.jwk --token-file run.jwt \
    --expect repository=acme/widgets,actor=octocat,sha="$SHA"`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("countersign --help lists the commands", "there is no command")
			}
			return noCommand(c, args[0])
		},
	}
	// The commands completion and help are our own.
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(a.help())
	root.SetHelpFunc(a.showHelp)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(a.sign(), a.verify(), a.exec(), a.hook(), a.keygen(), a.inspect(), a.policy(), a.ledger(), a.version(),
		a.completion(), a.man())
	return root
}

// modes are the commands that the Action can run.
var modes = []string{"sign", "verify"}

// mode returns the command line of the Action, whose command is its mode. It
// keeps the Action from ending well without having done anything, as with
// `--help`.
func (a *app) mode(args []string) ([]string, error) {
	if !runner.InAction(a.Getenv) {
		return args, nil
	}
	mode := a.Getenv("INPUT_MODE")
	if len(args) == 0 {
		args = []string{mode}
	}
	if !slices.Contains(modes, mode) || args[0] != mode {
		return nil, usage("set the input `mode` to sign or verify", "there is no mode %.20q", mode)
	}
	return args, nil
}

// An exitError ends the program with a code, after saying what is wrong and
// what to do.
type exitError struct {
	code int
	err  error // nil where everything was said already
	hint string
}

func (e *exitError) Error() string { return fmt.Sprint(e.err) }
func (e *exitError) Unwrap() error { return e.err }

// errRefused ends with 1, and errUndecided with 3, after a report was written.
var (
	errRefused   = &exitError{code: exitRefused}
	errUndecided = &exitError{code: exitUndecided}
)

// usage returns an error about how the program was used.
func usage(hint, format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...), hint}
}

// undecided returns an error about a network, an API or a disk.
func undecided(hint, format string, args ...any) error {
	return &exitError{exitUndecided, fmt.Errorf(format, args...), hint}
}

// end says what is wrong, if anything, and returns the exit code.
func (a *app) end(err error) int {
	if err == nil {
		return exitOK
	}
	exit := &exitError{code: exitUsage, err: err}
	errors.As(err, &exit)
	if exit.err == nil {
		return exit.code
	}
	message := exit.err.Error()
	a.reason = message
	a.say("error", message)
	a.say("hint", hintFor(exit))
	if runner.OnRunner(a.Getenv) {
		// A log that cannot be written changes nothing about the refusal.
		_ = runner.AnnotateError(a.Stderr, message)
	}
	summary := "### Countersign: refused\n\n" + report.Markdown(message) + "\n"
	if err := runner.WriteSummary(a.Getenv, summary); err != nil {
		a.say("error", "the job summary cannot be written: "+err.Error())
		a.say("hint", adviceDone)
	}
	if err := runner.WriteOutputs(a.Getenv, a.failed); err != nil {
		a.say("error", "the outputs cannot be written: "+err.Error())
		a.say("hint", adviceDone)
	}
	return exit.code
}

// hintFor returns what to do about an error: its own hint, or that of its cause.
func hintFor(e *exitError) string {
	cause := hintOf(e.err)
	switch {
	case e.hint != "":
		return e.hint
	case cause != "":
		return cause
	case e.code == exitUndecided:
		return "nothing was accepted; try again when the cause is gone"
	default:
		return "countersign --help lists the commands, and --help after one its flags"
	}
}

// hintOf returns the hint that an error has itself, or "".
func hintOf(err error) string {
	var cause interface{ Hint() string }
	if !errors.As(err, &cause) {
		return ""
	}
	return cause.Hint()
}

// say writes one line for people.
func (a *app) say(label, text string) {
	fmt.Fprintf(a.Stderr, "%s: %s\n", label, report.Printable(strings.TrimSpace(text)))
}

// answer writes one JSON object to standard output.
func (a *app) answer(v any) error {
	text, err := report.JSON(v)
	if err != nil {
		return err
	}
	return a.print(text)
}

// adviceDone is for what fails after all else was done.
const adviceDone = "nothing was accepted, but a run that was started goes on and a token that was used stays used; see to that before you try again"

func (a *app) print(text []byte) error {
	if _, err := a.Stdout.Write(text); err != nil {
		return unprintable(err)
	}
	return nil
}

func unprintable(err error) error {
	return undecided(adviceDone, "standard output cannot be written: %w", err)
}

// results writes the summary and the outputs of a run. If that fails nothing may
// count as verified, so what could be read as that comes last.
func (a *app) results(outputs []runner.Output, summary string) error {
	if err := runner.WriteSummary(a.Getenv, summary); err != nil {
		return undecided(adviceDone, "the job summary cannot be written: %w", err)
	}
	if err := runner.WriteOutputs(a.Getenv, outputs); err != nil {
		return undecided(adviceDone, "the outputs cannot be written: %w", err)
	}
	return nil
}
