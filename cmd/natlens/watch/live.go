//go:build linux

package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"natlens/cmd/natlens/cli"
	"natlens/export/history"
	"natlens/export/metrics"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/filter"
	"natlens/monitor/human"
	"natlens/monitor/live"
	"natlens/monitor/loop"
)

// Run watches the kernel's events until ctx ends, the limit is reached or the output's reader
// closes the pipe. If at is not nil, it watches that namespace instead of --netns.
func (o *Options) Run(ctx context.Context, con cli.Console, at *cli.Gateway) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	if con, err = o.Filter.Open(con); err != nil {
		return err
	}
	plan := o.plan()
	if o.explain {
		return explainFilter(con, o.Filter.Sel.Expr, plan)
	}
	if err := o.checkHistory(); err != nil {
		return err
	}
	names := o.Capture.Namespaces()
	if names != nil {
		if err := o.output.EveryNeeds(); err != nil {
			return err
		}
	}
	cfg := capture.Config{Kinds: o.kinds()}
	if plan.Kernel != filter.Const(true) {
		cfg.Push = plan.Kernel
	}
	listener, err := o.Metrics.Listen()
	if err != nil {
		return err
	}
	if listener != nil {
		defer listener.Close() // closed already if metrics were served
	}
	o.output.Filter, o.output.Namespaces = o.Filter.Text(), names
	o.Filter.Env.Namespaces, o.Filter.Env.Gateway, o.kept.Names = names, o.output.Gateway, names
	run, err := o.Capture.Open(live.Config{
		Capture:  cfg,
		Refused:  func(err error) { o.note(con, "%s", cli.OneLine(err)) },
		Raw:      !o.remembers(),
		Process:  o.Filter.Process,
		Filter:   o.wanted(filter.Kinds(monitor.KindExisting)),
		Existing: o.begin(),
		Count:    o.end.Limit,
	}, at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	out, err := o.add(con, run, listener)
	if err != nil {
		return err
	}
	ctx, cancel := o.end.Context(ctx)
	defer cancel()
	return o.carry(ctx, con, run, out, at)
}

// begin returns whether the flows in the table come first.
func (o *Options) begin() loop.Existing {
	if o.existing {
		return loop.ExistingFirst
	}
	return loop.ExistingNone
}

// add opens the output and the other sinks of the run. The output is opened after the capture,
// so that a failed capture leaves no empty file.
func (o *Options) add(con cli.Console, run *live.Run, listener net.Listener) (*output, error) {
	to, err := o.output.Open(con, run.NetNS())
	if err != nil {
		return nil, err
	}
	out := &output{Output: to}
	sink := out.unhurried(o.kept.Dir != "" || listener != nil)
	run.Sink(sink, func() error { return errors.Join(out.skip.report(), out.Close()) })
	if o.interim > 0 {
		run.Interim(o.interim)
	}
	if o.findings {
		if err := o.reportFindings(con, run.Loop); err != nil {
			return nil, err
		}
		run.AddRules(o.Thresholds.Values, true)
	}
	if history.Supported && o.kept.Dir != "" {
		if o.logSelected {
			o.kept.Wanted = run.Loop.Filter
		}
		log, err := cli.OpenHistory(o.kept, con.Stderr)
		if err != nil {
			return nil, err
		}
		run.OnClose(func() error { o.note(con, "%s", cli.HistoryText(log.Stats())); return nil })
		run.Tap(log)
	}
	if listener != nil {
		o.note(con, "%s", cli.MetricsText(listener))
	}
	metrics.ServeRun(listener, run, cli.VersionText())
	return out, nil
}

// carry runs the run, with notes about the capture and a summary at the end.
func (o *Options) carry(ctx context.Context, con cli.Console, run *live.Run, out *output, at *cli.Gateway) error {
	ctx = untilReaderGone(ctx, out.N.W)
	ctx, stopHangup := o.onHangup(ctx, con, out.Output)
	defer stopHangup()
	o.note(con, "capture: %s", captureText(run))
	if !o.quiet {
		o.Filter.NoteUnshown(con, o.output.Format)
	}
	stopNotes := o.notes(ctx, con, run)
	if at != nil {
		at.Started()
	}
	ended, err := o.serve(con, run)
	if err != nil {
		return err
	}
	defer ended()
	began := time.Now()
	err = run.Run(ctx)
	if err == nil && context.Cause(ctx) == syscall.EPIPE {
		err = syscall.EPIPE
	}
	stopNotes()
	if to := out.Outlet(); to != nil { // the summary comes after the output
		_ = to.Flush() // Close returns the error again
	}
	// No summary if the reader has closed the pipe.
	if !errors.Is(err, syscall.EPIPE) {
		o.summarise(con, run, out, time.Since(began))
	}
	return err
}

// kinds returns the kinds to capture: those that -e names, or all.
func (o *Options) kinds() filter.KindSet {
	if o.whole() != "" || o.interim > 0 {
		return 0
	}
	return o.Filter.Sel.Kinds
}

// plan splits the filter between the kernel and natlens. A table needs all events of its flows.
func (o *Options) plan() capture.Push {
	expr := o.Filter.Sel.Expr
	if expr == nil {
		return capture.Push{Kernel: filter.Const(true), Reader: filter.Const(true)}
	}
	if why := o.whole(); why != "" {
		return capture.Push{Kernel: filter.Const(true), Reader: expr, Why: why}
	}
	return capture.ExplainPush(expr, !o.remembers() && !o.existing)
}

// explainFilter prints the meaning of the filter, and which part of it runs where.
func explainFilter(con cli.Console, expr filter.Expr, plan capture.Push) error {
	if expr == nil {
		expr = filter.Const(true)
	}
	text := fmt.Sprintf("filter     %s\nin kernel  %s\nhere       %s\n", expr, plan.Kernel, plan.Reader)
	if plan.Why != "" {
		text += "because    " + plan.Why + "\n"
	}
	if plan.Kernel != filter.Const(true) {
		text += "The kernel applies its part with the ring and with the socket.\n"
	}
	_, err := io.WriteString(con.Stdout, text)
	return err
}

// checkHistory rejects flags that the history contradicts.
func (o *Options) checkHistory() error {
	if o.kept.Dir == "" {
		return nil
	}
	o.kept.Namespace = o.Capture.NamespaceName()
	switch {
	case o.raw:
		return cli.Usagef("--history does not work with -E: use natlens watch")
	case !o.everyKind():
		return cli.Usagef("--history needs events of every kind: not together with --event-mask")
	case !o.resync:
		return cli.Usagef("--history needs the table: not together with --resync off")
	}
	return nil
}

// captureText returns how events are captured, and why not by the ring.
func captureText(run *live.Run) string {
	c := run.Capture
	text := fmt.Sprintf("%s of %s", c.Way(), human.Binary(uint64(c.Stats().Capacity)))
	if run.Several() {
		text += ", " + human.Plural(len(run.IDs()), "network namespace")
	}
	why := c.WhyNotRing()
	if why != nil {
		text += fmt.Sprintf("; not the ring: %v", why)
	}
	if err := c.WhyNotPushed(); err != nil {
		text += "; natlens applies the filter"
		if why == nil { // otherwise for the same reason
			text += fmt.Sprintf(": %v", err)
		}
	}
	return text
}

// summarise prints a summary of the run.
func (o *Options) summarise(con cli.Console, run *live.Run, out *output, took time.Duration) {
	st, cs := run.Loop.Stats(), run.Capture.Stats()
	if o.summary {
		cli.TellDone(con, true, st.Written, "flow event", "shown")
	}
	if !o.existing {
		st.Events -= st.Existing // the user did not ask for those
	}
	text := fmt.Sprintf("%d events, %d shown, %d lost, %s written in %s",
		st.Events, st.Written-out.skip.left(), st.Lost, human.Bytes(out.Written()), took.Round(100*time.Millisecond))
	for _, extra := range []struct {
		n    uint64
		what string
	}{
		{out.Missing(), "not recorded because the disk was full"},
		{out.skip.left(), "not shown because they were not read in time"},
		{run.Loop.Table.Refused(), "flows not in the table because it had nf_conntrack_max"},
		{cs.Malformed, "malformed"},
		{cs.Forged, "forged and rejected"},
	} {
		if extra.n > 0 {
			text += fmt.Sprintf(", %d %s", extra.n, extra.what)
		}
	}
	o.note(con, "%s", text)
}
