//go:build linux

package trace

import (
	"encoding/binary"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"natlens/monitor"
)

// firstPacket is what a flow's first packet has at a chain, as far as the flow shows it.
type firstPacket struct {
	flow          *monitor.Flow
	family, proto byte // NFPROTO_IPV4 or NFPROTO_IPV6
	network       [40]octet
	transport     [20]octet
	src, dst      monitor.Endpoint
	in, out       device
	mark, ctMark  [4]octet
	tracked       bool           // conntrack has looked it up
	status        monitor.Status // of the flow at that time
}

// firstOf returns the first packet of a flow before the first hook.
func firstOf(w *monitor.Walk) *firstPacket {
	t := &w.Flow.Orig
	p := &firstPacket{flow: &w.Flow, proto: byte(t.Proto), status: w.Flow.Status & monitor.Expected}
	copy(p.network[:], unknown(40))
	copy(p.transport[:], unknown(20))
	copy(p.mark[:], assume(0, 0, 0, 0))
	copy(p.ctMark[:], assume(0, 0, 0, 0))
	if w.Flow.Mark != 0 { // set later, or by a rule
		copy(p.ctMark[:], unknown(4))
	}
	p.family = unix.NFPROTO_IPV4
	if t.Family == monitor.IPv6 {
		p.family = unix.NFPROTO_IPV6
	}
	p.address(w.Original.Src, w.Original.Dst)
	return p
}

// address sets the headers for new addresses.
func (p *firstPacket) address(src, dst monitor.Endpoint) {
	p.src, p.dst = src, dst
	protoAt, srcAt, dstAt := 9, 12, 16
	if p.family == unix.NFPROTO_IPV6 {
		protoAt, srcAt, dstAt = 6, 8, 24
	}
	p.network[protoAt] = octet(p.proto)
	copy(p.network[srcAt:], known(src.Addr.Netip().AsSlice()))
	copy(p.network[dstAt:], known(dst.Addr.Netip().AsSlice()))
	t := &p.flow.Orig
	switch {
	case t.Proto.HasPorts():
		ports := binary.BigEndian.AppendUint16(nil, src.Port)
		copy(p.transport[:], known(binary.BigEndian.AppendUint16(ports, dst.Port)))
		if t.Proto == monitor.TCP {
			const syn = 0x02
			copy(p.transport[13:], assume(syn))
		}
	case t.Proto.IsICMP():
		copy(p.transport[:], known([]byte{t.ICMPType(), t.ICMPCode()}))
		copy(p.transport[4:], known(binary.BigEndian.AppendUint16(nil, src.Port)))
	}
}

func word(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

// meta returns the value of a meta expression.
func (p *firstPacket) meta(x *expr.Meta) []octet {
	ethertype := uint16(unix.ETH_P_IP)
	if p.family == unix.NFPROTO_IPV6 {
		ethertype = unix.ETH_P_IPV6
	}
	value, ok := map[expr.MetaKey][]octet{
		expr.MetaKeyNFPROTO: {octet(p.family)}, expr.MetaKeyL4PROTO: {octet(p.proto)},
		expr.MetaKeyPROTOCOL: known(binary.BigEndian.AppendUint16(nil, ethertype)),
		expr.MetaKeyMARK:     p.mark[:], expr.MetaKeyPKTTYPE: assume(unix.PACKET_HOST),
		expr.MetaKeyIIF: p.in.number, expr.MetaKeyIIFNAME: p.in.name,
		expr.MetaKeyOIF: p.out.number, expr.MetaKeyOIFNAME: p.out.name,
	}[x.Key]
	if !ok {
		return unknown(16)
	}
	return value
}

// header returns the bytes of a header that an expression reads or writes, or nil.
func (p *firstPacket) header(x *expr.Payload) []octet {
	header := map[expr.PayloadBase][]octet{
		expr.PayloadBaseNetworkHeader: p.network[:], expr.PayloadBaseTransportHeader: p.transport[:],
	}[x.Base]
	if end := uint64(x.Offset) + uint64(x.Len); end <= uint64(len(header)) {
		return header[x.Offset:end]
	}
	return nil
}

func (p *firstPacket) payload(x *expr.Payload) []octet {
	if value := p.header(x); value != nil {
		return value
	}
	return unknown(int(min(x.Len, 64)))
}

// state returns the packet's "ct state".
func (p *firstPacket) state() State {
	switch {
	case !p.tracked:
		return invalid
	case p.status.Has(monitor.Expected):
		return Related
	}
	return New
}

// ct returns the value of a ct expression. ok is false if the packet has no such value, and so
// does not match.
func (p *firstPacket) ct(x *expr.Ct) (value []octet, ok bool) {
	t := &p.flow.Orig
	port := func(n uint16) []octet {
		if !t.Proto.HasPorts() {
			return unknown(16)
		}
		return known(binary.BigEndian.AppendUint16(nil, n))
	}
	src, dst := known(t.Src.Netip().AsSlice()), known(t.Dst.Netip().AsSlice())
	const srcIP, dstIP, srcIP6, dstIP6 = 19, 20, 21, 22 // NFT_CT_SRC_IP …
	ends := map[expr.CtKey][]octet{
		expr.CtKeySRC: src, srcIP: src, srcIP6: src, expr.CtKeyDST: dst, dstIP: dst, dstIP6: dst,
		expr.CtKeyPROTOSRC: port(t.SrcPort), expr.CtKeyPROTODST: port(t.DstPort),
	}
	value, ok = map[expr.CtKey][]octet{
		expr.CtKeySTATE: known(word(uint32(p.state()))), expr.CtKeyDIRECTION: {0},
		expr.CtKeySTATUS: known(word(uint32(p.status))), expr.CtKeyMARK: p.ctMark[:],
		expr.CtKeyZONE:       known(binary.NativeEndian.AppendUint16(nil, t.Zone)),
		expr.CtKeyL3PROTOCOL: {octet(p.family)}, expr.CtKeyPROTOCOL: {octet(p.proto)},
	}[x.Key]
	if !ok && x.Direction == 0 { // NAT may still change the reply tuple
		value, ok = ends[x.Key]
	}
	if !ok {
		value = unknown(16)
	}
	return value, p.tracked || x.Key == expr.CtKeySTATE
}

// device is an interface that the packet passes.
type device struct{ number, name []octet }

// noDevice is where a packet passes none.
var noDevice = device{make([]octet, 4), make([]octet, unix.IFNAMSIZ)}
