package loop

import (
	"cmp"
	"context"
	"io"
	"math"
	"time"

	"natlens/monitor"
)

// TickEvery is how often the [monitor.Rules] of a Loop are called without events.
const TickEvery = 100 * time.Millisecond

// ticker calls the Loop's rules by the clock, and interrupts the wait for events for them.
type ticker struct {
	due    time.Time
	at     time.Time // when ctx ends
	ctx    context.Context
	cancel context.CancelFunc
}

// until returns a context that ends at a time.
func (t *ticker) until(ctx context.Context, at time.Time) context.Context {
	if t.ctx == nil || t.ctx.Err() != nil || !t.at.Equal(at) {
		t.stop()
		t.ctx, t.cancel = context.WithDeadline(ctx, at)
		t.at = at
	}
	return t.ctx
}

// stop releases the context.
func (t *ticker) stop() {
	if t.ctx != nil {
		t.cancel()
	}
}

// tick calls the rules if they are due.
func (m *Loop) tick() error {
	if m.Rules == nil {
		return nil
	}
	now := time.Now()
	if now.Before(m.ticks.due) {
		return nil
	}
	m.ticks.due = now.Add(TickEvery)
	at := monitor.Now
	if m.Clock != nil {
		at = m.Clock
	}
	return m.writeFindings(m.Rules.Tick(at()))
}

// replay is the clock of a recording.
type replay struct {
	now monitor.Time
	due monitor.Time // of the next tick
	end monitor.Time // by Loop.For and Until; 0: not known yet
}

// maxIdle is the maximum number of ticks for a pause in a recording: a minute. Every finding
// that clears does so within that time.
const maxIdle = 600

// processRecorded processes the events before each tick. It returns io.EOF at the end that
// Loop.For sets.
func (m *Loop) processRecorded(b *monitor.Batch) error {
	r, all, from := &m.replay, b.Events, 0
	for i := range all {
		t := all[i].Time
		if r.due == 0 {
			r.due = t + monitor.Time(TickEvery)
		}
		if r.end == 0 && t != 0 {
			r.end = cmp.Or(m.Until, math.MaxInt64)
			if m.For > 0 {
				r.end = min(r.end, max(t, m.Since)+monitor.Time(m.For))
			}
		}
		ended := r.end != 0 && t > r.end
		if m.Rules != nil {
			all[i].Seq = 0 // findings have numbers too
		}
		if ended || m.Rules != nil && t > r.due {
			b.Events, from = all[from:i:i], i
			if err := m.process(b); err != nil {
				return err
			}
			if ended {
				t = r.end
			}
			if err := m.tickUntil(t); err != nil {
				return err
			}
		}
		if ended {
			return io.EOF
		}
		r.now = max(r.now, t)
	}
	b.Events = all[from:]
	return m.process(b)
}

// tickUntil calls the rules for each tick before the next event.
func (m *Loop) tickUntil(next monitor.Time) error {
	r := &m.replay
	for idle := 1; m.Rules != nil && r.due < next; idle++ {
		if idle > maxIdle {
			r.due = next
		}
		r.now = r.due
		if err := m.writeFindings(m.Rules.Tick(r.now)); err != nil {
			return err
		}
		r.due += monitor.Time(TickEvery)
	}
	return nil
}

// writeFindings numbers findings and passes them to the sinks.
func (m *Loop) writeFindings(found []monitor.Finding) error {
	for i := range found {
		if found[i].Seen < m.Since {
			continue
		}
		m.seq++
		found[i].Seq = m.seq
		for _, s := range m.Sinks {
			if s, ok := s.(monitor.FindingSink); ok {
				if err := s.Finding(&found[i]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
