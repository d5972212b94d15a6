//go:build linux

package trace

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// Attributes of a trace message that package unix does not have (enum nft_trace_attributes).
// Kernels before 6.16 do not send them.
const (
	attrCTID        = 18
	attrCTDirection = 19
	attrCTStatus    = 20
	attrCTState     = 21
)

// Kind is what a Step describes: a rule or the end of a chain.
type Kind uint8

// The kinds, by their kernel numbers (enum nft_trace_types).
const (
	Policy Kind = 1 // the end of a base chain: its policy decides
	Return Kind = 2 // the end of another chain
	Rule   Kind = 3
)

// Flow is the conntrack entry of a traced packet. Join it to events and to the table by ID. It
// is zero for kernels before 6.16.
type Flow struct {
	ID     uint32 // CTA_ID of ctnetlink; 0: the packet has no flow, or the kernel does not send it
	Reply  bool   // the packet goes in the reply direction
	Status monitor.Status
	State  State
}

// confirmed reports whether the flow is in the table.
func (f *Flow) confirmed() bool { return f.Status&monitor.Confirmed != 0 }

// State is a bit of nft's "ct state" (enum ip_conntrack_info).
type State uint32

// The states (NF_CT_STATE_BIT).
const (
	invalid     State = 1 << 0 // also before conntrack's lookup
	Established State = 1 << 1
	Related     State = 1 << 2
	New         State = 1 << 3
)

// String returns nft's word for one of the states, "" for any other value.
func (s State) String() string {
	return map[State]string{Established: "established", Related: "related", New: "new"}[s]
}

// message is one trace message.
type message struct {
	id       uint32 // of the packet; several packets may have it
	family   uint8  // of the table, NFPROTO_
	table    string
	chain    string
	handle   uint64 // of the rule
	kind     Kind
	verdict  int32  // NF_ or NFT_
	jump     string // the chain of a jump or goto
	iif, oif uint32
	flow     Flow
	headers  Headers
}

var errShort = errors.New("short trace message")

// decode reads the payload of NFT_MSG_TRACE. It skips unknown attributes. The error is errShort
// or one of the attribute decoder.
func decode(b []byte) (m message, err error) {
	if len(b) < 4 {
		return m, errShort
	}
	m.family = b[0]
	d, err := netlink.NewAttributeDecoder(b[4:])
	if err != nil {
		return m, err
	}
	d.ByteOrder = binary.BigEndian
	var network, transport []byte
	var kind, policy, status, state uint32
	numbers := map[uint16]*uint32{
		unix.NFTA_TRACE_TYPE: &kind, unix.NFTA_TRACE_ID: &m.id, unix.NFTA_TRACE_POLICY: &policy,
		unix.NFTA_TRACE_IIF: &m.iif, unix.NFTA_TRACE_OIF: &m.oif,
		attrCTID: &m.flow.ID, attrCTStatus: &status, attrCTState: &state,
	}
	for d.Next() {
		switch d.Type() {
		case unix.NFTA_TRACE_TABLE:
			m.table = d.String()
		case unix.NFTA_TRACE_CHAIN:
			m.chain = d.String()
		case unix.NFTA_TRACE_RULE_HANDLE:
			m.handle = d.Uint64()
		case unix.NFTA_TRACE_VERDICT:
			d.Nested(func(v *netlink.AttributeDecoder) error {
				m.verdict, m.jump = readVerdict(v)
				return nil
			})
		case unix.NFTA_TRACE_NETWORK_HEADER:
			network = d.Bytes()
		case unix.NFTA_TRACE_TRANSPORT_HEADER:
			transport = d.Bytes()
		case attrCTDirection:
			m.flow.Reply = d.Uint8() == 1
		default:
			if n := numbers[d.Type()]; n != nil {
				*n = d.Uint32()
			}
		}
	}
	m.kind, m.flow.Status, m.flow.State = Kind(kind), monitor.Status(status), State(state)
	if m.kind == Policy {
		m.verdict = int32(policy)
	}
	if m.flow.Status&monitor.Template != 0 { // "ct zone set" before the lookup: no flow yet
		m.flow = Flow{}
	}
	m.headers = readHeaders(network, transport)
	return m, d.Err()
}

// readVerdict reads a verdict (enum nft_verdict_attributes).
func readVerdict(d *netlink.AttributeDecoder) (code int32, chain string) {
	d.ByteOrder = binary.BigEndian
	for d.Next() {
		switch d.Type() {
		case unix.NFTA_VERDICT_CODE:
			code = int32(d.Uint32())
		case unix.NFTA_VERDICT_CHAIN:
			chain = d.String()
		}
	}
	return code, chain
}

// Headers are what a trace message has of a packet's headers. Proto 0 means that it has none.
type Headers struct {
	Proto    monitor.Proto
	Src, Dst netip.AddrPort // the port is 0 if the protocol has none
	ICMP     uint16         // type<<8 | code
	ICMPID   uint16         // of an echo
	Flags    uint8          // of TCP
}

// readHeaders reads the network header of IPv4 or IPv6 and the beginning of the transport
// header. It returns the zero value if the network header is short or of another family.
func readHeaders(network, transport []byte) (h Headers) {
	var src, dst netip.Addr
	switch {
	case len(network) >= 20 && network[0]>>4 == 4:
		h.Proto = monitor.Proto(network[9])
		src, dst = netip.AddrFrom4([4]byte(network[12:])), netip.AddrFrom4([4]byte(network[16:]))
	case len(network) >= 40 && network[0]>>4 == 6:
		h.Proto = monitor.Proto(network[6])
		src, dst = netip.AddrFrom16([16]byte(network[8:])), netip.AddrFrom16([16]byte(network[24:]))
	default:
		return h
	}
	var sport, dport uint16
	if len(transport) >= 4 {
		first, second := binary.BigEndian.Uint16(transport), binary.BigEndian.Uint16(transport[2:])
		switch {
		case h.Proto.IsICMP():
			h.ICMP = first
			if len(transport) >= 6 {
				h.ICMPID = binary.BigEndian.Uint16(transport[4:])
			}
		case h.Proto.HasPorts():
			sport, dport = first, second
			if h.Proto == monitor.TCP && len(transport) >= 14 {
				h.Flags = transport[13]
			}
		}
	}
	h.Src, h.Dst = netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport)
	return h
}

// Tuple returns the tuple by which conntrack looks up the packet, in zone 0.
func (h *Headers) Tuple() monitor.Tuple {
	t := monitor.Tuple{
		Src: monitor.AddrFrom(h.Src.Addr()), Dst: monitor.AddrFrom(h.Dst.Addr()),
		SrcPort: h.Src.Port(), DstPort: h.Dst.Port(), Proto: h.Proto, Family: monitor.IPv4,
	}
	if h.Src.Addr().Is6() {
		t.Family = monitor.IPv6
	}
	if h.Proto.IsICMP() {
		t.SetICMP(h.ICMPID, byte(h.ICMP>>8), byte(h.ICMP))
	}
	return t
}
