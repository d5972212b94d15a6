package classic

import (
	_ "embed"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export/conntrack"
)

//go:embed topic.txt
var topic string

// Topic returns the page of help about conntrack(8)'s letters.
func Topic() *cobra.Command {
	letters, modifiers := "", ""
	for _, c := range Commands {
		term, meaning := "-"+string(c.Letter), "natlens "+c.Name
		for _, long := range c.Long {
			term += ", --" + long
		}
		if c.Expect {
			meaning += "; with the word expect, natlens expect " + c.Name
		}
		letters += cli.Row(term, meaning)
	}
	for _, m := range conntrack.ModifierHelp() {
		modifiers += cli.Row(m[0], m[1])
	}
	return cli.Topic("conntrack", "conntrack(8)'s letters, and the commands that they run", topic,
		"{letters}", letters, "{modifiers}", modifiers)
}
