package translation

import (
	"cmp"
	"slices"
	"time"

	"natlens/monitor"
)

// open is an open translation and what is known of its flow.
type open struct {
	Translation
	gen    uint64 // Event.Gen; 0: not known
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

// lateNew sets the beginning of the flow from a NEW that came after a dump or an UPDATE. The
// other attributes of the NEW are older than the known ones.
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

// learn copies the attributes of a message.
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
	o.Local = cmp.Or(e.Local, o.Local)
}

// current returns an open translation with the losses during its life, and with the current
// name of its network namespace, which can change.
func (t *Tracker) current(key *monitor.Tuple, o *open) Translation {
	tr := o.Translation
	tr.Namespace = t.cfg.name(key.NetNS)
	if o.Number <= max(t.touched[0], t.touched[key.NetNS]) {
		tr.Doubt |= TouchedByGap
	}
	return tr
}

// span goes from the beginning of the first gap to the end of the last.
type span struct{ from, to monitor.Time }

// lostSince returns the beginning of the losses of a network namespace that are not reconciled,
// 0 if there are none. A loss of namespace 0 may concern any of them.
func (t *Tracker) lostSince(id monitor.NetNS) (from monitor.Time) {
	for _, of := range [...]monitor.NetNS{0, id} {
		if s, ok := t.losses[of]; ok && (from == 0 || s.from < from) {
			from = s.from
		}
	}
	return from
}

// Previous are the flows that were open at the end of the previous run of a history. Whether
// they still exist is not known at first:
//
//   - A message about a flow with the same tuples and the same id resumes it.
//   - [Tracker.Settle] closes the others, after the first complete dump of the kernel's table.
type Previous struct {
	From, Until monitor.Time // no capture was running between these
	Reason      Reason       // of the flows that are gone: CaptureEnded or Restart

	flows map[previousKey]Translation
}

// previousKey identifies a flow over runs: numbers of network namespaces differ
// between runs, names do not.
type previousKey struct {
	tuple     monitor.Tuple
	namespace string
}

// Add adds an open flow.
func (p *Previous) Add(t *Translation) {
	if p.flows == nil {
		p.flows = map[previousKey]Translation{}
	}
	p.flows[previousKey{t.tuple(), t.Namespace}] = *t
}

// take removes the flow of a tuple and returns it.
func (p *Previous) take(tuple monitor.Tuple, namespace string) (t Translation, ok bool) {
	tuple.NetNS = 0
	key := previousKey{tuple, namespace}
	if t, ok = p.flows[key]; ok {
		delete(p.flows, key)
	}
	return t, ok
}

// resume opens the flow of the previous run to which the event belongs, and returns it. If the
// tuple belongs to another flow now, it closes the old one.
func (t *Tracker) resume(key *monitor.Tuple, e *monitor.Event, ch *Changes) *open {
	if len(t.previous.flows) == 0 {
		return nil
	}
	was, ok := t.previous.take(*key, t.cfg.name(key.NetNS))
	switch {
	case !ok:
		return nil
	case !was.continues(e, t.previous.Until):
		t.endPrevious(&was, ch)
		return nil
	}
	was.Doubt |= TouchedByRestart
	o := &open{Translation: was, dumped: true}
	t.flows[*key] = o
	return o
}

// continues reports whether the event is about this flow of the previous run, which ended at
// until. The kernel's start of a flow differs from the time of its NEW.
func (t *Translation) continues(e *monitor.Event, until monitor.Time) bool {
	switch {
	case t.SentAs != e.Flow.SentAs(), t.DeliveredTo != e.Flow.DeliveredTo():
		return false
	case e.Kind == monitor.KindNew && !e.Inferred:
		return false
	case t.HasID && e.Known()&monitor.AttrID != 0 && t.ID != e.Flow.ID:
		return false
	}
	began := e.Flow.Start
	return e.Has&monitor.AttrStart == 0 || t.Doubt != 0 || began <= until ||
		max(began, t.Start)-min(began, t.Start) < monitor.Time(time.Second) // the clock was set back
}

// endPrevious closes a flow of the previous run: it ended before this run.
func (t *Tracker) endPrevious(was *Translation, ch *Changes) {
	was.End = max(t.previous.Until, was.Start)
	was.Reason = t.previous.Reason
	was.Doubt |= EndedInGap | TouchedByRestart
	for id := range t.touched { // its end may have been lost in this run
		if id == 0 || was.Namespace == t.cfg.name(id) {
			was.Doubt |= TouchedByGap
		}
	}
	ch.Closed = append(ch.Closed, *was)
}

// Settle closes the flows of the previous run that were not seen again, in the
// order in which they opened. After it, a flow that is seen for the first time
// began before the capture.
func (t *Tracker) Settle(ch *Changes) {
	if t.previous.Until == 0 {
		return
	}
	gone := make([]Translation, 0, len(t.previous.flows))
	for _, was := range t.previous.flows {
		gone = append(gone, was)
	}
	slices.SortFunc(gone, func(a, b Translation) int { return cmp.Compare(a.Number, b.Number) })
	for i := range gone {
		t.endPrevious(&gone[i], ch)
	}
	t.previous = Previous{}
}
