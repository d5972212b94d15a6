package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"natlens/monitor/human"
)

// RegisterSummary adds the hidden flag by which a command counts on standard error in conntrack(8)'s words.
func RegisterSummary(cmd *cobra.Command, on *bool) {
	cmd.Flags().BoolVar(on, "summary", false, "count in conntrack(8)'s words")
	cmd.Flags().Lookup("summary").Hidden = true
}

// TellDone says on stderr what was done to how many, behind conntrack(8)'s letters
// in its words.
func TellDone(con Console, classic bool, n uint64, noun, done string) {
	switch {
	case !classic:
		fmt.Fprintf(con.Stderr, "natlens: %s %s.\n", human.Plural(n, noun), done)
	case noun == "flow":
		fmt.Fprintf(con.Stderr, "natlens: %d flow entries have been %s.\n", n, done)
	default:
		fmt.Fprintf(con.Stderr, "natlens: %d %ss have been %s.\n", n, noun, done)
	}
}
