//go:build !linux

package ui

import (
	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
)

// AddRoot does nothing: there is no kernel to watch.
func AddRoot(cli.Console, *cobra.Command) {}
