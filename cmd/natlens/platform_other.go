//go:build !linux

package main

import (
	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/cmd/natlens/explain"
	"natlens/cmd/natlens/table"
	"natlens/cmd/natlens/top"
	"natlens/cmd/natlens/watch"
	"natlens/cmd/natlens/who"
)

// withoutCommand describes natlens without a command.
const withoutCommand = `Connection tracking is a part of Linux. On this system natlens reads recordings; ` +
	`natlens demo shows one.`

// platformCommands are the commands that use the kernel on Linux. Here they read recordings.
func platformCommands(con cli.Console) []*cobra.Command {
	return []*cobra.Command{watch.New(con), table.NewList(con), top.New(con), explain.New(con), who.New(con)}
}

func advice(error, []string) string { return "" }
