package monitor

// scanner goes over the rows of a table for one view.
type scanner struct {
	q            *Query
	v            *View
	event        Event // what the filter sees
	before       int
	above, below picker
}

func newScanner(q *Query, v *View) *scanner {
	s := &scanner{q: q, v: v, above: picker{last: true}}
	s.above.n, s.below.n = max(0, q.Above), max(0, q.Below)
	if q.End { // behind every row: there is no such generation
		q.At = Place{^uint64(0), ^uint64(0), ^uint32(0), ^uint64(0)}
	}
	return s
}

// scan takes every chunk of the table, outwards from the row that the view is
// to show, or from the newest one. Rows that came one after the other stand
// beside each other, and so do their places in the usual orders: what is wanted
// is found first, and the rest is refused at a glance.
func (t *Table) scan(s *scanner) {
	t.mu.Lock()
	chunks, from := len(t.rows.chunks), int(t.newest/chunkRows)
	t.mu.Unlock()
	if near := int(s.q.Near / chunkRows); s.q.At != (Place{}) && !s.q.End && near < chunks {
		from = near
	}
	for i := range chunks { // from, from+1, from-1, from+2, …
		step := (i + 1) / 2
		if i%2 == 0 {
			step = chunks - step
		}
		if !t.viewChunk((from+step)%chunks, s) {
			return
		}
	}
}

// viewChunk takes one chunk of rows, with the table locked. It returns false
// when the scan is stopped.
func (t *Table) viewChunk(c int, s *scanner) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.q.Stop != nil && s.q.Stop.Load() {
		s.v.Cut = true
		return false
	}
	base := uint32(c * chunkRows)
	if base >= t.rows.next {
		return true
	}
	if n := min(chunkRows, t.rows.next-base); s.q.Filter == nil && s.q.By.packed() {
		s.packedRows(&t.rows.chunks[c], base, n)
	} else {
		for i := base; i < base+n; i++ {
			t.viewRow(i, s)
		}
	}
	return true
}

// packedRows takes rows as the slab keeps them. Of a million rows all but some
// hundreds are only counted: the loop looks no further than it must to see that
// a row is not among those that are wanted.
func (s *scanner) packedRows(c *chunk, base, n uint32) {
	var all, ended int
	var seen Attrs
	var mark uint32
	var zone uint16
	at, flip := s.q.At.Hi, s.q.flip()
	for i := range n {
		p := &c.rows[i]
		if p.gen == 0 {
			continue
		}
		all++
		if p.state&RowEnded != 0 {
			ended++
		} else {
			seen |= p.known
		}
		mark |= p.mark
		zone |= p.origZone | p.replyZone
		hi := c.packedOrder(s.q.By, p, i) ^ flip
		switch { // refused, written out: the call would cost half as much as the row
		case hi > at && hi > s.below.edge():
		case hi < at && hi < s.above.edge():
			s.before++
		default:
			s.pick(placed{Place{Hi: hi, Lo: flip, Sub: uint32(flip), Gen: p.gen}, base + i})
		}
	}
	v := s.v
	v.Matched += all
	v.Flows += all - ended
	v.Live += all - ended
	v.Seen |= seen
	v.Marked = v.Marked || mark != 0
	v.Zoned = v.Zoned || zone != 0
}

// viewRow takes a row that has to be unpacked, for the filter or for the order.
func (t *Table) viewRow(row uint32, s *scanner) {
	q, v := s.q, s.v
	c, i := &t.rows.chunks[row/chunkRows], row%chunkRows
	p := &c.rows[i]
	if p.gen == 0 {
		return
	}
	live := p.state&RowEnded == 0
	if live {
		v.Flows++
	}
	e := &s.event
	c.loadFlow(p, i, &e.Flow)
	if q.Filter != nil {
		e.Time, e.Kind, e.Has = q.Now, KindExisting, p.known
		e.Gen, e.Row, e.Born = p.gen, row, c.born(p, i)
		if e.Extra = nil; p.known&AttrsInExtra != 0 {
			e.Extra = t.extras[row]
		}
		if !q.Filter(e) {
			return
		}
	}
	v.Matched++
	if live {
		v.Live++
		v.Seen |= p.known
	}
	v.Marked = v.Marked || p.mark != 0
	v.Zoned = v.Zoned || p.origZone|p.replyZone != 0
	place := Place{Gen: p.gen}
	switch {
	case q.By.packed():
		place.Hi = c.packedOrder(q.By, p, i)
	case q.By == ByValue:
		t.rows.load(row, &t.scratch)
		place.Hi = q.Value(row, &t.scratch)
	default:
		place.endpoint(q.By.end(&e.Flow))
	}
	if place.turn(q.flip()); !s.refused(place.Hi) {
		s.pick(placed{place, row})
	}
}

// refused tells by the first word of a row's place that it is not wanted.
func (s *scanner) refused(hi uint64) bool {
	switch at := s.q.At.Hi; {
	case hi > at && hi > s.below.edge():
		return true
	case hi < at && hi < s.above.edge():
		s.before++
		return true
	}
	return false
}

// pick keeps a row if it is near the place.
func (s *scanner) pick(p placed) {
	if p.place.Before(&s.q.At) {
		s.before++
		s.above.add(p)
	} else {
		s.below.add(p)
	}
}
