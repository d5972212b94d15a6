package translation

import "natlens/monitor"

// TrackerConfig configures a Tracker. The zero value works.
type TrackerConfig struct {
	All    bool           // also follow flows that NAT leaves alone
	Wanted monitor.Filter // follow only these flows; nil: all

	// Name returns the name of a network namespace of this run, also of number
	// 0. nil: no namespace has a name.
	Name func(monitor.NetNS) string

	// Last is the number of the last flow of the previous run.
	Last uint64
	// Previous has what the previous run left open. The tracker owns it.
	Previous Previous
}

func (c *TrackerConfig) name(n monitor.NetNS) string {
	if c.Name == nil {
		return ""
	}
	return c.Name(n)
}

// Tracker turns the events of one run into translations that open and close. Use
// it from one goroutine.
//
// The original tuple identifies a flow. If events carry the number of the flow
// (Event.Gen), that number separates two flows with the same tuple; otherwise
// their NEW does.
type Tracker struct {
	cfg      TrackerConfig
	flows    map[monitor.Tuple]openFlow
	first    monitor.Time // time of the first event
	now      monitor.Time // time of the last event
	last     uint64       // number of the flow that opened last
	losses   losses
	previous Previous
}

// Changes are what a batch of events did. The caller owns the slices and may
// reuse them after Reset.
type Changes struct {
	Opened, Closed []Translation
	Gaps           []Gap
}

// Reset empties the changes and keeps their memory.
func (c *Changes) Reset() { c.Opened, c.Closed, c.Gaps = c.Opened[:0], c.Closed[:0], c.Gaps[:0] }

// NewTracker returns a tracker that has seen no event.
func NewTracker(cfg TrackerConfig) *Tracker {
	return &Tracker{cfg: cfg, flows: map[monitor.Tuple]openFlow{}, last: cfg.Last, previous: cfg.Previous}
}

// Len returns the number of open translations, those of the previous run
// included.
func (t *Tracker) Len() int { return len(t.flows) + len(t.previous.flows) }

// Last returns the number of the flow that opened last.
func (t *Tracker) Last() uint64 { return t.last }

// Apply adds to ch what the events of the batch open and close, and their
// losses. It does not retain the batch.
func (t *Tracker) Apply(b *monitor.Batch, ch *Changes) {
	for i := range b.Events {
		e := &b.Events[i]
		if e.Time != 0 {
			t.now = max(t.now, e.Time)
		}
		if t.first == 0 {
			t.first = t.now
		}
		switch e.Kind {
		case monitor.KindLost:
			t.lost(e, ch)
		case monitor.KindResynced:
			t.losses.reconciled(t.lossName(e), e.Gap)
		case monitor.KindDestroy:
			if t.wanted(e) {
				t.destroy(e, ch)
			}
		case monitor.KindNew, monitor.KindUpdate, monitor.KindExisting:
			if t.wanted(e) {
				t.see(e, ch)
			}
		}
	}
}

// Open calls fn for every open translation, in no order, until fn returns false.
// The translation is only valid during the call.
func (t *Tracker) Open(fn func(*Translation) bool) {
	var tr Translation
	for key, o := range t.flows {
		t.expand(&tr, &key, &o)
		if !fn(&tr) {
			return
		}
	}
	for _, tr := range t.previous.flows {
		if !fn(&tr) {
			return
		}
	}
}

func (t *Tracker) lost(e *monitor.Event, ch *Changes) {
	g := Gap{From: e.Time, To: e.Time, Cause: Lost, Namespace: t.lossName(e), Number: t.last}
	if e.Gap != nil {
		g.Count, g.AtLeast = e.Gap.Count, e.Gap.Uncertain
		if e.Gap.From != 0 {
			g.From = e.Gap.From
		}
		g.To = max(g.From, e.Gap.To)
	}
	t.losses.add(&g)
	ch.Gaps = append(ch.Gaps, g)
}

// ClockSet adds a gap for times that are wrong or were skipped, because the system's
// time was set. What is open, and what ch already has, becomes doubtful.
func (t *Tracker) ClockSet(from, to monitor.Time, ch *Changes) {
	t.losses.touch("")
	for i := range ch.Closed {
		ch.Closed[i].Doubt |= TouchedByGap
	}
	ch.Gaps = append(ch.Gaps, Gap{From: from, To: to, Cause: ClockSet, Number: t.last})
}

// lossName returns the network namespace of a loss or a resync, "" for all.
func (t *Tracker) lossName(e *monitor.Event) string {
	if e.NetNS() == 0 {
		return ""
	}
	return t.cfg.name(e.NetNS())
}

// see takes in a message that shows a flow alive.
func (t *Tracker) see(e *monitor.Event, ch *Changes) {
	key := e.Flow.Orig
	o, known := t.find(&key, e, ch)
	if !known {
		o = t.begin(e)
		o.learn(e)
		t.flows[key] = o
		ch.Opened = append(ch.Opened, Translation{})
		t.expand(&ch.Opened[len(ch.Opened)-1], &key, &o)
		return
	}
	if e.Kind == monitor.KindNew && !e.Inferred {
		o.lateNew(t.timeOf(e))
	} else {
		o.learn(e)
	}
	t.flows[key] = o
}

func (t *Tracker) wanted(e *monitor.Event) bool {
	f := &e.Flow
	return f.Reply.Family != 0 && (t.cfg.All || f.NAT().Kind != monitor.NATNone) &&
		(t.cfg.Wanted == nil || t.cfg.Wanted(e))
}

// begin returns a flow whose first message is e.
func (t *Tracker) begin(e *monitor.Event) openFlow {
	f := &e.Flow
	t.last++
	o := openFlow{
		gen: e.Gen, number: t.last, sentAs: f.SentAs(), deliveredTo: f.DeliveredTo(),
		nat: kindOf(f), losses: t.losses.count,
	}
	switch {
	case e.Kind == monitor.KindExisting || e.Inferred:
		o.bits |= openDumped
	case e.Kind == monitor.KindNew:
		o.bits |= openNew
	}
	switch {
	case e.Known().Any(monitor.AttrStart):
		o.start = f.Start
	case e.Kind == monitor.KindNew && !e.Inferred:
		o.start = t.timeOf(e)
	case e.Kind == monitor.KindDestroy && e.Born != 0:
		o.start = e.Born
	case t.previous.Until != 0:
		o.start, o.doubt = t.previous.From, BeganInGap|TouchedByRestart
	default:
		o.start, o.doubt = t.timeOf(e), BeganBefore
		if since := t.losses.since(t.cfg.name(e.NetNS())); since != 0 {
			o.start, o.doubt = since, BeganInGap
		}
	}
	return o
}

func (t *Tracker) timeOf(e *monitor.Event) monitor.Time {
	if e.Time != 0 {
		return e.Time
	}
	return t.now
}

// destroy closes the flow of a DESTROY. A flow that was never seen before opens
// and closes at once: its end still proves who held the address.
func (t *Tracker) destroy(e *monitor.Event, ch *Changes) {
	key := e.Flow.Orig
	o, known := t.find(&key, e, ch)
	if !known {
		o = t.begin(e)
		if o.doubt == BeganBefore {
			o.start = t.first
		}
	}
	o.learn(e)
	delete(t.flows, key)
	tr := t.close(&key, &o, ch)
	tr.End = t.timeOf(e)
	if e.Known().Any(monitor.AttrStop) && e.Flow.Stop != 0 {
		tr.End = e.Flow.Stop
	}
	tr.End = max(tr.End, tr.Start)
	if e.Known().Any(monitor.AttrCountersOrig | monitor.AttrCountersReply) {
		tr.Original, tr.Reply, tr.Counted = e.Flow.CountersOrig, e.Flow.CountersReply, true
	}
	switch {
	case e.Inferred && e.Reason == monitor.ReasonNetNSEnd:
		tr.Reason = NamespaceEnd
	case e.Inferred:
		tr.Reason = Resync
		tr.Doubt |= EndedInGap
	case e.PortID != 0:
		tr.Reason = Deleted
	default:
		tr.Reason = Destroyed
	}
}

// find returns the open flow that the event is about. A known flow with the same
// tuple that the event is not about has ended unnoticed, and is closed.
func (t *Tracker) find(key *monitor.Tuple, e *monitor.Event, ch *Changes) (openFlow, bool) {
	o, known := t.flows[*key]
	switch {
	case !known:
		return t.resume(key, e, ch)
	case o.same(e):
		return o, true
	}
	delete(t.flows, *key)
	tr := t.close(key, &o, ch)
	tr.End = max(t.timeOf(e), tr.Start)
	tr.Reason = Replaced
	tr.Doubt |= EndedInGap
	return openFlow{}, false
}

// close adds the flow to the closed ones. The caller sets end and reason.
func (t *Tracker) close(key *monitor.Tuple, o *openFlow, ch *Changes) *Translation {
	ch.Closed = append(ch.Closed, Translation{})
	tr := &ch.Closed[len(ch.Closed)-1]
	t.expand(tr, key, o)
	return tr
}
