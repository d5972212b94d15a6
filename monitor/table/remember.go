package table

import "natlens/monitor"

// merge brings the event's attributes into the row and the row's into the event. What
// the row knows from an UPDATE is newer than the NEW that it has overtaken, and stays.
func (t *Table) merge(row uint32, e *monitor.Event, b *monitor.Batch) {
	p := t.rows.at(row)
	overtaken := e.Kind == monitor.KindNew && p.state&(RowNew|RowDump) == 0
	if e.Kind != monitor.KindExisting {
		t.noteEvent(p)
	}
	if e.Kind == monitor.KindNew {
		p.state |= RowNew
	}
	if t.cfg.Life && !overtaken {
		t.recordLife(row, e)
	}
	e.Gen, e.Row = p.gen, row
	t.touchEpoch(p)
	if !overtaken && p.mergePacked(e) {
		e.Born = p.born()
		return
	}
	r := &t.scratch
	t.rows.load(row, r)
	e.Flow.Path = r.Flow.Path
	known := e.Known()
	missing := r.Known & rememberedAttrs &^ known
	if overtaken {
		known &^= r.Known
		r.First = min(r.First, e.Time)
	}
	if (r.Known|known)&monitor.AttrsInExtra != 0 {
		t.mergeExtra(row, e, b, known, missing)
	}
	mergeFlow(&r.Flow, &e.Flow, known)
	if missing != 0 {
		mergeFlow(&e.Flow, &r.Flow, missing)
		e.Remembered |= missing
	}
	r.Known |= known
	if !overtaken {
		r.Last = e.Time
	}
	e.Born = r.Born()
	if e.Kind == monitor.KindDestroy && t.cfg.Linger <= 0 {
		p.known = r.Known // what is let go at once need not be saved: a place for its counters may have to be made
		return
	}
	t.rows.save(row, r)
}

// touchEpoch notes that the row was touched during the reconciliation under way.
func (t *Table) touchEpoch(p *packedRow) {
	if t.reconciling != nil {
		p.epoch = t.reconciling.epoch
	}
}

// mergeExtra merges the attributes in Extra: those that the row takes, and those that
// the event is missing.
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

// mergeFlow copies the named attributes. What comes with a tuple (family,
// protocol, zone) comes with it.
func mergeFlow(dst, src *monitor.Flow, has monitor.Attrs) {
	const often = monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrState | monitor.AttrTimeout |
		monitor.AttrMark | monitor.AttrID | monitor.AttrZone |
		monitor.AttrZoneOrig | monitor.AttrZoneReply
	if has&monitor.AttrReply != 0 {
		dst.Reply = src.Reply
	}
	if has&monitor.AttrStatus != 0 {
		dst.Status = src.Status
	}
	if has&monitor.AttrState != 0 {
		dst.State = src.State
	}
	if has&monitor.AttrTimeout != 0 {
		dst.Timeout = src.Timeout
	}
	if has&monitor.AttrMark != 0 {
		dst.Mark = src.Mark
	}
	if has&monitor.AttrID != 0 {
		dst.ID = src.ID
	}
	if has&^often == 0 {
		return
	}
	mergeRare(dst, src, has)
}

func mergeRare(dst, src *monitor.Flow, has monitor.Attrs) {
	if has&monitor.AttrWScaleOrig != 0 {
		dst.TCP.WScaleOrig = src.TCP.WScaleOrig
	}
	if has&monitor.AttrWScaleReply != 0 {
		dst.TCP.WScaleReply = src.TCP.WScaleReply
	}
	if has&monitor.AttrTCPFlagsOrig != 0 {
		dst.TCP.FlagsOrig, dst.TCP.MaskOrig = src.TCP.FlagsOrig, src.TCP.MaskOrig
	}
	if has&monitor.AttrTCPFlagsReply != 0 {
		dst.TCP.FlagsReply, dst.TCP.MaskReply = src.TCP.FlagsReply, src.TCP.MaskReply
	}
	if has&monitor.AttrCountersOrig != 0 {
		dst.CountersOrig = src.CountersOrig
	}
	if has&monitor.AttrCountersReply != 0 {
		dst.CountersReply = src.CountersReply
	}
	if has&monitor.AttrStart != 0 {
		dst.Start = src.Start
	}
	if has&monitor.AttrStop != 0 {
		dst.Stop = src.Stop
	}
	if has&monitor.AttrUse != 0 {
		dst.Use = src.Use
	}
}
