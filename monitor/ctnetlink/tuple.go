package ctnetlink

import (
	"encoding/binary"
	"fmt"

	"natlens/monitor"
)

// What a tuple must say.
const (
	seenSrc = 1 << iota
	seenDst
	seenProto
	seenWhole = seenSrc | seenDst | seenProto
)

// tuple reads CTA_TUPLE_ORIG, _REPLY or _MASTER into t, and reports whether it
// bore a CTA_TUPLE_ZONE.
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
	for len(b) >= attrHeader {
		typ, v, rest, ok := next(b)
		if !ok {
			return false, badLength("tuple", len(b))
		}
		b = rest
		var s int
		switch typ {
		case ctaTupleIP:
			s, err = d.tupleIP(v, t)
		case ctaTupleProto:
			s, err = d.tupleProto(v, t)
		case ctaTupleZone:
			t.Zone, err = be16("tuple zone", typ, v)
			zone = true
		default:
			d.Unknown++
		}
		if err != nil {
			return false, err
		}
		seen |= s
	}
	if seen != seenWhole {
		return false, fmt.Errorf("decode tuple: no address or no protocol: %w", ErrMalformed)
	}
	return zone, nil
}

func (d *Decoder) tupleIP(b []byte, t *monitor.Tuple) (seen int, err error) {
	for len(b) >= attrHeader {
		typ, v, rest, ok := next(b)
		if !ok {
			return 0, badLength("tuple address", len(b))
		}
		b = rest
		addr, family := &t.Src, monitor.IPv4
		switch typ {
		case ctaIPv4Src:
			seen |= seenSrc
		case ctaIPv4Dst:
			addr = &t.Dst
			seen |= seenDst
		case ctaIPv6Src:
			family = monitor.IPv6
			seen |= seenSrc
		case ctaIPv6Dst:
			addr, family = &t.Dst, monitor.IPv6
			seen |= seenDst
		default:
			d.Unknown++
			continue
		}
		if t.Family != 0 && t.Family != family {
			return 0, fmt.Errorf("decode tuple address: both families: %w", ErrMalformed)
		}
		t.Family = family
		switch {
		case family == monitor.IPv4 && len(v) == 4:
			mapped4(addr, v)
		case family == monitor.IPv6 && len(v) == 16:
			*addr = monitor.Addr(v)
		default:
			return 0, wrongSize("tuple address", typ, len(v))
		}
	}
	return seen, nil
}

// tupleProto reads CTA_TUPLE_PROTO. The ICMP types and codes of both families
// land where monitor.Tuple keeps them, whatever order they come in.
func (d *Decoder) tupleProto(b []byte, t *monitor.Tuple) (seen int, err error) {
	for len(b) >= attrHeader {
		typ, v, rest, ok := next(b)
		if !ok {
			return 0, badLength("tuple protocol", len(b))
		}
		b = rest
		want := 1
		switch typ {
		case ctaProtoSrcPort, ctaProtoDstPort, ctaProtoICMPID, ctaProtoICMPv6ID:
			want = 2
		}
		if typ >= ctaProtoNum && typ <= ctaProtoICMPv6Code && len(v) != want {
			return 0, wrongSize("tuple protocol", typ, len(v))
		}
		switch typ {
		case ctaProtoNum:
			t.Proto = monitor.Proto(v[0])
			seen = seenProto
		case ctaProtoSrcPort, ctaProtoICMPID, ctaProtoICMPv6ID:
			t.SrcPort = binary.BigEndian.Uint16(v)
		case ctaProtoDstPort:
			t.DstPort = binary.BigEndian.Uint16(v)
		case ctaProtoICMPType, ctaProtoICMPv6Type:
			t.DstPort = t.DstPort&0x00ff | uint16(v[0])<<8
		case ctaProtoICMPCode, ctaProtoICMPv6Code:
			t.DstPort = t.DstPort&0xff00 | uint16(v[0])
		default:
			d.Unknown++
		}
	}
	return seen, nil
}
