package translation

import (
	"maps"
	"slices"

	"natlens/monitor"
)

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
	flows    map[monitor.Tuple]*open
	ended    [256]ended               // the flows that ended last, by the low bits of their numbers
	free     []*open                  // closed ones, for reuse
	first    monitor.Time             // time of the first event
	now      monitor.Time             // time of the last event
	last     uint64                   // number of the flow that opened last
	losses   map[monitor.NetNS]span   // not reconciled yet; 0: of any network namespace
	touched  map[monitor.NetNS]uint64 // number of the flow that opened last before the newest loss
	previous Previous
}

// Changes are what a batch of events did. The caller owns the slices and may
// reuse them after Reset.
type Changes struct {
	Opened, Closed []Translation
	Gaps           []Gap
	Renamed        []Rename
}

// Rename is a new name of the network namespace of flows that are open.
type Rename struct{ Old, New string }

// Reset empties the changes and keeps their memory.
func (c *Changes) Reset() {
	c.Opened, c.Closed, c.Gaps, c.Renamed = c.Opened[:0], c.Closed[:0], c.Gaps[:0], c.Renamed[:0]
}

// NewTracker returns a tracker that has seen no event.
func NewTracker(cfg TrackerConfig) *Tracker {
	return &Tracker{cfg: cfg, flows: map[monitor.Tuple]*open{}, losses: map[monitor.NetNS]span{},
		touched: map[monitor.NetNS]uint64{}, last: cfg.Last, previous: cfg.Previous}
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
			t.reconciled(e)
		case monitor.KindDestroy:
			if t.wanted(e) {
				t.destroy(e, ch)
			}
		case monitor.KindNew, monitor.KindUpdate, monitor.KindExisting, monitor.KindInterim:
			if t.wanted(e) {
				t.see(e, ch)
			}
		}
	}
}

// Open calls fn for every open translation, in no order, until fn returns false.
// The translation is only valid during the call.
func (t *Tracker) Open(fn func(*Translation) bool) {
	for key, o := range t.flows {
		if tr := t.current(&key, o); !fn(&tr) {
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
	g := Gap{From: e.Time, To: e.Time, Cause: Lost, Number: t.last}
	if e.NetNS() != 0 {
		g.Namespace = t.cfg.name(e.NetNS())
	}
	if e.Gap != nil {
		g.Count, g.AtLeast = e.Gap.Count, e.Gap.Uncertain
		if e.Gap.From != 0 {
			g.From = e.Gap.From
		}
		g.To = max(g.From, e.Gap.To)
	}
	s, ok := t.losses[e.NetNS()]
	if !ok {
		s = span{g.From, g.To}
	}
	t.losses[e.NetNS()] = span{min(s.from, g.From), max(s.to, g.To)}
	t.touched[e.NetNS()] = t.last
	ch.Gaps = append(ch.Gaps, g)
}

// reconciled removes the losses that a reconciliation has made up for. Losses since it began stay.
func (t *Tracker) reconciled(e *monitor.Event) {
	maps.DeleteFunc(t.losses, func(of monitor.NetNS, s span) bool {
		return (e.NetNS() == 0 || e.NetNS() == of) && (e.Gap == nil || s.to <= e.Gap.From)
	})
}

// ClockSet adds a gap for times that are wrong or were skipped, because the system's
// time was set. What is open, and what ch already has, becomes doubtful.
func (t *Tracker) ClockSet(from, to monitor.Time, ch *Changes) {
	t.touched[0] = t.last
	for i := range ch.Closed {
		ch.Closed[i].Doubt |= TouchedByGap
	}
	ch.Gaps = append(ch.Gaps, Gap{From: from, To: to, Cause: ClockSet, Number: t.last})
}

// Rename gives the open flows the names that their network namespaces have now, and adds the new names to ch.
func (t *Tracker) Rename(ch *Changes) {
	for key, o := range t.flows {
		now := t.current(&key, o)
		if r := (Rename{o.Namespace, now.Namespace}); r.Old != r.New {
			if !slices.Contains(ch.Renamed, r) {
				ch.Renamed = append(ch.Renamed, r)
			}
			o.Namespace = now.Namespace
		}
	}
}

// see processes a message of a live flow. It skips flows that the table does not keep: forged ones would fill the
// memory. It also skips flows that have ended: a flow that begins has another number or, in the recording of another
// run, another tuple.
func (t *Tracker) see(e *monitor.Event, ch *Changes) {
	if e.Unkept {
		return
	}
	o := t.find(e, ch)
	switch {
	case o == nil && e.Gen != 0 && *t.endedAt(e.Gen) == ended{e.Gen, e.Flow.Orig}: // its DESTROY has overtaken it
	case o == nil:
		o = t.begin(e)
		o.learn(e)
		t.flows[e.Flow.Orig] = o
		ch.Opened = append(ch.Opened, t.current(&e.Flow.Orig, o))
	case e.Kind == monitor.KindNew && !e.Inferred:
		o.lateNew(t.timeOf(e))
	default:
		o.learn(e)
	}
}

// ended is a flow that has ended: Event.Gen and its original tuple.
type ended struct {
	gen   uint64
	tuple monitor.Tuple
}

func (t *Tracker) endedAt(gen uint64) *ended { return &t.ended[gen%uint64(len(t.ended))] }

func (t *Tracker) wanted(e *monitor.Event) bool {
	f := &e.Flow
	return f.Reply.Family != 0 && (t.cfg.All || f.NAT().Kind != monitor.NATNone) &&
		(t.cfg.Wanted == nil || t.cfg.Wanted(e))
}

// begin returns a flow whose first message is e.
func (t *Tracker) begin(e *monitor.Event) *open {
	f := &e.Flow
	t.last++
	var o *open
	if n := len(t.free); n > 0 {
		o, t.free = t.free[n-1], t.free[:n-1]
	} else {
		o = new(open)
	}
	*o = open{
		Translation: Translation{
			From: f.From(), To: f.To(), SentAs: f.SentAs(), DeliveredTo: f.DeliveredTo(),
			Proto: f.Orig.Proto, Family: f.Orig.Family, NAT: kindOf(f), Zone: f.Orig.Zone,
			Namespace: t.cfg.name(e.NetNS()), Number: t.last,
		},
		gen:    e.Gen,
		dumped: e.Kind.Dumped() || e.Inferred,
		isNew:  e.Kind == monitor.KindNew && !e.Inferred,
	}
	if o.Proto.IsICMP() {
		o.ICMP = f.Orig.DstPort
	}
	switch {
	case e.Known().Any(monitor.AttrStart):
		o.Start = f.Start
	case o.isNew:
		o.Start = t.timeOf(e)
	case e.Kind == monitor.KindDestroy && e.Born != 0:
		o.Start = e.Born
	case t.previous.Until != 0:
		o.Start, o.Doubt = t.previous.From, BeganInGap|TouchedByRestart
	default:
		o.Start, o.Doubt = t.timeOf(e), BeganBefore
		if since := t.lostSince(e.NetNS()); since != 0 {
			o.Start, o.Doubt = since, BeganInGap
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
	o := t.find(e, ch)
	if o == nil {
		o = t.begin(e)
		if o.Doubt == BeganBefore {
			o.Start = t.first
		}
	}
	o.learn(e)
	*t.endedAt(e.Gen) = ended{e.Gen, e.Flow.Orig}
	tr := t.close(&e.Flow.Orig, o, ch)
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

// find returns the open flow of an event, or nil. If another flow with the same tuple is open, its
// end was missed: find closes it.
func (t *Tracker) find(e *monitor.Event, ch *Changes) *open {
	key := &e.Flow.Orig
	o := t.flows[*key]
	switch {
	case o == nil:
		return t.resume(key, e, ch)
	case o.same(e):
		return o
	}
	tr := t.close(key, o, ch)
	tr.End = max(t.timeOf(e), tr.Start)
	tr.Reason = Replaced
	tr.Doubt |= EndedInGap
	return nil
}

// close moves the flow to the closed ones. The caller sets end and reason.
func (t *Tracker) close(key *monitor.Tuple, o *open, ch *Changes) *Translation {
	ch.Closed = append(ch.Closed, t.current(key, o))
	delete(t.flows, *key)
	t.free = append(t.free, o)
	return &ch.Closed[len(ch.Closed)-1]
}
