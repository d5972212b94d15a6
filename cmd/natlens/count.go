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
		Use:               "count",
		Short:             "Print how many flows are tracked",
		Long:              `Print how many flows the connection tracking table has, as the kernel counts them. natlens list counts those that a filter selects.`,
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
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
	capture.registerNetNS(cmd)
	return cmd
}

// registerSummary adds the hidden flag by which a command counts on standard error in conntrack(8)'s words.
func registerSummary(cmd *cobra.Command, on *bool) {
	cmd.Flags().BoolVar(on, "summary", false, "count in conntrack(8)'s words")
	cmd.Flags().Lookup("summary").Hidden = true
}
