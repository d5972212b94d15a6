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
	"natlens/monitor/human"
	"natlens/monitor/kernel"
)

// flushOptions is the command line of flush.
type flushOptions struct {
	con     cli.Console
	capture cli.CaptureFlags
	confirm cli.ConfirmFlags
	family  cli.FamilyFlag
}

// NewFlush returns the command flush.
func NewFlush(con cli.Console) *cobra.Command {
	o := flushOptions{con: con}
	cmd := &cobra.Command{
		Use:   "flush",
		Short: "Delete every flow from the kernel's table",
		Long: `Delete every flow from the connection tracking table of this network namespace. natlens counts them
and asks. Deleted flows are forgotten, not cut: their next packets make new flows, which pass the NAT rules again.`,
		Args: cli.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.confirm.Register(cmd)
	o.family.Register(cmd)
	o.capture.RegisterNetNS(cmd)
	return cmd
}

func (o *flushOptions) run(ctx context.Context) error {
	if err := o.confirm.Check(o.con, "flush"); err != nil {
		return err
	}
	if o.family != "" {
		return o.deleteFamily(ctx)
	}
	return cli.WithService(o.capture.Netns, func(s *kernel.Service, _ *os.File) error {
		if !o.confirm.Yes {
			fill, err := s.Fill(ctx)
			if err != nil {
				return err
			}
			switch flows := human.Plural(uint64(fill.Entries), "flow"); {
			case o.confirm.DryRun:
				fmt.Fprintf(o.con.Stderr, "natlens: %s would be deleted.\n", flows)
				return nil
			case !o.con.Ask(ctx, fmt.Sprintf("delete all %s?", flows)):
				return errors.New("nothing was deleted")
			}
		}
		if err := s.Flush(ctx); err != nil {
			return err
		}
		o.emptied()
		return nil
	})
}

func (o *flushOptions) emptied() {
	fmt.Fprintln(o.con.Stderr, "natlens: connection tracking table has been emptied.")
}

// deleteFamily deletes the flows of one family one by one: the kernel ignores the family of a flush.
func (o *flushOptions) deleteFamily(ctx context.Context) error {
	d := deleteOptions{con: o.con, capture: o.capture, confirm: o.confirm}
	var err error
	if d.filter.Sel, err = d.filter.Env.FromFlags([]filter.FlagValue{{Name: "family",
		Value: string(o.family)}}); err != nil {
		return cli.Usage(err)
	}
	err = d.run(ctx)
	if errors.Is(err, errNone) {
		o.emptied()
		return nil
	}
	return err
}
