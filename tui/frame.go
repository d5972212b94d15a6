package tui

import (
	"cmp"
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/tui/page"
	"natlens/tui/tail"
)

// frameMsg starts a frame.
type frameMsg time.Time

const (
	frameEvery = 100 * time.Millisecond
	quietFrame = time.Second // without changes: for the ages
	costShare  = 10          // reading the table takes at most a tenth of the time
)

// tick returns a command for the next frame.
func tick() tea.Cmd {
	return tea.Tick(frameEvery, func(t time.Time) tea.Msg { return frameMsg(t) })
}

// frameState is what decides whether a frame has changes.
type frameState struct {
	table, names uint64
	events       uint64
	at           time.Time
}

// frame reads the values of the status line, pulls the page if something has changed, and
// schedules the next frame.
func (m *Model) frame() tea.Cmd {
	s := m.s
	s.Stats = m.cfg.Stats()
	now := s.Clock()
	m.header.line.Sample(now, 0, 0, tail.Counts{Created: s.Stats.Events - s.Stats.Existing})
	cmds := []tea.Cmd{m.watch.Frame(), m.answers.ask(), s.Names.Ask(s.Context)}
	if !s.Paused {
		s.Frame = now
		if !m.matching() { // otherwise the page counts them
			s.Flows = s.Table.Len()
		}
		seen, all := m.counters()
		if len(seen) == 0 && !all {
			s.Read = 0
		}
		cmds = append(cmds, m.pullIfNew(), m.refresher.frame(seen, all))
		if m.detail.Open {
			m.detail.Refresh()
		}
	}
	return tea.Batch(append(cmds, m.tick())...)
}

// matching reports whether the page counts the flows of the filter.
func (m *Model) matching() bool { return m.s.Counted == m.page() }

func (m *Model) pullIfNew() tea.Cmd {
	s := m.s
	state := frameState{table: s.Table.Changes(), names: s.Names.Changes, events: s.Stats.Events, at: m.pulled.at}
	age := time.Since(m.pulled.at)
	if age >= quietFrame {
		s.Table.Expire(s.Frame) // without events, only this removes ended flows
	}
	if age < costShare*s.Cost || state == m.pulled && age < quietFrame {
		return nil
	}
	state.at = time.Now()
	m.pulled = state
	return m.page().Pull()
}

// counters returns the flows whose counters are on the screen, and whether the page needs those
// of all flows.
func (m *Model) counters() (seen []monitor.Tuple, all bool) {
	if p, ok := m.page().(interface{ InSight() []monitor.Tuple }); ok {
		seen = p.InSight()
	}
	if p, ok := m.page().(interface{ WantsDump() bool }); ok {
		all = p.WantsDump()
	}
	if m.detail.Open {
		seen = []monitor.Tuple{m.detail.Flow.Row.Flow.Orig}
	}
	return seen, all
}

// refresher reads counters of flows: those on the screen once a second, those of the whole
// table only while rows are sorted or summed by them, and at intervals so long that dumps take
// at most a twentieth of the time.
type refresher struct {
	s        *page.Session
	source   Refresher                  // may be nil
	enter    func(monitor.NetNS) string // Config.Enter
	busy     bool
	next     time.Time
	nextDump time.Time
	cost     time.Duration // of a dump
}

const (
	refreshEvery = time.Second
	dumpEvery    = 2 * time.Second
	dumpShare    = 20
	refreshLimit = 3 * time.Second // timeout for single flows
)

// frame starts a reading if one is due: of single flows, or of all.
func (r *refresher) frame(flows []monitor.Tuple, all bool) tea.Cmd {
	now := time.Now()
	dump := all && now.After(r.nextDump)
	if r.source == nil || r.s.Ended || r.busy || now.Before(r.next) || !dump && len(flows) == 0 {
		return nil
	}
	r.busy, r.next = true, now.Add(refreshEvery)
	return page.Do(func() func() {
		read := reading{at: r.s.Clock()}
		err := r.read(&read, flows, dump)
		took := time.Since(now)
		return func() {
			r.busy = false
			if dump {
				if r.cost == 0 || took < 2*r.cost {
					r.cost = took
				} else { // probably it waited for a processor: dumps grow slowly
					r.cost *= 2
				}
				r.nextDump = time.Now().Add(max(dumpEvery, dumpShare*r.cost))
			}
			if r.s.Missing = read.missing; err == nil && (dump || !all) {
				r.note(&read)
			}
		}
	})
}

// reading is what a reading found.
type reading struct {
	at             monitor.Time    // when it began
	missing        map[uint64]bool // the flows on the screen that the kernel does not have
	flows, counted int             // flows read, and those of them with counters
	netns          monitor.NetNS   // of one of them
}

// read reads the flows on the screen, or every flow. The caller does not show an error: unread
// values are shown as unknown, and the next reading follows. It runs in a command, and
// everything that it uses is safe for that.
func (r *refresher) read(found *reading, flows []monitor.Tuple, dump bool) error {
	wanted := make(map[monitor.Tuple]bool, len(flows))
	for _, t := range flows {
		wanted[t] = true
	}
	got := func(e *monitor.Event) {
		delete(wanted, e.Flow.Orig)
		found.flows, found.netns = found.flows+1, e.Flow.Orig.NetNS
		if e.Has.Any(monitor.AttrCountersOrig | monitor.AttrCountersReply) {
			found.counted++
		}
		r.take(e)
	}
	var err error
	if dump {
		err = r.source.Dump(r.s.Context, got)
	} else {
		ctx, cancel := context.WithTimeout(r.s.Context, refreshLimit)
		defer cancel()
		err = r.source.Get(ctx, flows, got)
	}
	if err != nil {
		return err
	}
	found.missing = make(map[uint64]bool)
	for t := range wanted {
		if row, gen, ok := r.s.Table.Lookup(t); ok {
			r.s.Table.ClearRate(row, gen)
			found.missing[gen] = true
		}
	}
	return nil
}

// take copies a reading to the table.
func (r *refresher) take(e *monitor.Event) {
	if row, gen, ok := r.s.Table.Lookup(e.Flow.Orig); ok {
		r.s.Table.Refresh(row, gen, e)
	}
}

// note sets when counters were read, and the command that turns accounting on if no flow has
// counters.
func (r *refresher) note(found *reading) {
	s := r.s
	switch {
	case found.counted > 0:
		s.Read, s.Uncounted = found.at, ""
	case found.flows > 0:
		prefix := "sudo "
		if r.enter != nil {
			prefix = cmp.Or(r.enter(found.netns), prefix)
		}
		s.Uncounted = prefix + "sysctl -w net.netfilter.nf_conntrack_acct=1"
	}
}
