//go:build !linux && !noui

package ui

import (
	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
)

// addRoot does nothing: there is no kernel to watch.
func addRoot(cli.Console, *cobra.Command) {}
