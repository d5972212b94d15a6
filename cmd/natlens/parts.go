package main

import (
	"strings"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/ui"
	"natlens/cmd/natlens/who"
	"natlens/export/history"
	"natlens/export/metrics"
)

// Files with build tags set these. nil: this build does not have the command.
var newLab, newMan func(cli.Console) *cobra.Command

// leftOut returns the names of the parts that this build does not have, and the words with which help is about them.
// The tags nohistory, nometrics, noui and nolab leave parts out.
func leftOut() (names, words []string) {
	for _, p := range []struct {
		included    bool
		name, words string
	}{
		{history.Supported, "history", "--history"}, {metrics.Included, "metrics", "--metrics"},
		{ui.Included, "terminal UI", " UI"}, {newLab != nil, "lab", "natlens lab|--send"},
		{newMan != nil, "manual pages", "natlens man"},
	} {
		if !p.included {
			names, words = append(names, p.name), append(words, strings.Split(p.words, "|")...)
		}
	}
	return names, words
}

// addParts adds the commands of the parts that this build has.
func addParts(con cli.Console, root *cobra.Command) {
	if history.Supported {
		root.AddCommand(who.NewHistory(con))
	}
	for _, add := range []func(cli.Console) *cobra.Command{newLab, newMan} {
		if add != nil {
			root.AddCommand(add(con))
		}
	}
	ui.Add(con, root)
}
