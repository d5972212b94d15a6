package watch

import (
	"context"

	"natlens/monitor"
	"natlens/monitor/findings"
	"natlens/monitor/loop"
)

// recordedFindings finds problems in a recording, by the clock of the recording. As a
// source it returns the recording in steps of a tick, also for times without events. As
// rules it ends with a scan of the whole table.
type recordedFindings struct {
	*findings.Engine
	source monitor.Source
	part   *firstPart // with --for: source, as far as it goes

	coming monitor.Batch // events that were read; those before next were returned
	next   int
	err    error // of the source, after coming
	now    monitor.Time
	due    monitor.Time // of the next tick
	idle   int          // steps since an event
	ended  bool
}

// maxIdle is how many steps a pause of the recording takes at most: those of a minute.
// Findings that clear at all clear within that time.
const maxIdle = 600

// findInRecording adds the rules to a loop over a recording.
func findInRecording(l *loop.Loop, cfg findings.Config) {
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

// step advances the clock: the next event is at to.
func (r *recordedFindings) step(to monitor.Time) {
	if r.idle++; r.idle > maxIdle {
		r.due = to
	}
	r.now = r.due
}

// Close does nothing: the caller closes the source that it opened.
func (r *recordedFindings) Close() error { return nil }

// Tick lets the engine work when the recording has reached the next tick.
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
