//go:build linux

package kernel

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"natlens/monitor"
	"natlens/monitor/ctnetlink"
	"natlens/monitor/filter"
)

// Dump opens the connection tracking table of a network namespace (0: the caller's) as a source
// of KindExisting events. Each call of Next reads once from the kernel; io.EOF is the end of
// the table.
//
// A dump is not a snapshot: flows that begin or end during the dump may be missing. The dump
// also evicts expired entries.
func Dump(ctx context.Context, ns int) (monitor.Source, error) {
	return DumpWith(ctx, DumpConfig{NetNS: ns})
}

// DumpWith is Dump with options.
func DumpWith(ctx context.Context, cfg DumpConfig) (monitor.Source, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := OpenService(cfg.NetNS)
	if err != nil {
		return nil, err
	}
	dumpRequest(&s.req, cfg)
	if err := s.send(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("request dump: %w", err)
	}
	return &dump{Service: s}, nil
}

// dump reads the kernel's answer. The kernel prepares the next part while one is read, so a
// read never waits.
type dump struct {
	*Service
	done bool
	now  monitor.Time // of the last read
}

// Next reads one part of the answer. Flows that cannot be decoded are skipped
// and counted.
func (d *dump) Next(ctx context.Context, b *monitor.Batch) error {
	for !d.done && (len(b.Events) == 0 || d.more()) {
		if !d.more() {
			d.now = monitor.Now()
		}
		msg, _, err := d.next(ctx)
		if err == nil {
			d.done, err = ended(msg)
		}
		if err != nil {
			return fmt.Errorf("dump: %w", err)
		}
		if d.done {
			break
		}
		before := len(b.Events)
		if d.dec.Decode(msg, b) == nil {
			e := &b.Events[before]
			e.Kind, e.Time, e.TimeSource = monitor.KindExisting, d.now, monitor.TimeReceived
		}
	}
	if len(b.Events) == 0 {
		return io.EOF
	}
	return nil
}

// dumpPush is what the kernel compares during a dump. It may select more flows than the filter,
// never fewer.
type dumpPush struct {
	ctnetlink.Filter
	family monitor.Family
}

// pushDump returns the part of a filter that the kernel can compare: conditions that must all
// hold, each on a single value. The kernel compares
//
//	family, mark & mask                  always
//	protocol, addresses, ports           Linux 5.8 (CTA_FILTER), only with a family
//	status & mask                        Linux 5.15
//	zone, that of either direction       Linux 6.8
//
// and ignores what it does not know, so it selects more. IPv6 addresses are not pushed, because
// the kernel compares them wrongly, nor are ports of protocols other than TCP and UDP.
func pushDump(e filter.Expr) (p dumpPush) {
	if e == nil {
		return p
	}
	e = filter.Lower(e)
	parts, ok := e.(filter.And)
	if !ok {
		parts = filter.And{e}
	}
	for _, x := range parts {
		switch x := x.(type) {
		case filter.Prefix:
			p.prefix(x)
		case filter.In:
			if len(x.Set) == 1 && x.Set[0].Lo == x.Set[0].Hi && x.Mask == ^uint64(0) {
				p.number(x.Field, uint16(x.Set[0].Lo))
			}
		case filter.Cmp:
			if x.Op == filter.Eq && len(x.Set) == 1 && x.Set[0].Lo == x.Set[0].Hi {
				p.bits(x.Field&^filter.Sent, uint32(x.Set[0].Lo), cmp.Or(uint32(x.Mask), ^uint32(0)))
			}
		}
	}
	p.settle()
	return p
}

// compared are the fields of tuples that the kernel compares, and their flags.
var compared = map[filter.Field]struct {
	reply bool
	flag  uint32
}{
	filter.FieldOrigSrc: {false, ctnetlink.CompareSrc}, filter.FieldReplySrc: {true, ctnetlink.CompareSrc},
	filter.FieldOrigDst: {false, ctnetlink.CompareDst}, filter.FieldReplyDst: {true, ctnetlink.CompareDst},
	filter.FieldOrigL4Src: {false, ctnetlink.CompareSrcPort}, filter.FieldReplyL4Src: {true, ctnetlink.CompareSrcPort},
	filter.FieldOrigL4Dst: {false, ctnetlink.CompareDstPort}, filter.FieldReplyL4Dst: {true, ctnetlink.CompareDstPort},
}

// compare adds the value of a tuple's field: an address or a port. If a field has two
// conditions, the first is used: alone it selects no fewer flows than both.
func (p *dumpPush) compare(f filter.Field, addr monitor.Addr, port uint16) {
	t, flags, c := &p.Orig, &p.CompareOrig, compared[f]
	if c.reply {
		t, flags = &p.Reply, &p.CompareReply
	}
	if *flags&c.flag != 0 {
		return
	}
	*flags |= c.flag
	switch c.flag {
	case ctnetlink.CompareSrc:
		t.Src = addr
	case ctnetlink.CompareDst:
		t.Dst = addr
	case ctnetlink.CompareSrcPort:
		t.SrcPort = port
	case ctnetlink.CompareDstPort:
		t.DstPort = port
	}
}

// prefix adds the family of a network, and the address if it is a single IPv4 address.
func (p *dumpPush) prefix(e filter.Prefix) {
	family := monitor.IPv6
	if e.Net.Addr().Is4() {
		family = monitor.IPv4
	}
	p.family = cmp.Or(p.family, family)
	if p.family == monitor.IPv4 && family == monitor.IPv4 && e.Net.IsSingleIP() {
		p.compare(e.Field, monitor.AddrFrom(e.Net.Addr()), 0)
	}
}

func (p *dumpPush) number(f filter.Field, v uint16) {
	switch f {
	case filter.FieldFamily:
		p.family = cmp.Or(p.family, monitor.Family(v))
	case filter.FieldProto:
		p.Orig.Proto, p.Reply.Proto = monitor.Proto(v), monitor.Proto(v)
		p.CompareOrig |= ctnetlink.CompareProto
	case filter.FieldOrigZone, filter.FieldReplyZone:
		// Flows with zone 0 in one direction may have another zone in the other.
		p.Zone = cmp.Or(p.Zone, v)
	default:
		p.compare(f, monitor.Addr{}, v)
	}
}

func (p *dumpPush) bits(f filter.Field, v, mask uint32) {
	switch f {
	case filter.FieldMark:
		if !p.HasMark {
			p.Mark, p.MarkMask, p.HasMark = v, mask, true
		}
	case filter.FieldStatus:
		m := monitor.Status(mask) &^ p.StatusMask
		p.Status |= monitor.Status(v) & m
		p.StatusMask |= m
	}
}

// settle removes what the kernel would reject, or not compare.
func (p *dumpPush) settle() {
	const ports = ctnetlink.CompareSrcPort | ctnetlink.CompareDstPort
	p.Orig.Family, p.Reply.Family = p.family, p.family
	for _, flags := range []*uint32{&p.CompareOrig, &p.CompareReply} {
		switch {
		case p.family == 0:
			*flags = 0
		case p.Orig.Proto != monitor.TCP && p.Orig.Proto != monitor.UDP:
			*flags &^= ports
		case *flags&ports != 0:
			*flags |= ctnetlink.CompareProto
		}
	}
}

// dumpRequest writes the request of a dump.
func dumpRequest(r *ctnetlink.Request, cfg DumpConfig) {
	op := [...]ctnetlink.Op{ctnetlink.OpGet, ctnetlink.OpDying, ctnetlink.OpUnconfirmed}[cfg.Table]
	if cfg.Zero && cfg.Table == Conntrack {
		op = ctnetlink.OpGetZero
	}
	p := pushDump(cfg.Push)
	r.Reset()
	r.Begin(op, ctnetlink.FlagDump, p.family)
	if op == ctnetlink.OpGet {
		r.Filter(&p.Filter)
	}
}
