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

// missing are flows, by generation, that the kernel did not find at the last
// reading although no event has told of their end: their time is over, and the
// kernel has not removed them yet.
type missing map[uint64]bool

const (
	refreshEvery = time.Second
	dumpEvery    = 2 * time.Second
	dumpShare    = 20
	refreshLimit = 3 * time.Second
)

// refreshedMsg says that a reading is done.
type refreshedMsg struct {
	dumped  bool
	took    time.Duration
	missing missing // of the flows in sight
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
		ctx, cancel := s.ctx, func() {}
		if !dump { // a dump of a big table takes its time
			ctx, cancel = context.WithTimeout(s.ctx, refreshLimit)
		}
		defer cancel()
		out := refreshedMsg{dumped: dump, missing: s.read(ctx, flows, dump)}
		out.took = time.Since(now)
		return out
	}
}

// read reads the flows in sight, or with dump every flow, and returns those in
// sight that were not found. After an error nothing is known of what was not told.
func (s *session) read(ctx context.Context, flows []monitor.Tuple, dump bool) missing {
	wanted := make(map[monitor.Tuple]bool, len(flows))
	for _, t := range flows {
		wanted[t] = true
	}
	got := func(e *monitor.Event) {
		delete(wanted, e.Flow.Orig)
		s.reading(e)
	}
	var err error
	if dump {
		err = s.cfg.Refresher.Dump(ctx, got)
	} else {
		err = s.cfg.Refresher.Get(ctx, flows, got)
	}
	if err != nil {
		return nil
	}
	out := make(missing)
	for t := range wanted {
		if _, gen, ok := s.cfg.Table.Lookup(t); ok {
			out[gen] = true
		}
	}
	return out
}

func (m *Model) refreshed(msg refreshedMsg) {
	m.refresher.busy = false
	m.s.missing = msg.missing
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
