package pretty

import (
	"cmp"
	"fmt"
	"strconv"

	"natlens/export/text"
	"natlens/monitor"
)

// flow returns the line of an event of a flow.
func (p *Writer) flow(e *monitor.Event) string {
	p.base = ""
	if e.Kind == monitor.KindDestroy {
		p.base = p.pens.ended
	}
	return p.base + p.front(e.Time, e.NetNS()) + p.columns(e) + p.path(e) + p.notes(e) + p.off(p.base) + "\n"
}

// The widths of the columns, with the spaces after them. Protocol and state share a column:
// protocols with long names have no state.
const (
	eventWidth, narrowEventWidth = 9, 8
	protoWidth                   = 5
	stateWidth, narrowStateWidth = 13, 12
)

func (p *Writer) columns(e *monitor.Event) string {
	event, width := eventWidth, stateWidth
	if p.narrow() {
		event, width = narrowEventWidth, narrowStateWidth
	}
	f, t, state := &e.Flow, &e.Flow.Orig, ""
	if e.Known()&monitor.AttrOrig == 0 {
		t = &f.Reply
	}
	switch name := f.State.Name(t.Proto); {
	case e.Known()&monitor.AttrState == 0 && t.Proto.IsICMP():
		state = icmpType(t)
	case e.Known()&monitor.AttrState == 0:
	case name == "":
		state = fmt.Sprint("state ", uint8(f.State))
	case len(name) >= width: // as some of SCTP
		state = name[:width-2] + "…"
	default:
		state = name
	}
	proto := fmt.Sprintf("%-*s ", protoWidth-1, cmp.Or(t.Proto.CommonName(), strconv.Itoa(int(t.Proto))))
	return fmt.Sprintf("%-*s %-*s ", event-1, e.Kind, protoWidth+width-1, proto+state)
}

func icmpType(t *monitor.Tuple) string {
	const echo, echoV6 = 8, 128
	switch n := t.ICMPType(); {
	case n == echo && t.Proto == monitor.ICMP, n == echoV6 && t.Proto == monitor.ICMPv6:
		return "echo"
	case t.ICMPCode() != 0:
		return fmt.Sprintf("type %d/%d", n, t.ICMPCode())
	default:
		return fmt.Sprint("type ", n)
	}
}

// path returns the ends of the flow and what NAT makes of them.
func (p *Writer) path(e *monitor.Event) string {
	f, known := &e.Flow, e.Known()
	if known&monitor.AttrOrig == 0 {
		from, to := endsOf(&monitor.Flow{Orig: f.Reply})
		return p.end(f.SentAs(), from, false, false) + " → " + p.end(f.DeliveredTo(), to, false, false)
	}
	var n monitor.NAT
	if known&monitor.AttrReply != 0 {
		n = f.NAT()
	}
	from, to := endsOf(f)
	line := p.end(f.From(), from, false, false)
	if n.Kind&monitor.NATSource != 0 {
		line += p.rewrite(f.SentAs(), from, n.SrcAddr, n.SrcPort)
	}
	line += " → " + p.end(f.To(), to, false, false)
	if n.Kind&monitor.NATDestination != 0 {
		line += p.rewrite(f.DeliveredTo(), to, n.DstAddr, n.DstPort)
	}
	return line
}

// rewrite returns what an end becomes. Narrow lines omit an unchanged port.
func (p *Writer) rewrite(to monitor.Endpoint, how end, addr, port bool) string {
	if !p.narrow() {
		return " ⇒ " + p.end(to, how, addr, port)
	}
	if !port {
		how.port = ""
	}
	return "⇒" + p.end(to, how, addr, port)
}

// end says how one end of a flow is written.
type end struct {
	family monitor.Family
	port   string // what precedes the port: ":", " id " or " key 0x"; "" for no port
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

// end returns one end. Address and port are in the accent colour if they are rewritten.
func (p *Writer) end(at monitor.Endpoint, how end, addr, port bool) string {
	host, number := string(text.AppendAddr(nil, &at.Addr, how.family)), ""
	switch how.port {
	case "":
	case " key 0x":
		number = strconv.FormatUint(uint64(at.Port), 16)
	default:
		number = strconv.Itoa(int(at.Port))
	}
	if how.family == monitor.IPv6 && how.port == ":" {
		host = "[" + host + "]"
	}
	switch {
	case addr && port:
		return p.coloured(p.pens.nat, host+how.port+number)
	case addr:
		return p.coloured(p.pens.nat, host) + how.port + number
	case port && number != "":
		return host + how.port + p.coloured(p.pens.nat, number)
	}
	return host + how.port + number
}

// coloured returns words in a colour. After them comes the colour of the line again.
func (p *Writer) coloured(pen, words string) string {
	if pen == "" {
		return words
	}
	return pen + words + p.pens.reset + p.base
}
