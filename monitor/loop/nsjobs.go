package loop

import (
	"context"
	"slices"
	"time"

	"natlens/monitor"
	"natlens/monitor/table"
)

// job is a reconciliation to be done.
type job struct {
	mode table.DumpMode
	only []monitor.NetNS // namespaces to reconcile; nil: all
	lost monitor.Gap     // what was lost there; only with DumpLoss
}

// namespace notes what an event of KindNetNSBegin or KindNetNSEnd leaves to be done:
//
//	begin   dump its table: flows that began before its capture did send no events
//	end     end its flows: the kernel sends no DESTROY for them
func (m *Loop) namespace(e *monitor.Event) {
	if _, ok := m.Source.(monitor.Live); !ok || m.Table == nil || m.Table.Memoryless() {
		return // a recording contains the result
	}
	mode := table.DumpBegin
	if e.Kind == monitor.KindNetNSEnd {
		mode = table.SweepEnd
	}
	m.rec.jobs = append(m.rec.jobs, job{mode: mode, only: []monitor.NetNS{e.NetNS()}})
}

// wantLoss asks for a reconciliation after a loss in one namespace, or in all if
// it is 0. It outdoes a refresh.
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

// wantRefresh asks for a reconciliation of all namespaces, unless one is pending.
func (r *reconciler) wantRefresh() {
	if r.pending == nil {
		r.pending = &job{mode: table.DumpRefresh}
	}
}

// startNext starts what is to be done next, if there is anything: what namespaces
// left at once, the rest when its time has come.
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

// endNamespaces ends the flows of the namespaces that are gone when the run ends.
func (m *Loop) endNamespaces() error {
	if len(m.rec.jobs) > 0 && m.rec.active() {
		m.rec.stop()
	}
	for _, j := range m.rec.jobs {
		if j.mode != table.SweepEnd {
			continue
		}
		ctx := context.Background() // nothing of it waits
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
