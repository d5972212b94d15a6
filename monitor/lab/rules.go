//go:build linux

package lab

import (
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Part is one piece of a rule, a match or a statement: what nft(8) writes in
// one or two words. A rule is parts in their order.
type Part []expr.Any

// IIf matches packets that came in by the interface: iifname "lan".
func IIf(name string) Part { return metaName(expr.MetaKeyIIFNAME, name) }

// OIf matches packets that go out by the interface: oifname "wan".
func OIf(name string) Part { return metaName(expr.MetaKeyOIFNAME, name) }

func metaName(key expr.MetaKey, name string) Part {
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded, name)
	return Part{&expr.Meta{Key: key, Register: 1}, equal(padded)}
}

// Proto matches the transport protocol: meta l4proto 17.
func Proto(p byte) Part {
	return Part{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equal([]byte{p})}
}

// Sport matches the source port of TCP, UDP, UDPLITE and SCTP; put Proto
// before it.
func Sport(port uint16) Part { return transport(0, port) }

// Dport is Sport for the destination.
func Dport(port uint16) Part { return transport(2, port) }

func transport(offset uint32, port uint16) Part {
	return Part{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2},
		equal(binaryutil.BigEndian.PutUint16(port)),
	}
}

// Saddr matches the source address: ip saddr, or ip6 saddr in an ip6 table.
func Saddr(a netip.Addr) Part {
	offset := uint32(12)
	if a.Is6() {
		offset = 8
	}
	return address(offset, a)
}

// Daddr is Saddr for the destination.
func Daddr(a netip.Addr) Part {
	offset := uint32(16)
	if a.Is6() {
		offset = 24
	}
	return address(offset, a)
}

func address(offset uint32, a netip.Addr) Part {
	return Part{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: uint32(a.BitLen() / 8)},
		equal(a.AsSlice()),
	}
}

// CtNew matches packets that start a flow: ct state new.
func CtNew() Part {
	return Part{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{
			SourceRegister: 1, DestRegister: 1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(expr.CtStateBitNEW), Xor: make([]byte, 4),
		},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

func equal(data []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }

// Accept and Drop are verdicts.
func Accept() Part { return Part{&expr.Verdict{Kind: expr.VerdictAccept}} }

// Drop drops the packet without an answer.
func Drop() Part { return Part{&expr.Verdict{Kind: expr.VerdictDrop}} }

// Masquerade translates the source to the outgoing interface's address.
func Masquerade() Part { return Part{&expr.Masq{}} }

// SNAT translates the source to an address and, unless lo is 0, to a port of
// lo to hi, both included. fullyRandom draws the port at random.
func SNAT(to netip.Addr, lo, hi uint16, fullyRandom bool) Part {
	return translate(expr.NATTypeSourceNAT, to, lo, hi, fullyRandom)
}

// DNAT translates the destination to an address and, unless it is 0, a port.
func DNAT(to netip.Addr, port uint16) Part {
	return translate(expr.NATTypeDestNAT, to, port, port, false)
}

func translate(kind expr.NATType, to netip.Addr, lo, hi uint16, fullyRandom bool) Part {
	family := uint32(unix.NFPROTO_IPV4)
	if to.Is6() {
		family = unix.NFPROTO_IPV6
	}
	nat := &expr.NAT{Type: kind, Family: family, RegAddrMin: 1, FullyRandom: fullyRandom}
	p := Part{&expr.Immediate{Register: 1, Data: to.AsSlice()}}
	if lo != 0 {
		nat.RegProtoMin, nat.RegProtoMax, nat.Specified = 2, 3, true
		p = append(p,
			&expr.Immediate{Register: 2, Data: binaryutil.BigEndian.PutUint16(lo)},
			&expr.Immediate{Register: 3, Data: binaryutil.BigEndian.PutUint16(hi)})
	}
	return append(p, nat)
}

// Redirect translates the destination to a port of this host.
func Redirect(port uint16) Part {
	return Part{
		&expr.Immediate{Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Redir{RegisterProtoMin: 1},
	}
}

// NoTrack keeps a packet out of conntrack; only in the raw chains.
func NoTrack() Part { return Part{&expr.Notrack{}} }

// SetZone puts the packet's flow into a conntrack zone; only in the raw
// chains. Packets of both directions need the same zone to meet.
func SetZone(zone uint16) Part {
	return ctSet(expr.CtKeyZONE, binaryutil.NativeEndian.PutUint16(zone))
}

// SetMark sets the flow's mark.
func SetMark(mark uint32) Part {
	return ctSet(expr.CtKeyMARK, binaryutil.NativeEndian.PutUint32(mark))
}

// SetLabel sets one label bit, 0 to 127.
func SetLabel(bit uint) Part {
	if bit > 127 {
		panic(fmt.Sprintf("lab: label bit %d", bit))
	}
	// The kernel takes labels as an array of longs: bytes in host order.
	label := make([]byte, 16)
	if binaryutil.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		label[bit/8] = 1 << (bit % 8)
	} else {
		label[bit/64*8+7-bit%64/8] = 1 << (bit % 8)
	}
	return ctSet(expr.CtKeyLABELS, label)
}

func ctSet(key expr.CtKey, data []byte) Part {
	return Part{&expr.Immediate{Register: 1, Data: data}, &expr.Ct{Key: key, Register: 1, SourceRegister: true}}
}

// assignHelper gives the flow a helper, whose object has its name.
func assignHelper(name string) Part {
	return Part{&expr.Objref{Type: unix.NFT_OBJECT_CT_HELPER, Name: name}}
}

func rule(c *nftables.Chain, parts ...Part) *nftables.Rule {
	r := &nftables.Rule{Table: c.Table, Chain: c}
	for _, p := range parts {
		r.Exprs = append(r.Exprs, p...)
	}
	return r
}
