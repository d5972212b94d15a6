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

func (p *firstPacket) meta(x *expr.Meta) []octet {
	switch x.Key {
	case expr.MetaKeyNFPROTO:
		return []octet{octet(p.family)}
	case expr.MetaKeyL4PROTO:
		return []octet{octet(p.proto)}
	case expr.MetaKeyPROTOCOL:
		ethertype := uint16(unix.ETH_P_IP)
		if p.family == unix.NFPROTO_IPV6 {
			ethertype = unix.ETH_P_IPV6
		}
		return known(binary.BigEndian.AppendUint16(nil, ethertype))
	case expr.MetaKeyMARK:
		return p.mark[:]
	case expr.MetaKeyPKTTYPE:
		return assume(unix.PACKET_HOST)
	case expr.MetaKeyIIF:
		return p.in.number
	case expr.MetaKeyOIF:
		return p.out.number
	case expr.MetaKeyIIFNAME:
		return p.in.name
	case expr.MetaKeyOIFNAME:
		return p.out.name
	}
	return unknown(16)
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
	t, key := &p.flow.Orig, x.Key
	if source, dest := key == 19 || key == 21, key == 20 || key == 22; source { // NFT_CT_SRC_IP, NFT_CT_SRC_IP6
		key = expr.CtKeySRC
	} else if dest { // NFT_CT_DST_IP, NFT_CT_DST_IP6
		key = expr.CtKeyDST
	}
	switch {
	case key == expr.CtKeySTATE:
		return known(word(uint32(p.state()))), true
	case !p.tracked:
		return nil, false
	case key == expr.CtKeyDIRECTION:
		return []octet{0}, true
	case key == expr.CtKeySTATUS:
		return known(word(uint32(p.status))), true
	case key == expr.CtKeyMARK:
		return p.ctMark[:], true
	case key == expr.CtKeyZONE:
		return known(binary.NativeEndian.AppendUint16(nil, p.flow.Orig.Zone)), true
	case key == expr.CtKeyL3PROTOCOL:
		return []octet{octet(p.family)}, true
	case key == expr.CtKeyPROTOCOL:
		return []octet{octet(p.proto)}, true
	case x.Direction != 0: // NAT may still change the reply tuple
	case key == expr.CtKeySRC:
		return known(t.Src.Netip().AsSlice()), true
	case key == expr.CtKeyDST:
		return known(t.Dst.Netip().AsSlice()), true
	case key == expr.CtKeyPROTOSRC && t.Proto.HasPorts():
		return known(binary.BigEndian.AppendUint16(nil, t.SrcPort)), true
	case key == expr.CtKeyPROTODST && t.Proto.HasPorts():
		return known(binary.BigEndian.AppendUint16(nil, t.DstPort)), true
	}
	return unknown(16), true
}

// device is an interface that the packet passes.
type device struct{ number, name []octet }

// noDevice is where a packet passes none.
var noDevice = device{make([]octet, 4), make([]octet, unix.IFNAMSIZ)}
