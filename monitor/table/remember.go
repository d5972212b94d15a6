package table

import "natlens/monitor"

// rememberedAttrs are the attributes that later messages of a flow omit although they are still
// valid. DESTROY contains no helper, labels, secctx or master, and protoinfo comes only when it
// changed. Timeout and counters change all the time and are not remembered.
const rememberedAttrs = monitor.AttrState | monitor.AttrWScaleOrig | monitor.AttrWScaleReply |
	monitor.AttrTCPFlagsOrig | monitor.AttrTCPFlagsReply | monitor.AttrVTagOrig | monitor.AttrVTagReply |
	monitor.AttrDCCPRole | monitor.AttrDCCPSeq | monitor.AttrHelper | monitor.AttrHelperInfo |
	monitor.AttrMark | monitor.AttrMaster | monitor.AttrSeqAdjOrig | monitor.AttrSeqAdjReply |
	monitor.AttrSecCtx | monitor.AttrStart | monitor.AttrLabels | monitor.AttrSynproxy | monitor.AttrReply |
	monitor.AttrStatus | monitor.AttrID

// merge copies the event's attributes to the row, and those that the event lacks from the row
// to the event. If the row has attributes of an UPDATE and the event is an earlier NEW, the
// row's stay.
func (t *Table) merge(row uint32, e *monitor.Event, b *monitor.Batch) {
	c, i := t.rows.chunkOf(row)
	p := &c.rows[i]
	overtaken := e.Kind == monitor.KindNew && p.state&(RowNew|RowDump) == 0
	if !e.Kind.Dumped() {
		t.noteEvent(p)
	}
	if e.Kind == monitor.KindNew {
		p.state |= RowNew
	}
	if t.cfg.Life && !overtaken {
		t.recordLife(row, e)
	}
	t.touchEpoch(p)
	take := e.Known()
	missing := p.known & rememberedAttrs &^ take
	if e.Kind == monitor.KindDestroy && t.cfg.Linger <= 0 {
		take &^= meteredAttrs // the row is freed at once, so its counters need no memory
	}
	if overtaken {
		take &^= p.known
		p.first = min(p.first, e.Time)
	} else {
		p.last = e.Time
	}
	if (p.known|take)&monitor.AttrsInExtra != 0 {
		t.mergeExtra(row, e, b, take, missing)
	}
	c.merge(i, &e.Flow, t.rate(c, i, e, take), missing)
	e.Remembered |= missing
	e.Flow.Path = p.path
	e.Gen, e.Row, e.Born = p.gen, row, c.born(p, i)
	if e.Known()&monitor.AttrStart != 0 {
		e.Born = e.Flow.Start
	}
}

// merge copies the attributes take from f to the chunk's i-th row, and the attributes missing
// from the row to f. Family, protocol and zone are copied with their tuple.
func (c *chunk) merge(i uint32, f *monitor.Flow, take, missing monitor.Attrs) {
	p := &c.rows[i]
	switch {
	case take&monitor.AttrReply != 0:
		if p.state&rowWide != 0 || !p.is(2, p.replyZone, &f.Reply) {
			orig, _ := c.tuples(p, i)
			c.setTuples(p, i, &orig, &f.Reply)
		}
	case missing&monitor.AttrReply != 0:
		_, f.Reply = c.tuples(p, i)
	}
	swap(take, missing, monitor.AttrStatus, &p.status, &f.Status)
	swap(take, missing, monitor.AttrState, &p.conn, &f.State)
	swap(take, missing, monitor.AttrMark, &p.mark, &f.Mark)
	swap(take, missing, monitor.AttrID, &p.id, &f.ID)
	swap(take, missing, monitor.AttrTimeout, &p.timeout, &f.Timeout)
	if take&monitor.AttrUse != 0 {
		p.use = uint16(min(f.Use, 0xffff))
	}
	const tcp = monitor.AttrWScaleOrig | monitor.AttrWScaleReply | monitor.AttrTCPFlagsOrig | monitor.AttrTCPFlagsReply
	if (take|missing)&tcp != 0 {
		t := &p.tcp
		swap(take, missing, monitor.AttrWScaleOrig, &t.WScaleOrig, &f.TCP.WScaleOrig)
		swap(take, missing, monitor.AttrWScaleReply, &t.WScaleReply, &f.TCP.WScaleReply)
		swap(take, missing, monitor.AttrTCPFlagsOrig, &t.FlagsOrig, &f.TCP.FlagsOrig)
		swap(take, missing, monitor.AttrTCPFlagsOrig, &t.MaskOrig, &f.TCP.MaskOrig)
		swap(take, missing, monitor.AttrTCPFlagsReply, &t.FlagsReply, &f.TCP.FlagsReply)
		swap(take, missing, monitor.AttrTCPFlagsReply, &t.MaskReply, &f.TCP.MaskReply)
	}
	if (take|missing)&meteredAttrs != 0 {
		m := c.meter(p, i)
		swap(take, missing, monitor.AttrCountersOrig, &m.orig, &f.CountersOrig)
		swap(take, missing, monitor.AttrCountersReply, &m.reply, &f.CountersReply)
		swap(take, missing, monitor.AttrStart, &m.start, &f.Start)
		swap(take, missing, monitor.AttrStop, &m.stop, &f.Stop)
	}
	p.known |= take
	p.state &^= rowMatched
}

// swap copies a value from the event to the row if take has the attribute, or from the row to
// the event if missing has it.
func swap[T any](take, missing, attr monitor.Attrs, row, event *T) {
	switch {
	case take&attr != 0:
		*row = *event
	case missing&attr != 0:
		*event = *row
	}
}

// touchEpoch marks the row as seen during the current reconciliation.
func (t *Table) touchEpoch(p *packedRow) {
	if t.reconciling != nil {
		p.epoch = t.reconciling.epoch
	}
}

// mergeExtra merges the attributes in Extra: take from the event to the row, missing from the
// row to the event.
func (t *Table) mergeExtra(row uint32, e *monitor.Event, b *monitor.Batch, take, missing monitor.Attrs) {
	kept := t.extras[row]
	if has := take & monitor.AttrsInExtra; has != 0 {
		if kept == nil {
			kept = new(monitor.Extra)
			t.extras[row] = kept
		}
		kept.Take(e.Extra, has)
	}
	if missing &= monitor.AttrsInExtra; missing != 0 && kept != nil {
		if e.Extra == nil {
			e.Extra = b.NewExtra()
		}
		e.Extra.Share(kept, missing)
	}
}

// refreshed are the attributes that a GET or dump of a flow updates: those that change with
// every packet without an event. State and status are not updated, because a dump may be newer
// than queued events.
const refreshed = monitor.AttrTimeout | monitor.AttrCountersOrig | monitor.AttrCountersReply |
	monitor.AttrUse | monitor.AttrStart

// Refresh updates a row from a GET or a dump of its flow. It does nothing and returns false if
// the flow of that generation has ended, or if the event is about another flow with the same
// tuple.
func (t *Table) Refresh(row uint32, gen uint64, e *monitor.Event) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.has(row, gen) {
		return false
	}
	c, i := t.rows.chunkOf(row)
	p := &c.rows[i]
	if p.state&RowEnded != 0 || !t.rows.is(row, &e.Flow.Orig) ||
		e.Has&p.known&monitor.AttrID != 0 && p.id != e.Flow.ID {
		return false
	}
	c.merge(i, &e.Flow, t.rate(c, i, e, e.Has&refreshed), 0)
	p.last = max(p.last, e.Time)
	t.changes++
	return true
}
