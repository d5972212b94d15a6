package who

import (
	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
)

// NewHistory returns the command history.
func NewHistory(con cli.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Work with the history of translations on disk",
		Long: `Work with the history of translations, which natlens record --history and natlens watch --history write:
who held which address and port, from when to when. natlens who searches it.`,
		Example: "  natlens history export --since -1h translations.csv",
		Args:    cli.NoWords,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newExport(con))
	return cmd
}
