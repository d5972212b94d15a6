package monitor

// Flow is one tracked connection as the kernel reports it (struct nf_conn). It
// is a value without pointers; which fields are known is said beside it, in
// Event.Has or Row.Known. Attributes of few flows are in [Extra].
type Flow struct {
	Orig, Reply                 Tuple    // as the first packet was, and as replies are expected
	CountersOrig, CountersReply Counters // zero unless nf_conntrack_acct was on at birth
	Start, Stop                 Time     // CTA_TIMESTAMP; unknown unless nf_conntrack_timestamp was on at birth
	ID                          uint32   // CTA_ID: a hash; a new flow with the same tuple can have the same one
	Status                      Status
	Timeout                     uint32 // seconds until it ends if no packet comes
	Mark                        uint32
	Use                         uint32 // reference count
	Zone                        uint16 // CTA_ZONE; zones of one direction are in the tuples
	State                       State
	TCP                         TCPInfo
	Path                        Path // not of the kernel: from the local addresses, by [Locals]
}

// Counters counts one direction of a flow: packets, and bytes of layer 3.
type Counters struct{ Packets, Bytes uint64 }

// TCPInfo is what the TCP tracker reports besides the state: window scales and its
// internal flags (IP_CT_TCP_FLAG_*) with the mask that says which of them count.
type TCPInfo struct {
	WScaleOrig, WScaleReply uint8
	FlagsOrig, MaskOrig     uint8
	FlagsReply, MaskReply   uint8
}

// Endpoint is one end of a packet: an address and what the protocol has for a
// port (see [Tuple]).
type Endpoint struct {
	Addr Addr
	Port uint16 // port, ICMP id or GRE key; 0 where the protocol has none
}

// From is the sender of the original direction before any rewrite.
func (f *Flow) From() Endpoint { return Endpoint{f.Orig.Src, f.Orig.SrcPort} }

// To is the destination of the original direction before any rewrite. For ICMP
// the id is on the sender's side only: the port is 0.
func (f *Flow) To() Endpoint {
	if f.Orig.Proto.IsICMP() {
		return Endpoint{f.Orig.Dst, 0}
	}
	return Endpoint{f.Orig.Dst, f.Orig.DstPort}
}

// SentAs is the sender as the far side sees it: where replies are sent to.
func (f *Flow) SentAs() Endpoint {
	if f.Reply.Proto.IsICMP() {
		return Endpoint{f.Reply.Dst, f.Reply.SrcPort}
	}
	return Endpoint{f.Reply.Dst, f.Reply.DstPort}
}

// DeliveredTo is who really gets the original direction's packets: where replies
// come from.
func (f *Flow) DeliveredTo() Endpoint {
	if f.Reply.Proto.IsICMP() {
		return Endpoint{f.Reply.Src, 0}
	}
	return Endpoint{f.Reply.Src, f.Reply.SrcPort}
}
