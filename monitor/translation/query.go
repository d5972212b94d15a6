package translation

import "natlens/monitor"

// Query selects translations. All conditions must hold; the zero Query selects
// everything.
type Query struct {
	Outside End // who held this address?
	Inside  End // what did this host hold?
	Peer    End // only towards this one

	Proto monitor.Proto // 0: any

	// Since and Until select translations that were open at some time between
	// them, both included; 0 is no bound. Equal values are one moment.
	Since, Until monitor.Time

	Namespace string // network namespace by name; "": any
	Limit     int    // end after this many translations; 0: never
}

// Match reports whether the translation is wanted, and by which of its sides. An
// open translation has no end.
func (q *Query) Match(t *Translation) (Side, bool) {
	switch {
	case q.Proto != 0 && q.Proto != t.Proto, q.Namespace != "" && q.Namespace != t.Namespace, !q.Covers(t.Start, t.End):
		return 0, false
	}
	for _, s := range t.Sides() {
		if q.Outside.match(t.Outside(s)) && q.Inside.match(t.Inside(s)) && q.Peer.match(t.Peer(s)) {
			return s, true
		}
	}
	return 0, false
}

// Covers reports whether a time from start to end, 0 for no end, overlaps the
// time of the query.
func (q *Query) Covers(start, end monitor.Time) bool {
	return (q.Until == 0 || start <= q.Until) && (q.Since == 0 || end == 0 || end >= q.Since)
}

// Concerns reports whether the gap can hide answers.
func (q *Query) Concerns(g *Gap) bool {
	return q.Covers(g.From, g.To) && (g.Namespace == "" || q.Namespace == "" || q.Namespace == g.Namespace)
}
