package ctnetlink

import "natlens/monitor"

// The mandatory parts of a tuple, and its zone.
const (
	seenSrc = 1 << iota
	seenDst
	seenProto
	seenZone
	seenWhole = seenSrc | seenDst | seenProto
)

// readTuple reads CTA_TUPLE_ORIG, _REPLY or _MASTER into t, and reports whether it has a CTA_TUPLE_ZONE.
func (r *reader) readTuple(b []byte, t *monitor.Tuple) (zone bool) {
	*t = monitor.Tuple{}
	if plainTuple(b, t) {
		return false
	}
	return r.anyTuple(b, t)
}

// anyTuple reads a tuple of any layout into t, which is zero.
func (r *reader) anyTuple(b []byte, t *monitor.Tuple) (zone bool) {
	r.tuple, r.seen = t, 0
	r.read(inTuple, b)
	if r.in = inTuple; r.err == nil && r.seen&seenWhole != seenWhole {
		r.fail("no address or no protocol")
	}
	return r.seen&seenZone != 0
}

// tuplePart reads an attribute of the tuple, or of what is nested in it.
func (r *reader) tuplePart(typ object, v []byte) {
	t := r.tuple
	switch typ {
	case inTuple | ctaTupleIP:
		r.read(inTupleIP, v)
	case inTuple | ctaTupleProto:
		r.read(inTupleProto, v)
	case inTuple | ctaTupleZone:
		t.Zone = r.be16(v)
		r.seen |= seenZone
	case inTupleIP | ctaIPv4Src:
		r.address(&t.Src, seenSrc, monitor.IPv4, v)
	case inTupleIP | ctaIPv4Dst:
		r.address(&t.Dst, seenDst, monitor.IPv4, v)
	case inTupleIP | ctaIPv6Src:
		r.address(&t.Src, seenSrc, monitor.IPv6, v)
	case inTupleIP | ctaIPv6Dst:
		r.address(&t.Dst, seenDst, monitor.IPv6, v)
	case inTupleProto | ctaProtoNum:
		t.Proto = monitor.Proto(r.u8(v))
		r.seen |= seenProto
	case inTupleProto | ctaProtoSrcPort, inTupleProto | ctaProtoICMPID, inTupleProto | ctaProtoICMPv6ID:
		t.SrcPort = r.be16(v)
	case inTupleProto | ctaProtoDstPort:
		t.DstPort = r.be16(v)
	case inTupleProto | ctaProtoICMPType, inTupleProto | ctaProtoICMPv6Type: // see monitor.Tuple
		t.DstPort = t.DstPort&0x00ff | uint16(r.u8(v))<<8
	case inTupleProto | ctaProtoICMPCode, inTupleProto | ctaProtoICMPv6Code:
		t.DstPort = t.DstPort&0xff00 | uint16(r.u8(v))
	default:
		r.Unknown++
	}
}

// address reads an address of the tuple.
func (r *reader) address(a *monitor.Addr, part uint8, family monitor.Family, v []byte) {
	r.seen |= part
	switch {
	case r.tuple.Family != 0 && r.tuple.Family != family:
		r.fail("both families")
	case family == monitor.IPv4 && r.sized(v, 4):
		mapped4(a, v)
	case family == monitor.IPv6 && r.sized(v, 16):
		*a = monitor.Addr(v)
	}
	r.tuple.Family = family
}
