package watch

import (
	"context"

	"natlens/monitor"
	"natlens/monitor/findings"
	"natlens/monitor/loop"
)

// recordedFindings looks for findings in a recording, by the recording's clock. As
// a source it gives the recording in steps of a tick, also where nothing was
// recorded; as rules it ends with a whole look at what is left.
type recordedFindings struct {
	*findings.Engine
	source monitor.Source
	part   *firstPart // with --for: source, as far as it goes

	coming monitor.Batch // read, and told up to next
	next   int
	err    error // of the reading: what comes behind coming
	now    monitor.Time
	due    monitor.Time // of the next tick
	idle   int          // steps since an event
	ended  bool
}

// maxIdle is how many steps a pause of the recording takes at the most, a minute's:
// what is gone by then is gone.
const maxIdle = 600

// lookIn has a loop look for findings in the recording that it carries.
func lookIn(l *loop.Loop, cfg findings.Config) {
	r := &recordedFindings{source: l.Source, Engine: findings.New(cfg)}
	r.part, _ = l.Source.(*firstPart)
	l.Source, l.Rules, l.Clock = r, r, func() monitor.Time { return r.now }
}

// Next fills the batch with what was recorded up to the next tick.
func (r *recordedFindings) Next(ctx context.Context, b *monitor.Batch) error {
	if r.next == len(r.coming.Events) {
		if r.err != nil {
			if r.part != nil && r.part.cut && r.part.end > r.due {
				r.step(r.part.end)
				return nil
			}
			r.ended = true
			return r.err
		}
		r.coming.Reset()
		r.next = 0
		r.err = r.source.Next(ctx, &r.coming)
	}
	for ; r.next < len(r.coming.Events); r.next++ {
		e := &r.coming.Events[r.next]
		if r.due == 0 {
			r.due = e.Time + monitor.Time(loop.TickEvery)
		}
		if e.Time > r.due {
			r.step(e.Time)
			return nil
		}
		r.now, r.idle = max(r.now, e.Time), 0
		added := b.Add()
		*added = *e
		added.Seq = 0 // findings have numbers too
	}
	return nil
}

// step takes the clock on, for there is nothing before to.
func (r *recordedFindings) step(to monitor.Time) {
	if r.idle++; r.idle > maxIdle {
		r.due = to
	}
	r.now = r.due
}

// Close does nothing: who opened the source closes it.
func (r *recordedFindings) Close() error { return nil }

// Tick lets the engine work when the recording has come so far.
func (r *recordedFindings) Tick(now monitor.Time) []monitor.Finding {
	switch {
	case r.ended:
		return r.Finish(now)
	case now < r.due:
		return nil
	}
	r.due = now + monitor.Time(loop.TickEvery)
	return r.Engine.Tick(now)
}
