package table

import (
	"slices"

	"natlens/monitor"
)

// Query asks a table for the rows on a screen: those around a place in an order,
// among the matching flows. The table is neither sorted nor copied. One scan
// answers it, in a time that depends on the size of the table only.
type Query struct {
	Filter     *CachedFilter // nil: every flow
	By         Order
	Value      func(row uint32, r *Row) uint64 // what [ByValue] orders by; called with the table locked
	Descending bool
	At         Place        // the zero Place is the beginning of every order
	End        bool         // from the end of the order instead: At is ignored
	Above      int          // how many rows before the place
	Below      int          // how many rows from the place on
	Now        monitor.Time // the time of the events that the filter gets

	// Near is a row near the place, if one is known. The scan begins there, so
	// that most later rows are no candidates.
	Near uint32
}

// View is what a [Query] found. It shares nothing with the table.
type View struct {
	Rows    []ViewRow
	At      int           // Rows[At] is the first row that is not before the place
	Before  int           // matching rows before Rows[0]
	Matched int           // rows that match, ended ones included
	Live    int           // flows that match and are not ended
	Flows   int           // flows in the table that are not ended
	Seen    monitor.Attrs // what is known of any flow that matches and is not ended
	Marked  bool          // some matching row has a mark
	Zoned   bool          // some matching row has a zone other than 0
}

// ViewRow is a row with its position in the table and in the order.
type ViewRow struct {
	Row
	Index uint32 // for [Table.Get]; the generation is Row.Gen
	Place Place
}

// View answers a query. Rows that come, go or change meanwhile may or may not be
// seen, and two rows may be in the order of values that they no longer have.
//
// It scans outwards from the row that the view is to show, or from the newest one. Rows
// that arrived one after the other are beside each other, and so are their places in the
// usual orders: what is wanted is found first, and the rest is refused at a glance.
func (t *Table) View(q Query) View {
	if q.End { // behind every row: there is no such generation
		q.At = Place{^uint64(0), ^uint64(0), ^uint32(0), ^uint64(0)}
	}
	s := scanner{
		Query: q, matcher: matcher{filter: q.Filter, now: q.Now, extras: t.extras},
		above: picker{n: max(0, q.Above), last: true}, below: picker{n: max(0, q.Below)},
	}
	t.mu.Lock()
	chunks, from := len(t.rows.chunks), int(t.newest/chunkRows)
	t.mu.Unlock()
	if near := int(q.Near / chunkRows); q.At != (Place{}) && !q.End && near < chunks {
		from = near
	}
	for i := range chunks { // from, from+1, from-1, from+2, …
		step := (i + 1) / 2
		if i%2 == 0 {
			step = chunks - step
		}
		s.chunk(t, (from+step)%chunks)
	}
	above, below := s.above.sorted(), s.below.sorted()
	s.v.Before -= len(above)
	s.v.Rows = make([]ViewRow, 0, len(above)+len(below))
	for _, p := range above {
		t.appendViewRow(&s.v, p)
	}
	s.v.At = len(s.v.Rows)
	for _, p := range below {
		t.appendViewRow(&s.v, p)
	}
	return s.v
}

// scanner collects a view. Until the end v.Before counts all rows before the place.
type scanner struct {
	Query
	v            View
	matcher      matcher
	above, below picker
}

// chunk takes one chunk of rows.
func (s *scanner) chunk(t *Table, at int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, v, r := &t.rows.chunks[at], &s.v, &t.scratch
	s.matcher.open(c)
	for row, p := range t.rows.used(at) {
		live := p.state&RowEnded == 0
		if live {
			v.Flows++
		}
		if !s.matcher.wants(c, p, row) {
			continue
		}
		v.Matched++
		if live {
			v.Live++
			v.Seen |= p.known
		}
		v.Marked = v.Marked || p.mark != 0
		v.Zoned = v.Zoned || p.origZone|p.replyZone != 0
		place, ok := s.packedPlace(p)
		if !ok {
			t.rows.load(row, r)
			place = s.Place(row, r)
		}
		if place.Before(&s.At) {
			v.Before++
			s.above.add(placed{place, row})
		} else {
			s.below.add(placed{place, row})
		}
	}
}

// appendViewRow appends a row as it is now, unless it is gone since the scan.
func (t *Table) appendViewRow(v *View, p placed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows.at(p.index).gen == p.place.Gen {
		v.Rows = append(v.Rows, ViewRow{Index: p.index, Place: p.place})
		t.rows.load(p.index, &v.Rows[len(v.Rows)-1].Row)
	}
}

// placed is a row that a view may want.
type placed struct {
	place Place
	index uint32
}

// picker keeps the n first of the rows that it is given, or the n last. It gathers many
// more before it sorts them and throws the worse ones away.
type picker struct {
	n     int
	last  bool
	kept  []placed
	limit Place // no place beyond it is wanted
	full  bool  // limit is set
}

func (k *picker) add(p placed) {
	if k.n == 0 || k.full && p.place.Before(&k.limit) == k.last {
		return
	}
	if k.kept == nil {
		k.kept = make([]placed, 0, max(4*k.n, 2048))
	}
	if k.kept = append(k.kept, p); len(k.kept) == cap(k.kept) {
		k.sorted()
	}
}

// sorted returns what was picked, in order.
func (k *picker) sorted() []placed {
	slices.SortFunc(k.kept, func(a, b placed) int { return a.place.Compare(&b.place) })
	if beyond := len(k.kept) - k.n; beyond >= 0 && k.n > 0 {
		k.full = true
		if k.last {
			k.kept = k.kept[:copy(k.kept, k.kept[beyond:])]
			k.limit = k.kept[0].place
		} else {
			k.kept = k.kept[:k.n]
			k.limit = k.kept[k.n-1].place
		}
	}
	return k.kept
}
