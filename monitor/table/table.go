package table

import (
	"sync"
	"time"

	"natlens/monitor"
)

// Config configures a Table. The zero value is ready to use.
type Config struct {
	Linger time.Duration // how long ended flows stay in the table; 0: not at all
	Life   bool          // record the times of each flow's states, for [Table.Life]
	Rates  bool          // compute each flow's rates from the readings of its counters

	// Max returns how many live flows a network namespace may have; 0: any number. It is called
	// with the table locked, for the first flow of a namespace and, at most once a second, when
	// the limit is reached. Nil: no limits.
	Max func(monitor.NetNS) int

	// Memoryless stores no flows: Apply only sets the events' paths. It is for streams without
	// DESTROY, with which a table would only grow, and for raw messages.
	Memoryless bool
}

// Table has the flows of one or many network namespaces, built from events. A flow is
// identified by its original tuple (with the zone). A later flow with the same tuple has
// another generation. Several goroutines may call the methods.
type Table struct {
	mu          sync.Mutex
	cfg         Config
	index       index
	rows        *slab
	extras      map[uint32]*monitor.Extra // by row; few flows have one
	life        []*[chunkRows]Life
	linger      rowList // ended rows, ordered by their ends
	ends        *ends
	gen         uint64
	newest      uint32 // the row that was added last
	live        int
	spaces      []space // by number
	refused     uint64
	silent      int             // live rows known from dumps only
	reconciling *Reconciliation // the current one, or nil
	epoch       uint32          // number of the last reconciliation
	scratch     Row             // the current row, unpacked
	hashes      [32]uint64      // of the events that are being applied
	touched     uint64          // so that the compiler keeps prefetch's reads
	changes     uint64
}

// New returns an empty table.
func New(cfg Config) *Table {
	t := &Table{cfg: cfg, rows: new(slab), ends: new(ends), extras: make(map[uint32]*monitor.Extra)}
	t.index.init()
	return t
}

// Clear removes all flows and keeps the local addresses. Generations are not reused, so an old
// flow is never mistaken for a new one.
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
	for i := range t.spaces {
		t.spaces[i].live = 0
	}
	t.changes++
}

// Memoryless reports whether the table stores no flows.
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

// Get returns a copy of the row and of its Extra, which is nil for most flows. ok is false if
// the table has removed the flow of that generation.
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
	Known monitor.Attrs // attributes of Flow and Extra that are known
	Gen   uint64        // number of the flow, unique within the table's life; 0: a free row
	First monitor.Time  // first message about it
	Last  monitor.Time  // last message about it; if Ended, the end
	State RowState
	Rates [Windows]Rate // 0 if unknown, or if the flow has ended; see RowRated
}

// RowState is a set of properties of a row besides the flow.
type RowState uint8

// The bits of RowState.
const (
	RowNew   RowState = 1 << iota // its NEW was seen: First is when it began
	RowDump                       // known only from a dump so far
	RowEnded                      // destroyed; the row lingers
	RowRated                      // its counters were read twice: Rates are known
)

// Ended reports whether the flow was destroyed and only lingers.
func (r *Row) Ended() bool { return r.State&RowEnded != 0 }

// Born returns when the flow began: the kernel's start time, otherwise the time of its NEW,
// otherwise 0.
func (r *Row) Born() monitor.Time {
	if r.Known&monitor.AttrStart != 0 {
		return r.Flow.Start
	}
	if r.State&RowNew != 0 {
		return r.First
	}
	return 0
}

// Ends returns when the flow ends if no packet comes, by the last message with a timeout; for
// an ended flow its end. It is 0 if no timeout is known.
func (r *Row) Ends() monitor.Time {
	switch {
	case r.Ended():
		return r.Last
	case r.Known&monitor.AttrTimeout == 0:
		return 0
	}
	return r.Last + monitor.Time(r.Flow.Timeout)*1e9
}

// Event sets e to the row as an event of KindExisting at the given time, for a filter. It
// shares the row's Extra x.
func (r *Row) Event(index uint32, x *monitor.Extra, now monitor.Time, e *monitor.Event) {
	e.Time, e.Kind = now, monitor.KindExisting
	e.Has, e.Remembered = r.Known, 0
	e.Gen, e.Row, e.Born = r.Gen, index, r.Born()
	e.Flow, e.Extra = r.Flow, x
}
