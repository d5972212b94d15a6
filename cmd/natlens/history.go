package main

import (
	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
)

// defaultHistory is where the history lies if nothing else is said.
const defaultHistory = "/var/lib/natlens"

func newHistory(con cli.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Work with the history of translations on disk",
		Long: `Work with the history of translations, which natlens record --history and natlens watch --history write: who held which
address and port, from when to when. natlens who asks it.`,
		Example: "  natlens history export --from -1h translations.csv",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cli.Usagef("natlens history %s: the only thing to do is export", args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newHistoryExport(con))
	return cmd
}
