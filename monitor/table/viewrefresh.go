package table

import "natlens/monitor"

// refreshed is what a reading of a flow brings into its row: what changes with
// every packet and no event reports. States and bits are left to the events,
// which come in order; a reading may have overtaken them.
const refreshed = monitor.AttrTimeout | monitor.AttrCountersOrig | monitor.AttrCountersReply |
	monitor.AttrUse | monitor.AttrStart

// Refresh brings a reading of a flow (a GET, or a line of a dump) into its row.
// It does nothing and returns false if the flow of that generation has ended or
// is gone, or if the reading belongs to another flow with the same
// tuple: so a reading that comes late raises nothing from the dead.
func (t *Table) Refresh(row uint32, gen uint64, e *monitor.Event) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if row >= t.rows.next || gen == 0 {
		return false
	}
	r := &t.scratch
	t.rows.load(row, r)
	if r.Gen != gen || r.Ended() || r.Flow.Orig != e.Flow.Orig {
		return false
	}
	if e.Has&r.Known&monitor.AttrID != 0 && r.Flow.ID != e.Flow.ID {
		return false
	}
	has := e.Has & refreshed
	mergeFlow(&r.Flow, &e.Flow, has)
	r.Known |= has
	r.Last = max(r.Last, e.Time)
	t.rows.save(row, r)
	t.changes++
	return true
}
