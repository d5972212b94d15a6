package monitor

// NATKind says which sides of a flow are rewritten: a set of NATSource and
// NATDestination.
type NATKind uint8

// The kinds.
const (
	NATNone        NATKind = 0
	NATSource      NATKind = 1 // SNAT or masquerade: they cannot be distinguished
	NATDestination NATKind = 2 // DNAT, redirect
	NATBoth                = NATSource | NATDestination
)

var natKindNames = []string{"none", "snat", "dnat", "snat+dnat"}

// String returns the word that filters and JSON lines use.
func (k NATKind) String() string { return name(k, natKindNames, "none") }

// NAT is what NAT does to the packets of a flow. It is derived from the two tuples: if the
// reply tuple is not the reversed original tuple, something is rewritten. The status bits only
// say which kind of NAT did it.
type NAT struct {
	Kind NATKind

	SrcAddr, SrcPort bool // which part of the source is rewritten; the port may be an ICMP id or a GRE key
	DstAddr, DstPort bool // which part of the destination is rewritten

	Redirect  bool // the destination was rewritten to this host itself; needs Flow.Path
	NoBits    bool // a side is rewritten without a status bit: IPVS, or an entry made by hand
	StrayBits bool // a status bit is set for a side that is not rewritten: an entry made by hand
}

// PortOnly reports whether only ports, ids or keys are rewritten.
func (n NAT) PortOnly() bool { return n.Kind != NATNone && !n.SrcAddr && !n.DstAddr }

// NAT derives what is rewritten from both tuples. Without a reply tuple (in an expectation or a
// truncated message) it returns the zero value.
func (f *Flow) NAT() NAT {
	var n NAT
	if f.Reply.Family == 0 {
		return n
	}
	// This runs for every line, so it does without the copies that From, To, SentAs and
	// DeliveredTo make.
	orig, reply := &f.Orig, &f.Reply
	n.SrcAddr, n.DstAddr = orig.Src != reply.Dst, orig.Dst != reply.Src
	switch {
	case orig.Proto.IsICMP():
		n.SrcPort = orig.SrcPort != reply.SrcPort
	case orig.Proto.HasPorts(), orig.Proto == GRE:
		n.SrcPort, n.DstPort = orig.SrcPort != reply.DstPort, orig.DstPort != reply.SrcPort
	}
	if n.SrcAddr || n.SrcPort {
		n.Kind |= NATSource
	}
	if n.DstAddr || n.DstPort {
		n.Kind |= NATDestination
	}
	bits := NATKind(f.Status/SrcNAT) & NATBoth // SrcNAT and DstNAT are side by side
	n.NoBits = n.Kind&^bits != 0
	n.StrayBits = bits&^n.Kind != 0
	n.Redirect = n.Kind&NATDestination != 0 && (f.Path == PathIn || f.Path == PathLoop)
	return n
}
