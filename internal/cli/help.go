package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// helpWidth is the width of what --help prints, in columns.
const helpWidth = 98

// showHelp prints what --help says of a command.
func (a *app) showHelp(c *cobra.Command, _ []string) {
	var b strings.Builder
	b.WriteString(c.Long + "\n\nUsage:\n  " + synopsis(c) + "\n")
	if c.Example != "" {
		b.WriteString("\nExamples:\n" + c.Example + "\n")
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\nAvailable Commands:\n")
		for _, below := range c.Commands() {
			if !below.Hidden {
				fmt.Fprintf(&b, "  %-*s %s\n", c.Commands()[0].NamePadding(), below.Name(), below.Short)
			}
		}
	}
	b.WriteString("\nFlags:\n")
	for line := range strings.Lines(c.Flags().FlagUsagesWrapped(helpWidth)) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	_ = a.print([]byte(b.String())) // who asked for help sees that it is missing
}

// synopsis returns how a command is called.
func synopsis(c *cobra.Command) string {
	line := c.CommandPath()
	if _, arguments, ok := strings.Cut(c.Use, " "); ok {
		return line + " " + arguments
	}
	if c.HasAvailableSubCommands() {
		return line + " COMMAND"
	}
	if c.HasAvailableLocalFlags() {
		return line + " [flags]"
	}
	return line
}

func (a *app) help() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show how a command is used",
		Long:  "Show how a command is used, as --help after it does.",
		Example: `  countersign help verify
  countersign help policy spacelift`,
		Args: cobra.ArbitraryArgs,
		ValidArgsFunction: func(c *cobra.Command, args []string, begun string) (found []string, _ cobra.ShellCompDirective) {
			if of, rest, err := c.Root().Find(args); err == nil && len(rest) == 0 {
				for _, below := range of.Commands() {
					if strings.HasPrefix(below.Name(), begun) && !below.Hidden {
						found = append(found, cobra.CompletionWithDesc(below.Name(), below.Short))
					}
				}
			}
			return found, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			of, rest, err := c.Root().Find(args)
			if err == nil && len(rest) > 0 {
				err = noCommand(of, rest[0])
			}
			if err != nil {
				return err
			}
			of.InitDefaultHelpFlag()
			return of.Help()
		},
	}
}

// maxWord is longer than the name of any command.
const maxWord = 20

// noCommand returns the error for a command that there is not below another one.
func noCommand(of *cobra.Command, word string) error {
	hint := nearMiss(of, []string{word}) + of.CommandPath() + " --help lists the commands"
	// What is no word may be a token that was to stand behind a flag.
	if len(word) > maxWord {
		return usage(hint, "there is no such command")
	}
	return usage(hint, "there is no command %q", word)
}

// nearMiss returns the beginning of a hint, with the commands that may be meant.
func nearMiss(of *cobra.Command, args []string) string {
	if len(args) == 0 || args[0] == "" || len(args[0]) > maxWord {
		return ""
	}
	of.SuggestionsMinimumDistance = 2
	meant := of.SuggestionsFor(args[0])
	if len(meant) == 0 {
		return ""
	}
	return of.CommandPath() + " " + strings.Join(meant, " or ") + " may be meant; "
}
