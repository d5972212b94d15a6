package table

import (
	"sync"
	"time"

	"natlens/monitor"
)

// Config sets a Table up; the zero value works.
type Config struct {
	Linger time.Duration // how long ended flows stay in sight; 0: not at all
	Life   bool          // keep the times of each flow's states, for [Table.Life]

	// Max returns how many live flows a network namespace may have; 0: any number.
	// It is called with the table locked, for the first flow of a namespace and, at
	// most once a second, when the limit is reached. Nil: no limits.
	Max func(monitor.NetNS) int

	// Memoryless keeps no flows: Apply only sets the events' paths. For streams
	// without DESTROY, where a table would only grow, and for raw messages.
	Memoryless bool
}

// Table holds the flows of one or many network namespaces, built from events. A
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
	ends        *ends
	gen         uint64
	newest      uint32 // the row that was added last
	live        int
	quotas      []quota // by network namespace
	refused     uint64
	silent      int // live rows known from dumps only
	locals      map[monitor.NetNS]*monitor.Locals
	reconciling *Reconciliation // nil unless one is under way
	epoch       uint32          // number of the last reconciliation
	scratch     Row             // the row at hand, unpacked
	hashes      [32]uint64      // of the events that are being applied
	touched     uint64          // keeps prefetch's reads alive
	changes     uint64
}

// New returns an empty table.
func New(cfg Config) *Table {
	t := &Table{cfg: cfg, rows: new(slab), ends: new(ends), extras: make(map[uint32]*monitor.Extra),
		locals: make(map[monitor.NetNS]*monitor.Locals)}
	t.index.init()
	return t
}

// Clear removes all flows. Generations go on counting, so that an old flow is
// never mistaken for a new one. The local addresses stay.
func (t *Table) Clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows.free, t.linger = rowList{}, rowList{}
	for i := t.rows.next; i > 0; i-- {
		t.rows.release(i - 1)
	}
	t.index.reset()
	*t.ends = ends{}
	clear(t.extras)
	t.live, t.silent = 0, 0
	for i := range t.quotas {
		t.quotas[i].live = 0
	}
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
	if !t.has(row, gen) {
		return Row{}, nil, false
	}
	if x = t.extras[row]; x != nil {
		x = x.Clone()
	}
	t.rows.load(row, &r)
	return r, x, true
}

// has reports whether the flow of that generation is in the row.
func (t *Table) has(row uint32, gen uint64) bool {
	return row < t.rows.next && gen != 0 && t.rows.at(row).gen == gen
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

// Silent returns the number of live flows that are known from dumps only. With
// nf_conntrack_events=2 they may never send an event.
func (t *Table) Silent() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.silent
}

// Row is one flow of a [Table]. It is a value without pointers.
type Row struct {
	Flow  monitor.Flow
	Known monitor.Attrs // attributes of Flow and Extra that a message contained
	Gen   uint64        // number of the flow, unique within the table's life; 0: a free row
	First monitor.Time  // first message about it
	Last  monitor.Time  // last message about it; when Ended, the end
	State RowState
}

// RowState is a set of what the table knows about a row beside the flow.
type RowState uint8

// The bits of RowState.
const (
	RowNew   RowState = 1 << iota // its NEW was seen: First is its birth
	RowDump                       // known from a dump only so far
	RowEnded                      // destroyed; the row lingers
)

// Ended reports whether the flow has been destroyed and only lingers.
func (r *Row) Ended() bool { return r.State&RowEnded != 0 }

// Born returns when the flow began, as far as is known: the kernel's own start
// time, else the time of its NEW, else 0.
func (r *Row) Born() monitor.Time {
	if r.Known&monitor.AttrStart != 0 {
		return r.Flow.Start
	}
	if r.State&RowNew != 0 {
		return r.First
	}
	return 0
}

// Ends returns when the flow ends if no packet comes, according to the last
// message with a timeout; for an ended flow its end; 0 if no timeout is known.
func (r *Row) Ends() monitor.Time {
	switch {
	case r.Ended():
		return r.Last
	case r.Known&monitor.AttrTimeout == 0:
		return 0
	}
	return r.Last + monitor.Time(r.Flow.Timeout)*1e9
}

// Event fills e with what the table knows of the flow, as a filter wants it: an
// event of KindExisting at the given time. The row's Extra x is shared.
func (r *Row) Event(index uint32, x *monitor.Extra, now monitor.Time, e *monitor.Event) {
	e.Time, e.Kind = now, monitor.KindExisting
	e.Has, e.Remembered = r.Known, 0
	e.Gen, e.Row, e.Born = r.Gen, index, r.Born()
	e.Flow, e.Extra = r.Flow, x
}
