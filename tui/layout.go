package tui

import (
	"slices"

	"natlens/monitor"
	"natlens/monitor/table"
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
	folded  bool // the NAT columns stand in the ends that they belong to
	netns   int  // width of that column
	width   int
	gap     int

	// Where the ends of a flow have their columns, and where the last one ends.
	// Folded, those that NAT makes have none.
	ends    [4]int
	endsEnd int
}

// endColumns are the columns of a flow's ends, in the order of a way.
var endColumns = [4]columnID{colSource, colSentAs, colDest, colDelivered}

func (l *layout) form() wayForm {
	if l.folded {
		return inFolds
	}
	return inColumns
}

// endCells returns where the ends of a flow have their columns and how wide they
// are in this row, and what the row needs with so many blanks between them.
func (l *layout) endCells(w *way, gap int) (cells [4]wayCell, need int) {
	for i := range w {
		cells[i].at = l.ends[i]
		at := i
		if l.folded {
			at = i &^ 1 // in the cell of the end that it is made of
		}
		cells[at].width += w[i].width()
	}
	for i := range cells {
		if cells[i].width > 0 {
			need += cells[i].width + gap
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

// foldBelow is the width below which SENT AS and DELIVERED TO are folded.
const foldBelow = 110

// The margin at the left holds the cursor; the one at the right the mark of new
// flows.
const (
	marginLeft  = 3
	marginRight = 2
	columnGap   = 2
	foldedGap   = 1
)

// widestEndpoint is [IPv6]:port.
const widestEndpoint = 47

// present says what the flows of a view have: columns of attributes that none
// has or had are left out.
type present struct {
	counters, rates, mark, zone, helper, labels bool
	netns                                       int // room for names of network namespaces; 0: there is one alone
}

// add notes what the flows of a view have beside those of earlier ones.
func (p *present) add(v *table.View) {
	p.counters = p.counters || v.Seen.Any(monitor.AttrCountersOrig|monitor.AttrCountersReply)
	p.mark = p.mark || v.Marked
	p.zone = p.zone || v.Zoned
	p.helper = p.helper || v.Seen.Any(monitor.AttrHelper)
	p.labels = p.labels || v.Seen.Any(monitor.AttrLabels)
}

// layOut chooses columns for a width: the ends of the flow always, then what is
// asked for most as long as the ends keep a readable width.
func layOut(width int, p present, needs endWidths) layout {
	l := layout{width: width, folded: width < foldBelow, gap: columnGap, netns: p.netns}
	ids, least := []columnID{colProto, colState, colSource, colSentAs, colDest, colDelivered}, leastEnds
	if l.folded {
		ids, least, l.gap = []columnID{colProto, colState, colSource, colDest}, leastFolded, foldedGap
	}
	room := width - marginLeft - marginRight + l.gap
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

// leastEnds and leastFolded are the cells that the ends of the flow keep together,
// beside columns that can be done without.
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
	x := marginLeft
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

// tight reports whether one blank less than else stands behind a column: most of
// its texts do not fill it.
func (l *layout) tight(id columnID) bool { return !l.folded && (id == colProto || id == colState) }

// endWidths are cells, one for each end of a flow.
type endWidths [4]int

// endShare and foldShare are how the ends of a flow share a room of leastEnds and
// leastFolded cells: as IPv4 addresses of a small network need them.
var (
	endShare  = endWidths{18, 19, 16, 18}
	foldShare = endWidths{26, 0, 16, 0}
)

// shares divides the room among the ends of the flow. A column that needs more
// than its share gets it of those that need less.
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
		lend(share[:], needs[:])
		return share
	}
	ends := []int{share[0], share[2]}
	lend(ends, []int{needs[0], needs[2]})
	share[0], share[2] = ends[0], ends[1]
	return share
}

// lend gives columns that need more than their share room of those that need
// less.
func lend(share, needs []int) {
	for i := range share {
		for j := range share {
			if lacks, spare := needs[i]-share[i], share[j]-needs[j]; lacks > 0 && spare > 0 {
				n := min(lacks, spare)
				share[i], share[j] = share[i]+n, share[j]-n
			}
		}
	}
}

// typicalEnd is up to which width an end has a column of its width: that of an
// IPv4 address with its port. Longer ones are the exception, and take room where
// their row has some.
const (
	typicalEnd  = 23
	typicalFold = 34 // and of what NAT makes of it
)

// endNeeds is how wide the columns of the ends should be for these rows, at least
// as wide as before, so that they move seldom.
func (l *layout) endNeeds(s *session, rows []flowRef, needs endWidths) endWidths {
	most := typicalEnd
	if l.folded {
		most = typicalFold
	}
	for i := range rows {
		w := s.way(&rows[i].row.Flow, l.form())
		cells, _ := l.endCells(&w, 0)
		for c := range cells {
			needs[c] = max(needs[c], min(cells[c].width, most))
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

// beside returns the column so many places to the right of one, or itself.
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

// heading draws the titles; the column that sorts bears its direction, and the
// one under the cursor stands out.
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
