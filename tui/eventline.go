package tui

import (
	"time"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/tui/paint"
)

// line draws an event; the cell of a column is chosen if the cursor is on the
// line. Losses and resyncs have lines of their own.
func (l *eventLayout) line(s *session, e *monitor.Event, cursor bool, col eventColumn) drawn {
	var d drawn
	if cursor {
		d.base = paint.Selected
		d.line.Add(paint.Key, " ▌")
	} else {
		col = eventColumns
	}
	d.line.Pad(marginLeft)
	d.line.Add(paint.Muted, s.at(e.Time)[:l.timeWidth()])
	if !e.Kind.HasFlow() {
		d.line.Pad(l.kind)
		if e.Kind == monitor.KindNetNSBegin || e.Kind == monitor.KindNetNSEnd {
			s.netnsLine(&d.line, e)
		} else {
			s.gapLine(&d.line, e)
		}
		d.line.Fit(l.width)
		return d
	}
	role := map[monitor.Kind]paint.Role{monitor.KindNew: paint.New, monitor.KindDestroy: paint.Ended}[e.Kind]
	put(&d.line, l.kind, role, l.kindText(e), col == evKind)
	put(&d.line, l.proto, role, e.Flow.Orig.Proto.String(), col == evProto)
	put(&d.line, l.state, stateRole(e, role), flowState(&e.Flow, e.Known()), col == evState)
	behind := s.netns(e.NetNS())
	if l.netns > 0 {
		put(&d.line, l.netns, role, paint.Cut(behind, eventNetNS), false)
		behind = ""
	}
	put(&d.line, l.way, role, "", false)
	w := s.way(&e.Flow, l.form())
	if col >= evFrom && col <= evDelivered {
		w[col-evFrom].chosen = true
	}
	w.cut(l.width - 1 - d.line.Width())
	for i := range w {
		w[i].add(&d.line)
	}
	l.tail(&d.line, e, behind)
	d.line.Fit(l.width)
	return d
}

// put adds a cell at its column, or behind one that is wider than its own.
func put(out *paint.Line, at int, role paint.Role, text string, chosen bool) {
	out.Pad(max(at, out.Width()+1))
	var cell paint.Line
	cell.Add(role, text)
	if chosen {
		cell.Choose()
	}
	out.AddLine(&cell)
}

func (l *eventLayout) timeWidth() int {
	if l.compact {
		return len("15:04:05")
	}
	return len("15:04:05.000")
}

// tail is what stands behind the flow, as far as there is room: first the network
// namespace, if it has a name.
func (l *eventLayout) tail(out *paint.Line, e *monitor.Event, netns string) {
	if netns != "" && out.Width()+2+paint.Width(netns) < l.width {
		out.Add(paint.Muted, "  "+netns)
	}
	var parts []string
	role := paint.Text
	switch {
	case e.Kind == monitor.KindDestroy:
		parts = sumParts(e)
	case e.Has.Any(monitor.AttrStatus) && e.Flow.Status.Has(monitor.Assured) && e.Flow.Orig.Proto.HasState():
		parts, role = []string{"  assured"}, paint.Muted
	}
	for _, p := range parts {
		if out.Width()+paint.Width(p) > l.width-1 {
			break
		}
		out.Add(role, p)
	}
	if e.Kind == monitor.KindDestroy {
		out.Fade(paint.Ended)
	}
}

func stateRole(e *monitor.Event, role paint.Role) paint.Role {
	if role == paint.Text && e.Known().Any(monitor.AttrStatus) && !e.Flow.Status.Has(monitor.SeenReply) {
		return paint.Warn
	}
	return role
}

// sumParts tells of an ended flow how long it was and how much it carried.
func sumParts(e *monitor.Event) []string {
	var out []string
	if e.Born != 0 {
		out = append(out, "  "+human.Age(since(e.Born, e.Time)))
	}
	if e.Has.Any(monitor.AttrCountersOrig) {
		out = append(out, "  ↑"+human.Bytes(e.Flow.CountersOrig.Bytes))
	}
	if e.Has.Any(monitor.AttrCountersReply) {
		out = append(out, " ↓"+human.Bytes(e.Flow.CountersReply.Bytes))
	}
	return out
}

// gapLine tells of a loss, or of the reconciliation after one.
func (s *session) gapLine(l *paint.Line, e *monitor.Event) {
	if e.Gap == nil {
		return
	}
	g := e.Gap
	if e.Kind == monitor.KindResynced {
		l.Add(paint.Warn, "── table reconciled: +"+human.Count(g.Added)+" −"+human.Count(g.Ended)+
			", "+human.Count(g.Changed)+" changed ──")
		return
	}
	text := "── " + human.Plural(g.Count, "event") + " lost"
	if g.Uncertain {
		text = "── at least " + human.Plural(g.Count, "event") + " lost"
	}
	if name := s.netns(e.NetNS()); name != "" {
		text += " in " + name
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
	return human.Age(d) + " ago"
}
