package ctnetlink

import "natlens/monitor"

// Orig appends CTA_TUPLE_ORIG without the zone of the tuple: see [Request.Zone].
func (r *Request) Orig(t *monitor.Tuple) { r.tuple(ctaTupleOrig, t, false) }

// Reply appends CTA_TUPLE_REPLY without the zone of the tuple.
func (r *Request) Reply(t *monitor.Tuple) { r.tuple(ctaTupleReply, t, false) }

// Entry appends the original tuple and the zone, by which the kernel looks up an entry.
//
// A zone of the original direction only is inside the tuple. A zone of both directions is
// CTA_ZONE. The kernel rejects a message with both. A zone of the reply direction only is
// not part of the original tuple.
func (r *Request) Entry(f *monitor.Flow) {
	both := f.Orig.Zone != 0 && f.Orig.Zone == f.Reply.Zone
	r.tuple(ctaTupleOrig, &f.Orig, !both && f.Orig.Zone != 0)
	if both {
		r.Zone(f.Orig.Zone)
	}
}

// Tuples appends both tuples of a flow with their zones, for a new entry.
func (r *Request) Tuples(f *monitor.Flow) {
	r.Entry(f)
	r.tuple(ctaTupleReply, &f.Reply, f.Reply.Zone != 0 && f.Orig.Zone == 0)
}

func (r *Request) tuple(typ uint16, t *monitor.Tuple, zone bool) {
	outer := r.open(typ)
	ip := r.open(ctaTupleIP)
	if t.Family == monitor.IPv6 {
		r.bytes(ctaIPv6Src, t.Src[:])
		r.bytes(ctaIPv6Dst, t.Dst[:])
	} else {
		r.bytes(ctaIPv4Src, t.Src[12:])
		r.bytes(ctaIPv4Dst, t.Dst[12:])
	}
	r.close(ip)
	r.tupleProto(t)
	if zone {
		r.be16(ctaTupleZone, t.Zone)
	}
	r.close(outer)
}

func (r *Request) tupleProto(t *monitor.Tuple) {
	at := r.open(ctaTupleProto)
	r.u8(ctaProtoNum, uint8(t.Proto))
	switch {
	case t.Proto.HasPorts() || t.Proto == monitor.GRE:
		r.be16(ctaProtoSrcPort, t.SrcPort)
		r.be16(ctaProtoDstPort, t.DstPort)
	case t.Proto == monitor.ICMP:
		r.be16(ctaProtoICMPID, t.ICMPID())
		r.u8(ctaProtoICMPType, t.ICMPType())
		r.u8(ctaProtoICMPCode, t.ICMPCode())
	case t.Proto == monitor.ICMPv6:
		r.be16(ctaProtoICMPv6ID, t.ICMPID())
		r.u8(ctaProtoICMPv6Type, t.ICMPType())
		r.u8(ctaProtoICMPv6Code, t.ICMPCode())
	}
	r.close(at)
}

// Zone appends CTA_ZONE: the zone of both directions, or in a dump's filter of either.
func (r *Request) Zone(zone uint16) { r.be16(ctaZone, zone) }

// The parts of a tuple that a dump compares, for [Request.Compare]: CTA_FILTER_F_… of
// net/netfilter/nf_internals.h.
const (
	CompareSrc     = 1 << 0
	CompareDst     = 1 << 1
	CompareProto   = 1 << 3
	CompareSrcPort = 1 << 4
	CompareDstPort = 1 << 5
)

// Compare appends CTA_FILTER: the parts of both tuples in which a flow must equal the
// request's tuples to be dumped. The request must have a family, and each tuple whose
// flags are not 0.
func (r *Request) Compare(orig, reply uint32) {
	at := r.open(ctaFilter)
	if orig != 0 {
		r.native32(ctaFilterOrigFlags, orig)
	}
	if reply != 0 {
		r.native32(ctaFilterReplyFlags, reply)
	}
	r.close(at)
}

// ID appends CTA_ID: OpDelete rejects an entry with another id.
func (r *Request) ID(id uint32) { r.be32(ctaID, id) }

// Timeout appends CTA_TIMEOUT, in seconds.
func (r *Request) Timeout(seconds uint32) { r.be32(ctaTimeout, seconds) }

// Status appends CTA_STATUS.
func (r *Request) Status(s monitor.Status) { r.be32(ctaStatus, uint32(s)) }

// StatusMask appends CTA_STATUS_MASK: the bits of a dump's Status that are compared.
func (r *Request) StatusMask(s monitor.Status) { r.be32(ctaStatusMask, uint32(s)) }

// Mark appends CTA_MARK.
func (r *Request) Mark(mark uint32) { r.be32(ctaMark, mark) }

// MarkMask appends CTA_MARK_MASK. A dump's filter compares these bits of a mark. OpNew
// clears them and then XORs the mark in.
func (r *Request) MarkMask(mask uint32) { r.be32(ctaMarkMask, mask) }

// Labels appends CTA_LABELS and, if mask is not nil, CTA_LABELS_MASK. Both have 16 bytes,
// with label n in byte n/8. Without a mask all labels are replaced.
func (r *Request) Labels(labels, mask []byte) {
	r.bytes(ctaLabels, littleWords(labels))
	if mask != nil {
		r.bytes(ctaLabelsMask, littleWords(mask))
	}
}

// Helper appends CTA_HELP with a helper's name.
func (r *Request) Helper(name string) {
	at := r.open(ctaHelp)
	r.text(ctaHelpName, name)
	r.close(at)
}

// TCP appends CTA_PROTOINFO of a TCP connection: its state, and the flags within the masks.
func (r *Request) TCP(s monitor.State, i monitor.TCPInfo) {
	outer := r.open(ctaProtoinfo)
	at := r.open(ctaProtoinfoTCP)
	r.u8(ctaTCPState, uint8(s))
	r.bytes(ctaTCPFlagsOrig, []byte{i.FlagsOrig, i.MaskOrig})
	r.bytes(ctaTCPFlagsReply, []byte{i.FlagsReply, i.MaskReply})
	r.close(at)
	r.close(outer)
}

// SCTP appends CTA_PROTOINFO of an SCTP association: its state and the
// verification tags of both directions.
func (r *Request) SCTP(s monitor.State, orig, reply uint32) {
	outer := r.open(ctaProtoinfo)
	at := r.open(ctaProtoinfoSCTP)
	r.u8(ctaSCTPState, uint8(s))
	r.be32(ctaSCTPVTagOrig, orig)
	r.be32(ctaSCTPVTagReply, reply)
	r.close(at)
	r.close(outer)
}

// DCCP appends CTA_PROTOINFO of a DCCP connection: its state, and the role of the original
// source, 0 for client and 1 for server. Linux 6.18 has no tracker for DCCP and ignores it.
func (r *Request) DCCP(s monitor.State, role uint8) {
	outer := r.open(ctaProtoinfo)
	at := r.open(ctaProtoinfoDCCP)
	r.u8(ctaDCCPState, uint8(s))
	r.u8(ctaDCCPRole, role)
	r.close(at)
	r.close(outer)
}

// NATRange is the translation of one side of a new entry. The zero value translates nothing.
type NATRange struct {
	Addr monitor.Addr // zero: not translated
	Port uint16       // 0: not translated
}

// NAT appends CTA_NAT_SRC and CTA_NAT_DST, unless they are zero.
func (r *Request) NAT(src, dst NATRange) {
	r.natRange(ctaNatSrc, src)
	r.natRange(ctaNatDst, dst)
}

func (r *Request) natRange(typ uint16, n NATRange) {
	if n == (NATRange{}) {
		return
	}
	outer := r.open(typ)
	switch {
	case n.Addr == (monitor.Addr{}):
	case n.Addr.Is4():
		r.bytes(ctaNATv4Min, n.Addr[12:])
	default:
		r.bytes(ctaNATv6Min, n.Addr[:])
	}
	if n.Port != 0 {
		at := r.open(ctaNATProto)
		r.be16(ctaProtoNATPortMin, n.Port)
		r.be16(ctaProtoNATPortMax, n.Port)
		r.close(at)
	}
	r.close(outer)
}
