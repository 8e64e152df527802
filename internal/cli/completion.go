package cli

import (
	_ "embed"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/countersign-ci/countersign/internal/dialect/buildkite"
	"github.com/countersign-ci/countersign/internal/policy"
)

// The scripts ask `countersign __complete WORD…` what can stand in the place of the
// last word. They are not those that cobra can print: those have the shell evaluate
// the line, so that a completion would run the $(…) in it, such as one that reads a
// token.
var (
	//go:embed completions/countersign.bash
	bashCompletion []byte
	//go:embed completions/countersign.zsh
	zshCompletion []byte
	//go:embed completions/countersign.fish
	fishCompletion []byte
)

var shells = []string{"bash", "zsh", "fish"}

func (a *app) completion() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print the completions for a shell",
		Long: `Print the script that has a shell complete commands, flags and their values.

A completion reads no token, key, variable or config and opens no connection, and
nothing on the line is expanded or run for it.

  bash  add to ~/.bashrc: source <(countersign completion bash)
  zsh   add to ~/.zshrc, after compinit: source <(countersign completion zsh)
  fish  write it once to ~/.config/fish/completions/countersign.fish`,
		Example: `  countersign completion bash >/etc/bash_completion.d/countersign
  countersign completion zsh >"${fpath[1]}/_countersign"
  countersign completion fish >~/.config/fish/completions/countersign.fish`,
		ValidArgs: shells,
		Args:      cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				switch args[0] {
				case "bash":
					return a.print(bashCompletion)
				case "zsh":
					return a.print(zshCompletion)
				case "fish":
					return a.print(fishCompletion)
				}
			}
			hint := "there are: " + strings.Join(shells, ", ")
			if len(args) == 1 && len(args[0]) <= maxWord {
				return usage(hint, "there is none for %q", args[0])
			}
			return usage(hint, "completion needs to be told for which shell")
		},
	}
}

// completing tells whether a script asks for completions.
func completing(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// addCompletions has a command and those below it complete what they take. Nothing
// but a completion needs it.
func addCompletions(c *cobra.Command) {
	for _, below := range c.Commands() {
		addCompletions(below)
	}
	// A command to execute is completed as a file, and so are its arguments.
	if c.Name() != "exec" && c.ValidArgs == nil && c.ValidArgsFunction == nil {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	c.Flags().VisitAll(func(flag *pflag.Flag) {
		if complete := completionOf(c, flag); complete != nil {
			_ = c.RegisterFlagCompletionFunc(flag.Name, complete) // it is a flag of c, and for the first time
		}
	})
}

// fileFlags take the path of a file, folderFlags that of a folder.
var (
	fileFlags = []string{
		"artifacts", "config", "files", "identity-command", "job", "jwks", "key", "lower", "out", "pipeline", "private", "public",
		"sarif", "secret-file", "spec", "stacks", "step", "token-file",
	}
	folderFlags = []string{"jwks-cache", "promote", "quarantine", "root"}
)

// completionOf returns what completes the value of a flag, nil for files.
func completionOf(c *cobra.Command, flag *pflag.Flag) cobra.CompletionFunc {
	if choice, ok := flag.Value.(*choice); ok {
		return fixed(choice.choices)
	}
	switch flag.Name {
	case "check":
		return several(checks, "")
	case "require":
		return several(policy.FieldNames(), "")
	case "expect":
		return several(append(policy.FieldNames(), bindings()...), "=")
	case "bind":
		return several(bindings(), "")
	case "trusted-identity":
		return starts([]string{"repository=", "repository_owner=", "ref=", "environment=", "workflow_ref=", "job_workflow_ref=", "event_name="})
	case "ledger":
		return starts([]string{"github:", "dir:"})
	case "run-type":
		return fixed([]string{"TRACKED", "PROPOSED"})
	case "alg":
		if c.Name() == "keygen" {
			return fixed(pairAlgorithms)
		}
		return fixed(append(slices.Clone(pairAlgorithms), "HS256", "HS384", "HS512"))
	}
	switch {
	case slices.Contains(fileFlags, flag.Name):
		return nil
	case slices.Contains(folderFlags, flag.Name):
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
	}
	return cobra.NoFileCompletions
}

// pairAlgorithms are those that keys come in pairs for.
var pairAlgorithms = []string{"EdDSA", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"}

func bindings() (names []string) {
	for _, b := range buildkite.Bindings {
		names = append(names, b.Name)
	}
	return names
}

// fixed completes one of some values.
func fixed(values []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return beginning(values, "", begun), cobra.ShellCompDirectiveNoFileComp
	}
}

// starts completes the beginnings of values.
func starts(values []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return beginning(values, "", begun), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// several completes the last of the values that commas separate, each followed by an
// end.
func several(values []string, end string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		directive := cobra.ShellCompDirectiveNoFileComp
		if end != "" {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		at := strings.LastIndexByte(begun, ',') + 1
		given := strings.Split(begun[:at], ",")
		var rest []string
		for _, value := range values {
			if !slices.ContainsFunc(given, func(s string) bool { return s == value || end != "" && strings.HasPrefix(s, value+end) }) {
				rest = append(rest, value+end)
			}
		}
		return beginning(rest, begun[:at], begun), directive
	}
}

// beginning returns the values that, behind a prefix, begin with a text.
func beginning(values []string, prefix, text string) (found []string) {
	for _, value := range values {
		if value = prefix + value; strings.HasPrefix(value, text) {
			found = append(found, value)
		}
	}
	return found
}
