package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/tui/page"
	"natlens/tui/tail"
)

// frameMsg is the beginning of a frame.
type frameMsg time.Time

const (
	frameEvery = 100 * time.Millisecond
	quietFrame = time.Second // when nothing happens: for the ages
	costShare  = 10          // asking the table takes at most a tenth of the time
)

// tick orders the next frame.
func tick() tea.Cmd {
	return tea.Tick(frameEvery, func(t time.Time) tea.Msg { return frameMsg(t) })
}

// frameState is what decides whether a frame has anything new.
type frameState struct {
	table, names uint64
	events       uint64
	at           time.Time
}

// frame samples what the status line shows, asks for rows if something has changed, and
// orders the next frame.
func (m *Model) frame() tea.Cmd {
	s := m.s
	s.Stats = m.cfg.Stats()
	now := s.Clock()
	m.header.line.Sample(now, 0, tail.Counts{Created: s.Stats.Events})
	cmds := []tea.Cmd{m.watch.Frame(), m.answers.ask(), s.Names.Ask(s.Context)}
	if !s.Paused {
		s.Frame = now
		if !m.matching() { // else the page counts them
			s.Flows = s.Table.Len()
		}
		cmds = append(cmds, m.pullIfNew(), m.refresher.frame(m.counters()))
		if m.detail.Open {
			m.detail.Refresh()
		}
	}
	return tea.Batch(append(cmds, m.tick())...)
}

// matching reports whether the page counts the flows of the filter.
func (m *Model) matching() bool {
	_, ok := m.page().(page.Matching)
	return ok
}

func (m *Model) pullIfNew() tea.Cmd {
	s := m.s
	state := frameState{table: s.Table.Changes(), names: s.Names.Changes, events: s.Stats.Events, at: m.pulled.at}
	age := time.Since(m.pulled.at)
	if age >= quietFrame {
		s.Table.Expire(s.Frame) // while no events come, only this removes ended flows
	}
	if age < costShare*s.Cost || state == m.pulled && age < quietFrame {
		return nil
	}
	state.at = time.Now()
	m.pulled = state
	return m.page().Pull()
}

// counters returns the flows whose counters are seen, and whether those of all flows are
// needed.
func (m *Model) counters() (seen []monitor.Tuple, all bool) {
	if p, ok := m.page().(page.Counting); ok {
		seen, all = p.InSight(), p.WantsDump()
	}
	if m.detail.Open {
		seen = []monitor.Tuple{m.detail.Flow.Row.Flow.Orig}
	}
	return seen, all
}
