//go:build linux

package main

import (
	"context"
	"fmt"
	"io"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/filter"
)

// run watches; adjust, if not nil, has the last word on what and how.
func (c *watchConfig) run(ctx context.Context, con cli.Console, adjust func(*capture.Config, *stream)) error {
	if c.duration < 0 {
		return cli.Usagef("--for %s: must not be negative", c.duration)
	}
	if c.resync != "on" && c.resync != "off" {
		return cli.Usagef("--resync %s: must be on or off", c.resync)
	}
	con = c.filter.Named(con)
	if err := c.findings.Check(c.remembers(), c.kinds() == capture.Kinds{New: true, Update: true, Destroy: true}); err != nil {
		return err
	}
	if err := c.EveryNeeds(); err != nil {
		return err
	}
	plan := c.plan()
	if c.explain {
		return explainFilter(con, c.filter.Sel.Expr, plan)
	}
	kept, err := c.keptHistory()
	if err != nil {
		return err
	}
	open, netns, err := c.capture.Config(c.kinds())
	if err != nil {
		return err
	}
	defer netns.Close() // nil: does nothing
	if plan.Kernel != filter.Const(true) {
		open.Push = plan.Kernel
	}
	if err := c.output.Check(); err != nil {
		return err
	}
	c.output.Filter = c.filter.Text()
	namespaces := c.capture.Namespaces()
	c.output.Namespaces, kept.Names = namespaces, namespaces
	s := &stream{
		con: con, filter: c.filter.CompiledFor(namespaces), namespaces: namespaces, count: c.count, quiet: c.quiet, counts: c.summary, existing: c.existing,
		open:      func() (*cli.Output, error) { return c.output.Open(con, netns) },
		remembers: c.remembers(),
		metrics:   c.metrics,
		findings:  c.findings,
		history:   kept,
	}
	if adjust != nil {
		adjust(&open, s)
	}
	if c.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.duration)
		defer cancel()
	}
	return s.run(ctx, open)
}

// remembers reports whether the stream keeps a table of flows, and reconciles it
// after a loss. conntrack -E is the messages as they are; and a table that hears
// of no ends, or misses some of them for good, would only grow.
func (c *watchConfig) remembers() bool {
	k := c.kinds()
	return !c.raw && c.resync == "on" && k.New && k.Destroy
}

// plan splits the filter between the kernel and here. A table needs all the
// events of the flows that it keeps.
func (c *watchConfig) plan() capture.Push {
	if c.filter.Sel.Expr == nil {
		return capture.Push{Kernel: filter.Const(true), Reader: filter.Const(true)}
	}
	switch all := (capture.Push{Kernel: filter.Const(true), Reader: c.filter.Sel.Expr}); {
	case c.findings.on:
		all.Why = "findings are of all flows"
		return all
	case c.history.Given():
		all.Why = "the history is of all flows"
		return all
	}
	return capture.ExplainPush(c.filter.Sel.Expr, !c.remembers() && !c.existing)
}

// explainFilter prints what the filter means, and which part of it runs where.
func explainFilter(con cli.Console, expr filter.Expr, plan capture.Push) error {
	if expr == nil {
		expr = filter.Const(true)
	}
	text := fmt.Sprintf("filter     %s\nmeans      %s\nin kernel  %s\nhere       %s\n", expr, filter.Describe(expr), plan.Kernel, plan.Reader)
	if plan.Why != "" {
		text += "because    " + plan.Why + "\n"
	}
	if plan.Kernel != filter.Const(true) {
		text += "The part in the kernel runs there by ring and by socket alike.\n"
	}
	_, err := io.WriteString(con.Stdout, text)
	return err
}

// kinds returns the groups to join, for the kinds that -e names.
func (c *watchConfig) kinds() capture.Kinds {
	has := c.filter.Sel.Kinds.Has
	return capture.Kinds{New: has(monitor.KindNew), Update: has(monitor.KindUpdate), Destroy: has(monitor.KindDestroy)}
}
