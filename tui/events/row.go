package events

import (
	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// row draws an event; the cell of a column is marked on the line of the cursor. An event
// without a flow has a line of its own.
func (l *layout) row(s *page.Session, e *monitor.Event, cursor bool, col column) paint.Line {
	out := paint.Row(cursor)
	if !cursor {
		col = columns
	}
	out.Add(paint.Muted, s.At(e.Time)[:l.timeWidth()])
	if !e.Kind.HasFlow() {
		out.Pad(l.kind)
		role, text := gapText(s, e)
		out.Add(role, text)
		out.Fit(l.width)
		return out
	}
	role := map[monitor.Kind]paint.Role{monitor.KindNew: paint.New, monitor.KindDestroy: paint.Ended}[e.Kind]
	put(&out, l.kind, role, l.kindText(e), col == colKind)
	put(&out, l.proto, role, e.Flow.Orig.Proto.String(), col == colProto)
	put(&out, l.state, stateRole(e, role), page.StateText(&e.Flow, e.Known()), col == colState)
	behind := s.NetNS(e.NetNS())
	if l.netns > 0 {
		put(&out, l.netns, role, paint.Cut(behind, netnsWidth), false)
		behind = ""
	}
	put(&out, l.way, role, "", false)
	w := page.NewWay(s.Names, &e.Flow, l.form())
	if col >= colFrom && col < columns {
		w[col-colFrom].Chosen = true
	}
	w.Cut(l.width - 1 - out.Width())
	for i := range w {
		w[i].Add(&out)
	}
	l.tail(&out, e, behind)
	out.Fit(l.width)
	return out
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

func (l *layout) timeWidth() int {
	if l.compact {
		return len("15:04:05")
	}
	return len("15:04:05.000")
}

// shortKinds are the events in three letters, for narrow screens.
var shortKinds = map[monitor.Kind]string{monitor.KindNew: "new", monitor.KindUpdate: "upd", monitor.KindDestroy: "end",
	monitor.KindExisting: "was"}

// kindText names what happened; ~ says that a reconciliation inferred it.
func (l *layout) kindText(e *monitor.Event) string {
	text := e.Kind.String()
	if short := shortKinds[e.Kind]; l.short && short != "" {
		text = short
	}
	if e.Inferred {
		text = "~" + text
	}
	return text
}

func stateRole(e *monitor.Event, role paint.Role) paint.Role {
	if role == paint.Text && e.Known().Any(monitor.AttrStatus) && !e.Flow.Status.Has(monitor.SeenReply) {
		return paint.Warn
	}
	return role
}

// tail adds what is behind the flow, as far as there is room: first the network namespace,
// if it has a name.
func (l *layout) tail(out *paint.Line, e *monitor.Event, netns string) {
	if netns != "" && out.Width()+2+paint.Width(netns) < l.width {
		out.Add(paint.Muted, "  "+netns)
	}
	var parts []string
	role := paint.Text
	switch {
	case e.Kind == monitor.KindDestroy:
		parts = sums(e)
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

// sums are how long an ended flow was and how much it carried.
func sums(e *monitor.Event) (out []string) {
	if e.Born != 0 {
		out = append(out, "  "+human.Age(page.Since(e.Born, e.Time)))
	}
	if e.Has.Any(monitor.AttrCountersOrig) {
		out = append(out, "  ↑"+human.Bytes(e.Flow.CountersOrig.Bytes))
	}
	if e.Has.Any(monitor.AttrCountersReply) {
		out = append(out, " ↓"+human.Bytes(e.Flow.CountersReply.Bytes))
	}
	return out
}

// gapText reports a loss, the reconciliation after one, or that a network namespace has
// come or gone.
func gapText(s *page.Session, e *monitor.Event) (paint.Role, string) {
	name, role, text := s.NetNS(e.NetNS()), paint.Muted, ""
	switch g := e.Gap; {
	case e.Kind == monitor.KindNetNSBegin:
		text = "network namespace " + name + " found"
	case e.Kind == monitor.KindNetNSEnd:
		text = "network namespace " + name + " gone"
	case g == nil:
		return role, ""
	case e.Kind == monitor.KindResynced:
		role, text = paint.Warn, "table reconciled: +"+human.Count(
			g.Added,
		)+" −"+human.Count(
			g.Ended,
		)+", "+human.Count(
			g.Changed,
		)+" changed"
	default:
		role, text = paint.Bad, human.Plural(g.Count, "event")+" lost"
		if g.Uncertain {
			text = "at least " + text
		}
		if name != "" {
			text += " in " + name
		}
		if g.From != 0 && g.To != 0 {
			text += " between " + s.At(g.From) + " and " + s.At(g.To)
		}
	}
	return role, "── " + text + " ──"
}
