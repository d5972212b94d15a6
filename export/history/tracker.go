package history

import "natlens/monitor"

// TrackerConfig sets a Tracker up; the zero value works.
type TrackerConfig struct {
	All bool // follow flows that NAT leaves alone as well
}

// Tracker turns events into translations that open and close. It is for one
// goroutine and for one run, whose network namespaces it tells apart.
//
// A flow is known by its original tuple. Where events bear the number of a flow
// (Event.Gen), two lives of one tuple are told apart by it; else by their NEW.
type Tracker struct {
	cfg   TrackerConfig
	flows map[monitor.Tuple]openFlow
	since monitor.Time // the first event of all, or the end of the capture before
	now   monitor.Time // the last event's time
	last  uint64       // number of the flow that opened last
	gaps  losses

	before orphanage // what the capture before left open
}

// openFlow is an open translation, but for what its tuple tells.
type openFlow struct {
	start               monitor.Time
	gen                 uint64
	number              uint64 // unique within a history; the journal knows the flow by it
	sentAs, deliveredTo monitor.Endpoint
	id                  uint32
	status              monitor.Status
	gaps                uint32 // losses.count when it opened
	nat                 Kind
	state               monitor.State
	doubt               Doubt
	bits                openBits
}

type openBits uint8

const (
	openHasState openBits = 1 << iota
	openHasID
	openDumped // a dump told of it: a NEW that follows means the same flow
	openOrphan // of the capture before, and not seen since
)

// Changes are what a batch of events did. The slices belong to the caller, who
// may use them again after Reset.
type Changes struct {
	Opened, Closed []Translation
	Gaps           []Gap
}

// Reset empties the changes and keeps their memory.
func (c *Changes) Reset() { c.Opened, c.Closed, c.Gaps = c.Opened[:0], c.Closed[:0], c.Gaps[:0] }

// NewTracker returns a tracker that knows of nothing.
func NewTracker(cfg TrackerConfig) *Tracker {
	return &Tracker{cfg: cfg, flows: make(map[monitor.Tuple]openFlow)}
}

// Len returns the number of open translations.
func (t *Tracker) Len() int { return len(t.flows) }

// Apply adds to ch what the events of the batch open and close, and the losses
// among them. It does not retain the batch.
func (t *Tracker) Apply(b *monitor.Batch, ch *Changes) {
	for i := range b.Events {
		e := &b.Events[i]
		if e.Time != 0 {
			t.now = max(t.now, e.Time)
		}
		if t.since == 0 {
			t.since = t.now
		}
		if len(t.before.foreign) > 0 {
			t.meet(e.NetNS())
		}
		switch e.Kind {
		case monitor.KindLost:
			t.lost(e, ch)
		case monitor.KindResynced:
			t.gaps.reconciled(e)
		case monitor.KindDestroy:
			t.destroy(e, ch)
		case monitor.KindNew, monitor.KindUpdate, monitor.KindExisting:
			t.see(e, ch)
		}
	}
}

// Open calls fn for every open translation, in no order, until fn returns false.
// The translation is fn's for the call only.
func (t *Tracker) Open(fn func(*Translation) bool) {
	var tr Translation
	for key, o := range t.flows {
		t.expand(&tr, &key, &o)
		if !fn(&tr) {
			return
		}
	}
}

func (t *Tracker) lost(e *monitor.Event, ch *Changes) {
	g := Gap{From: e.Time, To: e.Time, Cause: Lost, NetNS: e.NetNS(), opened: t.last}
	if e.Gap != nil {
		g.Count, g.AtLeast = e.Gap.Count, e.Gap.Uncertain
		if e.Gap.From != 0 {
			g.From = e.Gap.From
		}
		g.To = max(g.From, e.Gap.To)
	}
	t.gaps.add(&g)
	ch.Gaps = append(ch.Gaps, g)
}

// see takes in a message that shows the flow alive.
func (t *Tracker) see(e *monitor.Event, ch *Changes) {
	if !t.wanted(&e.Flow) {
		return
	}
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
	if at := t.timeOf(e); e.Kind == monitor.KindNew && !e.Inferred && o.doubt&BeganBefore != 0 && at <= o.start {
		// A dump told of it while its NEW was on the way, which tells its beginning.
		o.start, o.doubt = at, o.doubt&^BeganBefore
	}
	o.learn(e)
	t.flows[key] = o
}

func (t *Tracker) wanted(f *monitor.Flow) bool {
	if f.Reply.Family == 0 {
		return false
	}
	return t.cfg.All || f.NAT().Kind != monitor.NATNone
}

// same reports whether the event means the open flow, not a later one with the
// same tuple.
func (o *openFlow) same(e *monitor.Event) bool {
	switch {
	case o.bits&openOrphan != 0:
		return o.sentAs == e.Flow.SentAs() && o.deliveredTo == e.Flow.DeliveredTo() &&
			(e.Kind != monitor.KindNew || e.Inferred) && o.sameID(e) &&
			(e.Has&monitor.AttrStart == 0 || o.start == e.Flow.Start || o.doubt != 0)
	case o.gen != 0 && e.Gen != 0:
		return o.gen == e.Gen
	case e.Kind == monitor.KindNew && !e.Inferred && o.bits&openDumped == 0:
		return false
	}
	return o.sameID(e)
}

func (o *openFlow) sameID(e *monitor.Event) bool {
	return o.bits&openHasID == 0 || e.Known()&monitor.AttrID == 0 || o.id == e.Flow.ID
}

// begin is the flow of a message that is the first one about it.
func (t *Tracker) begin(e *monitor.Event) openFlow {
	f := &e.Flow
	t.last++
	o := openFlow{gen: e.Gen, number: t.last, sentAs: f.SentAs(), deliveredTo: f.DeliveredTo(), nat: kindOf(f), gaps: t.gaps.count}
	if e.Kind == monitor.KindExisting || e.Inferred {
		o.bits |= openDumped
	}
	switch {
	case e.Known().Any(monitor.AttrStart):
		o.start = f.Start
	case e.Kind == monitor.KindNew && !e.Inferred:
		o.start = t.timeOf(e)
	case e.Kind == monitor.KindDestroy && e.Born != 0:
		o.start = e.Born
	case t.before.until != 0:
		o.start, o.doubt = t.before.from, BeganInGap|TouchedByRestart
	default:
		o.start, o.doubt = t.timeOf(e), BeganBefore
		if since := t.gaps.since(e.NetNS()); since != 0 {
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

// learn takes over what a message tells about the flow's present.
func (o *openFlow) learn(e *monitor.Event) {
	known := e.Known()
	if known.Any(monitor.AttrStatus) {
		o.status = e.Flow.Status
	}
	if known.Any(monitor.AttrState) {
		o.state = e.Flow.State
		o.bits |= openHasState
	}
	if known.Any(monitor.AttrID) {
		o.id = e.Flow.ID
		o.bits |= openHasID
	}
	if e.Gen != 0 {
		o.gen = e.Gen
	}
	o.bits &^= openOrphan
}

// destroy closes the flow of a DESTROY. One that was never seen before is closed
// as it opens: that somebody held the address is known from its end.
func (t *Tracker) destroy(e *monitor.Event, ch *Changes) {
	if !t.wanted(&e.Flow) {
		return
	}
	key := e.Flow.Orig
	o, known := t.find(&key, e, ch)
	if !known {
		o = t.begin(e)
		if o.doubt == BeganBefore {
			o.start = t.since
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
	tr.learn(&e.Flow, e.Known())
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

// find returns the open flow that the event means. An open one with the same tuple
// that it does not mean has ended unheard, and is closed.
func (t *Tracker) find(key *monitor.Tuple, e *monitor.Event, ch *Changes) (o openFlow, known bool) {
	o, known = t.flows[*key]
	if known && !o.same(e) {
		t.replace(key, &o, e, ch)
		return openFlow{}, false
	}
	return o, known
}

// replace closes a flow whose end was missed: its tuple is another flow's by now.
func (t *Tracker) replace(key *monitor.Tuple, o *openFlow, e *monitor.Event, ch *Changes) {
	delete(t.flows, *key)
	if o.bits&openOrphan != 0 {
		t.bury(key, o, ch)
		return
	}
	tr := t.close(key, o, ch)
	tr.End = max(t.timeOf(e), tr.Start)
	tr.Reason = Replaced
	tr.Doubt |= EndedInGap
}

// close adds the flow to the closed ones; the caller says when and why.
func (t *Tracker) close(key *monitor.Tuple, o *openFlow, ch *Changes) *Translation {
	ch.Closed = append(ch.Closed, Translation{})
	tr := &ch.Closed[len(ch.Closed)-1]
	t.expand(tr, key, o)
	return tr
}

// expand writes the open flow as a translation.
func (t *Tracker) expand(tr *Translation, key *monitor.Tuple, o *openFlow) {
	f := monitor.Flow{Orig: *key}
	*tr = Translation{
		Start: o.start, From: f.From(), To: f.To(), SentAs: o.sentAs, DeliveredTo: o.deliveredTo,
		Proto: key.Proto, Family: key.Family, NAT: o.nat, Zone: key.Zone, NetNS: key.NetNS, Status: o.status, State: o.state,
		HasState: o.bits&openHasState != 0, Doubt: o.doubt, Flow: o.gen,
		id: o.id, hasID: o.bits&openHasID != 0, number: o.number,
	}
	if key.Proto.IsICMP() {
		tr.ICMP = key.DstPort
	}
	if t.gaps.touched(key.NetNS, o.gaps) {
		tr.Doubt |= TouchedByGap
	}
}
