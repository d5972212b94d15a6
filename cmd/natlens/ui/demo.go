//go:build !noui

package ui

import (
	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/replay"
)

// NewDemo returns the command demo.
func NewDemo(con cli.Console) *cobra.Command {
	o := screen{con: con}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See the terminal UI on a recording that ships with natlens",
		Long: `See the terminal UI on a recording that ships with natlens: a NAT gateway with two clients. The recording
plays again and again, with the current time. The demo needs no privilege and runs on any platform. For real events
without privilege, use natlens lab on Linux.`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, ok := cli.Terminal(con.Stdout); !ok {
				return cli.Usagef("standard output is not a terminal: the demo is a terminal UI")
			}
			return o.play(cmd.Context(), "demo", nil, replay.Demo, replay.PlayerConfig{AsOf: monitor.Now()})
		},
	}
	o.register(cmd)
	return cmd
}
