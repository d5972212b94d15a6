package pretty

import (
	"natlens/export/text"
	"natlens/monitor"
)

// appendPath appends the ends of the flow and what NAT makes of them.
func (p *Writer) appendPath(b []byte, e *monitor.Event) []byte {
	f, known := &e.Flow, e.Known()
	if known&monitor.AttrOrig == 0 {
		from, to := endsOf(&monitor.Flow{Orig: f.Reply})
		b = append(p.appendEnd(b, f.SentAs(), from, false, false), " → "...)
		return p.appendEnd(b, f.DeliveredTo(), to, false, false)
	}
	var n monitor.NAT
	if known&monitor.AttrReply != 0 {
		n = f.NAT()
	}
	from, to := endsOf(f)
	b = p.appendEnd(b, f.From(), from, false, false)
	if n.Kind&monitor.NATSource != 0 {
		b = p.appendRewrite(b, f.SentAs(), from, n.SrcAddr, n.SrcPort)
	}
	b = append(b, " → "...)
	b = p.appendEnd(b, f.To(), to, false, false)
	if n.Kind&monitor.NATDestination != 0 {
		b = p.appendRewrite(b, f.DeliveredTo(), to, n.DstAddr, n.DstPort)
	}
	return b
}

// appendRewrite appends what an end becomes. Tight lines leave a port out that
// stays.
func (p *Writer) appendRewrite(b []byte, to monitor.Endpoint, how end, addr, port bool) []byte {
	if !p.narrow() {
		return p.appendEnd(append(b, " ⇒ "...), to, how, addr, port)
	}
	if !port {
		how.port = portNone
	}
	return p.appendEnd(append(b, "⇒"...), to, how, addr, port)
}

// end says how one end of a flow is written.
type end struct {
	family monitor.Family
	port   portStyle
}

// portStyle is what stands behind an address.
type portStyle uint8

const (
	portNone portStyle = iota
	portPort           // :443
	portID             // id 77
	portKey            // key 0x1234
)

// endsOf says how sender and receiver of the flow are written.
func endsOf(f *monitor.Flow) (from, to end) {
	from.family, to.family = f.Orig.Family, f.Orig.Family
	switch p := f.Orig.Proto; {
	case p.HasPorts():
		from.port, to.port = portPort, portPort
	case p.IsICMP():
		from.port = portID // it belongs to the sender
	case p == monitor.GRE && f.Orig.SrcPort|f.Orig.DstPort|f.Reply.SrcPort|f.Reply.DstPort != 0:
		from.port, to.port = portKey, portKey
	}
	return from, to
}

// appendEnd appends one end; addr and port say which part of it is rewritten and
// stands in the accent colour.
func (p *Writer) appendEnd(b []byte, at monitor.Endpoint, how end, addr, port bool) []byte {
	bracket := how.family == monitor.IPv6 && how.port == portPort
	if addr {
		b = append(b, p.pens.nat...)
	}
	if bracket {
		b = append(b, '[')
	}
	b = text.AppendAddr(b, &at.Addr, how.family)
	if bracket {
		b = append(b, ']')
	}
	switch how.port {
	case portPort:
		b = p.appendPort(b, ":", at.Port, addr, port)
	case portID:
		b = p.appendPort(b, " id ", at.Port, addr, port)
	case portKey:
		b = p.appendPort(b, " key 0x", at.Port, addr, port)
	default:
		if addr {
			b = p.plain(b)
		}
	}
	return b
}

// appendPort appends the port and what stands before it. An accent that began
// with the address goes on to the port's end if the port is rewritten too.
func (p *Writer) appendPort(b []byte, before string, n uint16, addr, port bool) []byte {
	if addr && !port {
		b = p.plain(b)
	}
	b = append(b, before...)
	if port && !addr {
		b = append(b, p.pens.nat...)
	}
	if before[len(before)-1] == 'x' {
		b = text.AppendHex(b, uint64(n))
	} else {
		b = text.AppendUint(b, uint64(n))
	}
	if port {
		b = p.plain(b)
	}
	return b
}

// plain goes back from a colour to that of the line.
func (p *Writer) plain(b []byte) []byte { return append(append(b, p.pens.reset...), p.base...) }
