package loop

import (
	"context"
	"slices"

	"natlens/monitor"
	"natlens/monitor/table"
)

// nsJob is what the begin or the end of a network namespace leaves to be done:
//
//	begin   dump its table: flows that began before its capture did send no events
//	end     end its flows: the kernel sends no DESTROY for them
type nsJob struct {
	mode  table.DumpMode // DumpBegin or SweepEnd
	netns monitor.NetNS
}

// namespace notes what an event of KindNetNSBegin or KindNetNSEnd leaves to do.
func (m *Loop) namespace(e *monitor.Event) {
	if _, ok := m.Source.(monitor.Live); !ok || m.Table == nil || m.Table.Memoryless() {
		return // a recording contains the result
	}
	mode := table.DumpBegin
	if e.Kind == monitor.KindNetNSEnd {
		mode = table.SweepEnd
	}
	m.rec.jobs = append(m.rec.jobs, nsJob{mode, e.NetNS()})
}

// wantLoss asks for a reconciliation after a loss in one namespace, or in all if
// it is 0.
func (r *reconciler) wantLoss(n monitor.NetNS, g *monitor.Gap) {
	r.owed.Count += g.Count
	r.owed.Uncertain = r.owed.Uncertain || g.Uncertain
	switch again := r.due && r.wanted == table.DumpLoss; {
	case n == 0:
		r.lost = nil
	case !again:
		r.lost = []monitor.NetNS{n}
	case r.lost != nil && !slices.Contains(r.lost, n):
		r.lost = append(r.lost, n)
	}
	r.want(table.DumpLoss)
}

// startNext starts what is to be done next, if there is anything: what namespaces
// left at once, the rest when its time has come.
func (r *reconciler) startNext(ctx context.Context, m *Loop) error {
	if len(r.jobs) > 0 {
		job := r.jobs[0]
		r.jobs = r.jobs[1:]
		return r.startJob(ctx, m, job)
	}
	if !r.due || r.wait(m.Resync) > 0 {
		return nil
	}
	var only []monitor.NetNS
	if r.wanted == table.DumpLoss {
		only = r.lost
	}
	r.due = false
	if err := r.start(ctx, m, r.wanted, only); err != nil {
		return err
	}
	if r.wanted == table.DumpLoss { // the resynced event counts the loss that it repairs
		r.rec.Gap.Count, r.rec.Gap.Uncertain, r.owed = r.owed.Count, r.owed.Uncertain, monitor.Gap{}
	}
	return nil
}

func (r *reconciler) startJob(ctx context.Context, m *Loop, job nsJob) error {
	if job.mode == table.SweepEnd {
		m.Table.SetLocalsOf(job.netns, nil)
	}
	return r.start(ctx, m, job.mode, []monitor.NetNS{job.netns})
}

// endNamespaces ends the flows of the namespaces that are gone when the run ends.
func (m *Loop) endNamespaces() error {
	if len(m.rec.jobs) == 0 {
		return nil
	}
	if m.rec.active() {
		m.rec.stop()
	}
	for _, job := range m.rec.jobs {
		if job.mode != table.SweepEnd {
			continue
		}
		ctx := context.Background() // nothing of it waits
		if err := m.rec.startJob(ctx, m, job); err != nil {
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
