package history

import "natlens/monitor"

// Translation is what NAT did to one flow, and when. It is a value without
// pointers.
type Translation struct {
	Start monitor.Time // the earliest that the flow can have begun, see Doubt
	End   monitor.Time // the latest that it can have ended; 0: it is open

	// The four ends. From and To are the original direction before any rewrite;
	// SentAs is the source as the far side sees it, DeliveredTo who really gets
	// the packets. Where nothing is rewritten they are equal. ICMP ids and GRE
	// keys stand in the ports.
	From, To, SentAs, DeliveredTo monitor.Endpoint

	Proto  monitor.Proto
	Family monitor.Family
	NAT    Kind
	Zone   uint16        // conntrack zone of the original direction
	NetNS  monitor.NetNS // number of the network namespace within the run; 0 from disk, where Answer has its name

	Original, Reply monitor.Counters // zero unless Counted
	Counted         bool             // the kernel counted: nf_conntrack_acct was on at birth

	Reason   Reason
	Status   monitor.Status // last that was told
	State    monitor.State  // last that was told, if HasState
	HasState bool
	Doubt    Doubt

	ICMP uint16 // type<<8 | code of the original direction, for ICMP and ICMPv6
	Flow uint64 // Event.Gen: number of the flow within the run; 0 unknown

	number uint64 // openFlow.number
	id     uint32 // CTA_ID, if hasID
	hasID  bool
}

// Kind says what is rewritten: a set of the bits below. Zero is a flow that NAT
// left alone.
type Kind uint8

// The bits of Kind.
const (
	SNAT     Kind = 1 << iota // the source is rewritten; masquerade can't be told from it
	DNAT                      // the destination is rewritten
	PortOnly                  // every address stands, only ports, ids or keys move
	Redirect                  // DNAT that leads to this host itself
	NoBits                    // a side differs that no status bit claims: IPVS, or an entry made by hand
)

// kindOf derives what is rewritten from both tuples.
func kindOf(f *monitor.Flow) Kind {
	n := f.NAT()
	k := Kind(n.Kind)
	for _, bit := range []struct {
		set bool
		is  Kind
	}{{n.PortOnly(), PortOnly}, {n.Redirect, Redirect}, {n.NoBits, NoBits}} {
		if bit.set {
			k |= bit.is
		}
	}
	return k
}

// Rewritten returns the sides that are rewritten, in the words of package monitor.
func (k Kind) Rewritten() monitor.NATKind { return monitor.NATKind(k & (SNAT | DNAT)) }

// String returns the word that text and JSON use: none, snat, dnat, snat+dnat,
// redirect, snat+redirect, and behind a comma port-only and no-bits.
func (k Kind) String() string {
	text := k.Rewritten().String()
	if k&Redirect != 0 {
		text = "redirect"
		if k&SNAT != 0 {
			text = "snat+redirect"
		}
	}
	if k&PortOnly != 0 {
		text += ",port-only"
	}
	if k&NoBits != 0 {
		text += ",no-bits"
	}
	return text
}

// Side is one of the two rewrites that a flow can undergo. Who is inside and who
// is outside depends on it:
//
//	                  inside        outside   peer
//	SourceSide        From          SentAs    To             a client behind the gateway went out as …
//	DestinationSide   DeliveredTo   To        From           … was a service, behind which stood a host
//
// A flow that is not rewritten has a SourceSide, with its inside and outside the same.
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

// Has reports whether the translation has that side.
func (t *Translation) Has(s Side) bool {
	if s == DestinationSide {
		return t.NAT&DNAT != 0
	}
	return t.NAT&SNAT != 0 || t.NAT&DNAT == 0
}

// Inside is the host behind the translated address.
func (t *Translation) Inside(s Side) monitor.Endpoint {
	if s == DestinationSide {
		return t.DeliveredTo
	}
	return t.From
}

// Outside is the address and port that stood for the inside host.
func (t *Translation) Outside(s Side) monitor.Endpoint {
	if s == DestinationSide {
		return t.To
	}
	return t.SentAs
}

// Peer is the other end, as the translated address was used towards it.
func (t *Translation) Peer(s Side) monitor.Endpoint {
	if s == DestinationSide {
		return t.From
	}
	return t.To
}

// Certain reports whether nothing speaks against the translation having been so
// for all of its time.
func (t *Translation) Certain() bool { return t.Doubt == 0 }

// describe fills in what both tuples of a flow tell.
func (t *Translation) describe(f *monitor.Flow) {
	t.From, t.To, t.SentAs, t.DeliveredTo = f.From(), f.To(), f.SentAs(), f.DeliveredTo()
	t.Proto, t.Family, t.Zone, t.NetNS = f.Orig.Proto, f.Orig.Family, f.Orig.Zone, f.Orig.NetNS
	t.NAT = kindOf(f)
	if f.Orig.Proto.IsICMP() {
		t.ICMP = f.Orig.DstPort
	}
}

// tuple is the original tuple, by which a flow is found.
func (t *Translation) tuple() monitor.Tuple {
	k := monitor.Tuple{
		Src: t.From.Addr, Dst: t.To.Addr, SrcPort: t.From.Port, DstPort: t.To.Port,
		Zone: t.Zone, NetNS: t.NetNS, Proto: t.Proto, Family: t.Family,
	}
	if t.Proto.IsICMP() {
		k.DstPort = t.ICMP
	}
	return k
}

// learn takes over what a message told about the flow's present.
func (t *Translation) learn(f *monitor.Flow, known monitor.Attrs) {
	if known.Any(monitor.AttrStatus) {
		t.Status = f.Status
	}
	if known.Any(monitor.AttrState) {
		t.State, t.HasState = f.State, true
	}
	if known.Any(monitor.AttrID) {
		t.id, t.hasID = f.ID, true
	}
	if known.Any(monitor.AttrCountersOrig | monitor.AttrCountersReply) {
		t.Original, t.Reply, t.Counted = f.CountersOrig, f.CountersReply, true
	}
}
