package tui

import (
	"time"

	"natlens/monitor"
	"natlens/tui/paint"
)

// eventLayout is where the columns of the Events page begin; the path takes the
// rest. On a narrow screen the state stands behind the path, if there is room.
type eventLayout struct {
	width                    int
	kind, proto, state, path int
	compact                  bool
}

func layOutEvents(width int) eventLayout {
	l := eventLayout{width: width, compact: width < 100}
	if l.compact {
		l.kind = marginLeft + len("15:04:05 ")
		l.proto = l.kind + len("existing ")
		l.path = l.proto + len("icmpv6 ")
		return l
	}
	l.kind = marginLeft + len("15:04:05.000  ")
	l.proto = l.kind + len("existing  ")
	l.state = l.proto + len("udplite  ")
	l.path = l.state + len("ESTABLISHED  ")
	return l
}

func (l *eventLayout) heading() paint.Line {
	var out paint.Line
	for _, c := range []struct {
		at    int
		title string
	}{{marginLeft, "TIME"}, {l.kind, "EVENT"}, {l.proto, "PROTO"}, {l.state, "STATE"}, {l.path, "FLOW"}} {
		if c.at > 0 {
			out.Pad(c.at)
			out.Add(paint.Label, c.title)
		}
	}
	return out
}

// line draws an event. Losses and resyncs have lines of their own.
func (l *eventLayout) line(s *session, e *monitor.Event, cursor bool) drawn {
	var d drawn
	if cursor {
		d.base = paint.Selected
		d.line.Add(paint.Key, " ▌")
	}
	d.line.Pad(marginLeft)
	d.line.Add(paint.Muted, s.at(e.Time)[:l.kind-marginLeft-1-l.gap()])
	d.line.Pad(l.kind)
	if !e.Kind.HasFlow() {
		s.gapLine(&d.line, e)
		d.line.Fit(l.width)
		return d
	}
	role := map[monitor.Kind]paint.Role{monitor.KindNew: paint.New, monitor.KindDestroy: paint.Ended}[e.Kind]
	kind := e.Kind.String()
	if e.Inferred {
		kind = "~" + kind
	}
	d.line.AddLeft(role, kind, len("existing"))
	d.line.Pad(l.proto)
	d.line.AddLeft(role, e.Flow.Orig.Proto.String(), l.protoWidth())
	state, role := eventState(e, role)
	if !l.compact {
		d.line.Pad(l.state)
		d.line.AddLeft(role, state, len("ESTABLISHED"))
	}
	d.line.Pad(l.path)
	s.addPath(&d.line, &e.Flow, l.compact)
	if l.compact {
		d.line.Add(role, "  "+state)
	}
	l.tail(s, &d.line, e)
	d.line.Fit(l.width)
	return d
}

func (l *eventLayout) protoWidth() int {
	if l.compact {
		return len("icmpv6")
	}
	return len("udplite")
}

// gap is how many blanks more than one stand between columns.
func (l *eventLayout) gap() int {
	if l.compact {
		return 0
	}
	return 1
}

// tail is what stands behind the path.
func (l *eventLayout) tail(s *session, out *paint.Line, e *monitor.Event) {
	switch {
	case e.Kind == monitor.KindDestroy:
		s.addSum(out, e)
		out.Fade(paint.Ended)
	case e.Has.Any(monitor.AttrStatus) && e.Flow.Status.Has(monitor.Assured) && e.Flow.Orig.Proto.HasState():
		out.Add(paint.Muted, "  assured")
	}
}

func eventState(e *monitor.Event, role paint.Role) (string, paint.Role) {
	state := flowState(&e.Flow, e.Known())
	if role == paint.Text && e.Known().Any(monitor.AttrStatus) && !e.Flow.Status.Has(monitor.SeenReply) {
		role = paint.Warn
	}
	return state, role
}

// addPath draws the way of the packets: from ⇒ sent as → to ⇒ delivered to. The
// compact form has no blanks, and of what NAT makes of an end only what is
// another.
func (s *session) addPath(l *paint.Line, f *monitor.Flow, compact bool) {
	p, nat := f.Orig.Proto, f.NAT()
	rewritten := func(e monitor.Endpoint, addr, port bool) {
		switch {
		case compact:
			l.Add(paint.NAT, "⇒"+s.became(p, e, addr, port))
		default:
			l.Add(paint.NAT, " ⇒ ")
			addRewritten(l, p, e, addr)
		}
	}
	l.Add(paint.Text, s.names.endpoint(p, f.From()))
	if nat.Kind&monitor.NATSource != 0 {
		rewritten(f.SentAs(), nat.SrcAddr, nat.SrcPort)
	}
	arrow := " → "
	if compact {
		arrow = "→"
	}
	l.Add(paint.Muted, arrow)
	l.Add(paint.Text, s.names.endpoint(p, f.To()))
	if nat.Kind&monitor.NATDestination != 0 {
		rewritten(f.DeliveredTo(), nat.DstAddr, nat.DstPort)
	}
}

// addSum tells of an ended flow how long it was and how much it carried.
func (s *session) addSum(l *paint.Line, e *monitor.Event) {
	if e.Born != 0 {
		l.Add(paint.Text, "  "+ageText(since(e.Born, e.Time)))
	}
	if e.Has.Any(monitor.AttrCountersOrig) {
		l.Add(paint.Text, "  ↑"+bytesText(e.Flow.CountersOrig.Bytes))
	}
	if e.Has.Any(monitor.AttrCountersReply) {
		l.Add(paint.Text, " ↓"+bytesText(e.Flow.CountersReply.Bytes))
	}
}

// gapLine tells of a loss, or of the reconciliation after one.
func (s *session) gapLine(l *paint.Line, e *monitor.Event) {
	if e.Gap == nil {
		return
	}
	g := e.Gap
	if e.Kind == monitor.KindResynced {
		l.Add(paint.Warn, "── table reconciled: +"+countText(g.Added)+" −"+countText(g.Ended)+
			", "+countText(g.Changed)+" changed ──")
		return
	}
	text := "── " + countOf(g.Count, "event") + " lost"
	if g.Uncertain {
		text = "── at least " + countOf(g.Count, "event") + " lost"
	}
	if g.From != 0 && g.To != 0 {
		text += " between " + s.at(g.From) + " and " + s.at(g.To)
	}
	l.Add(paint.Bad, text+" ──")
}

// ago writes how long before now something was.
func ago(now, at monitor.Time) string {
	d := since(at, now)
	if d < time.Second {
		return "now"
	}
	return ageText(d) + " ago"
}
