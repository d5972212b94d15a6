package monitor

import (
	"context"
	"time"
)

// TickEvery is how often the Monitor's [Rules] are called without events.
const TickEvery = 100 * time.Millisecond

// ticker calls the Monitor's Rules by the clock. The wait for events ends when a
// tick is due: one context serves all waits until then, because a source sets
// itself up anew for every context that it is given.
type ticker struct {
	due    time.Time
	ctx    context.Context
	cancel context.CancelFunc
}

// until returns a context that ends when the next tick is due.
func (t *ticker) until(ctx context.Context) context.Context {
	if t.ctx == nil {
		t.ctx, t.cancel = context.WithDeadline(ctx, t.due)
	}
	return t.ctx
}

// stop lets the context go.
func (t *ticker) stop() {
	if t.ctx != nil {
		t.cancel()
		t.ctx = nil
	}
}

// tick calls the rules if it is time, and tells the sinks what they found.
func (m *Monitor) tick() error {
	if m.Rules == nil {
		return nil
	}
	now := time.Now()
	if now.Before(m.ticks.due) {
		return nil
	}
	m.ticks.stop()
	m.ticks.due = now.Add(TickEvery)
	found := m.Rules.Tick(Now())
	for i := range found {
		m.seq++
		found[i].Seq = m.seq
		for _, s := range m.Sinks {
			if s, ok := s.(FindingSink); ok {
				if err := s.Finding(&found[i]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
