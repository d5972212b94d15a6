//go:build linux

package lab

import (
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Part is one piece of a rule, a match or a statement: what nft(8) writes in one or two
// words. A rule is a list of parts.
type Part []expr.Any

// IIf matches packets that arrived on the interface: iifname "lan".
func IIf(name string) Part { return metaName(expr.MetaKeyIIFNAME, name) }

// OIf matches packets that leave on the interface: oifname "wan".
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

// Dport matches the destination port of TCP, UDP, UDPLITE and SCTP. Put Proto before it.
func Dport(port uint16) Part {
	return Part{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		equal(binaryutil.BigEndian.PutUint16(port)),
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

// Accept accepts the packet.
func Accept() Part { return Part{&expr.Verdict{Kind: expr.VerdictAccept}} }

// Drop drops the packet without an answer.
func Drop() Part { return Part{&expr.Verdict{Kind: expr.VerdictDrop}} }

// Masquerade translates the source to the outgoing interface's address.
func Masquerade() Part { return Part{&expr.Masq{}} }

// DNAT translates the destination to an IPv4 address and port.
func DNAT(to netip.Addr, port uint16) Part {
	return Part{
		&expr.Immediate{Register: 1, Data: to.AsSlice()},
		&expr.Immediate{Register: 2, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.NAT{
			Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4,
			RegAddrMin: 1, RegProtoMin: 2, RegProtoMax: 2, Specified: true,
		},
	}
}

// Redirect translates the destination to a port of this host.
func Redirect(port uint16) Part {
	return Part{
		&expr.Immediate{Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Redir{RegisterProtoMin: 1},
	}
}

// Rule returns a rule of a chain. It is not added yet.
func Rule(c *nftables.Chain, parts ...Part) *nftables.Rule {
	r := &nftables.Rule{Table: c.Table, Chain: c}
	for _, p := range parts {
		r.Exprs = append(r.Exprs, p...)
	}
	return r
}
