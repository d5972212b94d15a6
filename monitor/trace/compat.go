//go:build linux

package trace

import (
	"encoding/binary"
	"slices"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// native returns what a target of iptables-nft does as expressions of nf_tables, or the target if
// that has no effect on the packet.
func native(family uint8, x *expr.Target) []expr.Any {
	if side, isNAT := natTargets[x.Name]; isNAT {
		return nativeNAT(x.Info, &expr.NAT{Family: uint32(family), Type: side})
	}
	switch x.Name {
	case "REJECT":
		return []expr.Any{&expr.Reject{}}
	case "NFQUEUE":
		return []expr.Any{&expr.Queue{}}
	case "MARK", "CONNMARK":
		return []expr.Any{unread{loads: true}, &expr.Meta{Key: expr.MetaKeyMARK, Register: 1, SourceRegister: true},
			&expr.Ct{Key: expr.CtKeyMARK, Register: 1, SourceRegister: true}}
	case "TCPMSS", "DSCP", "TOS", "TTL", "HL", "CLASSIFY", "SECMARK", "CONNSECMARK":
		return []expr.Any{&expr.Exthdr{}} // writes what no condition of package trace reads
	case "CT": // struct xt_ct_target_info
		info, ok := x.Info.(*xt.Unknown)
		const notrack = 1
		if ok && len(*info) >= 4 && (*info)[0]&notrack != 0 {
			return []expr.Any{&expr.Notrack{}}
		} else if ok && len(*info) >= 4 {
			return []expr.Any{&expr.Immediate{Register: 1, Data: (*info)[2:4]},
				&expr.Ct{Key: expr.CtKeyZONE, Register: 1, SourceRegister: true}}
		}
	}
	return []expr.Any{x}
}

// More types of expr.NAT: masquerade and redirect of nf_tables, and NETMAP of iptables.
const (
	natMasquerade = expr.NATTypeDestNAT + 1 + iota
	natRedirect
	natEither // source or destination, by the hook
)

var natTargets = map[string]expr.NATType{
	"SNAT": expr.NATTypeSourceNAT, "DNAT": expr.NATTypeDestNAT, "MASQUERADE": natMasquerade, "REDIRECT": natRedirect,
	"NETMAP": natEither,
}

// nativeNAT sets the registers of nat to the range of a target, and returns it behind the
// expressions that load them.
func nativeNAT(info xt.InfoAny, nat *expr.NAT) (all []expr.Any) {
	var r xt.NatRange
	switch info := info.(type) {
	case *xt.NatRange:
		r = *info
	case *xt.NatRange2:
		r = info.NatRange
	case *xt.NatIPv4MultiRangeCompat:
		if len(*info) == 1 {
			r = xt.NatRange((*info)[0])
		}
	}
	load := func(reg uint32, data []byte) uint32 {
		all = append(all, &expr.Immediate{Register: reg, Data: data})
		return reg
	}
	flags := xt.NatRangeFlags(r.Flags)
	if low, high := r.MinIP.To16(), r.MaxIP.To16(); flags&xt.NatRangeMapIPs != 0 && low != nil && high != nil {
		if nat.Family == unix.NFPROTO_IPV4 {
			low, high = low[12:], high[12:]
		}
		nat.RegAddrMin, nat.RegAddrMax = load(1, low), load(2, high)
	}
	if flags&xt.NatRangeProtoSpecified != 0 {
		nat.RegProtoMin = load(3, binary.BigEndian.AppendUint16(nil, r.MinPort))
		nat.RegProtoMax = load(4, binary.BigEndian.AppendUint16(nil, r.MaxPort))
	}
	return append(all, nat)
}

// compat returns whether a match of iptables-nft matches: maybe for those that natlens does not
// read.
func (e *evaluation) compat(x *expr.Match) answer {
	p := e.packet
	switch info := x.Info.(type) {
	case *xt.Comment:
		return yes
	case *xt.ConntrackMtinfo3:
		return p.conntrack(info)
	case *xt.AddrTypeV1:
		source := info.Source == 0 || (info.Source>>e.typeOf(p.src)&1 == 1) != (info.Flags&1 != 0)
		dest := info.Dest == 0 || (info.Dest>>e.typeOf(p.dst)&1 == 1) != (info.Flags&2 != 0)
		if info.Flags&^3 != 0 { // of one interface
			return maybe
		}
		return matchIf(source && dest, yes)
	case *xt.Tcp:
		if info.Option == 0 && info.FlagsMask == 0 {
			return matchIf(p.ports(info.SrcPorts, info.DstPorts, uint8(info.InvFlags)), yes)
		}
	case *xt.Udp:
		return matchIf(p.ports(info.SrcPorts, info.DstPorts, uint8(info.InvFlags)), yes)
	case *xt.Unknown:
		b := []byte(*info)
		if x.Name == "multiport" && x.Rev == 1 && len(b) >= 48 && p.flow.Orig.Proto.HasPorts() {
			return matchIf(p.multiport(b), yes)
		}
	}
	return maybe
}

// conntrack matches the state of a flow, to which iptables adds the bits SNAT and DNAT.
func (p *firstPacket) conntrack(x *xt.ConntrackMtinfo3) answer {
	const byState = uint16(xt.ConntrackState)
	if x.MatchFlags&^uint16(xt.ConntrackStateAlias) != byState {
		return maybe
	}
	bits := uint16(p.state()) | uint16(p.status&(monitor.SrcNAT|monitor.DstNAT))<<2
	return matchIf((bits&x.StateMask != 0) != (x.InvertFlags&byState != 0), yes)
}

// ports matches ranges of ports, which invert negates: bit 0 that of the source, bit 1 that of
// the destination.
func (p *firstPacket) ports(src, dst [2]uint16, invert uint8) bool {
	source := src[0] <= p.src.Port && p.src.Port <= src[1]
	dest := dst[0] <= p.dst.Port && p.dst.Port <= dst[1]
	return source != (invert&1 != 0) && dest != (invert&2 != 0)
}

// multiport matches struct xt_multiport_v1: which ports, how many values, the values, whether
// each begins a range, and whether the match is inverted.
func (p *firstPacket) multiport(b []byte) (ok bool) {
	const source, either = 0, 2
	for i := 0; i < int(min(b[1], 15)); i++ {
		low := binary.NativeEndian.Uint16(b[2+2*i:])
		high := low
		if i < 14 && b[32+i] != 0 {
			i++
			high = binary.NativeEndian.Uint16(b[2+2*i:])
		}
		in := func(port uint16) bool { return low <= port && port <= high }
		ok = ok || b[0] != source && in(p.dst.Port) || (b[0] == source || b[0] == either) && in(p.src.Port)
	}
	return ok != (b[47] != 0)
}

// typeOf returns the type of an address (RTN_), as "fib daddr type" has it.
func (e *evaluation) typeOf(a monitor.Endpoint) uint8 {
	kind := e.rules.route(a.Addr.Netip()).kind
	if slices.Contains([]uint8{unix.RTN_LOCAL, unix.RTN_BROADCAST, unix.RTN_ANYCAST, unix.RTN_MULTICAST}, kind) {
		return kind
	}
	return unix.RTN_UNICAST
}
