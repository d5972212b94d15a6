package pretty

import (
	"natlens/export/text"
	"natlens/monitor"
)

// flow appends the line of an event of a flow.
func (p *Writer) flow(b []byte, e *monitor.Event) []byte {
	p.base = ""
	if e.Kind == monitor.KindDestroy {
		p.base = p.pens.ended
	}
	b = p.front(append(b, p.base...), e.Time, e.NetNS())
	b = p.columns(b, e)
	b = p.path(b, e)
	b = p.notes(b, e)
	return append(p.off(b, p.base), '\n')
}

// The widths of the columns, including the spaces after them. Protocol and state share one:
// protocols with long names have no state.
const (
	eventWidth, narrowEventWidth = 9, 8
	protoWidth                   = 5
	stateWidth, narrowStateWidth = 13, 12
)

func (p *Writer) columns(b []byte, e *monitor.Event) []byte {
	event, state := eventWidth, stateWidth
	if p.narrow() {
		event, state = narrowEventWidth, narrowStateWidth
	}
	f, t, start := &e.Flow, &e.Flow.Orig, len(b)
	if e.Known()&monitor.AttrOrig == 0 {
		t = &f.Reply
	}
	b = pad(append(b, e.Kind.String()...), start, event)
	start = len(b)
	if name := t.Proto.CommonName(); name != "" {
		b = append(b, name...)
	} else {
		b = text.AppendUint(b, uint64(t.Proto))
	}
	b = pad(b, start, protoWidth)
	switch name := f.State.Name(t.Proto); {
	case e.Known()&monitor.AttrState == 0 && t.Proto.IsICMP():
		b = icmpType(b, t)
	case e.Known()&monitor.AttrState == 0:
	case name == "":
		b = text.AppendUint(append(b, "state "...), uint64(f.State))
	case len(name) >= state: // as some of SCTP
		b = append(append(b, name[:state-2]...), "… "...)
		return b
	default:
		b = append(b, name...)
	}
	return pad(b, start, protoWidth+state)
}

func icmpType(b []byte, t *monitor.Tuple) []byte {
	const echo, echoV6 = 8, 128
	if n := t.ICMPType(); n == echo && t.Proto == monitor.ICMP || n == echoV6 && t.Proto == monitor.ICMPv6 {
		return append(b, "echo"...)
	}
	b = text.AppendUint(append(b, "type "...), uint64(t.ICMPType()))
	if t.ICMPCode() != 0 {
		b = text.AppendUint(append(b, '/'), uint64(t.ICMPCode()))
	}
	return b
}

// path appends the ends of the flow and their translations.
func (p *Writer) path(b []byte, e *monitor.Event) []byte {
	f, known := &e.Flow, e.Known()
	if known&monitor.AttrOrig == 0 {
		from, to := endsOf(&monitor.Flow{Orig: f.Reply})
		b = append(p.end(b, f.SentAs(), from, false, false), " → "...)
		return p.end(b, f.DeliveredTo(), to, false, false)
	}
	var n monitor.NAT
	if known&monitor.AttrReply != 0 {
		n = f.NAT()
	}
	from, to := endsOf(f)
	b = p.end(b, f.From(), from, false, false)
	if n.Kind&monitor.NATSource != 0 {
		b = p.rewrite(b, f.SentAs(), from, n.SrcAddr, n.SrcPort)
	}
	b = p.end(append(b, " → "...), f.To(), to, false, false)
	if n.Kind&monitor.NATDestination != 0 {
		b = p.rewrite(b, f.DeliveredTo(), to, n.DstAddr, n.DstPort)
	}
	return b
}

// rewrite appends the translated end. Tight lines omit a port that does not change.
func (p *Writer) rewrite(b []byte, to monitor.Endpoint, how end, addr, port bool) []byte {
	if !p.narrow() {
		return p.end(append(b, " ⇒ "...), to, how, addr, port)
	}
	if !port {
		how.port = ""
	}
	return p.end(append(b, "⇒"...), to, how, addr, port)
}

// end says how one end of a flow is written.
type end struct {
	family monitor.Family
	port   string // text before the port: ":", " id " or " key 0x"; "": no port
}

// endsOf says how sender and receiver of the flow are written.
func endsOf(f *monitor.Flow) (from, to end) {
	from.family, to.family = f.Orig.Family, f.Orig.Family
	switch p := f.Orig.Proto; {
	case p.HasPorts():
		from.port, to.port = ":", ":"
	case p.IsICMP():
		from.port = " id " // it belongs to the sender
	case p == monitor.GRE && f.Orig.SrcPort|f.Orig.DstPort|f.Reply.SrcPort|f.Reply.DstPort != 0:
		from.port, to.port = " key 0x", " key 0x"
	}
	return from, to
}

// end appends one end. Address and port are in the accent colour if they are rewritten.
func (p *Writer) end(b []byte, at monitor.Endpoint, how end, addr, port bool) []byte {
	port = port && how.port != ""
	if addr {
		b = append(b, p.pens.nat...)
	}
	if how.family == monitor.IPv6 && how.port == ":" {
		b = append(text.AppendAddr(append(b, '['), &at.Addr, how.family), ']')
	} else {
		b = text.AppendAddr(b, &at.Addr, how.family)
	}
	if addr && !port {
		b = p.plain(b)
	}
	b = append(b, how.port...)
	if port && !addr {
		b = append(b, p.pens.nat...)
	}
	switch how.port {
	case "":
	case " key 0x":
		b = text.AppendHex(b, uint64(at.Port))
	default:
		b = text.AppendUint(b, uint64(at.Port))
	}
	if port {
		b = p.plain(b)
	}
	return b
}

// plain returns from a colour to that of the line.
func (p *Writer) plain(b []byte) []byte { return append(append(b, p.pens.reset...), p.base...) }
