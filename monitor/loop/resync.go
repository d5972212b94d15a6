package loop

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// Resync says how the table is reconciled with the kernel's. The zero value
// never does it.
//
// A reconciliation reads a dump of the kernel's table, piece by piece between
// two polls of the event queue, so that the queue goes on being emptied:
//
//	loss ─▶ dump piece ─▶ events ─▶ dump piece ─▶ … ─▶ sweep ─▶ KindResynced
//
// A dump is not a snapshot. What an event has touched since the dump began is
// left alone, and what has been destroyed since then is not raised again. All
// that changes becomes events marked Inferred.
type Resync struct {
	AfterLoss bool          // reconcile after a KindLost
	Every     time.Duration // reconcile also so often, for flows that send no events; 0: never
	Pause     time.Duration // at least this long between two reconciliations; 0: DefaultPause
}

// DefaultPause is the least time between two reconciliations. It grows with what
// the last one took, up to maxPause: under continuous loss a table is dumped for
// a twentieth of the time, and is never wrong for long.
const (
	DefaultPause = time.Second
	pauseFactor  = 20
	maxPause     = 10 * time.Second
)

// reconciler runs one reconciliation after the other: it opens the dumps and
// decides when the next one begins.
type reconciler struct {
	dump    monitor.Source
	rec     *table.Reconciliation // nil unless one is under way
	job     job                   // under way
	in, out monitor.Batch
	jobs    []job // what namespaces that came and went have left to do
	pending *job  // for after the pause: after a loss, or a refresh
	swept   int   // chunks of the table swept; -1 while the dump is being read
	ended   time.Time
	took    time.Duration // spent on the dump and the sweep, not on the events between
}

// start begins a reconciliation.
func (r *reconciler) start(ctx context.Context, m *Loop, j job) error {
	live, ok := m.Source.(monitor.Live)
	if !ok || m.Table == nil {
		return errors.New("reconcile: needs a live source and a table")
	}
	r.swept = 0
	if j.mode == table.SweepEnd {
		m.Table.SetLocalsOf(j.only[0], nil)
	} else {
		dump, err := live.Dump(ctx, j.only)
		if err != nil {
			return err
		}
		r.dump, r.swept = dump, -1
	}
	r.job, r.took = j, 0
	r.rec = m.Table.Reconcile(j.mode, j.only)
	r.rec.Gap.Count, r.rec.Gap.Uncertain = j.lost.Count, j.lost.Uncertain
	return nil
}

// step reads one piece of the dump, or sweeps one piece of the table, and leaves
// the resulting events in out.
func (r *reconciler) step(ctx context.Context, m *Loop) error {
	began := time.Now()
	defer func() { r.took += time.Since(began) }()
	r.out.Reset()
	if r.swept < 0 {
		r.in.Reset()
		switch err := r.dump.Next(ctx, &r.in); {
		case errors.Is(err, io.EOF):
			r.swept = 0
		case err != nil:
			r.stop()
			return err
		}
		if m.Scope != nil {
			r.in.Keep(m.Scope)
		}
		r.rec.Apply(&r.in, &r.out)
		return nil
	}
	if mode := r.job.mode; mode != table.DumpExisting && mode != table.DumpBegin && r.rec.Sweep(r.swept, &r.out) {
		r.swept++
		return nil
	}
	gap := r.rec.Gap
	r.stop()
	if r.job.mode == table.DumpLoss {
		e := r.out.Add()
		e.Kind, e.Time, e.TimeSource = monitor.KindResynced, monitor.Now(), monitor.TimeReceived
		gap.To = e.Time
		e.Gap = &gap
		if len(r.job.only) == 1 {
			e.SetNetNS(r.job.only[0])
		}
	}
	return nil
}

func (r *reconciler) stop() {
	if r.dump != nil {
		r.dump.Close()
		r.dump = nil
	}
	r.rec.End()
	r.rec = nil
	if r.job.mode != table.SweepEnd && r.job.mode != table.DumpBegin {
		r.ended = time.Now()
	}
}

// active reports whether a reconciliation is under way.
func (r *reconciler) active() bool { return r.rec != nil }

// earliest returns when the next reconciliation may begin.
func (r *reconciler) earliest(cfg Resync) time.Time {
	if r.ended.IsZero() {
		return r.ended
	}
	return r.ended.Add(max(cmp.Or(cfg.Pause, DefaultPause), min(pauseFactor*r.took, maxPause)))
}
