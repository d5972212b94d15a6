package events

import (
	"natlens/tui/page"
	"natlens/tui/paint"
)

// column is a cell that the cursor can be on. Those of the flow's ends are beside each
// other, without columns.
type column uint8

const (
	colKind column = iota
	colProto
	colState
	colFrom
	colSentAs
	colTo
	colDelivered
	columns
)

// cells are the columns' values as filters.
var cells = [columns]page.Cell{colProto: page.CellProto, colState: page.CellState, colFrom: page.CellSource,
	colSentAs: page.CellSentAs, colTo: page.CellDest, colDelivered: page.CellDelivered}

// layout is where the columns begin; the ends of the flow take the rest.
type layout struct {
	width                   int
	kind, proto, state, way int
	netns                   int  // where the namespace has a column: several of them, and no room behind the flow; or 0
	compact                 bool // the ends are close together
	short                   bool // words of three letters for the events
}

// netnsWidth is the width of the column of namespaces.
const netnsWidth = 8

func layOut(width int, several bool) layout {
	l := layout{width: width, compact: width < 100, short: width < 90}
	if !l.compact {
		l.kind = paint.MarginLeft + len("15:04:05.000  ")
		l.proto = l.kind + len("existing  ")
		l.state = l.proto + len("icmpv6  ")
		l.way = l.state + len("ESTABLISHED  ")
		return l
	}
	l.kind = paint.MarginLeft + len("15:04:05 ")
	l.proto = l.kind + len("destroy ")
	if l.short {
		l.proto = l.kind + len("end ")
	}
	l.state = l.proto + len("icmp ")
	l.way = l.state + len("ESTABLISHED ")
	if several && width >= 76 {
		l.netns = l.way
		l.way += netnsWidth + len(" ")
	}
	return l
}

func (l *layout) form() page.WayForm {
	if l.compact {
		return page.InShort
	}
	return page.InLine
}

// title is a column's name and where it begins.
type title struct {
	at   int
	text string
	col  column // columns: no cell to filter by
}

// titles are the columns' names; those of the ends with the signs between them.
func (l *layout) titles() []title {
	out := []title{{paint.MarginLeft, "TIME", columns}, {l.kind, "EVENT", colKind}, {l.proto, "PROTO", colProto},
		{l.state, "STATE", colState}}
	if l.short { // "new tcp  ESTABLISHED"
		out[1].text, out[2].text = "EVT", "PROT"
	} else if l.compact {
		out[2].at--
	}
	if l.netns > 0 {
		out = append(out, title{l.netns, "NETNS", columns})
	}
	at := l.way
	for i, text := range []string{"SOURCE", "SENT AS", "DESTINATION", "DELIVERED TO"} {
		at += paint.Width(l.form().Sign(i))
		out = append(out, title{at, text, colFrom + column(i)})
		at += len(text)
	}
	return out
}

func (l *layout) heading(at column) (out paint.Line) {
	for _, t := range l.titles() {
		if t.col > colFrom && t.col < columns {
			out.Add(paint.Muted, l.form().Sign(int(t.col-colFrom)))
		}
		out.Pad(t.at)
		role := paint.Label
		if t.col == at {
			role = paint.Match
		}
		out.Add(role, t.text)
	}
	out.Cut(l.width)
	return out
}

// at returns the column whose name is over a cell of the screen, or begins before it.
func (l *layout) at(x int) (col column, ok bool) {
	for _, t := range l.titles() {
		if x >= t.at && t.col < columns {
			col, ok = t.col, true
		}
	}
	return col, ok
}
