package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/tui/page"
)

// refresher reads counters of flows: of those in sight once a second, of the whole table only
// while rows are ordered or summed by them, and then so seldom that dumping takes a twentieth
// of the time.
type refresher struct {
	s        *page.Session
	source   Refresher // may be nil
	busy     bool
	next     time.Time
	nextDump time.Time
}

const (
	refreshEvery = time.Second
	dumpEvery    = 2 * time.Second
	dumpShare    = 20
	refreshLimit = 3 * time.Second // of reading single flows
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
		missing := r.read(flows, dump)
		took := time.Since(now)
		return func() {
			r.busy, r.s.Missing = false, missing
			if dump {
				r.nextDump = time.Now().Add(max(dumpEvery, dumpShare*took))
			}
		}
	})
}

// read reads the flows in sight, or every flow, and returns those in sight that were not
// found. An error is not reported: what was not read is shown as not known, and the next
// reading follows. It runs in a command; all that it touches is safe for that.
func (r *refresher) read(flows []monitor.Tuple, dump bool) map[uint64]bool {
	wanted := make(map[monitor.Tuple]bool, len(flows))
	for _, t := range flows {
		wanted[t] = true
	}
	got := func(e *monitor.Event) {
		delete(wanted, e.Flow.Orig)
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
		return nil
	}
	missing := make(map[uint64]bool)
	for t := range wanted {
		if _, gen, ok := r.s.Table.Lookup(t); ok {
			missing[gen] = true
		}
	}
	return missing
}

// take brings what was read into the table and the rates.
func (r *refresher) take(e *monitor.Event) {
	row, gen, ok := r.s.Table.Lookup(e.Flow.Orig)
	if !ok || !r.s.Table.Refresh(row, gen, e) {
		return
	}
	if e.Has.Any(monitor.AttrCountersOrig | monitor.AttrCountersReply) {
		r.s.Rates.Note(row, gen, e.Flow.CountersOrig.Bytes+e.Flow.CountersReply.Bytes, e.Time)
	}
}
