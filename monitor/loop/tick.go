package loop

import (
	"context"
	"time"

	"natlens/monitor"
)

// TickEvery is how often the Monitor's [Rules] are called without events.
const TickEvery = 100 * time.Millisecond

// ticker calls the Monitor's Rules by the clock. The wait for events ends when a
// tick is late. While events come, ticks are on time without that, and put it
// off: a wait that is cut short costs a source more than a hundred events.
type ticker struct {
	due    time.Time
	ctx    context.Context
	cancel context.CancelFunc
	late   *time.Timer // calls cancel
}

// until returns a context that ends when the next tick is late.
func (t *ticker) until(ctx context.Context) context.Context {
	if t.ctx == nil {
		t.ctx, t.cancel = context.WithCancel(ctx)
		t.late = time.AfterFunc(TickEvery, t.cancel)
	}
	return t.ctx
}

// putOff begins the time to the next tick.
func (t *ticker) putOff(now time.Time) {
	t.due = now.Add(TickEvery)
	switch {
	case t.ctx == nil:
	case t.ctx.Err() != nil:
		t.stop()
	default:
		t.late.Reset(TickEvery + TickEvery/4)
	}
}

// stop lets the context go.
func (t *ticker) stop() {
	if t.ctx != nil {
		t.late.Stop()
		t.cancel()
		t.ctx = nil
	}
}

// tick calls the rules if it is time.
func (m *Loop) tick() error {
	if m.Rules == nil {
		return nil
	}
	if m.Clock != nil {
		return m.writeFindings(m.Rules.Tick(m.Clock()))
	}
	now := time.Now()
	if now.Before(m.ticks.due) {
		if m.ticks.ctx != nil && m.ticks.ctx.Err() != nil {
			m.ticks.stop()
		}
		return nil
	}
	m.ticks.putOff(now)
	return m.writeFindings(m.Rules.Tick(monitor.Now()))
}

// writeFindings numbers findings and passes them to the sinks.
func (m *Loop) writeFindings(found []monitor.Finding) error {
	for i := range found {
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
