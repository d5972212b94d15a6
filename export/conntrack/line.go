package conntrack

import (
	"strconv"
	"strings"

	"natlens/export/text"
	"natlens/monitor"
)

// Most functions below append words with a space after each.

func word(b []byte, name string, n uint64) []byte {
	return append(text.AppendUint(append(b, name...), n), ' ')
}

func wordIf(b []byte, known bool, name string, n uint64) []byte {
	if known {
		b = word(b, name, n)
	}
	return b
}

func (c *Writer) line(b []byte, e *monitor.Event) []byte {
	f, h := &e.Flow, e.Has
	if c.m.Timestamp && e.Kind != monitor.KindExisting {
		b = c.stamp(b, e)
	}
	b = kind(b, e.Kind)
	if c.m.Extended {
		b = named(b, f.Orig.Family.String(), uint64(f.Orig.Family))
	}
	b = named(b, protoName(f.Orig.Proto), uint64(f.Orig.Proto))
	b = wordIf(b, h&monitor.AttrTimeout != 0, "", uint64(f.Timeout))
	if h&monitor.AttrState != 0 && f.Orig.Proto.HasState() {
		b = append(append(b, stateName(f.Orig.Proto, f.State)...), ' ')
	}
	b = tuple(b, &f.Orig)
	b = wordIf(b, h&monitor.AttrZoneOrig != 0, "zone-orig=", uint64(f.Orig.Zone))
	b = wordIf(b, h&monitor.AttrCountersOrig != 0, "packets=", f.CountersOrig.Packets)
	b = wordIf(b, h&monitor.AttrCountersOrig != 0, "bytes=", f.CountersOrig.Bytes)
	if h&monitor.AttrStatus != 0 && f.Status&monitor.SeenReply == 0 {
		b = append(b, "[UNREPLIED] "...)
	}
	b = tuple(b, &f.Reply)
	b = wordIf(b, h&monitor.AttrZoneReply != 0, "zone-reply=", uint64(f.Reply.Zone))
	b = wordIf(b, h&monitor.AttrCountersReply != 0, "packets=", f.CountersReply.Packets)
	b = wordIf(b, h&monitor.AttrCountersReply != 0, "bytes=", f.CountersReply.Bytes)
	if h&monitor.AttrStatus != 0 {
		switch {
		case f.Status&monitor.HWOffload != 0:
			b = append(b, "[HW_OFFLOAD] "...)
		case f.Status&monitor.Offload != 0:
			b = append(b, "[OFFLOAD] "...)
		case f.Status&monitor.Assured != 0:
			b = append(b, "[ASSURED] "...)
		}
	}
	b = c.words(b, e)
	return append(c.userspace(b[:len(b)-1], e), '\n') // without the last space
}

func kind(b []byte, k monitor.Kind) []byte { return append(b, kindWords[k]...) }

var kindWords = [...]string{monitor.KindNew: "    [NEW] ", monitor.KindUpdate: " [UPDATE] ",
	monitor.KindDestroy: "[DESTROY] ", monitor.KindExisting: ""}

// named appends a name, filled up to 8 characters, and its number.
func named(b []byte, name string, n uint64) []byte {
	const blanks = "        "
	b = append(append(b, name...), blanks[min(len(name), len(blanks)):]...)
	return word(b, " ", n)
}

func protoName(p monitor.Proto) string {
	if name := p.Name(); name != "" {
		return name
	}
	return "unknown"
}

// stateName returns the name that conntrack prints for a state. It has SCTP's names for
// DCCP too, and NONE for a number without a name.
func stateName(p monitor.Proto, s monitor.State) string {
	if p == monitor.DCCP {
		p = monitor.SCTP
	}
	if name := s.Name(p); name != "" {
		return name
	}
	return "NONE"
}

func tuple(b []byte, t *monitor.Tuple) []byte {
	if t.Family == monitor.IPv4 || t.Family == monitor.IPv6 {
		b = address(b, "src=", &t.Src, t.Family)
		b = address(b, "dst=", &t.Dst, t.Family)
	}
	return ports(b, t)
}

func address(b []byte, name string, a *monitor.Addr, family monitor.Family) []byte {
	return append(text.AppendNtop(append(b, name...), a, family), ' ')
}

func ports(b []byte, t *monitor.Tuple) []byte {
	switch {
	case t.Proto.HasPorts():
		b = word(b, "sport=", uint64(t.SrcPort))
		b = word(b, "dport=", uint64(t.DstPort))
	case t.Proto.IsICMP():
		b = word(b, "type=", uint64(t.ICMPType()))
		b = word(b, "code=", uint64(t.ICMPCode()))
		b = word(b, "id=", uint64(t.ICMPID()))
	case t.Proto == monitor.GRE:
		b = append(strconv.AppendUint(append(b, "srckey=0x"...), uint64(t.SrcPort), 16), ' ')
		b = append(strconv.AppendUint(append(b, "dstkey=0x"...), uint64(t.DstPort), 16), ' ')
	}
	return b
}

func (c *Writer) words(b []byte, e *monitor.Event) []byte {
	f, x, h := &e.Flow, e.Extra, e.Has
	b = wordIf(b, h&monitor.AttrMark != 0, "mark=", uint64(f.Mark))
	if h&monitor.AttrSecMark != 0 {
		b = word(b, "secmark=", uint64(x.SecMark))
	}
	if h&monitor.AttrSecCtx != 0 {
		b = append(monitor.AppendEscaped(append(b, "secctx="...), x.SecCtx), ' ')
	}
	b = wordIf(b, h&monitor.AttrZone != 0, "zone=", uint64(f.Zone))
	if h&monitor.AttrStart != 0 {
		b = word(b, "delta-time=", c.delta(e))
	}
	if c.m.KTimestamp && h&monitor.AttrStart != 0 {
		b, _ = c.start.AppendTo(append(b, "[start="...), f.Start, c.o.Location, ctime)
		b = append(b, "] "...)
	}
	if c.m.KTimestamp && h&monitor.AttrStop != 0 {
		b, _ = c.stop.AppendTo(append(b, "[stop="...), f.Stop, c.o.Location, ctime)
		b = append(b, "] "...)
	}
	if h&monitor.AttrHelper != 0 {
		b = append(monitor.AppendEscaped(append(b, "helper="...), x.Helper), ' ')
	}
	b = wordIf(b, h&monitor.AttrUse != 0, "use=", uint64(f.Use))
	b = wordIf(b, c.m.ID && h&monitor.AttrID != 0, "id=", uint64(f.ID))
	if c.labels != nil && h&monitor.AttrLabels != 0 {
		b = c.labels.AppendNames(append(b, "labels="...), x.Labels, "", ",")
		b[len(b)-1] = ' ' // instead of the last comma, or of the equals sign if no label has a name
	}
	if e.NetNS() != 0 {
		name := strings.ReplaceAll(monitor.Escape(c.o.Namespaces.Name(e.NetNS())), " ", `\x20`) // one word
		b = append(append(append(b, "netns="...), name...), ' ')
	}
	return b
}

func (c *Writer) userspace(b []byte, e *monitor.Event) []byte {
	if e.PortID == 0 || e.Kind == monitor.KindExisting {
		return b
	}
	b = text.AppendUint(append(b, " [USERSPACE] portid="...), uint64(e.PortID))
	if c.o.ProgName != nil {
		if name := c.o.ProgName(e.PortID); name != "" {
			b = append(append(b, " progname="...), monitor.Escape(name)...)
		}
	}
	return b
}

// stamp appends seconds and microseconds as printf's "[%-.8ld.%-.6ld]\t".
func (c *Writer) stamp(b []byte, e *monitor.Event) []byte {
	second, nanos := text.SplitTime(c.time(e))
	b = append(b, '[')
	for limit := int64(1e7); limit > second && limit > 1; limit /= 10 {
		b = append(b, '0')
	}
	b = text.AppendNanos(append(strconv.AppendInt(b, second, 10), '.'), nanos)
	return append(b[:len(b)-3], "]\t"...)
}
