package cli

import "github.com/spf13/cobra"

// Version is the version of the program.
const Version = "0.1.0"

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			return a.print([]byte("countersign " + Version + "\n"))
		},
	}
}
