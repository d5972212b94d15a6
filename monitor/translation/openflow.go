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

// current returns an open translation with the losses during its life, and with the name that
// its network namespace has by now: one that is known by a process can be given a name.
func (t *Tracker) current(key *monitor.Tuple, o *open) Translation {
	tr := o.Translation
	tr.Namespace = t.cfg.name(key.NetNS)
	if t.losses.touched(o.Namespace, o.losses) || t.losses.touched(tr.Namespace, o.losses) {
		tr.Doubt |= TouchedByGap
	}
	return tr
}

// losses are the losses of a run by the name of the network namespace. A loss
// under "" may concern any of them.
type losses struct {
	count uint32            // losses so far
	last  map[string]uint32 // number of the newest loss
	open  map[string]span   // not reconciled yet
}

// span goes from the beginning of the first gap to the end of the last.
type span struct{ from, to monitor.Time }

func (l *losses) add(g *Gap) {
	l.touch(g.Namespace)
	s := span{g.From, g.To}
	if o, ok := l.open[g.Namespace]; ok {
		s = span{min(o.from, s.from), max(o.to, s.to)}
	}
	l.open[g.Namespace] = s
}

// touch makes the flows that are open in a namespace doubtful.
func (l *losses) touch(namespace string) {
	if l.last == nil {
		l.last, l.open = map[string]uint32{}, map[string]span{}
	}
	l.count++
	l.last[namespace] = l.count
}

// reconciled removes the losses that a comparison with the kernel's table made
// good, in one namespace or with "" in all. What was lost after the comparison
// began stays.
func (l *losses) reconciled(namespace string, gap *monitor.Gap) {
	for name, s := range l.open {
		if (namespace == "" || namespace == name) && (gap == nil || s.to <= gap.From) {
			delete(l.open, name)
		}
	}
}

// since returns the beginning of the losses of a namespace that are not
// reconciled, 0 if there are none.
func (l *losses) since(namespace string) (from monitor.Time) {
	for _, name := range [...]string{"", namespace} {
		if s, ok := l.open[name]; ok && (from == 0 || s.from < from) {
			from = s.from
		}
	}
	return from
}

// touched reports whether the namespace lost events after loss number since.
func (l *losses) touched(namespace string, since uint32) bool {
	return since != l.count && (l.last[""] > since || l.last[namespace] > since)
}
