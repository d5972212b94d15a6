package translation

import "natlens/monitor"

// openFlow is an open translation without what its tuple says. It has no
// pointers, so that a million of them cost the garbage collector nothing.
type openFlow struct {
	start               monitor.Time
	gen                 uint64 // Event.Gen; 0: not known
	number              uint64
	sentAs, deliveredTo monitor.Endpoint
	id                  uint32
	status              monitor.Status
	losses              uint32 // losses.count when it opened
	nat                 Kind
	state               monitor.State
	doubt               Doubt
	bits                openBits
}

type openBits uint8

const (
	openHasState openBits = 1 << iota
	openHasID
	openDumped // a dump reported it first
	openNew    // its NEW was seen: another NEW is about a later flow
)

// same reports whether the event is about this flow, not about a later one with
// the same tuple.
func (o *openFlow) same(e *monitor.Event) bool {
	switch {
	case o.gen != 0 && e.Gen != 0:
		return o.gen == e.Gen
	case e.Kind == monitor.KindNew && !e.Inferred && o.bits&openNew != 0:
		return false
	}
	return o.bits&openHasID == 0 || e.Known()&monitor.AttrID == 0 || o.id == e.Flow.ID
}

// lateNew takes over the beginning of the flow from a NEW that a dump or an UPDATE has
// overtaken. What else the NEW says is older than what is known.
func (o *openFlow) lateNew(at monitor.Time) {
	o.bits |= openNew
	switch {
	case at <= o.start:
		o.start, o.doubt = at, o.doubt&^BeganBefore
	case o.bits&openDumped != 0: // the flow may be an older one
	case o.doubt == BeganBefore: // the UPDATE was stamped as it was received
		o.doubt = 0
	case o.doubt != 0: // no time of the flow is known
		o.start, o.doubt = at, 0
	}
}

// learn takes over what a message says about the flow.
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
}

// expand writes the open flow as a translation.
func (t *Tracker) expand(tr *Translation, key *monitor.Tuple, o *openFlow) {
	f := monitor.Flow{Orig: *key}
	*tr = Translation{
		Start: o.start, From: f.From(), To: f.To(), SentAs: o.sentAs, DeliveredTo: o.deliveredTo,
		Proto: key.Proto, Family: key.Family, NAT: o.nat, Zone: key.Zone, Namespace: t.cfg.name(key.NetNS),
		Status: o.status, State: o.state, HasState: o.bits&openHasState != 0, Doubt: o.doubt,
		Number: o.number, ID: o.id, HasID: o.bits&openHasID != 0,
	}
	if key.Proto.IsICMP() {
		tr.ICMP = key.DstPort
	}
	if t.losses.touched(tr.Namespace, o.losses) {
		tr.Doubt |= TouchedByGap
	}
}
