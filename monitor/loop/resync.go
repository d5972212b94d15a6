package loop

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// Resync says how the table is reconciled with the kernel's. The zero value never does it.
//
// A reconciliation reads a dump of the kernel's table in pieces, and polls the event queue
// between them, so that the queue does not fill up:
//
//	loss ─▶ dump piece ─▶ events ─▶ dump piece ─▶ … ─▶ sweep ─▶ KindResynced
//
// A dump is not a snapshot. A flow with an event since the dump began is not changed, and a
// flow that was destroyed since then is not added again. Each change is an event marked
// Inferred.
type Resync struct {
	AfterLoss bool          // reconcile after a KindLost
	Every     time.Duration // also reconcile at this interval, for flows that send no events; 0: never
	Interim   time.Duration // report flows that live longer with their counters, at this interval; 0: never
	Pause     time.Duration // minimum time between two reconciliations; 0: DefaultPause
}

// DefaultPause is the minimum time between two reconciliations. It grows with the duration of
// the last one, up to maxPause: under continuous loss, dumps take at most a twentieth of the
// time, and the table is never wrong for long.
const (
	DefaultPause = time.Second
	pauseFactor  = 20
	maxPause     = 10 * time.Second
)

// reconciler makes one reconciliation after the other: it opens the dumps and decides when the
// next one begins.
type reconciler struct {
	dump    monitor.Source
	rec     *table.Reconciliation // the current one, or nil
	job     job                   // the current one
	in, out monitor.Batch
	jobs    []job // for namespaces that began or ended
	pending *job  // after the pause: for a loss, or a refresh
	swept   int   // chunks of the table that are swept; -1 while the dump is read
	ended   time.Time
	interim time.Time     // start of the last dump whose flows became events
	took    time.Duration // spent on the dump and the sweep, not on events between
}

// start begins a reconciliation.
func (r *reconciler) start(ctx context.Context, m *Loop, j job) error {
	live, ok := m.Source.(monitor.Live)
	if !ok || m.Table == nil {
		return errors.New("reconcile: needs a live source and a table")
	}
	r.swept = 0
	if now := time.Now(); j.mode == table.DumpExisting {
		r.interim = now
	} else if j.mode == table.DumpRefresh && m.Resync.Interim > 0 && !now.Before(r.interim.Add(m.Resync.Interim)) {
		j.mode, r.interim = table.DumpInterim, now
	}
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
	r.rec.Lived = monitor.Time(m.Resync.Interim)
	r.rec.Gap.Count, r.rec.Gap.Uncertain = j.lost.Count, j.lost.Uncertain
	return nil
}

// step reads one piece of the dump, or sweeps one piece of the table, and puts the resulting
// events into out.
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

// active reports whether a reconciliation is in progress.
func (r *reconciler) active() bool { return r.rec != nil }

// earliest returns when the next reconciliation may begin.
func (r *reconciler) earliest(cfg Resync) time.Time {
	if r.ended.IsZero() {
		return r.ended
	}
	return r.ended.Add(max(cmp.Or(cfg.Pause, DefaultPause), min(pauseFactor*r.took, maxPause)))
}

// job is a requested reconciliation.
type job struct {
	mode table.DumpMode
	only []monitor.NetNS // namespaces to reconcile; nil: all
	lost monitor.Gap     // the loss; only with DumpLoss
}

// namespace adds the job for an event of KindNetNSBegin or KindNetNSEnd:
//
//	begin   dump its table: flows that began before its capture did send no events
//	end     end its flows: the kernel sends no DESTROY for them
func (m *Loop) namespace(e *monitor.Event) {
	if _, ok := m.Source.(monitor.Live); !ok || m.Table == nil || m.Table.Memoryless() {
		return // a recording contains the resulting events
	}
	mode := table.DumpBegin
	if e.Kind == monitor.KindNetNSEnd {
		mode = table.SweepEnd
	}
	m.rec.jobs = append(m.rec.jobs, job{mode: mode, only: []monitor.NetNS{e.NetNS()}})
}

// wantLoss requests a reconciliation after a loss in one namespace (0: all). It replaces a
// pending refresh.
func (r *reconciler) wantLoss(n monitor.NetNS, g *monitor.Gap) {
	if r.pending == nil || r.pending.mode != table.DumpLoss {
		r.pending = &job{mode: table.DumpLoss, only: []monitor.NetNS{}}
	}
	p := r.pending
	p.lost.Count += g.Count
	p.lost.Uncertain = p.lost.Uncertain || g.Uncertain
	switch {
	case n == 0:
		p.only = nil
	case p.only != nil && !slices.Contains(p.only, n):
		p.only = append(p.only, n)
	}
}

// wantRefresh requests a reconciliation of all namespaces, unless one is pending.
func (r *reconciler) wantRefresh() {
	if r.pending == nil {
		r.pending = &job{mode: table.DumpRefresh}
	}
}

// startNext starts the next job, if there is one: those of namespaces at once, a pending one
// after the pause.
func (r *reconciler) startNext(ctx context.Context, m *Loop) error {
	var next job
	switch {
	case len(r.jobs) > 0:
		next, r.jobs = r.jobs[0], r.jobs[1:]
	case r.pending != nil && !time.Now().Before(r.earliest(m.Resync)):
		next, r.pending = *r.pending, nil
	default:
		return nil
	}
	return r.start(ctx, m, next)
}

// endNamespaces ends the flows of ended namespaces at the end of the run.
func (m *Loop) endNamespaces() error {
	if len(m.rec.jobs) > 0 && m.rec.active() {
		m.rec.stop()
	}
	for _, j := range m.rec.jobs {
		if j.mode != table.SweepEnd {
			continue
		}
		ctx := context.Background() // nothing here waits
		if err := m.rec.start(ctx, m, j); err != nil {
			return err
		}
		for m.rec.active() {
			if err := m.stepDump(ctx); err != nil {
				return err
			}
		}
	}
	m.rec.jobs = nil
	return nil
}
