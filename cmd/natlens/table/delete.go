//go:build linux

package table

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/kernel"
)

// deleteOptions is the command line of delete and flush.
type deleteOptions struct {
	options
	all    bool           // without a filter
	family monitor.Family // of flush
}

// NewDelete returns the command delete.
func NewDelete(con cli.Console) *cobra.Command {
	o := deleteOptions{options: newOptions(con)}
	cmd := &cobra.Command{
		Use:   "delete filter…",
		Short: "Delete flows from the kernel's table",
		Long: `Delete the flows that a filter selects from the connection tracking table. natlens counts them,
shows the first ten and asks. It deletes exactly the flows that it counted, not flows that began later. It reports
how many ended meanwhile.

Deleting a flow does not end its connection. The next packet makes a new flow, and passes the NAT rules again.`,
		Example: `  natlens delete udp dport 53 and dst 192.0.2.53
  natlens delete --dry-run dst 10.0.0.7
  natlens delete --yes --ignore-missing orig.dst 203.0.113.1 and udp`,
		Args: o.filter.Words,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.ignoreMissing, "ignore-missing", false, "no error if no flow matches")
	f.BoolVar(&o.all, "all", false, "without a filter delete every flow")
	f.Lookup("all").Hidden = true
	o.registerAction(cmd)
	return cmd
}

func (o *deleteOptions) run(ctx context.Context) error {
	if err := o.start(); err != nil {
		return err
	}
	if o.filter.Compiled() == nil && !o.all {
		return cli.Usagef("delete needs a filter; natlens flush deletes every flow")
	}
	if err := o.confirm.Check(o.con, "delete"); err != nil {
		return err
	}
	err := o.flows.Capture.Service(func(s *kernel.Service) error {
		if o.confirm.Yes {
			return o.deleteAtOnce(ctx, s)
		}
		targets, err := o.preview(ctx, "delete", "deleted")
		if err != nil || targets == nil {
			return err
		}
		deleted, gone, err := s.Delete(ctx, targets, nil)
		text := human.Plural(deleted, "flow") + " deleted"
		if gone > 0 {
			text += fmt.Sprintf(", %s gone already", human.Count(uint64(gone)))
		}
		if left := len(targets) - deleted - gone; left > 0 {
			text += fmt.Sprintf(", %s left", human.Count(uint64(left)))
		}
		fmt.Fprintf(o.con.Stderr, "natlens: %s.\n", text)
		return err
	})
	if errors.Is(err, errNone) && o.ignoreMissing {
		err = nil
	}
	return err
}

// deleteAtOnce deletes flows while it reads them. As command lines (-o save), deleted flows are
// ends of flows, so the lines delete them again.
func (o *deleteOptions) deleteAtOnce(ctx context.Context, s *kernel.Service) error {
	n, err := o.act(o.wanted(ctx), func(b *monitor.Batch) error {
		_, _, err := s.Delete(ctx, appendTargets(nil, b), func(i int) { b.Events[i].Kind = monitor.KindNone })
		b.Events = slices.DeleteFunc(b.Events, func(e monitor.Event) bool { return e.Kind == monitor.KindNone })
		for i := range b.Events {
			if o.output.Saves() {
				b.Events[i].Kind = monitor.KindDestroy
			}
		}
		return err
	})
	if err == nil && n == 0 && !o.summary {
		return noneMatches("delete")
	} else if err != nil {
		return o.partly(n, "deleted", err)
	}
	return o.done(n, "deleted")
}

// NewFlush returns the command flush.
func NewFlush(con cli.Console) *cobra.Command {
	o := deleteOptions{options: newOptions(con)}
	cmd := &cobra.Command{
		Use:   "flush",
		Short: "Delete every flow from the kernel's table",
		Long: `Delete every flow from the connection tracking table of this network namespace. natlens counts them
and asks. Deleting a flow does not end its connection. The next packet makes a new flow, and passes the NAT rules
again.`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.flush(cmd.Context()) },
	}
	o.confirm.Register(cmd)
	cli.RegisterFamily(cmd.Flags(), &o.family)
	o.flows.Capture.RegisterNetNS(cmd)
	return cmd
}

func (o *deleteOptions) flush(ctx context.Context) (err error) {
	if err := o.confirm.Check(o.con, "flush"); err != nil {
		return err
	}
	if o.family != 0 { // the kernel ignores the family of a flush
		if o.filter.Sel.Expr, err = o.filter.Env.Parse(o.family.String()); err != nil {
			return err
		}
		if err = o.run(ctx); errors.Is(err, errNone) {
			fmt.Fprintln(o.con.Stderr, "natlens: connection tracking table has been emptied.")
			return nil
		}
		return err
	}
	return o.flows.Capture.Service(func(s *kernel.Service) error {
		fill, err := s.Fill(ctx)
		if err != nil {
			return err
		}
		return o.confirm.Empty(ctx, o.con, int(fill.Entries), "flow", "connection tracking", s.Flush)
	})
}

// NewCount returns the command count.
func NewCount(con cli.Console) *cobra.Command {
	var capture cli.CaptureFlags
	cmd := &cobra.Command{
		Use:   "count",
		Short: "Print how many flows are tracked",
		Long: `Print the number of flows in the connection tracking table, as the kernel counts them. To count the
flows that a filter selects, use natlens list.`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return capture.Service(func(s *kernel.Service) error {
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
