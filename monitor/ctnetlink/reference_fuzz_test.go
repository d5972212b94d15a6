//go:build linux

package ctnetlink

import (
	"slices"
	"testing"

	"natlens/monitor"
)

// FuzzReference: messages with the structure that a kernel gives them and any
// values, held against ti-mo/conntrack. which chooses the attributes, text is
// what the blobs and strings are cut from. (Bytes without structure are
// FuzzDecode's: the reference mixes repeated attributes.)
func FuzzReference(f *testing.F) {
	for _, proto := range []byte{1, 6, 17, 33, 47, 58, 132, 136, 253} {
		f.Add(
			^uint32(0),
			proto,
			false,
			uint16(0x1234),
			uint32(0x12345678),
			uint64(0x123456789abcdef0),
			[]byte("0123456789abcdef0123456789abcdef"),
		)
		f.Add(uint32(0x0f0f), proto, true, uint16(0xffff), ^uint32(0), ^uint64(0), make([]byte, 32))
	}
	f.Fuzz(func(t *testing.T, which uint32, proto byte, v6 bool, n16 uint16, n32 uint32, n64 uint64, text []byte) {
		if len(text) < 32 {
			t.Skip("too short to cut addresses from")
		}
		g := generator{proto: proto, v6: v6, n16: n16, n32: n32, n64: n64, text: text}
		attrs := [][]byte{g.tuple(ctaTupleOrig, which&1 != 0)}
		for i, a := range g.attributes() {
			if which&(2<<i) != 0 {
				attrs = append(attrs, a)
			}
		}
		msg := message(typeNew, uint16(which>>24)&(flagCreate>>8)<<8, attrs...)
		var d Decoder
		var b monitor.Batch
		if err := d.Decode(msg, &b); err != nil || d.Unknown != 0 {
			t.Fatalf("%v, %+v", err, d)
		}
		agree(t, msg, &b.Events[0])
	})
}

// generator makes attributes from a few numbers. It turns them between uses, so
// that fields taken for one another are seen.
type generator struct {
	proto byte
	v6    bool
	n16   uint16
	n32   uint32
	n64   uint64
	text  []byte
}

func (g *generator) u8() byte    { return byte(g.u16()) }
func (g *generator) u16() uint16 { g.n16 = g.n16*31 + 7; return g.n16 }
func (g *generator) u32() uint32 { g.n32 = g.n32*31 + 7; return g.n32 }
func (g *generator) u64() uint64 { g.n64 = g.n64*31 + 7; return g.n64 }

// word is a string with its NUL and without others.
func (g *generator) word() []byte {
	s := slices.DeleteFunc(slices.Clone(g.text), func(c byte) bool { return c == 0 })
	return append(s, 0)
}

func (g *generator) tuple(typ uint16, zone bool) []byte {
	addrs := nest(ctaTupleIP, attr(ctaIPv4Src, g.text[:4]...), attr(ctaIPv4Dst, g.text[4:8]...))
	if g.v6 {
		addrs = nest(ctaTupleIP, attr(ctaIPv6Src, g.text[:16]...), attr(ctaIPv6Dst, g.text[16:32]...))
	}
	parts := [][]byte{addrs, nest(ctaTupleProto, slices.Concat(attr(ctaProtoNum, g.proto), g.ports()))}
	if zone {
		parts = append(parts, num16(ctaTupleZone, g.u16()))
	}
	return nest(typ, parts...)
}

func (g *generator) ports() []byte {
	switch monitor.Proto(g.proto) {
	case monitor.ICMP:
		return slices.Concat(
			num16(ctaProtoICMPID, g.u16()),
			attr(ctaProtoICMPType, g.u8()),
			attr(ctaProtoICMPCode, g.u8()),
		)
	case monitor.ICMPv6:
		return slices.Concat(
			num16(ctaProtoICMPv6ID, g.u16()),
			attr(ctaProtoICMPv6Type, g.u8()),
			attr(ctaProtoICMPv6Code, g.u8()),
		)
	}
	return slices.Concat(num16(ctaProtoSrcPort, g.u16()), num16(ctaProtoDstPort, g.u16()))
}

// attributes are those of the top level but the original tuple.
func (g *generator) attributes() [][]byte {
	all := [][]byte{
		g.tuple(ctaTupleReply, true),
		g.tuple(ctaTupleMaster, false),
		num32(
			ctaStatus,
			g.u32(),
		), num32(ctaTimeout, g.u32()), num32(ctaMark, g.u32()), num32(ctaID, g.u32()), num32(ctaUse, g.u32()),
		num16(ctaZone, g.u16()),
		nest(
			ctaCountersOrig,
			num64(ctaCountersPackets, g.u64()),
			attr(ctaCountersPad),
			num64(ctaCountersBytes, g.u64()),
		),
		nest(ctaCountersReply, num64(ctaCountersBytes, g.u64()), num64(ctaCountersPackets, g.u64())),
		nest(ctaTimestamp, num64(ctaTimestampStart, g.u64()), num64(ctaTimestampStop, g.u64())),
		num64(ctaTimestampEvent, g.u64()),
		nest(
			ctaHelp,
			attr(ctaHelpName, first(g.word(), maxHelper)...),
			attr(ctaHelpInfo, first(g.text, maxHelperInfo)...),
		),
		nest(ctaSecCtx, attr(ctaSecCtxName, g.word()...)),
		attr(ctaLabels, g.text[:labelsSize]...), attr(ctaLabelsMask, g.text[labelsSize:2*labelsSize]...),
		nest(
			ctaSeqAdjOrig,
			g.threeNumbers(),
		), nest(ctaSeqAdjReply, g.threeNumbers()), nest(ctaSynproxy, g.threeNumbers()),
	}
	switch monitor.Proto(g.proto) {
	case monitor.TCP:
		all = append(
			all,
			nest(ctaProtoinfo, nest(ctaProtoinfoTCP, attr(ctaTCPState, g.u8()), attr(ctaTCPWScaleOrig, g.u8()),
				attr(ctaTCPWScaleReply, g.u8()), num16(ctaTCPFlagsOrig, g.u16()), num16(ctaTCPFlagsReply, g.u16()))),
		)
	case monitor.SCTP:
		all = append(all, nest(ctaProtoinfo, nest(ctaProtoinfoSCTP, attr(ctaSCTPState, g.u8()),
			num32(ctaSCTPVTagOrig, g.u32()), num32(ctaSCTPVTagReply, g.u32()))))
	case monitor.DCCP:
		all = append(
			all,
			nest(ctaProtoinfo, nest(ctaProtoinfoDCCP, attr(ctaDCCPState, g.u8()), attr(ctaDCCPRole, g.u8()),
				num64(ctaDCCPHandshakeSeq, g.u64()))),
		)
	}
	return all
}

// threeNumbers are the children of CTA_SEQ_ADJ_* and of CTA_SYNPROXY.
func (g *generator) threeNumbers() []byte {
	return slices.Concat(num32(1, g.u32()), num32(2, g.u32()), num32(3, g.u32()))
}

// first returns the first n bytes, or all if there are fewer.
func first(b []byte, n int) []byte { return b[:min(n, len(b))] }
