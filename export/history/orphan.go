package history

import "natlens/monitor"

// orphanage knows of the capture before this one, which left flows open.
//
// Which of them still live is not known at first. One that a message shows with
// the same tuples and the same id is carried on. The others are closed by settle,
// when the first look at the kernel's table is surely over.
type orphanage struct {
	from, until monitor.Time // nobody watched between these; until 0: there was nothing before, or all is settled
	why         Reason       // CaptureEnded or Restart

	// Orphans of other namespaces than that without a number wait under a
	// foreign number until their namespace is met by its name.
	foreign map[string]monitor.NetNS
	met     map[monitor.NetNS]bool
	names   func(monitor.NetNS) string
}

// foreignNames are the names of namespaces of the capture before, under numbers
// that this run gives last of all.
type foreignNames map[monitor.NetNS]string

// add gives a name its number.
func (f foreignNames) add(name string) monitor.NetNS {
	n := ^monitor.NetNS(0) - monitor.NetNS(len(f))
	f[n] = name
	return n
}

// meet gives the orphans of the event's namespace to it.
func (t *Tracker) meet(n monitor.NetNS) {
	b := &t.before
	if n == 0 || b.met[n] {
		return
	}
	b.met[n] = true
	was, ok := b.foreign[b.names(n)]
	if !ok {
		return
	}
	delete(b.foreign, b.names(n))
	for key, o := range t.flows {
		if key.NetNS == was {
			delete(t.flows, key)
			key.NetNS = n
			t.flows[key] = o
		}
	}
}

// adopt takes over an open flow of the capture before.
func (t *Tracker) adopt(tr *Translation) {
	o := openFlow{
		start: tr.Start, number: tr.number, sentAs: tr.SentAs, deliveredTo: tr.DeliveredTo, id: tr.id,
		status: tr.Status, gaps: t.gaps.count, nat: tr.NAT, state: tr.State, doubt: tr.Doubt | TouchedByRestart,
		bits: openOrphan | openDumped,
	}
	if tr.HasState {
		o.bits |= openHasState
	}
	if tr.hasID {
		o.bits |= openHasID
	}
	t.flows[tr.tuple()] = o
	t.last = max(t.last, tr.number)
}

// settle closes the flows of the capture before that were not seen again.
func (t *Tracker) settle(ch *Changes) {
	if t.before.until == 0 {
		return
	}
	for key, o := range t.flows {
		if o.bits&openOrphan != 0 {
			delete(t.flows, key)
			t.bury(&key, &o, ch)
		}
	}
	t.before = orphanage{names: t.before.names}
}

// bury closes an orphan: it ended while nobody watched.
func (t *Tracker) bury(key *monitor.Tuple, o *openFlow, ch *Changes) {
	tr := t.close(key, o, ch)
	tr.End = max(t.before.until, tr.Start)
	tr.Reason = t.before.why
	tr.Doubt |= EndedInGap | TouchedByRestart
}
