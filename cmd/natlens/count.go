//go:build linux

package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"natlens/monitor/kernel"
)

func newCount(con console) *cobra.Command {
	var capture captureConfig
	cmd := &cobra.Command{
		Use:   "count",
		Short: "Print how many flows are tracked",
		Long:  `Print how many flows the connection tracking table has, as the kernel counts them. natlens list counts those that a filter selects.`,
		Args:  tableOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withService(capture.netns, func(s *kernel.Service, _ *os.File) error {
				fill, err := s.Fill(cmd.Context())
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(con.Stdout, fill.Entries)
				return err
			})
		},
	}
	registerClassic(cmd, new(bool), "conntrack -C")
	capture.registerNetNS(cmd)
	return cmd
}

// registerClassic adds the hidden flag that conntrack(8)'s letters set.
func registerClassic(cmd *cobra.Command, on *bool, like string) {
	cmd.Flags().BoolVar(on, "classic", false, "behave as "+like)
	cmd.Flags().Lookup("classic").Hidden = true
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = completeTables
	}
}

// tableOnly lets a command that takes no words take the name of a table, called
// as conntrack(8)'s.
func tableOnly(cmd *cobra.Command, words []string) error {
	rest, err := classicTable(cmd, words)
	if err != nil {
		return err
	}
	return noArgs(cmd, rest)
}
