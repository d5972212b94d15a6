package table

import (
	"time"

	"natlens/monitor"
)

// ends remembers the flows that ended last. Messages from two CPUs can change their order: an
// UPDATE or NEW after the DESTROY must not add a flow, which would never end. If the hashes of
// two flows share a slot, only the later flow is remembered.
type ends [256]ended

type ended struct {
	hash  uint64 // of the original tuple
	at    monitor.Time
	gen   uint64
	id    uint32
	known bool // the flow had a row, so its NEW is not still to come
}

// maxLate is how long after a flow's end an UPDATE of it is recognised.
const maxLate = monitor.Time(time.Second)

// note remembers the end of a flow. It needs an id and a time to recognise late messages.
func (n *ends) note(h uint64, e *monitor.Event, known bool) {
	if e.Has&monitor.AttrID != 0 && e.Time != 0 {
		n[h%uint64(len(n))] = ended{h, e.Time, e.Gen, e.Flow.ID, known}
	}
}

// late reports whether an event without a row is about a flow that has ended, and sets the
// event's generation. The next flow with this tuple may have the same id. A NEW is about that
// next flow if the ended flow had a row, or ended before the NEW.
func (n *ends) late(h uint64, e *monitor.Event) bool {
	o := &n[h%uint64(len(n))]
	if o.hash != h || o.gen == 0 || o.id != e.Flow.ID || e.Has&monitor.AttrID == 0 || e.Inferred {
		return false
	}
	switch age := e.Time - o.at; {
	case e.Kind == monitor.KindUpdate && e.Time != 0 && -maxLate <= age && age <= maxLate:
	case e.Kind == monitor.KindNew && !o.known && -maxLate <= age && age <= 0:
	default:
		return false
	}
	e.Unkept, e.Gen = true, o.gen
	return true
}
