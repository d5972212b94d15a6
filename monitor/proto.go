package monitor

import "strconv"

// Proto is an IP protocol number.
type Proto uint8

// The protocols that the kernel has a tracker for, and DCCP, which had one until 6.15.
const (
	ICMP    Proto = 1
	TCP     Proto = 6
	UDP     Proto = 17
	DCCP    Proto = 33
	GRE     Proto = 47
	ICMPv6  Proto = 58
	SCTP    Proto = 132
	UDPLite Proto = 136
)

// Protos lists the protocols that have a name here, in the order of their numbers.
var Protos = []Proto{ICMP, TCP, UDP, DCCP, GRE, ICMPv6, SCTP, UDPLite}

var protoNames = [256]string{
	ICMP: "icmp", TCP: "tcp", UDP: "udp", DCCP: "dccp", GRE: "gre", ICMPv6: "icmpv6", SCTP: "sctp", UDPLite: "udplite",
}

// Name returns conntrack(8)'s name of the protocol, or "" where it has none.
func (p Proto) Name() string { return protoNames[p] }

// String returns the name, or the number of a protocol without a name.
func (p Proto) String() string {
	if n := p.Name(); n != "" {
		return n
	}
	return strconv.Itoa(int(p))
}

// otherNames are names of /etc/protocols for other protocols that pass a NAT gateway.
var otherNames = map[Proto]string{
	2: "igmp", 4: "ipip", 8: "egp", 9: "igp", 41: "ipv6", 46: "rsvp", 50: "esp", 51: "ah", 88: "eigrp", 89: "ospf",
	103: "pim", 112: "vrrp", 115: "l2tp", 137: "mpls",
}

// CommonName returns a name for people, which filters accept too: esp for 50. It is "" for
// protocols without one. Machine-readable formats use the names of conntrack(8).
func (p Proto) CommonName() string {
	if n := p.Name(); n != "" {
		return n
	}
	return otherNames[p]
}

// HasPorts reports whether SrcPort and DstPort of the protocol's tuples are ports.
func (p Proto) HasPorts() bool {
	switch p {
	case TCP, UDP, DCCP, SCTP, UDPLite:
		return true
	}
	return false
}

// IsICMP reports whether the tuples contain an ICMP id, type and code.
func (p Proto) IsICMP() bool { return p == ICMP || p == ICMPv6 }

// HasState reports whether the kernel keeps a connection state for the protocol.
func (p Proto) HasState() bool { return p == TCP || p == SCTP || p == DCCP }
