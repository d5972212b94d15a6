package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"natlens/monitor/human"
)

// RegisterSummary adds the hidden flag --summary.
func RegisterSummary(cmd *cobra.Command, on *bool) {
	cmd.Flags().BoolVar(on, "summary", false, "count in conntrack(8)'s words")
	cmd.Flags().Lookup("summary").Hidden = true
}

// TellDone prints on standard error what was done to how many; with --summary in conntrack(8)'s words.
func TellDone(con Console, summary bool, n uint64, noun, done string) {
	switch {
	case !summary:
		fmt.Fprintf(con.Stderr, "natlens: %s %s.\n", human.Plural(n, noun), done)
	case noun == "flow":
		fmt.Fprintf(con.Stderr, "natlens: %d flow entries have been %s.\n", n, done)
	default:
		fmt.Fprintf(con.Stderr, "natlens: %d %ss have been %s.\n", n, noun, done)
	}
}
