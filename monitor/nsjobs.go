package monitor

import (
	"context"
	"slices"
)

// nsJob is what the begin or the end of a network namespace leaves to be done:
//
//	begin   dump its table: flows that began before its capture did send no events
//	end     end its flows: the kernel sends no DESTROY for them
type nsJob struct {
	mode  dumpMode // dumpBegin or sweepEnd
	netns NetNS
}

// namespace notes what an event of KindNetNSBegin or KindNetNSEnd leaves to do.
func (m *Monitor) namespace(e *Event) {
	if _, ok := m.Source.(LiveMany); !ok || m.Table == nil || m.Table.cfg.Memoryless {
		return // a recording has told what came of it
	}
	mode := dumpBegin
	if e.Kind == KindNetNSEnd {
		mode = sweepEnd
	}
	m.rec.jobs = append(m.rec.jobs, nsJob{mode, e.NetNS()})
}

// wantLoss asks for a reconciliation after a loss in one namespace, or in all if
// it is 0.
func (r *reconciler) wantLoss(n NetNS, g *Gap) {
	r.owed.Count += g.Count
	r.owed.Uncertain = r.owed.Uncertain || g.Uncertain
	switch again := r.due && r.wanted == dumpLoss; {
	case n == 0:
		r.lost = nil
	case !again:
		r.lost = []NetNS{n}
	case r.lost != nil && !slices.Contains(r.lost, n):
		r.lost = append(r.lost, n)
	}
	r.want(dumpLoss)
}

// startNext starts what is to be done next, if there is anything: what namespaces
// left at once, the rest when its time has come.
func (r *reconciler) startNext(ctx context.Context, m *Monitor) error {
	if len(r.jobs) > 0 {
		job := r.jobs[0]
		r.jobs = r.jobs[1:]
		return r.startJob(ctx, m, job)
	}
	if !r.due || r.wait(m.Resync) > 0 {
		return nil
	}
	var only []NetNS
	if r.wanted == dumpLoss {
		only = r.lost
	}
	r.due = false
	if err := r.start(ctx, m, r.wanted, only); err != nil {
		return err
	}
	if r.wanted == dumpLoss { // the reconciliation tells what it makes good
		r.gap.Count, r.gap.Uncertain, r.owed = r.owed.Count, r.owed.Uncertain, Gap{}
	}
	return nil
}

func (r *reconciler) startJob(ctx context.Context, m *Monitor, job nsJob) error {
	if job.mode == sweepEnd {
		m.Table.SetLocalsOf(job.netns, nil)
	}
	return r.start(ctx, m, job.mode, []NetNS{job.netns})
}

// endNamespaces ends the flows of the namespaces that are gone when the run ends.
func (m *Monitor) endNamespaces() error {
	if len(m.rec.jobs) == 0 {
		return nil
	}
	if m.rec.active() {
		m.rec.stop(m)
	}
	for _, job := range m.rec.jobs {
		if job.mode != sweepEnd {
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
