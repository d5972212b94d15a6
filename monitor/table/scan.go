package table

import (
	"iter"

	"natlens/monitor"
)

// CachedFilter is a filter for repeated scans of a table. Each row caches the
// result of the last scan until the row changes, so another scan with the same
// CachedFilter (the same pointer) evaluates only rows that have changed. Two that
// alternate get right results but no cached ones. A CachedFilter must not be
// changed once it is in use; several tables and goroutines may use it at once.
type CachedFilter struct {
	Match monitor.Filter // gets rows as [Row.Event] makes them

	// Steady says that the result depends on the row alone: not on the time and
	// on nothing outside the event. Results of other filters are not cached.
	Steady bool
}

// The result for a row is in its state:
//
//	rowMatched  rowMatches
//	    0           –       not evaluated, or the row has changed since
//	    1           0       does not match
//	    1           1       matches
//
// The chunk says which filter the results of its rows come from. Every change to
// what [Row.Event] shows clears rowMatched; slab.save and chunk.merge, through
// which most changes go, leave a row without it. Events do not show that and when a row
// has ended.

// matcher applies a cached filter to rows while the table is locked.
type matcher struct {
	filter *CachedFilter // nil: every row is wanted
	now    monitor.Time
	extras map[uint32]*monitor.Extra
	event  monitor.Event // what the filter gets
}

// open clears the cached results of the chunk's rows if they come from another filter, or
// from an earlier scan of one that is not steady.
func (k *matcher) open(c *chunk) {
	if k.filter == nil || c.filter == k.filter && k.filter.Steady {
		return
	}
	for i := range c.rows {
		c.rows[i].state &^= rowMatched
	}
	c.filter = k.filter
}

// wants reports whether the row, which is p in the chunk, matches, and caches that. The
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

// Scan calls fn for every row, lingering ones included, until fn returns false.
// The table is locked for a few thousand rows at a time: fn must be quick, must
// not call the table, and must not retain r or x (x is nil for most rows). Rows
// that come or go meanwhile may or may not be seen.
func (t *Table) Scan(fn func(row uint32, r *Row, x *monitor.Extra) bool) {
	t.scanAll(&matcher{}, fn)
}

// ScanChunk is Scan for one piece of the table, of a few thousand rows. It returns false
// if there is no piece c, which ends a scan in steps.
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
func (t *Table) ScanMatching(j *CachedFilter, now monitor.Time, fn func(row uint32, r *Row)) (flows int) {
	return t.scanAll(&matcher{filter: j, now: now, extras: t.extras}, func(row uint32, r *Row, _ *monitor.Extra) bool {
		fn(row, r)
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
