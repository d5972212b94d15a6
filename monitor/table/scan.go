package table

import (
	"iter"

	"natlens/monitor"
)

// CachedFilter is a filter for repeated scans of a table. Each row caches the result of the
// last scan until the row changes, so another scan with the same CachedFilter (the same
// pointer) evaluates only rows that have changed. If two alternate, the results are right but
// not cached. A CachedFilter must not be changed once it is in use. Several tables and
// goroutines may use it at once.
type CachedFilter struct {
	Match monitor.Filter // gets rows as [Row.Event] makes them

	// Steady means that the result depends only on the row, not on the time or anything outside
	// the event. Results of other filters are not cached.
	Steady bool
}

// The cached result of a row is in its state:
//
//	rowMatched  rowMatches
//	    0           –       not evaluated, or the row has changed since
//	    1           0       does not match
//	    1           1       matches
//
// The chunk says which filter the results of its rows come from. Every change of what
// [Row.Event] contains clears rowMatched. Most changes go through slab.save and chunk.merge,
// which clear it. The event does not contain that and when a row has ended.

// matcher applies a cached filter to rows. The table must be locked.
type matcher struct {
	filter *CachedFilter // nil: every row matches
	now    monitor.Time
	extras map[uint32]*monitor.Extra
	event  monitor.Event // what the filter gets
}

// open prepares a chunk: it clears cached results of another filter, or of a filter that is not
// steady.
func (k *matcher) open(c *chunk) {
	if k.filter == nil || c.filter == k.filter && k.filter.Steady {
		return
	}
	for i := range c.rows {
		c.rows[i].state &^= rowMatched
	}
	c.filter = k.filter
}

// wants reports whether a row matches, and caches the result. p is the packed row, and its
// chunk is open.
func (k *matcher) wants(c *chunk, p *packedRow, row uint32) bool {
	if k.filter == nil {
		return true
	}
	if p.state&rowMatched != 0 {
		return p.state&rowMatches != 0
	}
	i, e := row%chunkRows, &k.event
	e.Time, e.Kind, e.Has = k.now, monitor.KindExisting, p.known
	e.Gen, e.Row, e.Born = p.gen, row, c.born(p, i)
	if e.Extra = nil; p.known&monitor.AttrsInExtra != 0 {
		e.Extra = k.extras[row]
	}
	c.loadFlow(p, i, &e.Flow)
	p.state = p.state&^rowMatches | rowMatched
	if !k.filter.Match(e) {
		return false
	}
	p.state |= rowMatches
	return true
}

// used are the rows of a chunk that hold a flow.
func (s *slab) used(c int) iter.Seq2[uint32, *packedRow] {
	return func(yield func(uint32, *packedRow) bool) {
		base := uint32(c * chunkRows)
		for i := range min(chunkRows, s.next-base) {
			if p := &s.chunks[c].rows[i]; p.gen != 0 && !yield(base+i, p) {
				return
			}
		}
	}
}

// Scan calls fn for every row, lingering ones included, until fn returns false. The table is
// locked for a few thousand rows at a time: fn must be fast, must not call the table, and must
// not retain r or x (x is nil for most rows). Rows that are added or removed meanwhile may be
// missed.
func (t *Table) Scan(fn func(row uint32, r *Row, x *monitor.Extra) bool) {
	t.scanAll(&matcher{}, fn)
}

// ScanChunk is Scan for one piece of the table, of a few thousand rows. It returns false if
// there is no piece c.
func (t *Table) ScanChunk(c int, fn func(row uint32, r *Row)) bool {
	_, ok := t.scanChunk(c, &matcher{}, func(row uint32, r *Row, _ *monitor.Extra) bool {
		fn(row, r)
		return true
	})
	return ok
}

// ScanMatching calls fn for every row that matches, lingering rows included; a nil
// filter matches all. It returns the number of flows that have not ended, matching or
// not. fn has the limits of [Table.Scan].
func (t *Table) ScanMatching(j *CachedFilter, now monitor.Time,
	fn func(row uint32, r *Row, x *monitor.Extra)) (flows int) {
	return t.scanAll(&matcher{filter: j, now: now, extras: t.extras}, func(row uint32, r *Row, x *monitor.Extra) bool {
		fn(row, r, x)
		return true
	})
}

// scanAll is scanChunk for all chunks, until fn returns false.
func (t *Table) scanAll(k *matcher, fn func(uint32, *Row, *monitor.Extra) bool) (live int) {
	for c, ok := 0, true; ok; c++ {
		var n int
		n, ok = t.scanChunk(c, k, fn)
		live += n
	}
	return live
}

// scanChunk calls fn for the matching rows of a chunk, and counts its flows that have not
// ended. It returns false if there is no such chunk, or if fn does.
func (t *Table) scanChunk(at int, k *matcher, fn func(uint32, *Row, *monitor.Extra) bool) (live int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at >= len(t.rows.chunks) {
		return 0, false
	}
	c := &t.rows.chunks[at]
	k.open(c)
	for row, p := range t.rows.used(at) {
		if p.state&RowEnded == 0 {
			live++
		}
		if !k.wants(c, p, row) {
			continue
		}
		var x *monitor.Extra
		if p.known&monitor.AttrsInExtra != 0 {
			x = t.extras[row]
		}
		if t.rows.load(row, &t.scratch); !fn(row, &t.scratch, x) {
			return live, false
		}
	}
	return live, true
}
