package translation

import "natlens/monitor"

// open is an open translation and what is known of its flow.
type open struct {
	Translation
	gen    uint64 // Event.Gen; 0: not known
	losses uint32 // losses.count when it opened
	dumped bool   // a dump reported it first
	isNew  bool   // its NEW was seen: another NEW is about a later flow
}

// same reports whether the event is about this flow, not about a later one with
// the same tuple.
func (o *open) same(e *monitor.Event) bool {
	switch {
	case o.gen != 0 && e.Gen != 0:
		return o.gen == e.Gen
	case e.Kind == monitor.KindNew && !e.Inferred && o.isNew:
		return false
	}
	return !o.HasID || e.Known()&monitor.AttrID == 0 || o.ID == e.Flow.ID
}

// lateNew takes over the beginning of the flow from a NEW that a dump or an UPDATE has
// overtaken. What else the NEW says is older than what is known.
func (o *open) lateNew(at monitor.Time) {
	o.isNew = true
	switch {
	case at <= o.Start:
		o.Start, o.Doubt = at, o.Doubt&^BeganBefore
	case o.dumped: // the flow may be an older one
	case o.Doubt == BeganBefore: // the UPDATE was stamped as it was received
		o.Doubt = 0
	case o.Doubt != 0: // no time of the flow is known
		o.Start, o.Doubt = at, 0
	}
}

// learn takes over what a message says about the flow.
func (o *open) learn(e *monitor.Event) {
	known := e.Known()
	if known.Any(monitor.AttrStatus) {
		o.Status = e.Flow.Status
	}
	if known.Any(monitor.AttrState) {
		o.State, o.HasState = e.Flow.State, true
	}
	if known.Any(monitor.AttrID) {
		o.ID, o.HasID = e.Flow.ID, true
	}
	if e.Gen != 0 {
		o.gen = e.Gen
	}
}

// current returns an open translation with the losses during its life.
func (t *Tracker) current(o *open) Translation {
	tr := o.Translation
	if t.losses.touched(tr.Namespace, o.losses) {
		tr.Doubt |= TouchedByGap
	}
	return tr
}
