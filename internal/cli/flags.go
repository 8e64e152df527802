package cli

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/countersign-ci/countersign/internal/advice"
	"github.com/countersign-ci/countersign/internal/policy"
	"github.com/countersign-ci/countersign/internal/runner"
)

// A list is a flag that may be given several times. In a variable its values
// stand one a line.
type list struct {
	values *[]string
	split  func(string) []string
	given  bool // the default is replaced by the first value that is given
}

// whole and commas are ways to split a value.

func whole(s string) []string { return []string{s} }

func commas(s string) []string {
	items := strings.Split(s, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}

func (l *list) String() string {
	if l.values == nil {
		return ""
	}
	return strings.Join(*l.values, ",")
}

func (l *list) Type() string { return "list" }

// GetSlice has the flag be completed again where it was given already.
func (l *list) GetSlice() []string { return *l.values }

func (l *list) Set(s string) error {
	for _, item := range l.split(s) {
		if strings.TrimSpace(item) == "" {
			return errors.New("an empty value")
		}
		l.add(item)
	}
	return nil
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

func (l *list) add(item string) {
	if !l.given {
		*l.values, l.given = nil, true
	}
	*l.values = append(*l.values, item)
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
		if spec := c.Flags().Lookup("spec"); spec != nil && spec.Changed && isJSON(spec.Value.String()) {
			return usage("give the path of a file, or put the spec into "+a.variable("spec"),
				"a spec on the command line, where every process can read what is secret in it")
		}
		var err error
		c.Flags().VisitAll(func(flag *pflag.Flag) {
			if err == nil && !flag.Changed && a.hasVariable(flag) {
				err = a.fromEnvironment(flag)
			}
		})
		if err != nil {
			return err
		}
		return f()
	}
}

// notInputs are the flags that are no inputs of the Action: it takes a secret
// from an input and an identity from the runner, has outputs in place of JSON, and
// no standard output. Their
// variables do not count there, for nothing but an earlier step could have set
// them.
var notInputs = []string{"identity-command", "json", "lower", "secret-file"}

func (a *app) hasVariable(flag *pflag.Flag) bool {
	if flag.Name == "help" {
		return false
	}
	return !runner.InAction(a.Getenv) || !slices.Contains(notInputs, flag.Name)
}

func (a *app) fromEnvironment(flag *pflag.Flag) error {
	name := a.variable(flag.Name)
	value := a.Getenv(name)
	if value == "" {
		return nil
	}
	set := flag.Value.Set
	switch l, ok := flag.Value.(interface{ setLines(string) error }); {
	case ok:
		set = l.setLines
	case flag.Name != "token" && flag.Name != "spec":
		// A block in YAML ends with a line end. A token loses its own when it
		// is read, and only that one; of a spec that is signed every byte counts.
		value = string(dropLineEnd([]byte(value)))
	}
	if set(value) != nil {
		return wrongValue(name, flag)
	}
	flag.Changed = true
	return nil
}

// wrongValue returns the error for a value that a flag does not take. It leaves
// the value out: what stands in a wrong place may be a token.
func wrongValue(name string, flag *pflag.Flag) error {
	form := flag.Value.Type()
	hint := formHints[form]
	switch v := flag.Value.(type) {
	case *list, *facts:
		return usage("it is empty, or an item of it is; is the variable in it set?", "%s has an empty value", name)
	case *choice:
		hint = "there are: " + strings.Join(v.choices, ", ")
	}
	return usage(hint, "%s takes a value of the form %s", name, form)
}

// formHints say what a value of a type looks like.
var formHints = map[string]string{
	"duration": "such as 10m or 24h", "age": "such as 7d", "bool": "true or false", "int": "a number, such as 1",
}

// flagError turns an error of the flag parser into one without values.
func flagError(c *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	var unknown *pflag.NotExistError
	switch {
	case errors.As(err, &invalid):
		return wrongValue("--"+invalid.GetFlag().Name, invalid.GetFlag())
	case errors.As(err, &unknown):
		return noFlag(c, unknown)
	case errors.As(err, new(*pflag.InvalidSyntaxError)):
		err = errors.New("a flag has the form --NAME or --NAME=VALUE")
	}
	return usage(c.CommandPath()+" --help lists the flags", "%w", err)
}

// noFlag returns the error for a flag that a command does not have, with the one that
// may be meant. What is no word may be a secret.
func noFlag(c *cobra.Command, unknown *pflag.NotExistError) error {
	hint := c.CommandPath() + " --help lists the flags"
	short := unknown.GetSpecifiedShortnames()
	dashes := "--"
	if short != "" {
		dashes = "-"
	}
	name, _, _ := strings.Cut(cmp.Or(short, unknown.GetSpecifiedName()), "=")
	var known []string
	c.Flags().VisitAll(func(flag *pflag.Flag) { known = append(known, flag.Name) })
	switch meant := advice.Meant(name, known); {
	case name == "version":
		hint = "countersign version prints it"
	case meant != "":
		hint = "--" + meant + " may be meant; " + hint
	case len(name) > maxWord:
		return usage(hint, "unknown flag")
	}
	return usage(hint, "unknown flag: %s%s", dashes, name)
}

// noArguments refuses arguments without repeating them.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(c.CommandPath()+" --help lists the flags", "%s takes flags and no other arguments", c.CommandPath())
	}
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
			if c.Flags().Lookup(flag.Name) == nil && a.hasVariable(flag) && a.Getenv(a.variable(flag.Name)) != "" {
				err = usage("leave it out, or set another mode",
					"the input `%s` means nothing in mode %s", flag.Name, c.Name())
			}
		})
	}
	return err
}

func listFlag(c *cobra.Command, to *[]string, name string, split func(string) []string, description string) {
	c.Flags().Var(&list{values: to, split: split}, name, description)
}

// facts is the list of --expect. On the command line several may stand in one
// value, separated by commas. In a variable they do not: there a workflow may
// have put a value from outside, which is not to bring other facts along.
type facts struct {
	list
}

func (f *facts) Set(s string) error {
	for _, item := range policy.SplitExpect(s) {
		if err := f.list.Set(item); err != nil {
			return err
		}
	}
	return nil
}

// A choice is a flag with a closed set of values.
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
		return errors.New("no choice")
	}
	*c.value = s
	return nil
}

// choiceFlag adds a choice whose default is the first.
func choiceFlag(c *cobra.Command, to *string, name, description string, choices ...string) {
	*to = choices[0]
	c.Flags().Var(&choice{to, choices}, name, description)
}
