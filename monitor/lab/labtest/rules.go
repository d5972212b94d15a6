//go:build linux

package labtest

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"natlens/monitor/lab"
)

// AddRule inserts a rule at the beginning of a chain of the gateway. Tables are "nat"
// (family ip only; chains prerouting, output, postrouting) and "filter"
// (families ip and ip6; chains raw_prerouting, mangle_prerouting, forward).
func AddRule(l *lab.Lab, family nftables.TableFamily, table, chain string, parts ...lab.Part) error {
	t := &nftables.Table{Family: family, Name: table}
	return l.Gateway.NFT(func(c *nftables.Conn) error {
		c.InsertRule(lab.Rule(&nftables.Chain{Name: chain, Table: t}, parts...))
		return nil
	})
}

// Sport matches the source port of TCP, UDP, UDPLITE and SCTP. Put lab.Proto before it.
func Sport(port uint16) lab.Part { return lab.Transport(0, binaryutil.BigEndian.PutUint16(port)...) }

// Saddr matches the source address: ip saddr, or ip6 saddr in an ip6 table.
func Saddr(a netip.Addr) lab.Part {
	return address(map[bool]uint32{false: 12, true: 8}[a.Is6()], a)
}

// Daddr is Saddr for the destination.
func Daddr(a netip.Addr) lab.Part {
	return address(map[bool]uint32{false: 16, true: 24}[a.Is6()], a)
}

func address(offset uint32, a netip.Addr) lab.Part {
	return lab.Match(&expr.Payload{
		DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: uint32(a.BitLen() / 8),
	}, a.AsSlice())
}

// SNAT translates the source to an IPv4 address and, unless lo is 0, to a port of lo to
// hi, both included. fullyRandom draws the port at random.
func SNAT(to netip.Addr, lo, hi uint16, fullyRandom bool) lab.Part {
	nat := &expr.NAT{Type: expr.NATTypeSourceNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: 1, FullyRandom: fullyRandom}
	if lo == 0 {
		return lab.With(nat, to.AsSlice())
	}
	nat.RegProtoMin, nat.RegProtoMax, nat.Specified = 2, 3, true
	return lab.With(nat, to.AsSlice(), binaryutil.BigEndian.PutUint16(lo), binaryutil.BigEndian.PutUint16(hi))
}

// SetZone puts the packet's flow into a conntrack zone. Use it in the raw chains only.
// Both directions of a flow need the same zone.
func SetZone(zone uint16) lab.Part {
	return ctSet(expr.CtKeyZONE, binaryutil.NativeEndian.PutUint16(zone))
}

// SetMark sets the flow's mark.
func SetMark(mark uint32) lab.Part {
	return ctSet(expr.CtKeyMARK, binaryutil.NativeEndian.PutUint32(mark))
}

// SetLabel sets one label bit, 0 to 127.
func SetLabel(bit uint) lab.Part {
	if bit > 127 {
		panic(fmt.Sprintf("labtest: label bit %d", bit))
	}
	// The kernel takes labels as an array of longs in host order.
	var label [2]uint64
	label[bit/64] = 1 << (bit % 64)
	return ctSet(expr.CtKeyLABELS, slices.Concat(
		binaryutil.NativeEndian.PutUint64(label[0]), binaryutil.NativeEndian.PutUint64(label[1])))
}

func ctSet(key expr.CtKey, data []byte) lab.Part {
	return lab.With(&expr.Ct{Key: key, Register: 1, SourceRegister: true}, data)
}
