package table

import (
	"sync/atomic"

	"natlens/monitor"
)

// Query asks a table for the rows in sight of a screen: those around a place in
// an order, among the flows that a judge wants. The table is neither sorted nor
// copied: one scan, of a time that grows with the table alone, wherever the place
// is.
type Query struct {
	Filter     *CachedFilter // nil: every flow
	By         Order
	Value      func(row uint32, r *Row) uint64 // what [ByValue] orders by; called with the table locked
	Descending bool
	At         Place        // the zero Place is the beginning of every order
	End        bool         // from the end of the order instead: At is ignored
	Above      int          // how many rows before the place
	Below      int          // how many rows from the place on
	Now        monitor.Time // the time of the events that the judge sees

	// Near is a row that stands near the place, where one is known: the scan
	// begins there, and most of what it sees later is then no candidate.
	Near uint32

	// Stop, when it becomes true, ends the scan: the view comes back cut. It
	// may be set by another goroutine; nil: never.
	Stop *atomic.Bool
}

// View is what a [Query] found. It shares nothing with the table.
type View struct {
	Rows    []ViewRow
	At      int           // Rows[At] is the first row that is not before the place
	Before  int           // rows that match and stand before Rows[0]
	Matched int           // rows that match, ended ones included
	Live    int           // flows that match and are not ended
	Flows   int           // flows in the table that are not ended
	Seen    monitor.Attrs // what is known of any flow that matches and is not ended
	Marked  bool          // some matching row has a mark
	Zoned   bool          // some matching row stands in a zone other than 0
	Changes uint64        // [Table.Changes] before the scan
	Cut     bool          // the scan was stopped: nothing in the view is right
}

// ViewRow is a row with where it stands, in the table and in the order.
type ViewRow struct {
	Row
	Index uint32 // for [Table.Get]; the generation is Row.Gen
	Place Place
}

// View answers a query. Rows that come, go or change meanwhile may or may not be
// seen, and two rows may be in the order of values that they no longer have.
func (t *Table) View(q Query) View {
	v := View{Changes: t.Changes()}
	s := t.newScanner(&q, &v)
	if t.scan(s); v.Cut {
		return v
	}
	above, below := s.above.sorted(), s.below.sorted()
	v.Before = s.before - len(above)
	v.Rows = make([]ViewRow, 0, len(above)+len(below))
	for _, p := range above {
		v.Rows = t.appendViewRow(v.Rows, p)
	}
	v.At = len(v.Rows)
	for _, p := range below {
		v.Rows = t.appendViewRow(v.Rows, p)
	}
	return v
}

// appendViewRow appends a row as it is now, unless it is gone since the scan.
func (t *Table) appendViewRow(rows []ViewRow, p placed) []ViewRow {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows.at(p.index).gen == p.place.Gen {
		rows = append(rows, ViewRow{Index: p.index, Place: p.place})
		t.rows.load(p.index, &rows[len(rows)-1].Row)
	}
	return rows
}

// Event fills e with what the table knows of the flow, as a filter wants it: an
// event of KindExisting at the given time. The row's Extra x is shared.
func (r *Row) Event(index uint32, x *monitor.Extra, now monitor.Time, e *monitor.Event) {
	e.Time, e.Kind = now, monitor.KindExisting
	e.Has, e.Remembered = r.Known, 0
	e.Gen, e.Row, e.Born = r.Gen, index, r.Born()
	e.Flow, e.Extra = r.Flow, x
}
