package monitor

// Flow is one tracked connection as the kernel reports it (struct nf_conn). It is a value
// without pointers. Event.Has or Row.Known says which fields are known. Attributes that few
// flows have are in [Extra].
type Flow struct {
	Orig, Reply                 Tuple    // the first packet as it came, and the expected reply
	CountersOrig, CountersReply Counters // zero unless nf_conntrack_acct was 1 when the flow began
	Start, Stop                 Time     // CTA_TIMESTAMP; unknown without nf_conntrack_timestamp when the flow began
	ID                          uint32   // CTA_ID: a hash; a new flow with the same tuple can have the same id
	Status                      Status
	Timeout                     uint32 // seconds until it ends if no packet comes
	Mark                        uint32
	Use                         uint32 // reference count
	Zone                        uint16 // CTA_ZONE; zones of one direction are in the tuples
	State                       State
	TCP                         TCPInfo
	Path                        Path // not sent by the kernel: derived from the local addresses by [Locals]
}

// Counters counts one direction of a flow: packets, and bytes of layer 3.
type Counters struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// TCPInfo is what the TCP tracker reports besides the state: window scales, its internal flags
// (IP_CT_TCP_FLAG_*), and the mask that says which flags are valid.
type TCPInfo struct {
	WScaleOrig, WScaleReply uint8
	FlagsOrig, MaskOrig     uint8
	FlagsReply, MaskReply   uint8
}

// Endpoint is one end of a packet: an address and a port, or what the protocol has instead (see
// [Tuple]).
type Endpoint struct {
	Addr Addr
	Port uint16 // port, ICMP id or GRE key; 0 where the protocol has none
}

// From returns the sender of the original direction before NAT.
func (f *Flow) From() Endpoint { return Endpoint{f.Orig.Src, f.Orig.SrcPort} }

// To returns the destination of the original direction before NAT. For ICMP the port is 0: only
// the sender has the id.
func (f *Flow) To() Endpoint {
	if f.Orig.Proto.IsICMP() {
		return Endpoint{f.Orig.Dst, 0}
	}
	return Endpoint{f.Orig.Dst, f.Orig.DstPort}
}

// SentAs returns the sender after SNAT: the destination of the replies.
func (f *Flow) SentAs() Endpoint {
	if f.Reply.Proto.IsICMP() {
		return Endpoint{f.Reply.Dst, f.Reply.SrcPort}
	}
	return Endpoint{f.Reply.Dst, f.Reply.DstPort}
}

// DeliveredTo returns the destination after DNAT: the sender of the replies.
func (f *Flow) DeliveredTo() Endpoint {
	if f.Reply.Proto.IsICMP() {
		return Endpoint{f.Reply.Src, 0}
	}
	return Endpoint{f.Reply.Src, f.Reply.SrcPort}
}
