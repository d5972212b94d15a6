//go:build linux

package table

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/kernel"
)

// deleteOptions is the command line of delete.
type deleteOptions struct {
	con           cli.Console
	output        cli.OutputFlags // only with -o, which shows what was deleted
	capture       cli.CaptureFlags
	filter        cli.FilterFlags
	confirm       cli.ConfirmFlags
	ignoreMissing bool
	all           bool // without a filter
	summary       bool // count in conntrack(8)'s words
}

// NewDelete returns the command delete.
func NewDelete(con cli.Console) *cobra.Command {
	o := deleteOptions{con: con, filter: cli.FilterFlags{LabelFile: con.LabelFile}}
	cmd := &cobra.Command{
		Use:   "delete filter…",
		Short: "Delete flows from the kernel's table",
		Long: `Delete the flows that a filter selects from the connection tracking table. natlens counts them,
shows the first ten and asks. It deletes exactly the flows that it counted: not those that began since. It reports
how many have ended meanwhile.

A deleted flow is forgotten, not cut. Its next packet makes a new flow, which passes the NAT rules again.`,
		Example: `  natlens delete udp dport 53 and dst 192.0.2.53
  natlens delete --dry-run dst 10.0.0.7
  natlens delete --yes --ignore-missing orig.dst 203.0.113.1 and udp`,
		Args: o.filter.Words,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.confirm.Register(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.ignoreMissing, "ignore-missing", false, "it is no error if no flow matches")
	f.BoolVar(&o.all, "all", false, "without a filter delete every flow")
	f.Lookup("all").Hidden = true
	o.output.RegisterHidden(cmd)
	cli.RegisterSummary(cmd, &o.summary)
	o.capture.RegisterNetNS(cmd)
	o.filter.Register(cmd)
	o.filter.RegisterLabelMap(cmd)
	return cmd
}

func (o *deleteOptions) run(ctx context.Context) error {
	o.con = o.filter.Named(o.con)
	if err := onlyFlows(&o.filter); err != nil {
		return err
	}
	if o.filter.Compiled() == nil && !o.all {
		return cli.Usagef("delete needs a filter; natlens flush deletes every flow")
	}
	if err := o.confirm.Check(o.con, "delete"); err != nil {
		return err
	}
	if err := o.output.Check(); err != nil {
		return err
	}
	err := cli.WithService(o.capture.Netns, func(s *kernel.Service, _ *os.File) error { return o.delete(ctx, s) })
	if errors.Is(err, errNone) && o.ignoreMissing {
		err = nil
	}
	return err
}

func (o *deleteOptions) delete(ctx context.Context, s *kernel.Service) error {
	flows := o.capture.Flows(ctx, o.con.Refused, kernel.DumpConfig{Push: o.filter.Sel.Expr}, nil)
	if o.confirm.Yes {
		return o.deleteAtOnce(ctx, s, flows)
	}
	targets, err := preview(ctx, o.con, &o.confirm, flows, o.filter.Compiled(), "delete", "deleted")
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
}

// deleteAtOnce deletes flows as they come, and shows them if there is a format for that.
func (o *deleteOptions) deleteAtOnce(ctx context.Context, s *kernel.Service, flows iter.Seq2[*monitor.Batch,
	error]) error {
	wanted := o.filter.Compiled()
	deleted := func(yield func(*monitor.Batch, error) bool) {
		var targets []kernel.Target
		for b, failed := range flows {
			if wanted != nil {
				b.Keep(wanted)
			}
			targets = appendTargets(targets[:0], b)
			_, _, err := s.Delete(ctx, targets, func(i int) { b.Events[i].Kind = monitor.KindNone })
			b.Events = slices.DeleteFunc(b.Events, func(e monitor.Event) bool { return e.Kind == monitor.KindNone })
			if err = errors.Join(failed, err); !yield(b, err) || err != nil {
				return
			}
		}
	}
	var n uint64
	var err error
	if o.output.Format != "" {
		n, err = show(o.con, &o.output, o.asCommands(deleted), nil, 0)
	} else {
		for b, failed := range deleted {
			n, err = n+uint64(len(b.Events)), failed
		}
	}
	if err != nil {
		return err
	}
	return doneTo(o.con, o.summary, n, "delete", "deleted")
}

// asCommands makes the flows ends of flows, if the format is that of command lines: they then delete the flow.
func (o *deleteOptions) asCommands(flows iter.Seq2[*monitor.Batch, error]) iter.Seq2[*monitor.Batch, error] {
	if !o.output.Saves() {
		return flows
	}
	return func(yield func(*monitor.Batch, error) bool) {
		for b, err := range flows {
			for i := range b.Events {
				b.Events[i].Kind = monitor.KindDestroy
			}
			if !yield(b, err) {
				return
			}
		}
	}
}

// doneTo reports what was done to how many flows. None is an error, as in conntrack(8).
func doneTo(con cli.Console, summary bool, n uint64, act, done string) error {
	if n == 0 && !summary {
		return noneMatches(act)
	}
	cli.TellDone(con, summary, n, "flow", done)
	if n == 0 {
		return cli.ErrSilent
	}
	return nil
}
