package flows

import (
	"slices"

	"natlens/monitor"
	"natlens/monitor/table"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// placedColumn is a column of a layout: where it begins and how wide it is.
type placedColumn struct {
	id       columnID
	x, width int
}

// layout is the columns that a width has room for.
type layout struct {
	columns []placedColumn
	folded  bool // what NAT makes of an end is in the column of that end
	netns   int  // width of that column
	width   int
	gap     int

	// Where the ends of a flow have their columns, and where the last one ends. Folded,
	// those that NAT makes have none.
	ends    [4]int
	endsEnd int
}

// endColumns are the columns of a flow's ends, in the order of a way.
var endColumns = [4]columnID{colSource, colSentAs, colDest, colDelivered}

func (l *layout) form() page.WayForm {
	if l.folded {
		return page.InFolds
	}
	return page.InColumns
}

// endCells returns where the ends of a flow have their columns and how wide they
// are in this row, and what the row needs with so many blanks between them.
func (l *layout) endCells(w *page.Way, gap int) (cells [4]paint.Cell, need int) {
	for i := range w {
		cells[i].At = l.ends[i]
		at := i
		if l.folded {
			at = i &^ 1 // in the cell of the end that it is made of
		}
		cells[at].Width += w[i].Width()
	}
	for i := range cells {
		if cells[i].Width > 0 {
			need += cells[i].Width + gap
		}
	}
	return cells, need - gap
}

// widthOf is the width of a column that is no end.
func (l *layout) widthOf(id columnID) int {
	w := columnTable[id].width
	if id == colNetNS {
		return l.netns
	}
	if l.folded && (id == colProto || id == colState) {
		w-- // "tcp  ", and ESTABLISHED without a blank before its mark
	}
	return w
}

// foldedGap is the blanks between two columns of a folded layout.
const foldedGap = 1

// widestEndpoint is [IPv6]:port.
const widestEndpoint = 47

// present is what the flows of a view have: a column of an attribute that none has or had
// is left out.
type present struct {
	counters, rates, mark, zone, helper, labels bool
	netns                                       int // width of the names of network namespaces; 0: there are no names
}

// add notes what the flows of a view have beside those of earlier ones.
func (p *present) add(v *table.View) {
	p.counters = p.counters || v.Seen.Any(monitor.AttrCountersOrig|monitor.AttrCountersReply)
	p.mark = p.mark || v.Marked
	p.zone = p.zone || v.Zoned
	p.helper = p.helper || v.Seen.Any(monitor.AttrHelper)
	p.labels = p.labels || v.Seen.Any(monitor.AttrLabels)
}

// layOut chooses columns for a width: the ends of the flow always, then what is asked for
// most, as long as the ends stay readable.
func layOut(width int, p present, needs endWidths) layout {
	l := layout{width: width, folded: width < page.FoldBelow, gap: paint.Gap, netns: p.netns}
	ids, least := []columnID{colProto, colState, colSource, colSentAs, colDest, colDelivered}, leastEnds
	if l.folded {
		ids, least, l.gap = []columnID{colProto, colState, colSource, colDest}, leastFolded, foldedGap
	}
	room := width - paint.MarginLeft - paint.MarginRight + l.gap
	for _, id := range ids {
		room -= l.widthOf(id) + l.gap
		if l.tight(id) {
			room++
		}
	}
	for _, extra := range []struct {
		id columnID
		on bool
	}{
		{colNetNS, p.netns > 0}, {colAge, true}, {colRate, p.rates},
		{colMark, p.mark && width >= 140}, {colZone, p.zone && width >= 140},
		{colHelper, p.helper && width >= 140}, {colLabels, p.labels && width >= 140},
		{colBytes, p.counters && width >= 100}, {colLeft, width >= 130}, {colPackets, p.counters && width >= 140},
	} {
		need := l.widthOf(extra.id) + l.gap
		if extra.on && room-need >= least {
			ids = append(ids, extra.id)
			room -= need
		}
	}
	l.place(ids, l.shares(room, needs))
	return l
}

// leastEnds and leastFolded are the cells that the ends of the flow keep together beside
// optional columns.
const (
	leastEnds   = 71
	leastFolded = 42
)

// place sets the columns beside each other in their order.
func (l *layout) place(ids []columnID, share endWidths) {
	has := [columns]bool{}
	for _, id := range ids {
		has[id] = true
	}
	x := paint.MarginLeft
	for id := range columns {
		if !has[id] {
			continue
		}
		w := l.widthOf(columnID(id))
		if i := slices.Index(endColumns[:], columnID(id)); i >= 0 {
			w = share[i]
			l.ends[i], l.endsEnd = x, x+w
		}
		l.columns = append(l.columns, placedColumn{id, x, w})
		x += w + l.gap
		if l.tight(columnID(id)) {
			x--
		}
	}
}

// tight reports whether a column has one blank less behind it: most of its texts do not
// fill it.
func (l *layout) tight(id columnID) bool { return !l.folded && (id == colProto || id == colState) }

// endWidths are cells, one for each end of a flow.
type endWidths [4]int

// endShare and foldShare are how the ends of a flow share leastEnds and leastFolded cells:
// as IPv4 addresses of a small network need them.
var (
	endShare  = endWidths{18, 19, 16, 18}
	foldShare = endWidths{26, 0, 16, 0}
)

// shares divides the room among the ends of the flow. A column that needs more than its
// share gets it from those that need less.
func (l *layout) shares(room int, needs endWidths) (share endWidths) {
	base, sum, last := endShare, leastEnds, 3
	if l.folded {
		base, sum, last = foldShare, leastFolded, 2
	}
	left := room
	for i := range last {
		share[i] = min(room*base[i]/sum, widestEndpoint)
		left -= share[i]
	}
	share[last] = min(left, widestEndpoint+2)
	if !l.folded {
		paint.Lend(share[:], needs[:])
		return share
	}
	ends := []int{share[0], share[2]}
	paint.Lend(ends, []int{needs[0], needs[2]})
	share[0], share[2] = ends[0], ends[1]
	return share
}

// typicalEnd is how wide the column of an end becomes at the most: an IPv4 address with
// its port. Longer ends are the exception and take room in their own row.
const (
	typicalEnd  = 23
	typicalFold = 34 // with what NAT makes of it
)

// endNeeds is how wide the columns of the ends should be for these rows: at least as wide
// as before, so that they seldom move.
func (l *layout) endNeeds(names *page.Names, rows []page.Flow, needs endWidths) endWidths {
	most := typicalEnd
	if l.folded {
		most = typicalFold
	}
	for i := range rows {
		w := page.NewWay(names, &rows[i].Row.Flow, l.form())
		cells, _ := l.endCells(&w, 0)
		for c := range cells {
			needs[c] = max(needs[c], min(cells[c].Width, most))
		}
	}
	for i, id := range endColumns {
		needs[i] = max(needs[i], len(columnTable[id].title)+1) // and the arrow of the order
	}
	return needs
}

// at returns the column at a cell of the screen.
func (l *layout) at(x int) (columnID, bool) {
	for _, c := range l.columns {
		if x >= c.x-1 && x <= c.x+c.width {
			return c.id, true
		}
	}
	return 0, false
}

// beside returns the column so many places to the right of one, as far as there are any.
func (l *layout) beside(id columnID, by int) columnID {
	for i, c := range l.columns {
		if c.id >= id {
			if c.id > id && by > 0 {
				by-- // the column itself is not shown at this width
			}
			return l.columns[min(max(0, i+by), len(l.columns)-1)].id
		}
	}
	return l.columns[len(l.columns)-1].id
}

// heading draws the titles; the column that sorts has its direction, and the one under the
// cursor is marked.
func (l *layout) heading(by columnID, descending bool, at columnID) paint.Line {
	var out paint.Line
	for _, c := range l.columns {
		out.Pad(c.x)
		col, role := &columnTable[c.id], paint.Label
		title, room := col.title, c.width
		if col.right {
			room++ // of the gap before the column
		}
		if c.id == by {
			role = paint.Sorted
			arrow := "▲"
			if descending != (c.id == colAge) {
				arrow = "▼"
			}
			title = title[:min(len(title), room-1)] + arrow
		}
		if c.id == at {
			role = paint.Match
		}
		title = paint.Cut(title, room)
		if col.right {
			out.Pad(c.x + c.width - paint.Width(title))
		}
		out.Add(role, title)
	}
	return out
}
