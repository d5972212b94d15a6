package table

import (
	"context"
	"fmt"
	"iter"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/doctor"
	"natlens/monitor/doctor/probe"
	"natlens/monitor/kernel"
)

// kernelFlows are those of one network namespace or of all.
func (o *listOptions) kernelFlows(ctx context.Context) (iter.Seq2[*monitor.Batch, error], error) {
	cfg := kernel.DumpConfig{Push: o.filter.Sel.Expr, Zero: o.zero}
	switch o.table {
	case "conntrack":
	case "dying":
		cfg.Table = kernel.Dying
	case "unconfirmed":
		cfg.Table = kernel.Unconfirmed
	default:
		return nil, cli.Usagef("--table %s: must be conntrack, dying or unconfirmed", o.table)
	}
	switch {
	case o.zero && cfg.Table != kernel.Conntrack:
		return nil, cli.Usagef("--zero is for the table conntrack")
	case o.zero && (o.filter.Compiled() != nil || o.limit > 0):
		// The kernel zeroes what it sends, which is all of the table.
		return nil, cli.Usagef("--zero sets the counters of every flow: not together with a filter or --limit")
	}
	if o.output.Namespaces = o.capture.Namespaces(); o.output.Namespaces != nil {
		if err := o.output.EveryNeeds(); err != nil {
			return nil, err
		}
	}
	return o.capture.Flows(ctx, o.con.Refused, cfg, o.output.Namespaces), nil
}

// whyEmpty notes why the table of the one namespace that was listed has no flows.
func (o *listOptions) whyEmpty(ctx context.Context) {
	if o.capture.Every() {
		return
	}
	places := probe.Places{Sudo: cli.Sudo()}
	_ = o.capture.Each(ctx, o.con.Refused, func(_ monitor.Namespace, fd int) error {
		s, err := probe.Quiet(ctx, fd, places.At(o.capture.Netns))
		if err != nil || s.Fill.End > 0 {
			return nil // doctor reports what cannot be read
		}
		if reason, command := doctor.Quiet(s); command != "" {
			fmt.Fprintf(o.con.Stderr, "natlens: the table is empty: %s → %s\n", reason, command)
		}
		return nil
	})
}
