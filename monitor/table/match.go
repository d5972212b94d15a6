package table

import (
	"sync/atomic"

	"natlens/monitor"
)

// court asks a judge about rows, with the table locked.
type matcher struct {
	filter *CachedFilter // nil: every row is wanted
	now    monitor.Time
	extras map[uint32]*monitor.Extra
	event  monitor.Event // what the judge sees
}

// open takes away the verdicts on the chunk's first n rows if they are another
// judge's, or of an earlier look of one that is not steady.
func (k *matcher) open(c *chunk, n uint32) {
	if k.filter == nil || c.filter == k.filter && k.filter.Steady {
		return
	}
	for i := range n {
		c.rows[i].state &^= rowMatched
	}
	c.filter = k.filter
}

// wants reports whether the judge wants the row, which is p in the chunk. There is
// a judge, and the chunk is open.
func (k *matcher) wants(c *chunk, p *packedRow, row uint32) bool {
	if p.state&rowMatched == 0 {
		return k.hear(c, row)
	}
	return p.state&rowMatches != 0
}

// hear asks the judge and notes the verdict.
func (k *matcher) hear(c *chunk, row uint32) bool {
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

// ScanMatching calls fn for every row that the judge wants, lingering ones included; a nil
// judge wants all. It returns the number of flows in the table that are not ended,
// and false if stop, which another goroutine may set and which may be nil, ended
// it before the last row. What Scan says of its fn holds for this one.
func (t *Table) ScanMatching(j *CachedFilter, now monitor.Time, stop *atomic.Bool, fn func(row uint32, r *Row)) (flows int, whole bool) {
	k := matcher{filter: j, now: now, extras: t.extras}
	for c := 0; ; c++ {
		if stop != nil && stop.Load() {
			return flows, false
		}
		live, ok := t.lookChunk(c, &k, fn)
		if !ok {
			return flows, true
		}
		flows += live
	}
}

// lookChunk does so with one chunk. It returns false if there is none.
func (t *Table) lookChunk(at int, k *matcher, fn func(row uint32, r *Row)) (live int, ok bool) {
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
