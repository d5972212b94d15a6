package table

import (
	"sync"
	"time"

	"natlens/monitor"
)

// Row is one flow of a [Table]. It is a value without pointers.
type Row struct {
	Flow  monitor.Flow
	Known monitor.Attrs // attributes of Flow and Extra that some message told
	Gen   uint64        // number of the flow, unique within the table's life; 0: a free row
	First monitor.Time  // first message about it
	Last  monitor.Time  // last message about it; when Ended, the end
	State RowState
}

// RowState is a set of what the table knows about a row beside the flow.
type RowState uint8

// The bits of RowState.
const (
	RowBorn  RowState = 1 << iota // its NEW was seen: First is its birth
	RowDump                       // known from a dump only so far
	RowEnded                      // destroyed; the row lingers
)

// Ended reports whether the flow has been destroyed and only lingers.
func (r *Row) Ended() bool { return r.State&RowEnded != 0 }

// Born tells when the flow began, as far as is known: the kernel's own start
// time, else the time of its NEW, else 0.
func (r *Row) Born() monitor.Time {
	if r.Known&monitor.AttrStart != 0 {
		return r.Flow.Start
	}
	if r.State&RowBorn != 0 {
		return r.First
	}
	return 0
}

// Config sets a Table up; the zero value works.
type Config struct {
	Linger time.Duration // how long ended flows stay in sight; 0: not at all
	Life   bool          // keep the times of each flow's states, for [Table.Life]

	// Memoryless holds no flows at all: Apply tells events their path, and
	// nothing else. It is for streams without DESTROY, in which a table would
	// only grow, and for who wants the messages as they are.
	Memoryless bool
}

// Table holds the flows of one network namespace as the events tell them. A
// flow is found by its original tuple (with the zone); a tuple that is made
// again is another flow with another generation. All methods may be called from
// several goroutines.
type Table struct {
	mu          sync.Mutex
	cfg         Config
	index       index
	rows        *slab
	extras      map[uint32]*monitor.Extra // by row; few flows have one
	life        []*[chunkRows]Life
	linger      rowList // ended rows in the order of their ends
	gen         uint64
	newest      uint32 // the row that was added last
	live        int
	silent      int // live rows that no event has told of yet
	locals      *monitor.Locals
	others      map[monitor.NetNS]*monitor.Locals // of namespaces with a number
	reconciling *Reconciliation                   // nil unless one is under way
	epoch       uint32                            // number of the last reconciliation
	scratch     Row                               // the row at hand, unpacked
	hashes      [32]uint64                        // of the events that are being applied
	touched     uint64                            // keeps prefetch's reads alive
	missed      uint64                            // ends concluded because the tuple was made again
	changes     uint64
}

// New returns an empty table.
func New(cfg Config) *Table {
	t := &Table{cfg: cfg, rows: new(slab), extras: make(map[uint32]*monitor.Extra)}
	t.index.init()
	return t
}

// Clear forgets all flows: what is read next begins anew. Generations go on
// counting, so that no flow of before is taken for one of after. The local
// addresses stay.
func (t *Table) Clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows.free, t.linger = rowList{}, rowList{}
	for i := t.rows.next; i > 0; i-- {
		t.rows.release(i - 1)
	}
	t.index.reset()
	clear(t.extras)
	t.live, t.silent = 0, 0
	t.changes++
}

// Memoryless reports whether the table keeps no flows.
func (t *Table) Memoryless() bool { return t.cfg.Memoryless }

// Len returns the number of live flows.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.live
}

// Changes returns a number that grows whenever something in the table changes.
func (t *Table) Changes() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changes
}

// Get returns a copy of the row and of its Extra, which is nil for most flows.
// ok is false if the flow of that generation is not there any more.
func (t *Table) Get(row uint32, gen uint64) (r Row, x *monitor.Extra, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if row >= t.rows.next || gen == 0 || t.rows.at(row).gen != gen {
		return Row{}, nil, false
	}
	if x = t.extras[row]; x != nil {
		x = x.Clone()
	}
	t.rows.load(row, &r)
	return r, x, true
}

// Lookup finds the live flow of an original tuple.
func (t *Table) Lookup(orig monitor.Tuple) (row uint32, gen uint64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.index.find(t.index.hash(&orig), &orig, t.rows)
	if i < 0 {
		return 0, 0, false
	}
	return uint32(i), t.rows.at(uint32(i)).gen, true
}

// Scan calls fn for every row, lingering ones included, until fn returns false.
// The table is locked for a few thousand rows at a time: fn must be quick, must
// not call the table, and must not retain r or x (x is nil for most rows). Rows
// that come or go meanwhile may or may not be seen.
func (t *Table) Scan(fn func(row uint32, r *Row, x *monitor.Extra) bool) {
	for c := 0; t.scanChunk(c, fn); c++ {
	}
}

// ScanChunk is Scan for one piece of the table, of a few thousand rows. It returns false
// if there is no piece c, which ends a scan in steps.
func (t *Table) ScanChunk(c int, fn func(row uint32, r *Row)) bool {
	return t.scanChunk(c, func(row uint32, r *Row, _ *monitor.Extra) bool {
		fn(row, r)
		return true
	})
}

func (t *Table) scanChunk(c int, fn func(uint32, *Row, *monitor.Extra) bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c >= len(t.rows.chunks) {
		return false
	}
	base := uint32(c * chunkRows)
	for i := range min(chunkRows, t.rows.next-base) {
		if t.rows.chunks[c].rows[i].gen == 0 {
			continue
		}
		r := &t.scratch
		t.rows.load(base+i, r)
		var x *monitor.Extra
		if r.Known&monitor.AttrsInExtra != 0 {
			x = t.extras[base+i]
		}
		if !fn(base+i, r, x) {
			return false
		}
	}
	return true
}

// Apply brings the events of a batch into the table, and the table's memory into
// the events: generation, path, and the attributes that earlier messages of the
// same flow bore (Event.Remembered). What an event comes with in Remembered, as
// those of a recording do, is taken as known.
func (t *Table) Apply(b *monitor.Batch) {
	if len(b.Events) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes++
	if t.cfg.Memoryless {
		for i := range b.Events {
			t.path(&b.Events[i].Flow)
		}
		return
	}
	for events := b.Events; len(events) > 0; {
		n := min(len(events), len(t.hashes))
		t.prefetch(events[:n])
		for i := range n {
			t.apply(&events[i], t.hashes[i], b)
		}
		events = events[n:]
	}
	t.expireLocked(b.Events[len(b.Events)-1].Time)
}

// prefetch hashes the tuples of some events and brings what a search for them
// reads into the cache. With 400,000 flows this saves a third of the table's time.
func (t *Table) prefetch(events []monitor.Event) {
	var slots [len(t.hashes)]uint64
	for i := range events {
		t.hashes[i] = t.index.hash(&events[i].Flow.Orig)
		slots[i] = t.index.touch(t.hashes[i])
	}
	for i, slot := range slots[:len(events)] {
		// Not the row of another flow, which only has this place in the index.
		if slot != 0 && slot>>32 == t.hashes[i]>>32 {
			t.touched += t.rows.at(uint32(slot) - 1).gen
		}
	}
}

// apply is the table's whole state machine:
//
//	            NEW            UPDATE         EXISTING (dump)  DESTROY
//	unknown     add, born      add            add              –
//	known       end the old,   merge          merge            merge, end
//	            add, born (*)
//
// (*) unless only a dump told of the row so far: a NEW that was on its way while
// the dump ran means the same flow.
func (t *Table) apply(e *monitor.Event, h uint64, b *monitor.Batch) {
	if !e.Kind.HasFlow() {
		return
	}
	key := &e.Flow.Orig
	row := t.index.find(h, key, t.rows)
	if row >= 0 && !t.same(t.rows.at(uint32(row)), e) {
		t.missed++
		t.end(uint32(row), h, e.Time)
		row = -1
	}
	switch {
	case row >= 0:
		t.merge(uint32(row), e, b)
		if e.Kind == monitor.KindDestroy {
			t.end(uint32(row), h, e.Time)
		}
	case e.Kind == monitor.KindDestroy:
		t.gen++
		e.Gen = t.gen
		t.path(&e.Flow)
	default:
		t.add(h, e)
	}
	if t.reconciling != nil && e.Kind == monitor.KindDestroy {
		t.reconciling.noteEnd(e)
	}
}

// same reports whether the event means the flow of the row, not a later one with
// the same tuple.
func (t *Table) same(p *packedRow, e *monitor.Event) bool {
	if e.Kind == monitor.KindNew && p.state&RowDump == 0 {
		return false
	}
	return e.Has&monitor.AttrID == 0 || p.known&monitor.AttrID == 0 || p.id == e.Flow.ID
}

// path works out the flow's path. Without local addresses it stays what the
// source says, which only a recording knows.
func (t *Table) path(f *monitor.Flow) {
	if l := t.localsOf(f.Orig.NetNS); l != nil {
		f.Path = l.Path(f)
	}
}

func (t *Table) add(h uint64, e *monitor.Event) {
	row := t.rows.take()
	t.newest = row
	t.gen++
	t.live++
	t.path(&e.Flow)
	p := t.rows.saveFlow(row, &e.Flow, e.Known())
	p.gen, p.first, p.last, p.epoch = t.gen, e.Time, e.Time, 0
	switch {
	case e.Kind == monitor.KindExisting, e.Kind == monitor.KindNew && e.Inferred:
		p.state |= RowDump
		t.silent++
	case e.Kind == monitor.KindNew:
		p.state |= RowBorn
	}
	t.touchEpoch(p)
	if e.Extra != nil {
		t.extras[row] = e.Extra.Clone()
	}
	e.Gen, e.Row, e.Born = t.gen, row, p.born()
	if p.known&monitor.AttrStart != 0 {
		e.Born = e.Flow.Start
	}
	t.index.insert(h, row)
	if t.cfg.Life {
		t.startLife(row, e)
	}
}

// end takes the row out of the index. It lingers, or is free at once.
func (t *Table) end(row uint32, h uint64, at monitor.Time) {
	p := t.rows.at(row)
	t.index.remove(h, row)
	t.live--
	t.heard(p)
	p.state |= RowEnded
	p.last = at
	if t.cfg.Linger <= 0 {
		t.release(row)
		return
	}
	t.linger.append(t.rows, row)
}

// heard notes that an event told of the row: it is not known from dumps alone.
func (t *Table) heard(p *packedRow) {
	if p.state&RowDump != 0 {
		p.state &^= RowDump
		t.silent--
	}
}

// Silent returns the number of live flows that are known from dumps only. With
// nf_conntrack_events=2 they may never send an event.
func (t *Table) Silent() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.silent
}

func (t *Table) release(row uint32) {
	if t.rows.at(row).known&monitor.AttrsInExtra != 0 {
		delete(t.extras, row)
	}
	t.rows.release(row)
}

// Expire frees the ended flows that have lingered long enough at the given time,
// some thousands a call. Apply does so by itself; call it when no events come.
func (t *Table) Expire(now monitor.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expireLocked(now)
}

func (t *Table) expireLocked(now monitor.Time) {
	for range expireAtOnce {
		row, ok := t.linger.first()
		if !ok || t.rows.at(row).last+monitor.Time(t.cfg.Linger) > now {
			return
		}
		t.linger.drop(t.rows)
		t.release(row)
		t.changes++
	}
}

// expireAtOnce bounds how long one look at the lingering flows holds the table:
// after a silence, hundreds of thousands may be due at the same time. It is more
// than a batch can end.
const expireAtOnce = 8 * monitor.BatchSize
