//go:build linux

package watch

import (
	"context"
	"time"

	"natlens/cmd/natlens/cli"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/live"
)

// quietTime is after how long without an event the reason is noted.
const quietTime = 5 * time.Second

// notes notes, beside the run, what the kernel does not count, and once why nothing has
// been seen for a while. The caller calls stop at the end.
func (o *Options) notes(ctx context.Context, con cli.Console, run *live.Run, beside *capture.Capture) (stop func()) {
	if o.quiet {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if beside != nil {
			defer beside.Close()
		}
		if reason, command := run.Uncounted(); reason != "" && ctx.Err() == nil {
			o.note(con, "%s → %s", reason, command)
		}
		select {
		case <-ctx.Done():
		case <-time.After(quietTime):
			o.whyQuiet(ctx, con, run, beside)
		}
	}()
	return func() { cancel(); <-done }
}

// whyQuiet notes why nothing has been seen. beside receives what the filter leaves out.
func (o *Options) whyQuiet(ctx context.Context, con cli.Console, run *live.Run, beside *capture.Capture) {
	st := run.Loop.Stats()
	others := max(st.Events-st.Existing+run.Capture.Stats().LeftOut, eventsOf(beside))
	switch {
	case st.Written > 0:
	case others > 0 && o.findings: // they may be all that is wanted
	case others > 0:
		o.note(con, "nothing seen for %s: events come, %d so far, but the filter wants none of them → "+
			"natlens watch --explain-filter …", quietTime, others)
	case beside == nil && uncounted(run):
		o.note(con, "nothing that the filter wants seen for %s → natlens watch --explain-filter …", quietTime)
	default:
		reason, command, err := run.Quiet(ctx)
		switch {
		case err == nil:
			o.note(con, "nothing seen for %s: %s → %s", quietTime, reason, command)
		case ctx.Err() == nil:
			o.note(con, "nothing seen for %s; the reason can't be read: %s", quietTime, cli.OneLine(err))
		}
	}
}

// uncounted reports whether the kernel leaves events out and does not count them,
// as filters of sockets do.
func uncounted(run *live.Run) bool {
	return run.Config().Push != nil && run.Capture.Way() == capture.Socket && run.Capture.WhyNotPushed() == nil
}

// unfiltered returns a listener beside a capture that leaves events out uncounted,
// to find out whether there are any. Its queue is the smallest, because what the kernel
// drops there is counted. nil: none is needed, or none can be opened.
func (o *Options) unfiltered(run *live.Run) *capture.Capture {
	if o.quiet || run.Several() || !uncounted(run) {
		return nil
	}
	cfg := run.Config()
	c, err := capture.Open(capture.Config{Way: capture.Socket, NetNS: cfg.NetNS, Kinds: cfg.Kinds, Buffer: 1})
	if err != nil {
		return nil
	}
	return c
}

// eventsOf returns how many events have reached a listener that was not read so far; 0
// for nil.
func eventsOf(c *capture.Capture) uint64 {
	if c == nil {
		return 0
	}
	var b monitor.Batch
	if err := c.Poll(&b); err != nil {
		return 0
	}
	st := c.Stats()
	return st.Received + st.Lost
}
