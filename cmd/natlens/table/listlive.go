//go:build linux

package table

import (
	"context"
	"errors"
	"fmt"
	"os"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/kernel"
	"natlens/monitor/loop"
)

func (c *listConfig) run(ctx context.Context, con cli.Console) error {
	open, err := c.dumpConfig()
	if err != nil {
		return err
	}
	if err := c.output.Check(); err != nil {
		return err
	}
	namespaces := c.capture.Namespaces()
	c.output.Namespaces = namespaces
	var netns *os.File
	if namespaces != nil {
		err = c.output.EveryNeeds()
	} else {
		netns, err = cli.OpenNetNS(c.capture.Netns)
	}
	if err != nil {
		return err
	}
	defer netns.Close() // nil: does nothing
	open.NetNS = cli.NetnsFD(netns)
	source, err := c.source(ctx, con, open, namespaces)
	if err != nil {
		return err
	}
	defer source.Close()
	out, err := c.output.Open(con, netns)
	if err != nil {
		return err
	}
	m := &loop.Loop{Source: source, Filter: c.filter.CompiledFor(namespaces), Sinks: []monitor.Sink{out.Sink}, Count: c.count}
	if err := errors.Join(m.Run(ctx), out.Close()); err != nil {
		return err
	}
	if !c.quiet {
		cli.TellDone(con, c.summary, m.Stats().Written, "flow", "shown")
	}
	if ctx.Err() != nil {
		return errors.New("interrupted: the end of the table was not reached")
	}
	return nil
}

// source opens the table, or the tables of all network namespaces.
func (c *listConfig) source(ctx context.Context, con cli.Console, open kernel.DumpConfig, namespaces *monitor.Namespaces) (monitor.Source, error) {
	if namespaces == nil {
		return cli.OpenFlows(ctx, open)
	}
	return openEveryTable(open, namespaces, func(err error) { fmt.Fprintf(con.Stderr, "natlens: %s\n", cli.OneLine(err)) })
}

// dumpConfig says what to dump.
func (c *listConfig) dumpConfig() (cfg kernel.DumpConfig, err error) {
	cfg = kernel.DumpConfig{Push: c.filter.Sel.Expr, Zero: c.zero}
	if c.filter.Sel.Kinds != 0 {
		return cfg, cli.Usagef("--event-mask asks for kinds of events: natlens watch has them")
	}
	switch c.table {
	case "conntrack":
	case "dying":
		cfg.Table = kernel.Dying
	case "unconfirmed":
		cfg.Table = kernel.Unconfirmed
	default:
		return cfg, cli.Usagef("--table %s: must be conntrack, dying or unconfirmed", c.table)
	}
	switch {
	case c.zero && cfg.Table != kernel.Conntrack:
		return cfg, cli.Usagef("--zero is for the table conntrack")
	case c.zero && (c.filter.Compiled() != nil || c.count > 0):
		// The kernel zeroes what it sends, which is all of the table.
		return cfg, cli.Usagef("--zero sets the counters of every flow: not together with a filter or --count")
	}
	return cfg, nil
}
