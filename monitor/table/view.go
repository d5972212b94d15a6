package table

import (
	"slices"

	"natlens/monitor"
)

// Query selects the rows of a screen: those around a place in an order, among the matching
// flows. The table is neither sorted nor copied. One scan answers it, in a time that depends
// only on the size of the table.
type Query struct {
	Filter     *CachedFilter // nil: every flow
	By         Order
	Window     Window // for [ByRate]
	Descending bool
	At         Place        // the zero Place is the beginning of every order
	End        bool         // the end of the order; At is ignored
	Above      int          // number of rows before the place
	Below      int          // number of rows from the place on
	Now        monitor.Time // the time of the events that the filter gets

	// Near is a row near the place, if known. The scan begins there, which excludes most later
	// rows early.
	Near uint32
}

// View is the result of a [Query]. It shares nothing with the table.
type View struct {
	Rows    []ViewRow
	At      int           // Rows[At] is the first row that is not before the place
	Before  int           // matching rows before Rows[0]
	Matched int           // rows that match, ended ones included
	Live    int           // matching flows that have not ended
	Flows   int           // flows in the table that have not ended
	Seen    monitor.Attrs // attributes known of any matching flow that has not ended
	Rate    float64       // of all matching rows whose rate is known, both directions
	Marked  bool          // a matching row has a mark
	Zoned   bool          // a matching row has a zone other than 0
}

// ViewRow is a row with its position in the table and in the order.
type ViewRow struct {
	Row
	Index uint32 // for [Table.Get]; the generation is Row.Gen
	Place Place
}

// View answers a query. Rows that are added, removed or changed meanwhile may be missed or be
// sorted by an old value.
//
// It scans outwards from the row near the place, or from the newest row. Rows that arrived
// together are adjacent, and so are their places in the usual orders. So it finds the rows of
// the screen first, and excludes the rest quickly.
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

// scanner collects a view. During the scan v.Before counts all rows before the place.
type scanner struct {
	Query
	v            View
	matcher      matcher
	above, below picker
}

// chunk scans one chunk of rows.
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
		v.Rate += c.rateOf(p, row%chunkRows, s.Window).Total()
		place, ok := s.packedPlace(c, row%chunkRows, p)
		if !ok {
			t.rows.load(row, r)
			place = s.Place(r)
		}
		if place.Before(&s.At) {
			v.Before++
			s.above.add(placed{place, row})
		} else {
			s.below.add(placed{place, row})
		}
	}
}

// appendViewRow appends the current state of a row, unless it was removed since the scan.
func (t *Table) appendViewRow(v *View, p placed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows.at(p.index).gen == p.place.Gen {
		v.Rows = append(v.Rows, ViewRow{Index: p.index, Place: p.place})
		t.rows.load(p.index, &v.Rows[len(v.Rows)-1].Row)
	}
}

// placed is a row that may be in the view.
type placed struct {
	place Place
	index uint32
}

// picker keeps the first n of the rows that it gets, or the last n. It collects many more
// before it sorts them and drops the rest.
type picker struct {
	n     int
	last  bool
	kept  []placed
	limit Place // places beyond it are excluded
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

// sorted returns the kept rows in order.
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
