package monitor

import "bytes"

// rememberedAttrs are the attributes that later messages of a flow leave out
// though they still hold: DESTROY bears no helper, labels, secctx or master, and
// protoinfo comes only when it changed. Timeout and counters are of the moment
// and are not filled in.
const rememberedAttrs = AttrState | AttrWScaleOrig | AttrWScaleReply | AttrTCPFlagsOrig | AttrTCPFlagsReply |
	AttrVTagOrig | AttrVTagReply | AttrDCCPRole | AttrDCCPSeq | AttrHelper | AttrHelperInfo | AttrMark | AttrMaster |
	AttrSeqAdjOrig | AttrSeqAdjReply | AttrSecCtx | AttrStart | AttrLabels | AttrSynproxy |
	AttrReply | AttrStatus | AttrID

// merge brings the event's attributes into the row and the row's into the event.
func (t *Table) merge(row uint32, e *Event, b *Batch) {
	p := t.rows.at(row)
	if e.Kind != KindExisting {
		t.heard(p)
	}
	if e.Kind == KindNew {
		p.state |= RowBorn
	}
	if t.cfg.Life {
		t.recordLife(row, e)
	}
	e.Gen, e.Row = p.gen, row
	t.touchEpoch(p)
	if p.mergePacked(e) {
		e.Born = p.born()
		return
	}
	r := &t.scratch
	t.rows.load(row, r)
	e.Flow.Path = r.Flow.Path
	known := e.Known()
	missing := r.Known & rememberedAttrs &^ known
	if (r.Known|known)&AttrsInExtra != 0 {
		t.mergeExtra(row, r, e, b, missing)
	}
	mergeFlow(&r.Flow, &e.Flow, known)
	if missing != 0 {
		mergeFlow(&e.Flow, &r.Flow, missing)
		e.Remembered |= missing
	}
	r.Known |= known
	r.Last = e.Time
	e.Born = r.Born()
	if e.Kind == KindDestroy && t.cfg.Linger <= 0 {
		p.known = r.Known // what is let go at once need not be saved: a place for its counters may have to be made
		return
	}
	t.rows.save(row, r)
}

// touchEpoch notes that the row was touched during the reconciliation under way.
func (t *Table) touchEpoch(p *packedRow) {
	if t.resync != nil {
		p.epoch = t.resync.epoch
	}
}

// mergeExtra does the same for the attributes that stand in Extra.
func (t *Table) mergeExtra(row uint32, r *Row, e *Event, b *Batch, missing Attrs) {
	kept := t.extras[row]
	if has := e.Known() & AttrsInExtra; has != 0 {
		if kept == nil {
			kept = new(Extra)
			t.extras[row] = kept
		}
		kept.take(e.Extra, has)
	}
	if missing &= AttrsInExtra; missing != 0 && kept != nil {
		if e.Extra == nil {
			e.Extra = b.NewExtra()
		}
		e.Extra.share(kept, missing)
	}
}

// mergeFlow copies the named attributes. What comes with a tuple (family,
// protocol, zone) comes with it.
func mergeFlow(dst, src *Flow, has Attrs) {
	const often = AttrOrig | AttrReply | AttrStatus | AttrState | AttrTimeout | AttrMark | AttrID | AttrZone |
		AttrZoneOrig | AttrZoneReply
	if has&AttrReply != 0 {
		dst.Reply = src.Reply
	}
	if has&AttrStatus != 0 {
		dst.Status = src.Status
	}
	if has&AttrState != 0 {
		dst.State = src.State
	}
	if has&AttrTimeout != 0 {
		dst.Timeout = src.Timeout
	}
	if has&AttrMark != 0 {
		dst.Mark = src.Mark
	}
	if has&AttrID != 0 {
		dst.ID = src.ID
	}
	if has&^often == 0 {
		return
	}
	mergeRare(dst, src, has)
}

func mergeRare(dst, src *Flow, has Attrs) {
	if has&AttrWScaleOrig != 0 {
		dst.TCP.WScaleOrig = src.TCP.WScaleOrig
	}
	if has&AttrWScaleReply != 0 {
		dst.TCP.WScaleReply = src.TCP.WScaleReply
	}
	if has&AttrTCPFlagsOrig != 0 {
		dst.TCP.FlagsOrig, dst.TCP.MaskOrig = src.TCP.FlagsOrig, src.TCP.MaskOrig
	}
	if has&AttrTCPFlagsReply != 0 {
		dst.TCP.FlagsReply, dst.TCP.MaskReply = src.TCP.FlagsReply, src.TCP.MaskReply
	}
	if has&AttrCountersOrig != 0 {
		dst.CountersOrig = src.CountersOrig
	}
	if has&AttrCountersReply != 0 {
		dst.CountersReply = src.CountersReply
	}
	if has&AttrStart != 0 {
		dst.Start = src.Start
	}
	if has&AttrStop != 0 {
		dst.Stop = src.Stop
	}
	if has&AttrUse != 0 {
		dst.Use = src.Use
	}
}

// take copies the named attributes of x, blobs into memory of its own.
func (k *Extra) take(x *Extra, has Attrs) {
	k.share(x, has)
	for _, f := range k.blobs() {
		if has&f.attr != 0 {
			*f.b = bytes.Clone(*f.b)
		}
	}
}

// share copies the named attributes of x; blobs are shared with it.
func (k *Extra) share(x *Extra, has Attrs) {
	for i, f := range k.blobs() {
		if has&f.attr != 0 {
			*f.b = *x.blobs()[i].b
		}
	}
	if has&AttrMaster != 0 {
		k.Master = x.Master
	}
	if has&AttrSeqAdjOrig != 0 {
		k.SeqAdjOrig = x.SeqAdjOrig
	}
	if has&AttrSeqAdjReply != 0 {
		k.SeqAdjReply = x.SeqAdjReply
	}
	if has&AttrSynproxy != 0 {
		k.Synproxy = x.Synproxy
	}
	if has&AttrDCCPSeq != 0 {
		k.DCCPSeq = x.DCCPSeq
	}
	if has&AttrDCCPRole != 0 {
		k.DCCPRole = x.DCCPRole
	}
	k.shareWords(x, has)
}

func (k *Extra) shareWords(x *Extra, has Attrs) {
	if has&AttrVTagOrig != 0 {
		k.VTagOrig = x.VTagOrig
	}
	if has&AttrVTagReply != 0 {
		k.VTagReply = x.VTagReply
	}
	if has&AttrMarkMask != 0 {
		k.MarkMask = x.MarkMask
	}
	if has&AttrSecMark != 0 {
		k.SecMark = x.SecMark
	}
	if has&AttrStatusMask != 0 {
		k.StatusMask = x.StatusMask
	}
}

type blob struct {
	attr Attrs
	b    *[]byte
}

func (k *Extra) blobs() [5]blob {
	return [5]blob{{AttrHelper, &k.Helper}, {AttrHelperInfo, &k.HelperInfo}, {AttrSecCtx, &k.SecCtx},
		{AttrLabels, &k.Labels}, {AttrLabelsMask, &k.LabelsMask}}
}

// clone returns a copy that shares nothing with x.
func (k *Extra) clone() *Extra {
	c := *k
	for _, f := range c.blobs() {
		*f.b = bytes.Clone(*f.b)
	}
	return &c
}
