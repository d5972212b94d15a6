//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/loop"
	"natlens/monitor/netns"
)

func (c *listConfig) run(ctx context.Context, con console) error {
	open, err := c.dumpConfig()
	if err != nil {
		return err
	}
	if err := c.output.check(); err != nil {
		return err
	}
	namespaces := c.capture.namespaces()
	c.output.namespaces = namespaces
	var netns *os.File
	if namespaces != nil {
		err = c.output.everyNeeds()
	} else {
		netns, err = openNetNS(c.capture.netns)
	}
	if err != nil {
		return err
	}
	defer netns.Close() // nil: does nothing
	open.NetNS = netnsFD(netns)
	source, err := c.source(ctx, con, open, namespaces)
	if err != nil {
		return err
	}
	defer source.Close()
	out, err := c.output.open(con, netns)
	if err != nil {
		return err
	}
	m := &loop.Loop{Source: source, Filter: c.filter.compiledFor(namespaces), Sinks: []monitor.Sink{out.sink}, Count: c.count}
	if err := errors.Join(m.Run(ctx), out.Close()); err != nil {
		return err
	}
	if !c.quiet {
		tellDone(con, c.summary, m.Stats().Written, "flow", "shown")
	}
	if ctx.Err() != nil {
		return errors.New("interrupted: the end of the table was not reached")
	}
	return nil
}

// source opens the table, or the tables of all network namespaces.
func (c *listConfig) source(ctx context.Context, con console, open kernel.DumpConfig, namespaces *monitor.Namespaces) (monitor.Source, error) {
	if namespaces == nil {
		return openFlows(ctx, open)
	}
	return openEveryTable(open, namespaces, func(err error) { fmt.Fprintf(con.Stderr, "natlens: %s\n", oneLine(err)) })
}

// dumpConfig says what to dump.
func (c *listConfig) dumpConfig() (cfg kernel.DumpConfig, err error) {
	cfg = kernel.DumpConfig{Push: c.filter.sel.Expr, Zero: c.zero}
	if c.filter.sel.Kinds != 0 {
		return cfg, usagef("--event-mask asks for kinds of events: natlens watch has them")
	}
	switch c.table {
	case "conntrack":
	case "dying":
		cfg.Table = kernel.Dying
	case "unconfirmed":
		cfg.Table = kernel.Unconfirmed
	default:
		return cfg, usagef("--table %s: must be conntrack, dying or unconfirmed", c.table)
	}
	switch {
	case c.zero && cfg.Table != kernel.Conntrack:
		return cfg, usagef("--zero is for the table conntrack")
	case c.zero && (c.filter.compiled() != nil || c.count > 0):
		// The kernel zeroes what it sends, which is all of the table.
		return cfg, usagef("--zero sets the counters of every flow: not together with a filter or --count")
	}
	return cfg, nil
}

// openFlows opens a dump whose flows know their path through this host.
func openFlows(ctx context.Context, cfg kernel.DumpConfig) (monitor.Source, error) {
	locals, err := netns.Locals(cfg.NetNS)
	if err != nil {
		return nil, err
	}
	dump, err := kernel.DumpWith(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &located{dump, locals}, nil
}

// located is a source that adds to each flow its path through the host.
type located struct {
	monitor.Source
	locals *monitor.Locals
}

func (l *located) Next(ctx context.Context, b *monitor.Batch) error {
	err := l.Source.Next(ctx, b)
	for i := range b.Events {
		f := &b.Events[i].Flow
		f.Path = l.locals.Path(f)
	}
	return err
}

// netnsFD returns the descriptor of an open namespace, 0 for the caller's own.
func netnsFD(netns *os.File) int {
	if netns == nil {
		return 0
	}
	return int(netns.Fd())
}
