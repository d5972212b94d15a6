package ui

import (
	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/export"
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
			return o.play(cmd.Context(), "demo", nil, openDemo)
		},
	}
	o.register(cmd)
	return cmd
}

func openDemo(_ replay.Config, p replay.PlayerConfig) (*replay.Player, error) {
	p.AsOf, p.Loop = monitor.Now(), true
	return replay.NewPlayer(replay.Demo(export.Reading(replay.Config{})), p)
}
