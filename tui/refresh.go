package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
)

// refresher reads counters of flows: of those in sight once a second, of the
// whole table only while something is ordered or summed by them, and then so
// seldom that dumping takes a twentieth of the time.
type refresher struct {
	busy     bool
	next     time.Time
	nextDump time.Time
}

const (
	refreshEvery = time.Second
	dumpEvery    = 2 * time.Second
	dumpShare    = 20
	refreshLimit = 3 * time.Second
)

// refreshedMsg says that a reading is done.
type refreshedMsg struct {
	dumped bool
	took   time.Duration
}

// refresh starts a reading if it is time for one.
func (m *Model) refresh() tea.Cmd {
	r, s := &m.refresher, m.s
	now := time.Now()
	if s.cfg.Refresher == nil || s.paused || s.ended || r.busy || now.Before(r.next) {
		return nil
	}
	dump := m.wantsDump() && now.After(r.nextDump)
	flows := m.inSight()
	if !dump && len(flows) == 0 {
		return nil
	}
	r.busy, r.next = true, now.Add(refreshEvery)
	return func() tea.Msg {
		// Errors are no news: the next reading tells, and what was not read is
		// shown as not known.
		if dump { // a big table takes its time
			_ = s.cfg.Refresher.Dump(s.ctx, s.reading)
			return refreshedMsg{dump, time.Since(now)}
		}
		ctx, cancel := context.WithTimeout(s.ctx, refreshLimit)
		defer cancel()
		_ = s.cfg.Refresher.Get(ctx, flows, s.reading)
		return refreshedMsg{dump, time.Since(now)}
	}
}

func (m *Model) refreshed(msg refreshedMsg) {
	m.refresher.busy = false
	if msg.dumped {
		m.refresher.nextDump = time.Now().Add(max(dumpEvery, dumpShare*msg.took))
	}
}

// reading brings what was read into the table and the rates. It is called by the
// command that reads; all it touches is safe for that.
func (s *session) reading(e *monitor.Event) {
	row, gen, ok := s.cfg.Table.Lookup(e.Flow.Orig)
	if !ok || !s.cfg.Table.Refresh(row, gen, e) {
		return
	}
	if e.Has.Any(monitor.AttrCountersOrig | monitor.AttrCountersReply) {
		s.rates.note(row, gen, e.Flow.CountersOrig.Bytes+e.Flow.CountersReply.Bytes, e.Time)
	}
}

// wantsDump reports whether the page needs every flow's counters.
func (m *Model) wantsDump() bool {
	p, ok := m.pages[m.open].(counting)
	return ok && p.wantsDump()
}

// inSight lists the flows whose counters are seen.
func (m *Model) inSight() []monitor.Tuple {
	if m.detail != nil {
		return []monitor.Tuple{m.detail.flow.row.Flow.Orig}
	}
	if p, ok := m.pages[m.open].(counting); ok {
		return p.inSight()
	}
	return nil
}
