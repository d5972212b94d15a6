package table

import "natlens/monitor"

// Row is one flow of a [Table]. It is a value without pointers.
type Row struct {
	Flow  monitor.Flow
	Known monitor.Attrs // attributes of Flow and Extra that a message contained
	Gen   uint64        // number of the flow, unique within the table's life; 0: a free row
	First monitor.Time  // first message about it
	Last  monitor.Time  // last message about it; when Ended, the end
	State RowState
}

// RowState is a set of what the table knows about a row beside the flow.
type RowState uint8

// The bits of RowState.
const (
	RowNew   RowState = 1 << iota // its NEW was seen: First is its birth
	RowDump                       // known from a dump only so far
	RowEnded                      // destroyed; the row lingers
)

// Ended reports whether the flow has been destroyed and only lingers.
func (r *Row) Ended() bool { return r.State&RowEnded != 0 }

// Born returns when the flow began, as far as is known: the kernel's own start
// time, else the time of its NEW, else 0.
func (r *Row) Born() monitor.Time {
	if r.Known&monitor.AttrStart != 0 {
		return r.Flow.Start
	}
	if r.State&RowNew != 0 {
		return r.First
	}
	return 0
}

// Ends returns when the flow ends if no packet comes, according to the last
// message with a timeout; for an ended flow its end; 0 if no timeout is known.
func (r *Row) Ends() monitor.Time {
	switch {
	case r.Ended():
		return r.Last
	case r.Known&monitor.AttrTimeout == 0:
		return 0
	}
	return r.Last + monitor.Time(r.Flow.Timeout)*1e9
}

// Event fills e with what the table knows of the flow, as a filter wants it: an
// event of KindExisting at the given time. The row's Extra x is shared.
func (r *Row) Event(index uint32, x *monitor.Extra, now monitor.Time, e *monitor.Event) {
	e.Time, e.Kind = now, monitor.KindExisting
	e.Has, e.Remembered = r.Known, 0
	e.Gen, e.Row, e.Born = r.Gen, index, r.Born()
	e.Flow, e.Extra = r.Flow, x
}
