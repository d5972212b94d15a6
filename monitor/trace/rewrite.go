//go:build linux

package trace

import (
	"bytes"
	"encoding/binary"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// packetBytes are the headers of a flow's first packet at a nat chain, as far as the flow has
// them. family is NFPROTO_IPV4 or NFPROTO_IPV6.
type packetBytes struct {
	family, proto      byte
	network, transport []octet
}

// packetOf returns the packet before the rewrite of a step.
func packetOf(w *monitor.Walk, s *monitor.Step) packetBytes {
	src, dst := s.Src, s.Dst
	if s.Rewrite.Source {
		src = s.Rewrite.From
	} else {
		dst = s.Rewrite.From
	}
	t := &w.Flow.Orig
	p := packetBytes{family: unix.NFPROTO_IPV4, proto: byte(t.Proto), network: unknown(40), transport: unknown(20)}
	protoAt, srcAt, dstAt := 9, 12, 16
	if t.Family == monitor.IPv6 {
		p.family, protoAt, srcAt, dstAt = unix.NFPROTO_IPV6, 6, 8, 24
	}
	p.network[protoAt] = octet(p.proto)
	copy(p.network[srcAt:], known(src.Addr.Netip().AsSlice()))
	copy(p.network[dstAt:], known(dst.Addr.Netip().AsSlice()))
	switch {
	case t.Proto.HasPorts():
		ports := binary.BigEndian.AppendUint16(nil, src.Port)
		copy(p.transport, known(binary.BigEndian.AppendUint16(ports, dst.Port)))
	case t.Proto.IsICMP():
		copy(p.transport, known([]byte{t.ICMPType(), t.ICMPCode()}))
	}
	return p
}

func (p *packetBytes) meta(x *expr.Meta) []octet {
	switch x.Key {
	case expr.MetaKeyNFPROTO:
		return []octet{octet(p.family)}
	case expr.MetaKeyL4PROTO:
		return []octet{octet(p.proto)}
	}
	return unknown(16)
}

func (p *packetBytes) payload(x *expr.Payload) []octet {
	header := map[expr.PayloadBase][]octet{
		expr.PayloadBaseNetworkHeader: p.network, expr.PayloadBaseTransportHeader: p.transport,
	}[x.Base]
	if end := uint64(x.Offset) + uint64(x.Len); end <= uint64(len(header)) {
		return header[x.Offset:end]
	}
	return unknown(int(min(x.Len, 64)))
}

// ct returns the value of a ct expression for a flow's first packet. Only the state is known,
// which is new.
func ct(x *expr.Ct) []octet {
	if x.Key == expr.CtKeySTATE {
		return known(binary.NativeEndian.AppendUint32(nil, uint32(New)))
	}
	return unknown(16)
}

// rewrites reports whether a NAT statement can make the rewrite.
func (e *evaluation) rewrites(x expr.Any, regs *registers) bool {
	switch x := x.(type) {
	case *expr.NAT:
		return (x.Type == expr.NATTypeSourceNAT) == e.rewrite.Source && e.address(regs, x.RegAddrMin, x.RegAddrMax) &&
			e.port(regs, x.RegProtoMin, x.RegProtoMax)
	case *expr.Masq:
		return e.rewrite.Source && e.port(regs, x.RegProtoMin, x.RegProtoMax)
	case *expr.Redir:
		return e.redirected() && e.port(regs, x.RegisterProtoMin, x.RegisterProtoMax)
	case *expr.Target: // of iptables-nft
		ok := map[string]bool{"SNAT": e.rewrite.Source, "MASQUERADE": e.rewrite.Source, "DNAT": !e.rewrite.Source,
			"REDIRECT": e.redirected()}[x.Name]
		return ok && e.inRange(x.Info)
	}
	return false
}

func (e *evaluation) redirected() bool { return !e.rewrite.Source && e.walk.NAT.Redirect }

func (e *evaluation) address(regs *registers, low, high uint32) bool {
	return e.between(regs, low, high, e.rewrite.To.Addr.Netip().AsSlice())
}

func (e *evaluation) port(regs *registers, low, high uint32) bool {
	return e.between(regs, low, high, binary.BigEndian.AppendUint16(nil, e.rewrite.To.Port))
}

// between reports whether a value can be in the range of two registers, ends included. Without
// high (0) the value must be the one in low; without both any value is in the range.
func (e *evaluation) between(regs *registers, low, high uint32, value []byte) bool {
	if low != 0 {
		if order, sure := regs.order(low, value); sure && order > 0 {
			return false
		}
	}
	if high == 0 {
		high = low
	}
	order, sure := regs.order(high, value)
	return high == 0 || !sure || order >= 0
}

// inRange reports whether the new address and port are in the range of a target of
// iptables-nft. A range may limit the address, the port, both or neither.
func (e *evaluation) inRange(info xt.InfoAny) bool {
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
	flags, to := xt.NatRangeFlags(r.Flags), e.rewrite.To
	if addr := to.Addr.Netip().As16(); flags&xt.NatRangeMapIPs != 0 &&
		(bytes.Compare(addr[:], r.MinIP.To16()) < 0 || bytes.Compare(addr[:], r.MaxIP.To16()) > 0) {
		return false
	}
	return flags&xt.NatRangeProtoSpecified == 0 || r.MinPort <= to.Port && to.Port <= r.MaxPort
}

// verdictOf returns the verdict of a map's element; NFT_CONTINUE if it can't be read.
func verdictOf(value []byte) (code int32, chain string) {
	d, err := netlink.NewAttributeDecoder(value)
	if err != nil {
		return unix.NFT_CONTINUE, ""
	}
	return readVerdict(d)
}
