package jsonl

import (
	"encoding/binary"

	"natlens/export/text"
	"natlens/monitor"
)

// common are the attributes that flow writes itself.
const common = monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrState | monitor.AttrTimeout |
	monitor.AttrMark | monitor.AttrID | monitor.AttrEventTime

func (j *Writer) flow(b []byte, e *monitor.Event) []byte {
	f, known := &e.Flow, e.Known()
	b = flag(b, `,"inferred":true`, e.Inferred)
	b = numIf(b, known&monitor.AttrID != 0, `,"id":`, uint64(f.ID))
	t := &f.Orig
	if known&monitor.AttrOrig == 0 {
		t = &f.Reply
	}
	h := head{known & (monitor.AttrOrig | monitor.AttrReply | monitor.AttrState), t.Family, t.Proto, f.State}
	b = j.heads.Append(b, h, uint32(h.proto)<<8|uint32(h.state)<<4|uint32(h.family), appendHead)
	b = numIf(b, known&monitor.AttrTimeout != 0, `,"timeout":`, uint64(f.Timeout))
	if known&monitor.AttrOrig != 0 {
		b = append(j.tuple(append(b, `,"orig":{`...), &f.Orig), '}')
	}
	if known&monitor.AttrReply != 0 {
		b = append(j.tuple(append(b, `,"reply":{`...), &f.Reply), '}')
	}
	if known.All(monitor.AttrOrig | monitor.AttrReply) {
		b = j.nat(b, f)
	}
	if known&monitor.AttrStatus != 0 {
		b = j.statuses.Append(b, f.Status, uint32(f.Status), appendStatus)
	}
	b = numIf(b, known&monitor.AttrMark != 0, `,"mark":`, uint64(f.Mark))
	if f.Path != monitor.PathUnknown {
		b = word(b, `,"path":"`, f.Path.String())
	}
	b = numIf(b, e.Gen != 0, `,"flow":`, e.Gen)
	if e.Kind == monitor.KindDestroy || e.Kind == monitor.KindInterim {
		b = j.time(b, `,"born":"`, &j.start, e.Born)
	}
	b = numIf(b, e.PortID != 0, `,"portid":`, uint64(e.PortID))
	if known&common != known {
		b = j.rare(b, e, known)
	}
	if e.Remembered != 0 {
		b = append(text.AppendAttrs(append(b, `,"remembered":["`...), e.Remembered, `","`), `"]`...)
	}
	if e.NetNS() != 0 {
		b = j.netns(b, e.NetNS())
	}
	if e.Reason != monitor.ReasonResync {
		b = word(b, `,"reason":"`, e.Reason.String())
	}
	if e.Local != nil {
		b = local(b, e.Local)
	}
	if j.Places != nil {
		b = places(b, j.Places.Of(f.Orig.Src), j.Places.Of(f.Orig.Dst))
	}
	if e.Rate != nil {
		b = num(b, `,"rate":{"up":`, uint64(e.Rate.Up+0.5))
		b = append(num(b, `,"down":`, uint64(e.Rate.Down+0.5)), '}')
	}
	return b
}

func protocol(b []byte, t *monitor.Tuple) []byte {
	b = word(b, `,"family":"`, t.Family.String())
	b = word(b, `,"proto":"`, t.Proto.String())
	return num(b, `,"protonum":`, uint64(t.Proto))
}

// head has what the members family, proto, protonum and state depend on.
type head struct {
	known  monitor.Attrs
	family monitor.Family
	proto  monitor.Proto
	state  monitor.State
}

func appendHead(b []byte, h head) []byte {
	if h.known.Any(monitor.AttrOrig | monitor.AttrReply) {
		b = protocol(b, &monitor.Tuple{Family: h.family, Proto: h.proto})
	}
	if h.known&monitor.AttrState != 0 {
		b = word(b, `,"state":"`, text.StateName(h.proto, h.state))
	}
	return b
}

func appendStatus(b []byte, s monitor.Status) []byte {
	if s == 0 {
		return append(b, `,"status":[]`...)
	}
	return append(word(b, `,"status":["`, text.StatusWords(s, `","`)), ']')
}

// addr appends an address. Those of IPv6 are cached, because they take long to write.
func (j *Writer) addr(b []byte, a *monitor.Addr, family monitor.Family) []byte {
	if family != monitor.IPv6 {
		return text.AppendAddr(b, a, family)
	}
	return j.addrs.Append(b, *a, binary.LittleEndian.Uint32(a[12:])^binary.LittleEndian.Uint32(a[4:]), appendIPv6)
}

func appendIPv6(b []byte, a monitor.Addr) []byte { return text.AppendAddr(b, &a, monitor.IPv6) }

// tuple appends the members of one direction, in the words of conntrack(8).
func (j *Writer) tuple(b []byte, t *monitor.Tuple) []byte {
	if t.Proto.HasPorts() {
		b = num(j.addr(append(b, `"src":"`...), &t.Src, t.Family), `","sport":`, uint64(t.SrcPort))
		return num(j.addr(append(b, `,"dst":"`...), &t.Dst, t.Family), `","dport":`, uint64(t.DstPort))
	}
	names := namesOf(t.Proto)
	b = append(j.addr(append(b, `"src":"`...), &t.Src, t.Family), '"')
	b = numIf(b, names.src != "" && !t.Proto.IsICMP(), names.src, uint64(t.SrcPort))
	b = append(j.addr(append(b, `,"dst":"`...), &t.Dst, t.Family), '"')
	b = numIf(b, names.dst != "", names.dst, uint64(t.DstPort))
	if t.Proto.IsICMP() {
		b = num(b, `,"type":`, uint64(t.ICMPType()))
		b = num(b, `,"code":`, uint64(t.ICMPCode()))
		b = num(b, `,"id":`, uint64(t.ICMPID()))
	}
	return b
}

// endNames are the members for a port, or what the protocol has instead; "": none.
type endNames struct{ src, dst string }

func namesOf(p monitor.Proto) endNames {
	switch {
	case p.HasPorts():
		return endNames{`,"sport":`, `,"dport":`}
	case p == monitor.GRE:
		return endNames{`,"srckey":`, `,"dstkey":`}
	case p.IsICMP():
		return endNames{src: `,"id":`} // an ICMP id belongs to the sender
	}
	return endNames{}
}

// nat appends what NAT rewrites. A rewritten side has address and port, even if only the port
// changes.
func (j *Writer) nat(b []byte, f *monitor.Flow) []byte {
	n := f.NAT()
	b = word(b, `,"nat":{"kind":"`, n.Kind.String())
	names := namesOf(f.Orig.Proto)
	if n.Kind&monitor.NATSource != 0 {
		b = j.end(append(b, `,"src":"`...), f.SentAs(), f.Orig.Family, names.src)
	}
	if n.Kind&monitor.NATDestination != 0 {
		b = j.end(append(b, `,"dst":"`...), f.DeliveredTo(), f.Orig.Family, names.dst)
	}
	b = flag(b, `,"port_only":true`, n.PortOnly())
	b = flag(b, `,"redirect":true`, n.Redirect)
	b = flag(b, `,"no_bits":true`, n.NoBits)
	b = flag(b, `,"stray_bits":true`, n.StrayBits)
	return append(b, '}')
}

func (j *Writer) end(b []byte, p monitor.Endpoint, family monitor.Family, port string) []byte {
	b = append(j.addr(b, &p.Addr, family), '"')
	return numIf(b, port != "", port, uint64(p.Port))
}
