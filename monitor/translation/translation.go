// Package translation says who held which address and port, from when to when,
// and how certain that is.
//
// A [Tracker] turns the events of a run into translations: one for each flow
// that NAT rewrites, from its NEW to its DESTROY. [Query] selects translations,
// and [Verdict] says what the answers prove: somebody held the address, nobody
// did, or the time is not covered. [Search] answers a query from a stream of
// events; export/history answers it from files.
//
//	t := translation.NewTracker(translation.TrackerConfig{})
//	var ch translation.Changes
//	t.Apply(batch, &ch)
//	for i := range ch.Closed {
//		tr := &ch.Closed[i]
//		fmt.Println(tr.Inside(translation.SourceSide), tr.Outside(translation.SourceSide), tr.Uncertain())
//	}
//
// The package does no I/O. [Row] is the JSON form of a translation.
package translation

import (
	"strings"

	"natlens/monitor"
)

// Translation is what NAT did to one flow, and when.
type Translation struct {
	Start monitor.Time // the earliest time at which the flow can have begun, see Doubt
	End   monitor.Time // the latest time at which it can have ended; 0: it is open

	// The four ends of the flow. From and To are the original direction before
	// any rewrite. SentAs is the source that the far side sees. DeliveredTo is
	// the host that receives the packets. Without a rewrite they are equal in
	// pairs. ICMP ids and GRE keys are in the ports.
	From, To, SentAs, DeliveredTo monitor.Endpoint

	Proto     monitor.Proto
	Family    monitor.Family
	NAT       Kind
	Zone      uint16 // conntrack zone of the original direction
	Namespace string // network namespace; "" if it has no name

	Original, Reply monitor.Counters // zero unless Counted
	Counted         bool             // the kernel counted the flow: nf_conntrack_acct was on when it began

	Reason   Reason
	Status   monitor.Status // as last reported
	State    monitor.State  // as last reported; only with HasState
	HasState bool
	Doubt    Doubt

	Local *monitor.Local // process or container of this host, as last reported; nil: none is known

	ICMP   uint16 // type<<8 | code of the original direction, for ICMP and ICMPv6
	Number uint64 // number of the flow, unique within a history
	ID     uint32 // CTA_ID; only with HasID
	HasID  bool
}

// Kind says what NAT rewrites: a set of the bits below. Zero is a flow that NAT
// leaves alone. Files contain the numbers; they never change.
type Kind uint8

// The bits of Kind.
const (
	SNAT     Kind = 1 << iota // the source is rewritten, by SNAT or by masquerade
	DNAT                      // the destination is rewritten
	PortOnly                  // only ports, ids or keys change, no address
	Redirect                  // DNAT to this host itself
	NoBits                    // a side differs without its status bit: IPVS, or an entry made by hand
)

// kindOf derives the kind from both tuples of a flow.
func kindOf(f *monitor.Flow) Kind {
	n := f.NAT()
	k := Kind(n.Kind)
	if n.PortOnly() {
		k |= PortOnly
	}
	if n.Redirect {
		k |= Redirect
	}
	if n.NoBits {
		k |= NoBits
	}
	return k
}

// String returns the word of text and JSON: none, snat, dnat, snat+dnat,
// redirect or snat+redirect, followed by ",port-only" and ",no-bits" where they
// apply.
func (k Kind) String() string {
	text := monitor.NATKind(k & (SNAT | DNAT)).String()
	if k&Redirect != 0 {
		text = strings.Replace(text, "dnat", "redirect", 1)
	}
	if k&PortOnly != 0 {
		text += ",port-only"
	}
	if k&NoBits != 0 {
		text += ",no-bits"
	}
	return text
}

// Side is one of the two rewrites that a flow can have. Inside, outside and peer
// depend on it:
//
//	                  inside        outside   peer
//	SourceSide        From          SentAs    To             a client behind the gateway
//	DestinationSide   DeliveredTo   To        From           a host behind a public service
//
// A flow without a rewrite has a SourceSide whose inside and outside are equal.
type Side uint8

// The sides.
const (
	SourceSide Side = iota
	DestinationSide
)

// String returns source or destination.
func (s Side) String() string {
	if s == DestinationSide {
		return "destination"
	}
	return "source"
}

// Sides returns the sides of the translation: one or two.
func (t *Translation) Sides() []Side {
	switch {
	case t.NAT&DNAT == 0:
		return bothSides[:1]
	case t.NAT&SNAT == 0:
		return bothSides[1:]
	}
	return bothSides
}

var bothSides = []Side{SourceSide, DestinationSide}

// Inside returns the host behind the translated address.
func (t *Translation) Inside(s Side) End {
	if s == DestinationSide {
		return t.destination(t.DeliveredTo)
	}
	return t.source(t.From)
}

// Outside returns the translated address and port of the inside host.
func (t *Translation) Outside(s Side) End {
	if s == DestinationSide {
		return t.destination(t.To)
	}
	return t.source(t.SentAs)
}

// Peer returns the other end of the flow, with the address that it had for the outside address.
func (t *Translation) Peer(s Side) End {
	if s == DestinationSide {
		return t.source(t.From)
	}
	return t.destination(t.To)
}

// source returns an end that sends the original direction. An ICMP id belongs to
// this side only.
func (t *Translation) source(p monitor.Endpoint) End {
	return End{p.Addr, p.Port, t.Proto.IsICMP() || t.portsBothSides()}
}

// destination returns an end that receives the original direction.
func (t *Translation) destination(p monitor.Endpoint) End {
	return End{p.Addr, p.Port, t.portsBothSides()}
}

func (t *Translation) portsBothSides() bool { return t.Proto.HasPorts() || t.Proto == monitor.GRE }

// Uncertain reports whether the translation may have been different. BeganBefore alone does not
// make it uncertain.
func (t *Translation) Uncertain() bool { return t.Doubt&^BeganBefore != 0 }

// tuple is the original tuple without its network namespace.
func (t *Translation) tuple() monitor.Tuple {
	k := monitor.Tuple{
		Src: t.From.Addr, Dst: t.To.Addr, SrcPort: t.From.Port, DstPort: t.To.Port,
		Zone: t.Zone, Proto: t.Proto, Family: t.Family,
	}
	if t.Proto.IsICMP() {
		k.DstPort = t.ICMP
	}
	return k
}
