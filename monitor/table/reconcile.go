package table

import (
	"bytes"
	"cmp"
	"slices"

	"natlens/monitor"
)

// DumpMode is the purpose of a dump.
type DumpMode uint8

const (
	DumpExisting DumpMode = iota // at the start of a run: every flow becomes an event of KindExisting
	DumpLoss                     // after a loss: ends with KindResynced
	DumpRefresh                  // ends silent flows and updates counters: only changes become events
	DumpInterim                  // like DumpRefresh; flows that live long become events of KindInterim
	DumpBegin                    // of a namespace found during the run: unknown flows become KindExisting
	SweepEnd                     // of an ended namespace: no dump, all its flows end
)

// Reconciliation compares a table with a dump of the kernel's table, piece by piece, while the
// table still applies events. A dump is not a snapshot: rows with an event since the dump began
// stay as they are, and flows destroyed since then are not added again. All other differences
// become events marked Inferred.
//
// A table has at most one Reconciliation at a time. One goroutine may call its methods; any may
// call those of the table.
type Reconciliation struct {
	Gap monitor.Gap // counts the flows added, changed and ended

	// Lived is how long flows must live for an event of KindInterim; only with DumpInterim.
	Lived monitor.Time

	table *Table
	mode  DumpMode
	only  []monitor.NetNS // nil: all namespaces
	epoch uint32
	ended map[monitor.Tuple]endedFlow // destroyed since the dump began
}

// endedFlow identifies a destroyed flow among those with the same tuple.
type endedFlow struct {
	id    uint32
	hasID bool
}

// Reconcile begins a reconciliation of the flows of some namespaces; nil: of all.
func (t *Table) Reconcile(mode DumpMode, only []monitor.NetNS) *Reconciliation {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.epoch++
	t.reconciling = &Reconciliation{
		table: t,
		mode:  mode,
		only:  only,
		epoch: t.epoch,
		Gap:   monitor.Gap{From: monitor.Now()},
	}
	return t.reconciling
}

// End ends the reconciliation.
func (r *Reconciliation) End() {
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	r.table.reconciling = nil
}

// Apply merges dumped flows into the table and appends the resulting events to out.
func (r *Reconciliation) Apply(in, out *monitor.Batch) {
	r.table.mu.Lock()
	defer r.table.mu.Unlock()
	r.table.changes++
	for i := range in.Events {
		r.apply(&in.Events[i], in, out)
	}
}

// noteEnd remembers a DESTROY, so that the dump does not add its flow again.
func (r *Reconciliation) noteEnd(e *monitor.Event) {
	if r.ended == nil {
		r.ended = make(map[monitor.Tuple]endedFlow)
	}
	r.ended[e.Flow.Orig] = endedFlow{e.Flow.ID, e.Has&monitor.AttrID != 0}
}

// hasEnded reports whether the dumped flow has been destroyed since the dump began.
func (r *Reconciliation) hasEnded(e *monitor.Event) bool {
	f, ok := r.ended[e.Flow.Orig]
	return ok && (!f.hasID || e.Has&monitor.AttrID == 0 || f.id == e.Flow.ID)
}

func (r *Reconciliation) apply(d *monitor.Event, in, out *monitor.Batch) {
	t := r.table
	h := t.index.hash(&d.Flow.Orig)
	row := t.index.find(h, &d.Flow.Orig, t.rows)
	if row >= 0 && t.rows.at(uint32(row)).epoch == r.epoch {
		return
	}
	if r.hasEnded(d) {
		return
	}
	if row >= 0 && !t.same(t.rows.at(uint32(row)), d) {
		r.inferEnd(uint32(row), h, d.Time, out)
		row = -1
	}
	if row < 0 {
		if r.mode != DumpExisting && r.mode != DumpBegin {
			d.Kind, d.Inferred = monitor.KindNew, true
			r.Gap.Added++
		}
		// add derives the row's state from the kind: known only from a dump.
		kind := d.Kind
		d.Kind = monitor.KindExisting
		t.add(h, d)
		d.Kind = kind
		out.Events = append(out.Events, *d)
		return
	}
	changed := t.differs(uint32(row), d)
	t.merge(uint32(row), d, in)
	switch {
	case r.mode == DumpExisting:
		out.Events = append(out.Events, *d)
	case r.mode == DumpBegin: // an event before the dump reported it
	case changed:
		r.Gap.Changed++
		d.Kind, d.Inferred = monitor.KindUpdate, true
		out.Events = append(out.Events, *d)
	}
	if r.mode == DumpInterim && d.Has&counters != 0 && d.Time-t.seenSince(uint32(row)) >= r.Lived {
		d.Kind, d.Inferred = monitor.KindInterim, false
		out.Events = append(out.Events, *d)
	}
}

// seenSince returns when the flow of a row began, or if that is unknown when its first message
// came.
func (t *Table) seenSince(row uint32) monitor.Time {
	c, i := t.rows.chunkOf(row)
	return cmp.Or(c.born(&c.rows[i], i), c.rows[i].first)
}

// Sweep ends the flows of one chunk that neither the dump nor an event contained. It returns
// false after the last chunk.
func (r *Reconciliation) Sweep(chunk int, out *monitor.Batch) bool {
	t := r.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if chunk >= len(t.rows.chunks) {
		return false
	}
	now := monitor.Now()
	for row, p := range t.rows.used(chunk) {
		if p.state&RowEnded == 0 && p.epoch != r.epoch && (r.only == nil || slices.Contains(r.only, p.netns)) {
			t.rows.load(row, &t.scratch)
			r.inferEnd(row, t.index.hash(&t.scratch.Flow.Orig), now, out)
		}
	}
	return true
}

// inferEnd ends a row whose flow the kernel no longer has.
func (r *Reconciliation) inferEnd(row uint32, h uint64, at monitor.Time, out *monitor.Batch) {
	t, s := r.table, &r.table.scratch
	t.rows.load(row, s)
	e := out.Add()
	*e = monitor.Event{
		Kind: monitor.KindDestroy, Inferred: true, Time: at, TimeSource: monitor.TimeReceived,
		Remembered: s.Known, Gen: s.Gen, Row: row, Born: s.Born(), Flow: s.Flow,
	}
	if r.mode == SweepEnd {
		e.Reason = monitor.ReasonNetNSEnd
	}
	if s.Known&monitor.AttrsInExtra != 0 {
		e.Extra = t.extras[row].Clone()
	}
	r.Gap.Ended++
	if t.cfg.Life {
		t.recordLife(row, e)
	}
	t.end(row, h, at)
}

// differs reports whether the dumped flow differs in something that an UPDATE reports. Timeout
// and counters change all the time and are not compared.
func (t *Table) differs(row uint32, d *monitor.Event) bool {
	r := &t.scratch
	t.rows.load(row, r)
	both := r.Known & d.Has
	f, g := &r.Flow, &d.Flow
	switch {
	case both&monitor.AttrReply != 0 && f.Reply != g.Reply,
		both&monitor.AttrStatus != 0 && f.Status != g.Status,
		both&monitor.AttrState != 0 && f.State != g.State,
		(r.Known|d.Has)&monitor.AttrMark != 0 && f.Mark != g.Mark:
		return true
	}
	if d.Has&(monitor.AttrHelper|monitor.AttrLabels|monitor.AttrSecCtx) == 0 {
		return false
	}
	x := t.extras[row]
	return x == nil || d.Has&monitor.AttrHelper != 0 && !bytes.Equal(x.Helper, d.Extra.Helper) ||
		d.Has&monitor.AttrLabels != 0 && !bytes.Equal(x.Labels, d.Extra.Labels) ||
		d.Has&monitor.AttrSecCtx != 0 && !bytes.Equal(x.SecCtx, d.Extra.SecCtx)
}
