package tui

import (
	"strconv"
	"strings"

	"natlens/monitor"
	"natlens/tui/paint"
)

// flowDrawer draws the cells of a row. It stands for one frame.
type flowDrawer struct {
	s      *session
	now    monitor.Time
	folded bool
}

// freshFor is how long a new flow bears its mark.
const freshFor = monitor.Time(2e9)

// line draws a row of the Flows page.
func (d *flowDrawer) line(l *layout, f *flowRef, cursor bool) drawn {
	var out drawn
	if cursor {
		out.base = paint.Selected
		out.line.Add(paint.Key, " ▌")
	}
	for _, c := range l.columns {
		out.line.Pad(c.x)
		col := &columnTable[c.id]
		var cell paint.Line
		col.text(d, &cell, f, c.width)
		cell.Cut(c.width)
		if col.right {
			out.line.Pad(c.x + c.width - cell.Width())
		}
		out.line.AddLine(&cell)
	}
	if f.row.State&monitor.RowBorn != 0 && !f.row.Ended() && d.now-f.row.First < freshFor {
		out.line.Pad(l.width - 1)
		out.line.Add(paint.New, "+")
	}
	if f.row.Ended() {
		out.line.Fade(paint.Ended)
	}
	out.line.Fit(l.width)
	return out
}

func (d *flowDrawer) proto(l *paint.Line, f *flowRef, _ int) {
	l.Add(paint.Text, f.row.Flow.Orig.Proto.String())
}

// state is the name of the state, and a mark: × ended, ! unanswered.
func (d *flowDrawer) state(l *paint.Line, f *flowRef, width int) {
	role := paint.Text
	mark := ""
	switch {
	case f.row.Ended():
		mark = "×"
	case !answered(&f.row):
		role, mark = paint.Warn, "!"
	}
	l.Add(role, paint.Cut(stateText(&f.row), width-1))
	if mark != "" {
		l.Pad(width - 1)
		l.Add(role, mark)
	}
}

// answered reports whether packets went both ways; of a flow whose status nobody
// told it is taken for granted.
func answered(r *monitor.Row) bool {
	return r.Known&monitor.AttrStatus == 0 || r.Flow.Status.Has(monitor.SeenReply)
}

// stateText is the kernel's name of the state; protocols without states have
// what the status bits tell.
func stateText(r *monitor.Row) string {
	return flowState(&r.Flow, r.Known)
}

func flowState(f *monitor.Flow, known monitor.Attrs) string {
	p := f.Orig.Proto
	if known&monitor.AttrState != 0 {
		if n := f.State.Name(p); n != "" {
			return n
		}
		return strconv.Itoa(int(f.State))
	}
	switch {
	case p.HasState():
		return "–"
	case p.IsICMP():
		return icmpText(f.Orig.ICMPType(), p)
	case known&monitor.AttrStatus == 0:
		return "–"
	case f.Status.Has(monitor.Assured):
		return "assured"
	case f.Status.Has(monitor.SeenReply):
		return "replied"
	}
	return "unreplied"
}

// icmpText names the kinds of ICMP queries that conntrack makes flows of.
func icmpText(typ uint8, p monitor.Proto) string {
	switch {
	case p == monitor.ICMP && typ == 8, p == monitor.ICMPv6 && typ == 128:
		return "echo"
	case p == monitor.ICMP && typ == 13:
		return "timestamp"
	case p == monitor.ICMP && typ == 17:
		return "address mask"
	case p == monitor.ICMP && typ == 15:
		return "information"
	}
	return "type " + strconv.Itoa(int(typ))
}

func (d *flowDrawer) source(l *paint.Line, f *flowRef, width int) {
	fl := &f.row.Flow
	nat := fl.NAT()
	d.end(l, fl.Orig.Proto, fl.From(), fl.SentAs(), nat.SrcAddr, nat.SrcPort, width)
}

func (d *flowDrawer) dest(l *paint.Line, f *flowRef, width int) {
	fl := &f.row.Flow
	nat := fl.NAT()
	d.end(l, fl.Orig.Proto, fl.To(), fl.DeliveredTo(), nat.DstAddr, nat.DstPort, width)
}

// end draws one end of a flow; when the NAT columns are folded, what it becomes
// stands behind it, as far as it is another.
func (d *flowDrawer) end(l *paint.Line, p monitor.Proto, e, after monitor.Endpoint, addr, port bool, width int) {
	text := d.s.names.endpoint(p, e)
	if !d.folded || !addr && !port {
		l.Add(paint.Text, fitEndpoint(text, width))
		return
	}
	became := d.s.became(p, after, addr, port)
	// What does not fit: of the address after NAT a part, or the arrow alone.
	if left := width - paint.Width(text) - 1; left < paint.Width(became) {
		if left < 8 {
			became = ""
		}
		became = fitEndpoint(became, left)
		text = fitEndpoint(text, width-1-paint.Width(became))
	}
	l.Add(paint.Text, text)
	l.Add(paint.NAT, "⇒"+became)
}

// became writes what NAT makes of an end, as far as it is another: the address, the
// port, or both.
func (s *session) became(p monitor.Proto, e monitor.Endpoint, addr, port bool) string {
	text := s.names.endpoint(p, e)
	switch {
	case !addr:
		return strings.TrimPrefix(string(appendPort(nil, p, e.Port)), " ")
	case !port:
		return strings.TrimSuffix(text, string(appendPort(nil, p, e.Port)))
	}
	return text
}

func (d *flowDrawer) sentAs(l *paint.Line, f *flowRef, width int) {
	fl := &f.row.Flow
	if nat := fl.NAT(); nat.SrcAddr || nat.SrcPort {
		d.rewritten(l, fl.Orig.Proto, fl.SentAs(), nat.SrcAddr, width)
	}
}

func (d *flowDrawer) delivered(l *paint.Line, f *flowRef, width int) {
	fl := &f.row.Flow
	if nat := fl.NAT(); nat.DstAddr || nat.DstPort {
		d.rewritten(l, fl.Orig.Proto, fl.DeliveredTo(), nat.DstAddr, width)
	}
}

// rewritten draws an end after NAT: all of it in the accent colour if the
// address is another, the port alone if only the port is.
func (d *flowDrawer) rewritten(l *paint.Line, p monitor.Proto, e monitor.Endpoint, addr bool, width int) {
	l.Add(paint.NAT, "⇒ ")
	text := fitEndpoint(d.s.names.endpoint(p, e), width-2)
	split := len(text)
	if !addr {
		if at := strings.LastIndexAny(text, ": "); at > 0 {
			split = at
			l.Add(paint.Text, text[:split])
		}
	} else {
		split = 0
	}
	l.Add(paint.NAT, text[split:])
}

// fitEndpoint cuts an endpoint to a width: the port stays, and of the address the
// beginning and the end.
func fitEndpoint(text string, width int) string {
	if paint.Width(text) <= width {
		return text
	}
	at := strings.LastIndexByte(text, ':')
	switch {
	case strings.Contains(text, " id "):
		at = strings.Index(text, " id ")
	case strings.Contains(text, " key "):
		at = strings.Index(text, " key ")
	case at < 0, strings.HasSuffix(text, "]"), strings.Contains(text[:at], ":") && !strings.HasSuffix(text[:at], "]"):
		at = len(text) // an address alone
	}
	port := text[at:]
	if paint.Width(port) > width-4 {
		return paint.Cut(text, width)
	}
	return paint.CutMiddle(text[:at], width-paint.Width(port)) + port
}
