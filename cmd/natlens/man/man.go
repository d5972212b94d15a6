// Package man is the command that prints the manual pages. The pages are generated from the commands, by cobra:
//
//	go generate ./cmd/natlens/man
package man

import (
	"embed"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
)

//go:generate go test .. -run TestManualPages -update

//go:embed pages
var pages embed.FS

// New returns the command.
func New(con cli.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "man [command]",
		Short: "Print the manual page",
		Long:  `Print the manual page of natlens, of one of its commands, or of a topic, for man(1).`,
		Example: `  natlens man | man -l -
  natlens man watch | man -l -
  natlens man > natlens.1`,
		RunE: func(cmd *cobra.Command, words []string) error {
			page, err := Page(words)
			if err != nil {
				if wrong := cli.CheckCommand(cmd.Root(), words); wrong != nil {
					return wrong
				}
				return cli.Usagef("there is no page about natlens %s", strings.Join(words, " "))
			}
			_, err = con.Stdout.Write(page)
			return err
		},
		ValidArgsFunction: cli.CompleteCommands,
	}
}

// Page returns the page of a command by its words; without words natlens(1).
func Page(words []string) ([]byte, error) {
	name := strings.Join(append([]string{"pages/natlens"}, words...), "-")
	page, err := fs.ReadFile(pages, name+".1")
	if err != nil {
		page, err = fs.ReadFile(pages, name+".7")
	}
	return page, err
}
