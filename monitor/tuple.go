package monitor

import (
	"encoding/binary"
	"net/netip"
)

// Addr is an IP address in 16 bytes; IPv4 is mapped (::ffff:a.b.c.d). It is comparable and has
// no pointer, so the garbage collector does not scan a table of flows.
type Addr [16]byte

// AddrFrom4 returns the mapped form of an IPv4 address.
func AddrFrom4(a [4]byte) Addr {
	return Addr{10: 0xff, 11: 0xff, 12: a[0], 13: a[1], 14: a[2], 15: a[3]}
}

// AddrFrom returns a as an Addr. It drops the zone of a scoped address, because the kernel does
// not track zones of addresses.
func AddrFrom(a netip.Addr) Addr { return Addr(a.As16()) }

// Is4 reports whether the address is an IPv4 one.
func (a Addr) Is4() bool { return Is4(&a) }

// Family returns IPv4 or IPv6.
func (a Addr) Family() Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

func Is4(a *Addr) bool {
	return binary.BigEndian.Uint64(a[:8]) == 0 && binary.BigEndian.Uint32(a[8:12]) == 0xffff
}

// Netip returns the address as a netip.Addr, IPv4 unmapped.
func (a Addr) Netip() netip.Addr { return netip.AddrFrom16(a).Unmap() }

// AppendTo appends the usual text of the address, without allocating.
func (a Addr) AppendTo(dst []byte) []byte { return a.Netip().AppendTo(dst) }

// String returns the usual text of the address.
func (a Addr) String() string { return a.Netip().String() }

// Family is the address family of a flow: AF_INET or AF_INET6.
type Family uint8

// The families that connection tracking knows, by their socket numbers.
const (
	IPv4 Family = 2
	IPv6 Family = 10
)

// String returns conntrack(8)'s word: ipv4, ipv6, or unknown.
func (f Family) String() string {
	switch f {
	case IPv4:
		return "ipv4"
	case IPv6:
		return "ipv6"
	}
	return "unknown"
}

// Tuple identifies one direction of a flow: conntrack looks a packet up by it (struct
// nf_conntrack_tuple). It is comparable.
//
// The meaning of the ports depends on the protocol, as in the kernel:
//
//	TCP, UDP, UDPLITE, SCTP, DCCP   source and destination port
//	ICMP, ICMPv6                    SrcPort: id, DstPort: type<<8 | code
//	GRE                             call keys
//	others                          both zero
type Tuple struct {
	Src, Dst         Addr
	SrcPort, DstPort uint16
	Zone             uint16 // conntrack zone of this direction, 0 the default one
	NetNS            NetNS  // the namespace; 0 if only one is watched
	Proto            Proto
	Family           Family
}

// ICMPID returns the echo id of an ICMP or ICMPv6 tuple.
func (t *Tuple) ICMPID() uint16 { return t.SrcPort }

// ICMPType returns the type of an ICMP or ICMPv6 tuple.
func (t *Tuple) ICMPType() uint8 { return uint8(t.DstPort >> 8) }

// ICMPCode returns the code of an ICMP or ICMPv6 tuple.
func (t *Tuple) ICMPCode() uint8 { return uint8(t.DstPort) }

// SetICMP stores id, type and code where the accessors read them.
func (t *Tuple) SetICMP(id uint16, typ, code uint8) {
	t.SrcPort, t.DstPort = id, uint16(typ)<<8|uint16(code)
}

// Set4 is AddrFrom4 in two stores. With a store for each byte, the processor waits for all of
// them before it reads the address as a whole, and a view of a million rows unpacks four
// million addresses.
func (a *Addr) Set4(v4 *[4]byte) {
	binary.BigEndian.PutUint64(a[:8], 0)
	binary.BigEndian.PutUint64(a[8:], 0xffff<<32|uint64(binary.BigEndian.Uint32(v4[:])))
}
