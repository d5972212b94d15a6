package ctnetlink

import "natlens/monitor"

// Entry appends the original tuple and the zone, by which the kernel looks up an entry. If the
// original tuple is empty, it appends the reply tuple instead.
//
// A zone of the original direction only is inside the tuple. A zone of both directions is
// CTA_ZONE. The kernel rejects a message with both. A zone of the reply direction only is not
// part of the original tuple.
func (r *Request) Entry(f *monitor.Flow) {
	typ, t, both := uint16(ctaTupleOrig), &f.Orig, f.Orig.Zone == f.Reply.Zone
	if f.Orig.Family == 0 {
		typ, t, both = ctaTupleReply, &f.Reply, true
	}
	r.tuple(typ, t, !both && t.Zone != 0)
	if both && t.Zone != 0 {
		r.be16(ctaZone, t.Zone)
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

// ID appends CTA_ID: OpDelete rejects an entry with another id.
func (r *Request) ID(id uint32) { r.be32(ctaID, id) }

// Filter is what the kernel compares during a dump (struct ctnetlink_filter of
// net/netfilter/nf_conntrack_netlink.c). All parts must match; zero parts match everything.
type Filter struct {
	monitor.Flow // the values

	// The parts of both tuples that the kernel compares with the values. They need a family.
	CompareOrig, CompareReply uint32

	HasMark    bool
	MarkMask   uint32         // bits of the mark that are compared
	StatusMask monitor.Status // bits of the status that are compared
}

// The parts of a tuple: CTA_FILTER_F_… of net/netfilter/nf_internals.h.
const (
	CompareSrc     = 1 << 0
	CompareDst     = 1 << 1
	CompareProto   = 1 << 3
	CompareSrcPort = 1 << 4
	CompareDstPort = 1 << 5
)

// Filter appends a filter to a dump. Flow.Zone matches the zone of either direction.
func (r *Request) Filter(f *Filter) {
	if f.HasMark {
		r.be32(ctaMark, f.Mark)
		r.be32(ctaMarkMask, f.MarkMask)
	}
	if f.StatusMask != 0 {
		r.be32(ctaStatus, uint32(f.Status))
		r.be32(ctaStatusMask, uint32(f.StatusMask))
	}
	if f.Zone != 0 {
		r.be16(ctaZone, f.Zone)
	}
	if f.CompareOrig|f.CompareReply == 0 {
		return
	}
	if f.CompareOrig != 0 {
		r.tuple(ctaTupleOrig, &f.Orig, false)
	}
	if f.CompareReply != 0 {
		r.tuple(ctaTupleReply, &f.Reply, false)
	}
	at := r.open(ctaFilter)
	if f.CompareOrig != 0 {
		r.native32(ctaFilterOrigFlags, f.CompareOrig)
	}
	if f.CompareReply != 0 {
		r.native32(ctaFilterReplyFlags, f.CompareReply)
	}
	r.close(at)
}
