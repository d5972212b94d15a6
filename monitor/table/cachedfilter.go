package table

import (
	"sync/atomic"

	"natlens/monitor"
)

// CachedFilter is a filter for a table that is looked at again and again. The table
// remembers in each row what the judge of the last look said of it, until the
// row changes: a look of the same judge, which is the same pointer, then asks it
// of the few rows that changed. Two judges that take turns are each told the
// truth, but nothing is remembered for them. It must not be changed once it is
// in use, and may be used for several tables and by several goroutines at once.
type CachedFilter struct {
	Match monitor.Filter // rows come to it as [Row.Event] makes them

	// Steady says that a verdict holds for as long as the row stays as it is: it
	// rests neither on the time nor on anything beside the event. What a judge
	// that is not steady says is never remembered.
	Steady bool
}

// The verdict on a row stands in its state:
//
//	rowMatched  rowMatches
//	    0          –      not asked yet, or the row has changed since
//	    1          0      refused
//	    1          1      wanted
//
// Whose verdict it is stands in the chunk, once for all of its rows. Whatever
// changes what [Row.Event] shows of a row takes rowMatched away; slab.saveFlow,
// through which most changes go, leaves a row without it. That a row has ended,
// and when, events do not show.

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
