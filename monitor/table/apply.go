package table

import "natlens/monitor"

// Apply updates the table from the events of a batch, and adds to the events what the table
// knows: generation, path, and attributes of earlier messages of the same flow
// (Event.Remembered). If an event has Remembered already, as in a recording, these attributes
// count as known.
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

// prefetch hashes the tuples of some events and loads what a search for them reads into the
// cache. With 400,000 flows this saves a third of the table's time.
func (t *Table) prefetch(events []monitor.Event) {
	var slots [len(t.hashes)]uint64
	for i := range events {
		t.hashes[i] = t.index.hash(&events[i].Flow.Orig)
		slots[i] = t.index.touch(t.hashes[i])
	}
	for i, slot := range slots[:len(events)] {
		// Compare the hash, because another flow may have this slot.
		if slot != 0 && slot>>32 == t.hashes[i]>>32 {
			t.touched += t.rows.at(uint32(slot) - 1).gen
		}
	}
}

// apply is the table's state machine:
//
//	            NEW            UPDATE         EXISTING (*3)    DESTROY
//	unknown     add, born      add            add              –
//	known       end the old,   merge          merge            merge, end
//	            add, born (*)
//	ended       – (**)         –              add              –
//	just now
//
// (*) only if the row's NEW was seen, or its id is another one. Otherwise the NEW is about the
// same flow, and a dump or an UPDATE from another CPU came before it. (**) if the flow had no
// row and ended no earlier; otherwise it is the NEW of the next flow: add, born. (*3) and interim: from dumps.
func (t *Table) apply(e *monitor.Event, h uint64, b *monitor.Batch) {
	if !e.Kind.HasFlow() {
		return
	}
	key := &e.Flow.Orig
	row := t.index.find(h, key, t.rows)
	if row >= 0 && !t.same(t.rows.at(uint32(row)), e) {
		t.end(uint32(row), h, e.Time)
		row = -1
	}
	switch {
	case row >= 0:
		t.merge(uint32(row), e, b)
		if e.Kind == monitor.KindDestroy {
			t.end(uint32(row), h, e.Time)
			t.ends.note(h, e, true)
		}
	case e.Kind == monitor.KindDestroy:
		t.gen++
		e.Gen = t.gen
		t.path(&e.Flow)
		t.ends.note(h, e, false)
	case t.ends.late(h, e):
		t.path(&e.Flow)
	default:
		t.add(h, e)
	}
	if t.reconciling != nil && e.Kind == monitor.KindDestroy {
		t.reconciling.noteEnd(e)
	}
}

// same reports whether the event is about the flow of the row, not about a later one with the
// same tuple.
func (t *Table) same(p *packedRow, e *monitor.Event) bool {
	if e.Kind == monitor.KindNew && p.state&RowNew != 0 {
		return false
	}
	return e.Has&monitor.AttrID == 0 || p.known&monitor.AttrID == 0 || p.id == e.Flow.ID
}

// path sets the flow's path. Without local addresses the flow keeps the path that the source
// set, as recordings do.
func (t *Table) path(f *monitor.Flow) {
	if l := t.space(f.Orig.NetNS).locals; l != nil {
		f.Path = l.Path(f)
	}
}

// add adds a flow, unless its namespace has reached its limit. The event gets a generation in
// either case.
func (t *Table) add(h uint64, e *monitor.Event) {
	t.gen++
	e.Gen = t.gen
	t.path(&e.Flow)
	if e.Unkept = !t.admit(e.Flow.Orig.NetNS); e.Unkept {
		return
	}
	row := t.rows.take()
	t.newest = row
	t.live++
	p := t.rows.save(row, &e.Flow, e.Known())
	p.gen, p.first, p.last, p.epoch = t.gen, e.Time, e.Time, 0
	switch {
	case e.Kind.Dumped(), e.Kind == monitor.KindNew && e.Inferred:
		p.state |= RowDump
		t.silent++
	case e.Kind == monitor.KindNew:
		p.state |= RowNew
	}
	t.touchEpoch(p)
	if e.Extra != nil {
		t.extras[row] = e.Extra.Clone()
	}
	c, i := t.rows.chunkOf(row)
	if t.cfg.Rates && p.known&counters != 0 {
		c.startRate(i, e.Time)
	}
	e.Row, e.Born = row, c.born(p, i)
	t.index.insert(h, row)
	if t.cfg.Life {
		t.startLife(row, e)
	}
}

// end removes the row from the index. The row lingers, or is freed at once.
func (t *Table) end(row uint32, h uint64, at monitor.Time) {
	p := t.rows.at(row)
	t.index.remove(h, row)
	t.live--
	t.space(p.netns).live--
	t.noteEvent(p)
	p.state |= RowEnded
	p.last = at
	if t.cfg.Linger <= 0 {
		t.release(row)
		return
	}
	t.linger.append(t.rows, row)
}

// noteEvent marks the row as known from an event, not only from dumps.
func (t *Table) noteEvent(p *packedRow) {
	if p.state&RowDump != 0 {
		p.state &^= RowDump
		t.silent--
	}
}

func (t *Table) release(row uint32) {
	if t.rows.at(row).known&monitor.AttrsInExtra != 0 {
		delete(t.extras, row)
	}
	t.rows.release(row)
}

// Expire frees ended flows that have lingered long enough at the given time, a few thousand in
// each call. Apply calls it too; call it when no events come.
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

// expireAtOnce limits how long one call locks the table: after a pause, hundreds of thousands
// of flows can be due. It is more than the number of flows that a batch can end.
const expireAtOnce = 8 * monitor.BatchSize
