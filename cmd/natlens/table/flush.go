//go:build linux

package table

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/filter"
	"natlens/monitor/kernel"
)

// flushConfig is the command line of flush.
type flushConfig struct {
	capture cli.CaptureFlags
	confirm cli.ConfirmFlags
	family  string
}

func NewFlush(con cli.Console) *cobra.Command {
	var cfg flushConfig
	cmd := &cobra.Command{
		Use:   "flush",
		Short: "Delete every flow from the kernel's table",
		Long: `Delete every flow from the connection tracking table of this network namespace. It says how many they are and
asks. Deleted flows are forgotten, not cut: their next packets make new flows, for which the NAT rules are asked anew.`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.family == "" && cmd.Flags().Changed("family") { // "" would be all
				return cli.Usagef("--family needs a value: ipv4 or ipv6")
			}
			return cfg.run(cmd.Context(), con)
		},
	}
	cfg.confirm.Register(cmd)
	cmd.Flags().StringVarP(&cfg.family, "family", "f", "", "only flows of this address `family`: ipv4 or ipv6")
	cli.MustComplete(cmd, "family", cli.OneOf("ipv4", "ipv6"))
	cfg.capture.RegisterNetNS(cmd)
	return cmd
}

func (c *flushConfig) run(ctx context.Context, con cli.Console) error {
	family := cli.FilterFlags{}
	if c.family != "" {
		sel, err := family.Env.FromFlags([]filter.FlagValue{{Name: "family", Value: c.family}})
		if err != nil {
			return cli.Usage(err)
		}
		family.Sel = sel
	}
	if err := c.confirm.Check(con, "flush"); err != nil {
		return err
	}
	return cli.WithService(c.capture.Netns, func(s *kernel.Service, netns *os.File) error {
		if c.family != "" {
			return c.deleteFamily(ctx, con, s, kernel.DumpConfig{NetNS: cli.NetnsFD(netns), Push: family.Sel.Expr}, &family)
		}
		if !c.confirm.Yes {
			fill, err := s.Fill(ctx)
			if err != nil {
				return err
			}
			if c.confirm.DryRun {
				fmt.Fprintf(con.Stderr, "natlens: %s would be deleted.\n", flowsText(int(fill.Entries)))
				return nil
			}
			if !con.Ask(ctx, fmt.Sprintf("delete all %s?", flowsText(int(fill.Entries)))) {
				return errors.New("nothing was deleted")
			}
		}
		if err := s.Flush(ctx); err != nil {
			return err
		}
		fmt.Fprintln(con.Stderr, "natlens: connection tracking table has been emptied.")
		return nil
	})
}

// deleteFamily deletes the flows of one family, one by one: kernels before 5.8
// take a flush of one family for one of all.
func (c *flushConfig) deleteFamily(ctx context.Context, con cli.Console, s *kernel.Service, cfg kernel.DumpConfig, f *cli.FilterFlags) error {
	targets, err := collect(ctx, con, cfg, f.Compiled(), !c.confirm.Yes)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		fmt.Fprintln(con.Stderr, "natlens: connection tracking table has been emptied.")
		return nil
	}
	return deleteTargets(ctx, con, &c.confirm, s, targets)
}
