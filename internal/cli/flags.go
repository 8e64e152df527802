package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/countersign-ci/countersign/internal/runner"
)

// A list is a flag that may be given several times. In a variable its values
// stand one a line. Where commas is true they may also be separated by commas.
type list struct {
	values *[]string
	commas bool
	given  bool // the default is replaced by the first value that is given
}

func (l *list) String() string {
	if l.values == nil {
		return ""
	}
	return strings.Join(*l.values, ",")
}

func (l *list) Type() string { return "list" }

// Set adds what one flag on the command line gives.
func (l *list) Set(s string) error {
	items := []string{s}
	if l.commas {
		items = strings.Split(s, ",")
	}
	return l.add(items)
}

// setLines adds what a variable gives.
func (l *list) setLines(s string) error {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := l.Set(line); err != nil {
			return err
		}
	}
	return nil
}

func (l *list) add(items []string) error {
	if !l.given {
		*l.values, l.given = nil, true
	}
	for _, item := range items {
		if l.commas {
			item = strings.TrimSpace(item)
		}
		if strings.TrimSpace(item) == "" {
			return errors.New("an empty value")
		}
		*l.values = append(*l.values, item)
	}
	return nil
}

// variable returns the environment variable that can give a flag.
func (a *app) variable(flag string) string {
	prefix := "COUNTERSIGN_"
	if runner.InAction(a.Getenv) {
		prefix = "INPUT_"
	}
	return prefix + strings.ReplaceAll(strings.ToUpper(flag), "-", "_")
}

// run makes the function of a command that first gets from the environment the
// flags that the command line did not give.
func (a *app) run(f func() error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error {
		if err := a.foreignInputs(c); err != nil {
			return err
		}
		if key := c.Flags().Lookup("key"); key != nil && key.Changed && isContent(key.Value.String()) {
			return usage("give the path of a file, or put the key into "+a.variable("key"),
				"a key on the command line, where every process can read it")
		}
		var err error
		c.Flags().VisitAll(func(flag *pflag.Flag) {
			if err == nil && !flag.Changed && flag.Name != "help" {
				err = a.fromEnvironment(flag)
			}
		})
		if err != nil {
			return err
		}
		return f()
	}
}

func (a *app) fromEnvironment(flag *pflag.Flag) error {
	name := a.variable(flag.Name)
	value := a.Getenv(name)
	if value == "" {
		return nil
	}
	set := flag.Value.Set
	if l, ok := flag.Value.(*list); ok {
		set = l.setLines
	}
	if err := set(value); err != nil {
		return usage("", "%s: %w", name, err)
	}
	flag.Changed = true
	return nil
}

// foreignInputs refuses an input of the Action that its mode knows nothing of:
// who sets it believes that it does something.
func (a *app) foreignInputs(c *cobra.Command) (err error) {
	if !runner.InAction(a.Getenv) {
		return nil
	}
	for _, other := range c.Root().Commands() {
		if !slices.Contains(modes, other.Name()) {
			continue
		}
		other.Flags().VisitAll(func(flag *pflag.Flag) {
			if c.Flags().Lookup(flag.Name) == nil && a.Getenv(a.variable(flag.Name)) != "" {
				err = usage("leave it out, or set another mode",
					"the input `%s` means nothing in mode %s", flag.Name, c.Name())
			}
		})
	}
	return err
}

// readFile reads a file of at most max bytes, or standard input for "-". What is
// beyond is not read: the result has one byte more, for the reader to refuse.
func (a *app) readFile(what, path string, max int64) ([]byte, error) {
	if path == "-" {
		text, err := io.ReadAll(io.LimitReader(a.Stdin, max+1))
		if err != nil {
			return nil, undecided("", "%s cannot be read from standard input: %w", what, err)
		}
		return text, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(what, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, unreadable(what, err)
	}
	return text, nil
}

// unreadable returns the error for a file that was named and cannot be read. It
// leaves the path out: a variable that should hold a path may hold a secret.
func unreadable(what string, err error) error {
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	return usage("check the path and who may read the file", "%s cannot be read: %w", what, err)
}

// stringFlag, boolFlag and listFlag add a flag with its description.

func stringFlag(c *cobra.Command, to *string, name, def, description string) {
	c.Flags().StringVar(to, name, def, description)
}

func boolFlag(c *cobra.Command, to *bool, name, description string) {
	c.Flags().BoolVar(to, name, false, description)
}

func listFlag(c *cobra.Command, to *[]string, name string, commas bool, description string) {
	c.Flags().Var(&list{values: to, commas: commas}, name, description)
}

// choiceFlag is a flag with a closed set of values; the first is the default.
type choice struct {
	value   *string
	choices []string
}

func (c *choice) String() string {
	if c.value == nil {
		return ""
	}
	return *c.value
}

func (c *choice) Type() string { return strings.Join(c.choices, "|") }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.choices, s) {
		return fmt.Errorf("there is no %.40q, there are %s", s, strings.Join(c.choices, " and "))
	}
	*c.value = s
	return nil
}

func choiceFlag(c *cobra.Command, to *string, name, description string, choices ...string) {
	*to = choices[0]
	c.Flags().Var(&choice{to, choices}, name, description)
}
