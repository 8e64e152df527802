package cli

import "github.com/spf13/cobra"

// Version is the version of the program.
const Version = "1.0.0"

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Print the version on one line, such as `countersign 1.2.3`.",
		Example: "  countersign version",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			return a.print([]byte("countersign " + Version + "\n"))
		},
	}
}
