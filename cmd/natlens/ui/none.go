//go:build noui

// Package ui has no commands in a build without the terminal user interface.
package ui

import (
	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/config"
)

// Included reports whether this build has the user interface.
const Included = false

// Add adds no command.
func Add(cli.Console, *cobra.Command) {}

// CheckConfig accepts all settings of Tables.
func CheckConfig(*config.Config) error { return nil }

// EachKey calls f for no action.
func EachKey(func(action string, keys []string)) {}
