package monitor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"
)

// Resync says how the table is reconciled with the kernel's. The zero value
// never does it.
//
// A reconciliation reads a dump of the kernel's table, piece by piece between
// two looks at the event queue, so that the queue goes on being emptied:
//
//	loss ─▶ dump piece ─▶ events ─▶ dump piece ─▶ … ─▶ sweep ─▶ KindResynced
//
// A dump is not a snapshot. What an event has touched since the dump began is
// left alone, and what has been destroyed since then is not raised again. All
// that changes is told as events marked Inferred.
type Resync struct {
	AfterLoss bool          // reconcile after a KindLost
	Every     time.Duration // reconcile also so often, for flows that send no events; 0: never
	Pause     time.Duration // at least this long between two reconciliations; 0: DefaultPause
}

// DefaultPause is the least time between two reconciliations. It grows with what
// the last one took, up to maxPause: under continuous loss a table is dumped for
// a twentieth of the time, and is never wrong for long.
const (
	DefaultPause = time.Second
	pauseFactor  = 20
	maxPause     = 10 * time.Second
)

// dumpMode says what a dump is read for.
type dumpMode uint8

const (
	dumpExisting dumpMode = iota // the first look: every flow is an event of KindExisting
	dumpLoss                     // after a loss: ends with a KindResynced
	dumpRefresh                  // to retire silent flows and bring counters: tells changes only
	dumpBegin                    // of a namespace found while the run is under way: what is new there is KindExisting
	sweepEnd                     // of a namespace that is gone: no dump, all its flows end
)

// reconciler is the Monitor's part of a reconciliation.
type reconciler struct {
	dump    Source
	mode    dumpMode
	in, out Batch
	only    []NetNS // the namespaces that are reconciled; nil: all
	jobs    []nsJob // what namespaces that came and went have left to do
	lost    []NetNS // those whose loss is to be reconciled; nil: all of them
	owed    Gap     // what was lost there since the last reconciliation began
	running bool
	swept   int // chunks of the table swept; -1 while the dump is being read
	gap     Gap
	ended   time.Time
	took    time.Duration // spent on the dump and the sweep, not on the events between
	wanted  dumpMode
	due     bool // wanted is meant
}

// start opens the dump of some namespaces, of all if only is nil.
func (r *reconciler) start(ctx context.Context, m *Monitor, mode dumpMode, only []NetNS) error {
	live, ok := m.Source.(Live)
	if !ok || m.Table == nil {
		return errors.New("reconcile: needs a live source and a table")
	}
	many, ok := live.(LiveMany)
	if !ok {
		only = nil
	}
	r.swept = 0
	if mode != sweepEnd {
		open := live.Dump
		if only != nil {
			open = func(ctx context.Context) (Source, error) { return many.DumpOf(ctx, only) }
		}
		dump, err := open(ctx)
		if err != nil {
			return err
		}
		r.dump, r.swept = dump, -1
	}
	r.mode, r.only, r.took, r.running = mode, only, 0, true
	r.gap = Gap{From: Now()}
	m.Table.beginResync(mode, only)
	return nil
}

// step reads one piece of the dump, or sweeps one piece of the table, and leaves
// what is to be told in out.
func (r *reconciler) step(ctx context.Context, m *Monitor) error {
	began := time.Now()
	defer func() { r.took += time.Since(began) }()
	r.out.Reset()
	if r.swept < 0 {
		r.in.Reset()
		switch err := r.dump.Next(ctx, &r.in); {
		case errors.Is(err, io.EOF):
			r.swept = 0
		case err != nil:
			r.stop(m)
			return err
		}
		if m.Scope != nil {
			r.in.Keep(m.Scope)
		}
		m.Table.reconcile(&r.in, &r.out, r.mode, &r.gap)
		return nil
	}
	if r.mode != dumpExisting && r.mode != dumpBegin && m.Table.sweep(r.swept, &r.out, &r.gap) {
		r.swept++
		return nil
	}
	r.stop(m)
	if r.mode == dumpLoss {
		e := r.out.Add()
		e.Kind, e.Time, e.TimeSource = KindResynced, Now(), TimeReceived
		r.gap.To = e.Time
		gap := r.gap
		e.Gap = &gap
		if len(r.only) == 1 {
			e.SetNetNS(r.only[0])
		}
	}
	return nil
}

func (r *reconciler) stop(m *Monitor) {
	if r.dump != nil {
		r.dump.Close()
		r.dump = nil
	}
	m.Table.endResync()
	r.running = false
	if r.mode != sweepEnd && r.mode != dumpBegin {
		r.ended = time.Now()
	}
}

// active reports whether a reconciliation is under way.
func (r *reconciler) active() bool { return r.running }

// want asks for a reconciliation; one after a loss outdoes a refresh.
func (r *reconciler) want(mode dumpMode) {
	if !r.due || mode == dumpLoss {
		r.wanted = mode
	}
	r.due = true
}

// wait tells how long the next reconciliation has still to wait.
func (r *reconciler) wait(cfg Resync) time.Duration {
	pause := cfg.Pause
	if pause == 0 {
		pause = DefaultPause
	}
	if r.ended.IsZero() {
		return 0
	}
	return max(pause, min(pauseFactor*r.took, maxPause)) - time.Since(r.ended)
}

// resync is the Table's part: which rows were touched since the dump began, and
// which flows were destroyed since.
type resync struct {
	mode  dumpMode
	only  []NetNS // nil: all namespaces
	epoch uint32
	tombs map[Tuple]tomb
}

type tomb struct {
	id    uint32
	hasID bool
}

func (r *resync) tombstone(e *Event) {
	if r.tombs == nil {
		r.tombs = make(map[Tuple]tomb)
	}
	r.tombs[e.Flow.Orig] = tomb{e.Flow.ID, e.Has&AttrID != 0}
}

// buried reports whether the dumped flow has been destroyed since the dump began.
func (r *resync) buried(e *Event) bool {
	t, ok := r.tombs[e.Flow.Orig]
	return ok && (!t.hasID || e.Has&AttrID == 0 || t.id == e.Flow.ID)
}

func (t *Table) beginResync(mode dumpMode, only []NetNS) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.epoch++
	t.resync = &resync{epoch: t.epoch, mode: mode, only: only}
}

func (t *Table) endResync() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.resync = nil
}

// reconcile brings dumped flows into the table and tells in out what that
// changed.
func (t *Table) reconcile(in, out *Batch, mode dumpMode, gap *Gap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes++
	for i := range in.Events {
		t.reconcileFlow(&in.Events[i], in, out, mode, gap)
	}
}

func (t *Table) reconcileFlow(d *Event, in, out *Batch, mode dumpMode, gap *Gap) {
	h := t.index.hash(&d.Flow.Orig)
	row := t.index.find(h, &d.Flow.Orig, t.rows)
	if row >= 0 && t.rows.at(uint32(row)).epoch == t.resync.epoch {
		return
	}
	if t.resync.buried(d) {
		return
	}
	if row >= 0 && !t.same(t.rows.at(uint32(row)), d) {
		t.inferEnd(uint32(row), h, d.Time, out, gap)
		row = -1
	}
	if row < 0 {
		if mode != dumpExisting && mode != dumpBegin {
			d.Kind, d.Inferred = KindNew, true
			gap.Added++
		}
		// add takes the kind for the row's state: inferred or not, a dump told it.
		kind := d.Kind
		d.Kind = KindExisting
		t.add(h, d)
		d.Kind = kind
		out.Events = append(out.Events, *d)
		return
	}
	changed := t.differs(uint32(row), d)
	t.merge(uint32(row), d, in)
	switch {
	case mode == dumpExisting:
		out.Events = append(out.Events, *d)
	case mode == dumpBegin: // events have told of it before the dump began
	case changed:
		gap.Changed++
		d.Kind, d.Inferred = KindUpdate, true
		out.Events = append(out.Events, *d)
	}
}

// differs reports whether the dumped flow has something that an UPDATE would
// have told. Timeout and counters change all the time and are not that.
func (t *Table) differs(row uint32, d *Event) bool {
	r := &t.scratch
	t.rows.load(row, r)
	both := r.Known & d.Has
	f, g := &r.Flow, &d.Flow
	switch {
	case both&AttrReply != 0 && f.Reply != g.Reply,
		both&AttrStatus != 0 && f.Status != g.Status,
		both&AttrState != 0 && f.State != g.State,
		(r.Known|d.Has)&AttrMark != 0 && f.Mark != g.Mark:
		return true
	}
	if d.Has&(AttrHelper|AttrLabels|AttrSecCtx) == 0 {
		return false
	}
	x := t.extras[row]
	return x == nil || d.Has&AttrHelper != 0 && !bytes.Equal(x.Helper, d.Extra.Helper) ||
		d.Has&AttrLabels != 0 && !bytes.Equal(x.Labels, d.Extra.Labels) ||
		d.Has&AttrSecCtx != 0 && !bytes.Equal(x.SecCtx, d.Extra.SecCtx)
}

// sweep ends the flows of one chunk of the table that neither the dump nor an
// event has touched. It returns false behind the last chunk.
func (t *Table) sweep(chunk int, out *Batch, gap *Gap) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if chunk >= len(t.rows.chunks) {
		return false
	}
	now := Now()
	base := uint32(chunk * chunkRows)
	for i := range min(chunkRows, t.rows.next-base) {
		p := t.rows.at(base + i)
		if p.gen == 0 || p.state&RowEnded != 0 || p.epoch == t.resync.epoch {
			continue
		}
		if t.resync.only != nil && !slices.Contains(t.resync.only, p.netns) {
			continue
		}
		t.rows.load(base+i, &t.scratch)
		t.inferEnd(base+i, t.index.hash(&t.scratch.Flow.Orig), now, out, gap)
	}
	return true
}

// inferEnd ends a row of which the kernel knows nothing any more.
func (t *Table) inferEnd(row uint32, h uint64, at Time, out *Batch, gap *Gap) {
	r := &t.scratch
	t.rows.load(row, r)
	e := out.Add()
	*e = Event{
		Kind: KindDestroy, Inferred: true, Time: at, TimeSource: TimeReceived,
		Remembered: r.Known, Gen: r.Gen, Row: row, Born: r.Born(), Flow: r.Flow,
	}
	if t.resync.mode == sweepEnd {
		e.Reason = ReasonNetNSEnd
	}
	if r.Known&AttrsInExtra != 0 {
		e.Extra = t.extras[row].clone()
	}
	gap.Ended++
	if t.cfg.Life {
		t.recordLife(row, e)
	}
	t.end(row, h, at)
}
