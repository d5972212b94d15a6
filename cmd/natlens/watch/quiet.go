//go:build linux

package watch

import (
	"context"
	"time"

	"natlens/cmd/natlens/cli"
	"natlens/monitor/live"
)

// quietTime is how long no event comes before the reason is printed.
const quietTime = 5 * time.Second

// notes prints, during the run, that the kernel does not count packets, and once why no event
// has come. The caller calls stop at the end.
func (o *Options) notes(ctx context.Context, con cli.Console, run *live.Run) (stop func()) {
	if o.quiet {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if reason, command := run.Uncounted(); reason != "" && ctx.Err() == nil {
			o.note(con, "%s → %s", reason, command)
		}
		select {
		case <-ctx.Done():
		case <-time.After(quietTime):
			o.whyQuiet(ctx, con, run)
		}
	}()
	return func() { cancel(); <-done }
}

// whyQuiet prints why no event was shown.
func (o *Options) whyQuiet(ctx context.Context, con cli.Console, run *live.Run) {
	st := run.Loop.Stats()
	others := st.Events - st.Existing + run.Capture.Stats().LeftOut
	switch {
	case st.Written > 0:
	case others > 0 && o.findings: // the user may only want findings
	case others > 0:
		o.note(con, "nothing seen for %s: %d events came, but the filter selects none of them → "+
			"natlens watch --explain-filter …", quietTime, others)
	default:
		reason, command, err := run.Quiet(ctx)
		switch {
		case err == nil:
			o.note(con, "nothing seen for %s: %s → %s", quietTime, reason, command)
		case ctx.Err() == nil:
			o.note(con, "nothing seen for %s; the reason cannot be read: %s", quietTime, cli.OneLine(err))
		}
	}
}
