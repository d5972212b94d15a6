//go:build !linux

package ui

import (
	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
)

// AddRoot leaves the root command as it is: there is no kernel to watch.
func AddRoot(cli.Console, *cobra.Command) {}
