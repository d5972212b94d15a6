package table

import "natlens/monitor"

// scanner goes over the rows of a table for one view.
type scanner struct {
	q            *Query
	v            *View
	matcher      matcher
	before       int
	above, below picker
}

func (t *Table) newScanner(q *Query, v *View) *scanner {
	m := matcher{filter: q.Filter, now: q.Now, extras: t.extras}
	s := &scanner{q: q, v: v, matcher: m, above: picker{last: true}}
	s.above.n, s.below.n = max(0, q.Above), max(0, q.Below)
	if q.End { // behind every row: there is no such generation
		q.At = Place{^uint64(0), ^uint64(0), ^uint32(0), ^uint64(0)}
	}
	return s
}

// scan takes every chunk of the table, outwards from the row that the view is
// to show, or from the newest one. Rows that arrived one after the other are
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
	ch, n := &t.rows.chunks[c], min(chunkRows, t.rows.next-base)
	s.matcher.open(ch, n)
	if s.q.By.packed() {
		s.packedRows(ch, base, n)
		return true
	}
	for i := range n {
		t.viewRow(ch, i, base+i, s)
	}
	return true
}

// packedRows takes rows as the slab keeps them. Of a million rows all but some
// hundreds are only counted: the loop reads no further than it needs to see that
// a row is not among those that are wanted.
func (s *scanner) packedRows(c *chunk, base, n uint32) {
	var matched, live, flows int
	var seen monitor.Attrs
	var mark uint32
	var zone uint16
	at, flip, filtered, ends := s.q.At.Hi, s.q.flip(), s.q.Filter != nil, s.q.By.byEnd()
	for i := range n {
		p := &c.rows[i]
		if p.gen == 0 {
			continue
		}
		ended := p.state&RowEnded != 0
		if !ended {
			flows++
		}
		if filtered && !s.matcher.wants(c, p, base+i) {
			continue
		}
		matched++
		if !ended {
			live++
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
			place := Place{Hi: hi, Lo: flip, Sub: uint32(flip)}
			if ends && p.state&rowWide != 0 {
				place = c.widePlace(s.q.By, i)
				place.turn(flip)
			}
			place.Gen = p.gen
			s.pick(placed{place, base + i})
		}
	}
	v := s.v
	v.Matched += matched
	v.Live += live
	v.Flows += flows
	v.Seen |= seen
	v.Marked = v.Marked || mark != 0
	v.Zoned = v.Zoned || zone != 0
}

// viewRow takes a row that has to be unpacked for the order.
func (t *Table) viewRow(c *chunk, i, row uint32, s *scanner) {
	q, v := s.q, s.v
	p := &c.rows[i]
	if p.gen == 0 {
		return
	}
	live := p.state&RowEnded == 0
	if live {
		v.Flows++
	}
	if q.Filter != nil && !s.matcher.wants(c, p, row) {
		return
	}
	v.Matched++
	if live {
		v.Live++
		v.Seen |= p.known
	}
	v.Marked = v.Marked || p.mark != 0
	v.Zoned = v.Zoned || p.origZone|p.replyZone != 0
	r := &t.scratch
	t.rows.load(row, r)
	if place := q.Place(row, r); !s.refused(place.Hi) {
		s.pick(placed{place, row})
	}
}

// refused reports from the first word of a row's place that it is not wanted.
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
