package events

import (
	"fmt"
	"slices"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/human"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// The cells that the cursor can be on. The ends of the flow are beside each other, without
// columns.
const (
	colKind = iota + 1
	colProto
	colState
	colFrom
	colSentAs
	colTo
	colDelivered
	columns
)

// cells are the columns' values as filters.
var cells = [columns][]filter.Field{colProto: {filter.FieldProto}, colState: {filter.FieldState},
	colFrom: {filter.FieldOrigSrc}, colSentAs: {filter.FieldReplyDst},
	colTo: {filter.FieldOrigDst, filter.FieldOrigDPort}, colDelivered: {filter.FieldReplySrc}}

// netnsWidth is the width of the column of namespaces.
const netnsWidth = 8

// form is how the ends are written. On a narrow screen all are short.
func (p *Page) form() page.WayForm {
	if p.Width < 100 {
		return page.InShort
	}
	return page.InLine
}

// netnsColumn reports whether network namespaces have a column: there are several, and no space
// after the flow.
func (p *Page) netnsColumn() bool { return p.S.Several() && p.Width >= 76 && p.Width < 100 }

// columns returns the columns for the width. The ends of the flow use the rest.
func (p *Page) columns() []page.Column[monitor.Event] {
	type column = page.Column[monitor.Event]
	flow := func(id int, title string, width int, text func(e *monitor.Event) string) column {
		cell := func(e *monitor.Event, _ int) (paint.Role, string) {
			if !e.Kind.HasFlow() {
				return paint.Text, ""
			}
			return role(e, id), text(e)
		}
		return column{ID: id, Title: title, Width: width, Spill: spill, Cell: cell}
	}
	clock := func(e *monitor.Event, width int) (paint.Role, string) { return paint.Muted, p.S.At(e.Time)[:width] }
	at := column{Title: "TIME", Width: len("15:04:05.000"), Cell: clock}
	kind := flow(colKind, "EVENT", len("existing"), p.kind)
	proto := flow(colProto, "PROTO", len("icmpv6"), func(e *monitor.Event) string { return e.Flow.Orig.Proto.String() })
	state := flow(colState, "STATE", len("ESTABLISHED"), func(e *monitor.Event) string {
		return page.StateText(&e.Flow, e.Known())
	})
	netns := flow(0, "NETNS", 0, func(e *monitor.Event) string { return paint.Cut(p.S.NetNS(e.NetNS()), netnsWidth) })
	gap := paint.Gap
	if p.form() == page.InShort {
		gap, at.Width, kind.Width, proto.Width, proto.TitleLeft = 1, len("15:04:05"), len("destroy"), len("icmp"), 1
	}
	if p.Width < 90 { // "new tcp  ESTABLISHED"
		kind.Title, kind.Width, proto.Title, proto.TitleLeft = "EVT", len("end"), "PROT", 0
	}
	if p.netnsColumn() {
		netns.Width = netnsWidth
	}
	way := column{ID: colFrom, Title: "SOURCE", Width: len("SOURCE"), TitleOnly: true, Draw: p.way}
	out := page.Beside(gap, at, kind, proto, state, netns, way)
	out = slices.Insert(out, 1, column{X: out[1].X, Width: kind.Width, Spill: spill, Cell: p.gap})
	for i, title := range []string{"SENT AS", "DESTINATION", "DELIVERED TO"} {
		last, sign := out[len(out)-1], p.form().Sign(i+1)
		out = append(out, column{ID: last.ID + 1, Title: title, X: last.X + last.Width + paint.Width(sign),
			Width: len(title), Sign: sign, TitleOnly: true})
	}
	return out
}

// spill is more than any text needs of the next column: the text is not cut.
const spill = 1000

// role returns the role of a column of an event.
func role(e *monitor.Event, column int) paint.Role {
	switch {
	case e.Kind == monitor.KindNew:
		return paint.New
	case e.Kind == monitor.KindDestroy:
		return paint.Ended
	case column == colState && e.Known().Any(monitor.AttrStatus) && !e.Flow.Status.Has(monitor.SeenReply):
		return paint.Warn
	}
	return paint.Text
}

// shortKinds are the kinds of events in three letters, for narrow screens.
var shortKinds = map[monitor.Kind]string{monitor.KindNew: "new", monitor.KindUpdate: "upd", monitor.KindDestroy: "end",
	monitor.KindExisting: "was", monitor.KindInterim: "now"}

// kind names what happened; ~ says that a reconciliation inferred it.
func (p *Page) kind(e *monitor.Event) string {
	text := e.Kind.String()
	if short := shortKinds[e.Kind]; p.Width < 90 && short != "" {
		text = short
	}
	if e.Inferred {
		text = "~" + text
	}
	return text
}

// way draws the ends of the flow and, if there is space after them, the network namespace if it
// has a name and no column, and the duration and bytes of an ended flow.
func (p *Page) way(out *paint.Line, x int, e *monitor.Event, cursor bool) {
	if !e.Kind.HasFlow() {
		return
	}
	out.Pad(x)
	w := page.NewWay(p.S.Names, &e.Flow, p.form())
	if end := p.Column - colFrom; cursor && end >= 0 {
		w[end].Chosen = true
	}
	w.Cut(p.Width - 1 - out.Width())
	for i := range w {
		w[i].Add(out)
	}
	netns := p.S.NetNS(e.NetNS())
	if netns != "" && !p.netnsColumn() && out.Width()+2+paint.Width(netns) < p.Width {
		out.Add(paint.Muted, "  "+netns)
	}
	var parts []string
	role := paint.Text
	switch {
	case e.Kind == monitor.KindDestroy, e.Kind == monitor.KindInterim:
		parts = sums(e)
	case e.Has.Any(monitor.AttrStatus) && e.Flow.Status.Has(monitor.Assured) && e.Flow.Orig.Proto.HasState():
		parts, role = []string{"  assured"}, paint.Muted
	}
	for _, text := range parts {
		if out.Width()+paint.Width(text) > p.Width-1 {
			break
		}
		out.Add(role, text)
	}
}

// sums are the duration and the bytes of an ended flow.
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

// gap reports a loss, the reconciliation after it, or the begin or end of a network namespace.
func (p *Page) gap(e *monitor.Event, _ int) (paint.Role, string) {
	name, role, text := p.S.NetNS(e.NetNS()), paint.Muted, ""
	switch g := e.Gap; {
	case e.Kind == monitor.KindNetNSBegin:
		text = "network namespace " + name + " found"
	case e.Kind == monitor.KindNetNSEnd:
		text = "network namespace " + name + " ended"
	case g == nil || e.Kind.HasFlow():
		return role, ""
	case e.Kind == monitor.KindResynced:
		role = paint.Warn
		text = fmt.Sprintf("table reconciled: +%s −%s, %s changed", human.Count(g.Added), human.Count(g.Ended),
			human.Count(g.Changed))
	default:
		role, text = paint.Bad, human.Plural(g.Count, "event")+" lost"
		if g.Uncertain {
			text = "at least " + text
		}
		if name != "" {
			text += " in " + name
		}
		if g.From != 0 && g.To != 0 {
			text += " between " + p.S.At(g.From) + " and " + p.S.At(g.To)
		}
	}
	return role, "── " + text + " ──"
}
