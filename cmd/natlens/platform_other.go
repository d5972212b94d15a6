//go:build !linux

package main

import (
	"context"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/explain"
	"natlens/cmd/natlens/table"
)

// withoutCommand says what natlens does if it is given no command.
const withoutCommand = `Connection tracking is Linux's. Here natlens reads recordings that were made there, and natlens demo shows one.`

// platformCommands are the commands that look at the kernel on Linux. Here they
// read recordings.
func platformCommands(con cli.Console) []*cobra.Command {
	return []*cobra.Command{newWatch(con), table.NewList(con), explain.NewExplain(con), newWho(con)}
}

func (c *watchConfig) run(context.Context, cli.Console, func()) error { return cli.ErrNoKernel }

func advice(error, []string) string { return "" }

// addUI leaves the root command as it is: there is no kernel to look at.
func addUI(cli.Console, *cobra.Command) {}
