//go:build !linux

package ui

import "github.com/spf13/cobra"

// AddRoot leaves the root command as it is: there is no kernel to watch.
func AddRoot(Deps, *cobra.Command) {}
