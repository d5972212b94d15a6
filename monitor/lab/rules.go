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

// Rule returns a rule of a chain. It is not added yet.
func Rule(c *nftables.Chain, parts ...Part) *nftables.Rule {
	r := &nftables.Rule{Table: c.Table, Chain: c}
	for _, p := range parts {
		r.Exprs = append(r.Exprs, p...)
	}
	return r
}

// Match matches packets for which load puts data into register 1.
func Match(load expr.Any, data []byte) Part {
	return Part{load, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data}}
}

// With puts each argument into a register, from register 1 on, and executes the statement.
func With(statement expr.Any, args ...[]byte) Part {
	var p Part
	for i, data := range args {
		p = append(p, &expr.Immediate{Register: uint32(i + 1), Data: data})
	}
	return append(p, statement)
}

// IIf matches packets that arrived on the interface: iifname "lan".
func IIf(name string) Part { return metaName(expr.MetaKeyIIFNAME, name) }

// OIf matches packets that leave on the interface: oifname "wan".
func OIf(name string) Part { return metaName(expr.MetaKeyOIFNAME, name) }

func metaName(key expr.MetaKey, name string) Part {
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded, name)
	return Match(&expr.Meta{Key: key, Register: 1}, padded)
}

// Proto matches the transport protocol: meta l4proto 17.
func Proto(p byte) Part { return Match(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, []byte{p}) }

// Transport matches bytes at an offset of the transport header. Put Proto before it.
func Transport(offset uint32, data ...byte) Part {
	return Match(&expr.Payload{
		DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: uint32(len(data)),
	}, data)
}

// Dport matches the destination port of TCP, UDP, UDPLITE and SCTP. Put Proto before it.
func Dport(port uint16) Part { return Transport(2, binaryutil.BigEndian.PutUint16(port)...) }

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

// Accept accepts the packet.
func Accept() Part { return Part{&expr.Verdict{Kind: expr.VerdictAccept}} }

// Drop drops the packet without an answer.
func Drop() Part { return Part{&expr.Verdict{Kind: expr.VerdictDrop}} }

// Masquerade translates the source to the outgoing interface's address.
func Masquerade() Part { return Part{&expr.Masq{}} }

// DNAT translates the destination to an IPv4 address and port.
func DNAT(to netip.Addr, port uint16) Part {
	return With(&expr.NAT{
		Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4,
		RegAddrMin: 1, RegProtoMin: 2, RegProtoMax: 2, Specified: true,
	}, to.AsSlice(), binaryutil.BigEndian.PutUint16(port))
}

// Redirect translates the destination to a port of this host.
func Redirect(port uint16) Part {
	return With(&expr.Redir{RegisterProtoMin: 1}, binaryutil.BigEndian.PutUint16(port))
}
