package ctnetlink

import (
	"fmt"

	"natlens/monitor"
)

// The mandatory parts of a tuple.
const (
	seenSrc = 1 << iota
	seenDst
	seenProto
	seenWhole = seenSrc | seenDst | seenProto
)

// tuple reads CTA_TUPLE_ORIG, _REPLY or _MASTER into t, and reports whether it
// has a CTA_TUPLE_ZONE.
func (d *Decoder) tuple(b []byte, t *monitor.Tuple) (zone bool, err error) {
	*t = monitor.Tuple{}
	if plainTuple(b, t) {
		return false, nil
	}
	return d.anyTuple(b, t)
}

// anyTuple reads a tuple of any layout into t, which is zero.
func (d *Decoder) anyTuple(b []byte, t *monitor.Tuple) (zone bool, err error) {
	seen := 0
	w := walk{op: "tuple"}
	for typ, v := range w.over(b) {
		var s int
		switch typ {
		case ctaTupleIP:
			s, w.err = d.tupleIP(v, t)
		case ctaTupleProto:
			s, w.err = d.tupleProto(v, t)
		case ctaTupleZone:
			t.Zone = w.be16(v)
			zone = true
		default:
			d.Unknown++
		}
		seen |= s
	}
	if w.err == nil && seen != seenWhole {
		w.err = fmt.Errorf("decode tuple: no address or no protocol: %w", ErrMalformed)
	}
	return zone && w.err == nil, w.err
}

func (d *Decoder) tupleIP(b []byte, t *monitor.Tuple) (seen int, err error) {
	w := walk{op: "tuple address"}
	for typ, v := range w.over(b) {
		addr, family, size := &t.Src, monitor.IPv4, 4
		switch typ {
		case ctaIPv4Src, ctaIPv6Src:
			seen |= seenSrc
		case ctaIPv4Dst, ctaIPv6Dst:
			addr = &t.Dst
			seen |= seenDst
		default:
			d.Unknown++
			continue
		}
		if typ >= ctaIPv6Src {
			family, size = monitor.IPv6, 16
		}
		if t.Family != 0 && t.Family != family {
			return 0, fmt.Errorf("decode tuple address: both families: %w", ErrMalformed)
		}
		t.Family = family
		switch {
		case !w.sized(v, size):
		case family == monitor.IPv4:
			mapped4(addr, v)
		default:
			*addr = monitor.Addr(v)
		}
	}
	return seen, w.err
}

// tupleProto reads CTA_TUPLE_PROTO, in any order. ICMP type and code are stored in DstPort,
// as monitor.Tuple documents.
func (d *Decoder) tupleProto(b []byte, t *monitor.Tuple) (seen int, err error) {
	w := walk{op: "tuple protocol"}
	for typ, v := range w.over(b) {
		switch typ {
		case ctaProtoNum:
			t.Proto = monitor.Proto(w.u8(v))
			seen = seenProto
		case ctaProtoSrcPort, ctaProtoICMPID, ctaProtoICMPv6ID:
			t.SrcPort = w.be16(v)
		case ctaProtoDstPort:
			t.DstPort = w.be16(v)
		case ctaProtoICMPType, ctaProtoICMPv6Type:
			t.DstPort = t.DstPort&0x00ff | uint16(w.u8(v))<<8
		case ctaProtoICMPCode, ctaProtoICMPv6Code:
			t.DstPort = t.DstPort&0xff00 | uint16(w.u8(v))
		default:
			d.Unknown++
		}
	}
	return seen, w.err
}
