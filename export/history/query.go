package history

import (
	"net/netip"

	"natlens/monitor"
)

// End is one end of the translations that are asked for; the zero value is any.
type End struct {
	Addr    netip.Addr // the zero Addr: any
	Port    uint16     // only with HasPort
	HasPort bool
}

// Any reports whether the end excludes nothing.
func (e End) Any() bool { return !e.Addr.IsValid() && !e.HasPort }

func (e End) match(p monitor.Endpoint) bool {
	return (!e.HasPort || e.Port == p.Port) && (!e.Addr.IsValid() || monitor.AddrFrom(e.Addr) == p.Addr)
}

// Query asks for translations. All that it says must hold; the zero Query asks
// for everything.
type Query struct {
	Outside End // who held this address?
	Inside  End // what did this host hold?
	Peer    End // only towards this one

	Proto monitor.Proto // 0: any

	// From and To ask for translations that were open at some moment between
	// them, the ends included; 0 is no bound. From == To is one moment.
	From, To monitor.Time

	// Namespace asks for one network namespace by its name; "" is any. A
	// Translation has no name: Match does not look at it, InNamespace does.
	Namespace string

	Zone    uint16 // only with HasZone
	HasZone bool

	Limit int // end after so many; 0: never
}

// Match reports whether the translation is asked for, and by which of its sides.
// An open translation is taken to last for ever.
func (q *Query) Match(t *Translation) (Side, bool) {
	if q.Proto != 0 && q.Proto != t.Proto || q.HasZone && q.Zone != t.Zone || !q.covers(t.Start, t.End) {
		return 0, false
	}
	for _, s := range [...]Side{SourceSide, DestinationSide} {
		if t.Has(s) && q.Outside.match(t.Outside(s)) && q.Inside.match(t.Inside(s)) && q.Peer.match(t.Peer(s)) {
			return s, true
		}
	}
	return 0, false
}

// InNamespace reports whether the namespace of that name is asked for.
func (q *Query) InNamespace(name string) bool { return q.Namespace == "" || q.Namespace == name }

// concerns reports whether there may be answers that the gap hides.
func (q *Query) concerns(g *Gap) bool {
	return q.covers(g.From, g.To) && (g.Namespace == "" || q.InNamespace(g.Namespace))
}

// covers reports whether a time from start to end, 0 for no end, has a moment in
// common with what is asked for.
func (q *Query) covers(start, end monitor.Time) bool {
	return (q.To == 0 || start <= q.To) && (q.From == 0 || end == 0 || end >= q.From)
}

// index is the index of a segment that finds what is asked for, and by what; "": none
// does.
func (q *Query) index() (table string, by End) {
	switch {
	case q.Outside.Addr.IsValid():
		return "outside", q.Outside
	case q.Inside.Addr.IsValid():
		return "inside", q.Inside
	}
	return "", End{}
}
