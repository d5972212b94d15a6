package translation

import (
	"cmp"
	"slices"

	"natlens/monitor"
)

// Previous is what the previous run of a history left open. Which of these
// flows still exist is not known at first:
//
//   - A message that shows a flow with the same tuples and the same id resumes it.
//   - [Tracker.Settle] ends the others, when the first dump of the kernel's table
//     is surely complete.
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

// resume opens the flow of the previous run that the event shows alive, and returns it. A
// flow of that run whose tuple now belongs to another flow is closed.
func (t *Tracker) resume(key *monitor.Tuple, e *monitor.Event, ch *Changes) *open {
	if len(t.previous.flows) == 0 {
		return nil
	}
	was, ok := t.previous.take(*key, t.cfg.name(key.NetNS))
	switch {
	case !ok:
		return nil
	case !was.continues(e):
		t.endPrevious(&was, ch)
		return nil
	}
	was.Doubt |= TouchedByRestart
	o := &open{Translation: was, dumped: true}
	t.flows[*key] = o
	return o
}

// continues reports whether the event is about this flow of the previous run.
func (t *Translation) continues(e *monitor.Event) bool {
	switch {
	case t.SentAs != e.Flow.SentAs(), t.DeliveredTo != e.Flow.DeliveredTo():
		return false
	case e.Kind == monitor.KindNew && !e.Inferred:
		return false
	case t.HasID && e.Known()&monitor.AttrID != 0 && t.ID != e.Flow.ID:
		return false
	}
	return e.Has&monitor.AttrStart == 0 || t.Start == e.Flow.Start || t.Doubt != 0
}

// endPrevious closes a flow of the previous run: it ended before this run.
func (t *Tracker) endPrevious(was *Translation, ch *Changes) {
	was.End = max(t.previous.Until, was.Start)
	was.Reason = t.previous.Reason
	was.Doubt |= EndedInGap | TouchedByRestart
	if t.losses.touched(was.Namespace, 0) {
		was.Doubt |= TouchedByGap // its end may have been lost in this run
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
