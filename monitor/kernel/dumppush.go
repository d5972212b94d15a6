//go:build linux

package kernel

import (
	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/filter"
)

// dumpPush is what the kernel is asked to compare while it dumps (struct
// ctnetlink_filter of net/netfilter/nf_conntrack_netlink.c). All of it must hold;
// what is zero asks nothing. It may ask for less than the filter that it was
// made of, never for more.
type dumpPush struct {
	family      monitor.Family
	zone        uint16
	orig, reply dumpTuple
	mark        uint32
	markMask    uint32
	hasMark     bool
	status      monitor.Status
	statusMask  monitor.Status
	proto       monitor.Proto
}

// dumpTuple is a tuple of which the kernel compares what the flags name.
type dumpTuple struct {
	monitor.Tuple
	flags uint32 // ctnetlink.Compare…
}

// pushDump finds what of a filter the kernel can compare: conditions that must
// all hold, each on a single value. The kernel knows
//
//	family, mark & mask                  always
//	protocol, addresses, ports           Linux 5.8 (CTA_FILTER), only beside a family
//	status & mask                        Linux 5.15
//	zone, that of either direction       Linux 6.8
//
// and ignores what it does not know, which lets more through. Two things it
// knows are not pushed: it compares IPv6 addresses the wrong way round, and the
// ports of TCP and UDP alone.
func pushDump(e filter.Expr, family monitor.Family) dumpPush {
	p := dumpPush{family: family}
	if e == nil {
		return p
	}
	e = filter.Lower(e)
	parts, ok := e.(filter.And)
	if !ok {
		parts = filter.And{e}
	}
	for _, x := range parts {
		p.add(x)
	}
	p.settle()
	return p
}

// add takes up one condition. Where a second one is about the same part, the
// first stands: it alone is less than the whole filter asks.
func (p *dumpPush) add(e filter.Expr) {
	switch e := e.(type) {
	case filter.Prefix:
		p.prefix(e)
	case filter.In:
		if len(e.Set) == 1 && e.Set[0].Lo == e.Set[0].Hi && e.Mask == ^uint64(0) {
			p.number(e.Field, e.Set[0].Lo)
		}
	case filter.Cmp:
		if e.Op == filter.Eq && len(e.Set) == 1 && e.Set[0].Lo == e.Set[0].Hi {
			p.bits(e.Field&^filter.Sent, uint32(e.Set[0].Lo), uint32(e.Mask))
		}
	}
}

// prefix takes the family of a network, and the address of one that is a single
// IPv4 address.
func (p *dumpPush) prefix(e filter.Prefix) {
	family := monitor.IPv6
	if e.Net.Addr().Is4() {
		family = monitor.IPv4
	}
	if p.family == 0 {
		p.family = family
	}
	if p.family != monitor.IPv4 || family != monitor.IPv4 || !e.Net.IsSingleIP() {
		return
	}
	t, a := &p.orig, monitor.AddrFrom(e.Net.Addr())
	if e.Field == filter.FieldReplySrc || e.Field == filter.FieldReplyDst {
		t = &p.reply
	}
	side, flag := &t.Src, uint32(ctnetlink.CompareSrc)
	if e.Field == filter.FieldOrigDst || e.Field == filter.FieldReplyDst {
		side, flag = &t.Dst, ctnetlink.CompareDst
	}
	if t.flags&flag == 0 {
		*side = a
		t.flags |= flag
	}
}

func (p *dumpPush) number(f filter.Field, v uint64) {
	switch f {
	case filter.FieldFamily:
		if p.family == 0 {
			p.family = monitor.Family(v)
		}
	case filter.FieldProto:
		p.proto = monitor.Proto(v)
		p.orig.flags |= ctnetlink.CompareProto
	case filter.FieldOrigZone, filter.FieldReplyZone:
		// Flows of zone 0 in one direction may have another one in the other.
		if p.zone == 0 {
			p.zone = uint16(v)
		}
	case filter.FieldOrigL4Src:
		p.orig.SrcPort = uint16(v)
		p.orig.flags |= ctnetlink.CompareSrcPort
	case filter.FieldOrigL4Dst:
		p.orig.DstPort = uint16(v)
		p.orig.flags |= ctnetlink.CompareDstPort
	case filter.FieldReplyL4Src:
		p.reply.SrcPort = uint16(v)
		p.reply.flags |= ctnetlink.CompareSrcPort
	case filter.FieldReplyL4Dst:
		p.reply.DstPort = uint16(v)
		p.reply.flags |= ctnetlink.CompareDstPort
	}
}

func (p *dumpPush) bits(f filter.Field, v, mask uint32) {
	if mask == 0 {
		mask = ^uint32(0)
	}
	switch f {
	case filter.FieldMark:
		if !p.hasMark {
			p.mark, p.markMask, p.hasMark = v, mask, true
		}
	case filter.FieldStatus:
		m := monitor.Status(mask) &^ p.statusMask
		p.status |= monitor.Status(v) & m
		p.statusMask |= m
	}
}

// settle takes back what the kernel would refuse, or not compare.
func (p *dumpPush) settle() {
	const ports = ctnetlink.CompareSrcPort | ctnetlink.CompareDstPort
	for _, t := range []*dumpTuple{&p.orig, &p.reply} {
		switch {
		case p.family == 0:
			t.flags = 0
		case p.proto != monitor.TCP && p.proto != monitor.UDP:
			t.flags &^= ports
		case t.flags&ports != 0:
			t.flags |= ctnetlink.CompareProto
		}
		t.Family, t.Proto = p.family, p.proto
	}
}

// dumpRequest writes the request of a dump.
func dumpRequest(r *ctnetlink.Request, cfg DumpConfig) {
	op := ctnetlink.OpGet
	switch {
	case cfg.Table == Dying:
		op = ctnetlink.OpDying
	case cfg.Table == Unconfirmed:
		op = ctnetlink.OpUnconfirmed
	case cfg.Zero:
		op = ctnetlink.OpGetZero
	}
	p := pushDump(cfg.Push, cfg.Family)
	r.Reset()
	r.Begin(op, ctnetlink.FlagDump, p.family)
	if op == ctnetlink.OpGet {
		p.append(r)
	}
}

func (p *dumpPush) append(r *ctnetlink.Request) {
	if p.hasMark {
		r.Mark(p.mark)
		r.MarkMask(p.markMask)
	}
	if p.statusMask != 0 {
		r.Status(p.status)
		r.StatusMask(p.statusMask)
	}
	if p.zone != 0 {
		r.Zone(p.zone)
	}
	if p.orig.flags|p.reply.flags == 0 {
		return
	}
	if p.orig.flags != 0 {
		r.Orig(&p.orig.Tuple)
	}
	if p.reply.flags != 0 {
		r.Reply(&p.reply.Tuple)
	}
	r.Compare(p.orig.flags, p.reply.flags)
}
