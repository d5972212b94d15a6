package table

import (
	"sync/atomic"

	"natlens/monitor"
)

// matcher applies a cached filter to rows while the table is locked.
type matcher struct {
	filter *CachedFilter // nil: every row is wanted
	now    monitor.Time
	extras map[uint32]*monitor.Extra
	event  monitor.Event // what the filter gets
}

// open clears the cached results of the chunk's first n rows if they come from
// another filter, or from an earlier scan of one that is not steady.
func (k *matcher) open(c *chunk, n uint32) {
	if k.filter == nil || c.filter == k.filter && k.filter.Steady {
		return
	}
	for i := range n {
		c.rows[i].state &^= rowMatched
	}
	c.filter = k.filter
}

// wants reports whether the row, which is p in the chunk, matches. The filter is
// not nil and the chunk is open.
func (k *matcher) wants(c *chunk, p *packedRow, row uint32) bool {
	if p.state&rowMatched == 0 {
		return k.match(c, row)
	}
	return p.state&rowMatches != 0
}

// match applies the filter and caches the result.
func (k *matcher) match(c *chunk, row uint32) bool {
	i := row % chunkRows
	p := &c.rows[i]
	e := &k.event
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

// ScanMatching calls fn for every row that matches, lingering rows included; a nil
// filter matches all. It returns the number of flows that have not ended, and
// false if stop ended the scan early. Another goroutine may set stop; it may be
// nil. fn has the limits of [Table.Scan].
func (t *Table) ScanMatching(
	j *CachedFilter, now monitor.Time, stop *atomic.Bool, fn func(row uint32, r *Row),
) (flows int, whole bool) {
	k := matcher{filter: j, now: now, extras: t.extras}
	for c := 0; ; c++ {
		if stop != nil && stop.Load() {
			return flows, false
		}
		live, ok := t.matchChunk(c, &k, fn)
		if !ok {
			return flows, true
		}
		flows += live
	}
}

// matchChunk scans one chunk. It returns false if there is no such chunk.
func (t *Table) matchChunk(at int, k *matcher, fn func(row uint32, r *Row)) (live int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at >= len(t.rows.chunks) {
		return 0, false
	}
	c, base := &t.rows.chunks[at], uint32(at*chunkRows)
	n := min(chunkRows, t.rows.next-base)
	k.open(c, n)
	for i := range n {
		p := &c.rows[i]
		if p.gen == 0 {
			continue
		}
		if p.state&RowEnded == 0 {
			live++
		}
		if k.filter == nil || k.wants(c, p, base+i) {
			t.rows.load(base+i, &t.scratch)
			fn(base+i, &t.scratch)
		}
	}
	return live, true
}
