package classic

import (
	"natlens/cmd/natlens/cli"
	"natlens/export/conntrack"
)

// Topic is the page of help about conntrack(8)'s letters.
func Topic() cli.Topic {
	return cli.Topic{
		Name:  "conntrack",
		Short: "conntrack(8)'s letters, and the commands that they run",
		Long: `natlens accepts the command lines of conntrack(8): the same letters and flags, the same lines on
standard output, the same exit codes. The first word after the letter can name a table, and can be abbreviated:
conntrack, expect, dying, unconfirmed. All other words are a filter.

  natlens -L -p tcp --dport 443 -o extended
  natlens -E expect
  natlens -D -s 192.0.2.7

natlens has no -R. "natlens help filters" lists the flags that select flows.`,
		Tables: func() []cli.Table {
			letters := cli.Table{Heading: "Letters"}
			for _, c := range Commands {
				term, meaning := "-"+string(c.Letter), "natlens "+c.Name
				for _, long := range c.Long {
					term += ", --" + long
				}
				if c.Expect {
					meaning += "; with the word expect, natlens expect " + c.Name
				}
				letters.Rows = append(letters.Rows, [2]string{term, meaning})
			}
			modifiers := cli.Table{Heading: "Modifiers of -o", Rows: conntrack.ModifierHelp(),
				Before: "Modifiers of -o, separated by commas. With natlens's own commands, write -o " +
					"conntrack,NAME:"}
			return []cli.Table{letters, modifiers}
		},
	}
}
