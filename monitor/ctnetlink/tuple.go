package ctnetlink

import (
	"encoding/binary"

	"natlens/monitor"
)

// The mandatory parts of a tuple, and its zone.
const (
	seenSrc = 1 << iota
	seenDst
	seenProto
	seenZone
	seenWhole = seenSrc | seenDst | seenProto
)

// readTuple reads CTA_TUPLE_ORIG, _REPLY or _MASTER into t, and reports whether it has a CTA_TUPLE_ZONE.
func (d *Decoder) readTuple(v []byte, t *monitor.Tuple) (zone bool) {
	*t = monitor.Tuple{}
	if plainTuple(v, t) {
		return false
	}
	return d.anyTuple(v, t)
}

// anyTuple reads a tuple of any layout into t, which must be zero.
func (d *Decoder) anyTuple(b []byte, t *monitor.Tuple) (zone bool) {
	d.tuple, d.seen = t, 0
	d.read(inTuple, b)
	if d.in = inTuple; d.err == nil && d.seen&seenWhole != seenWhole {
		d.fail("no address or no protocol")
	}
	return d.seen&seenZone != 0
}

func init() {
	know(map[object]attribute{
		inTuple | ctaTupleIP:    {0, 0, children(inTupleIP)},
		inTuple | ctaTupleProto: {0, 0, children(inTupleProto)},
		inTuple | ctaTupleZone: {0, 2, func(d *Decoder, v []byte) {
			d.tuple.Zone = be16(v)
			d.seen |= seenZone
		}},
		inTupleIP | ctaIPv4Src: {0, 4, address(seenSrc, monitor.IPv4)},
		inTupleIP | ctaIPv4Dst: {0, 4, address(seenDst, monitor.IPv4)},
		inTupleIP | ctaIPv6Src: {0, 16, address(seenSrc, monitor.IPv6)},
		inTupleIP | ctaIPv6Dst: {0, 16, address(seenDst, monitor.IPv6)},
		inTupleProto | ctaProtoNum: {0, 1, func(d *Decoder, v []byte) {
			d.tuple.Proto = monitor.Proto(v[0])
			d.seen |= seenProto
		}},
		inTupleProto | ctaProtoSrcPort:    {0, 2, (*Decoder).source},
		inTupleProto | ctaProtoICMPID:     {0, 2, (*Decoder).source},
		inTupleProto | ctaProtoICMPv6ID:   {0, 2, (*Decoder).source},
		inTupleProto | ctaProtoDstPort:    {0, 2, func(d *Decoder, v []byte) { d.tuple.DstPort = be16(v) }},
		inTupleProto | ctaProtoICMPType:   {0, 1, (*Decoder).icmpType},
		inTupleProto | ctaProtoICMPv6Type: {0, 1, (*Decoder).icmpType},
		inTupleProto | ctaProtoICMPCode:   {0, 1, (*Decoder).icmpCode},
		inTupleProto | ctaProtoICMPv6Code: {0, 1, (*Decoder).icmpCode},
	})
}

// The second half of a tuple is as in monitor.Tuple.

func (d *Decoder) source(v []byte)   { d.tuple.SrcPort = be16(v) }
func (d *Decoder) icmpType(v []byte) { d.tuple.DstPort = d.tuple.DstPort&0x00ff | uint16(v[0])<<8 }
func (d *Decoder) icmpCode(v []byte) { d.tuple.DstPort = d.tuple.DstPort&0xff00 | uint16(v[0]) }

// address returns a function that reads an address of the tuple: seenSrc or seenDst.
func address(part uint8, family monitor.Family) func(*Decoder, []byte) {
	return func(d *Decoder, v []byte) {
		t, a := d.tuple, &d.tuple.Src
		if part == seenDst {
			a = &t.Dst
		}
		switch d.seen |= part; {
		case t.Family != 0 && t.Family != family:
			d.fail("both families")
		case family == monitor.IPv4:
			mapped4(a, v)
		default:
			*a = monitor.Addr(v)
		}
		t.Family = family
	}
}

// Nearly all tuples have ports, and the kernel always writes them in the same layout
// (ctnetlink_dump_tuples):
//
//	 0  CTA_TUPLE_IP             CTA_TUPLE_IP
//	 4    CTA_IP_V4_SRC  8         CTA_IP_V6_SRC  8
//	12    CTA_IP_V4_DST 16        24 CTA_IP_V6_DST 28
//	20  CTA_TUPLE_PROTO          44 CTA_TUPLE_PROTO
//	24    CTA_PROTO_NUM 28        48 CTA_PROTO_NUM 52
//	32    CTA_PROTO_SRC_PORT 36   56 CTA_PROTO_SRC_PORT 60
//	40    CTA_PROTO_DST_PORT 44   64 CTA_PROTO_DST_PORT 68
//
// So the seven attribute headers are compared at once, and the values are read from fixed
// offsets. Any other layout is read attribute by attribute.
const (
	plainSize4 = 48
	plainSize6 = 72
)

// The headers in host order.
var (
	headIP4      = head(20, nested|ctaTupleIP)
	headIP6      = head(44, nested|ctaTupleIP)
	headIPv4Src  = head(8, ctaIPv4Src)
	headIPv4Dst  = head(8, ctaIPv4Dst)
	headIPv6Src  = head(20, ctaIPv6Src)
	headIPv6Dst  = head(20, ctaIPv6Dst)
	headProto    = head(28, nested|ctaTupleProto)
	headProtoNum = head(5, ctaProtoNum)
	headSrcPort  = head(6, ctaProtoSrcPort)
	headDstPort  = head(6, ctaProtoDstPort)
)

func head(size, typ uint16) uint32 {
	var b [4]byte
	binary.NativeEndian.PutUint16(b[:], size)
	binary.NativeEndian.PutUint16(b[2:], typ)
	return binary.NativeEndian.Uint32(b[:])
}

// plainTuple reads a tuple of this layout into t, which must be zero. It returns false for
// another layout.
func plainTuple(b []byte, t *monitor.Tuple) bool {
	switch len(b) {
	case plainSize4:
		p := (*[plainSize4]byte)(b)
		if (native32(p[0:])^headIP4)|(native32(p[4:])^headIPv4Src)|(native32(p[12:])^headIPv4Dst) != 0 ||
			!plainPorts((*[28]byte)(p[20:]), t) {
			return false
		}
		t.Family = monitor.IPv4
		mapped4(&t.Src, p[8:12])
		mapped4(&t.Dst, p[16:20])
		return true
	case plainSize6:
		p := (*[plainSize6]byte)(b)
		if (native32(p[0:])^headIP6)|(native32(p[4:])^headIPv6Src)|(native32(p[24:])^headIPv6Dst) != 0 ||
			!plainPorts((*[28]byte)(p[44:]), t) {
			return false
		}
		t.Family = monitor.IPv6
		t.Src = monitor.Addr(p[8:24])
		t.Dst = monitor.Addr(p[28:44])
		return true
	}
	return false
}

// plainPorts reads CTA_TUPLE_PROTO. It returns false for another layout.
func plainPorts(p *[28]byte, t *monitor.Tuple) bool {
	if (native32(p[0:])^headProto)|(native32(p[4:])^headProtoNum)|
		(native32(p[12:])^headSrcPort)|(native32(p[20:])^headDstPort) != 0 {
		return false
	}
	t.Proto = monitor.Proto(p[8])
	t.SrcPort = binary.BigEndian.Uint16(p[16:])
	t.DstPort = binary.BigEndian.Uint16(p[24:])
	return true
}

func native32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }

// mapped4 writes an IPv4 address to a, which is zero or an IPv4 address.
func mapped4(a *monitor.Addr, v []byte) {
	binary.BigEndian.PutUint64(a[8:], 0xffff<<32|uint64(binary.BigEndian.Uint32(v)))
}
