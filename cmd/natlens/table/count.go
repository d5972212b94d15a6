//go:build linux

package table

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/kernel"
)

// NewCount returns the command count.
func NewCount(con cli.Console) *cobra.Command {
	var capture cli.CaptureFlags
	cmd := &cobra.Command{
		Use:   "count",
		Short: "Print how many flows are tracked",
		Long: `Print how many flows the connection tracking table has, as the kernel counts them. natlens list
counts those that a filter selects.`,
		Args: cli.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cli.WithService(capture.Netns, func(s *kernel.Service, _ *os.File) error {
				fill, err := s.Fill(cmd.Context())
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(con.Stdout, fill.Entries)
				return err
			})
		},
	}
	capture.RegisterNetNS(cmd)
	return cmd
}
