package tui

import (
	"natlens/monitor"
	"natlens/tui/paint"
)

// columnID names a column of the Flows page; it stays the same whatever the
// width.
type columnID uint8

const (
	colProto columnID = iota
	colState
	colSource
	colSentAs
	colDest
	colDelivered
	colRate
	colBytes
	colPackets
	colAge
	colLeft
	colMark
	colZone
	colHelper
	colLabels
	columns
)

// column is what a column is called, what it sorts by, and how it is drawn.
type column struct {
	title string
	width int  // cells; 0: an endpoint, which shares what is left
	right bool // numbers
	order monitor.Order
	down  bool // descending is what one wants to see first
	text  func(*flowDrawer, *paint.Line, *flowRef, int)
	value func(*flowRef) string // the cell as a filter; nil: it can't be
}

var columnTable = [columns]column{
	colProto:     {"PROTO", 6, false, monitor.ByProto, false, (*flowDrawer).proto, protoFilter},
	colState:     {"STATE", 12, false, monitor.ByState, false, (*flowDrawer).state, stateFilter},
	colSource:    {"SOURCE", 0, false, monitor.BySource, false, (*flowDrawer).source, sourceFilter},
	colSentAs:    {"SENT AS", 0, false, monitor.BySentAs, false, (*flowDrawer).sentAs, sentAsFilter},
	colDest:      {"DESTINATION", 0, false, monitor.ByDestination, false, (*flowDrawer).dest, destFilter},
	colDelivered: {"DELIVERED TO", 0, false, monitor.ByDelivered, false, (*flowDrawer).delivered, deliveredFilter},
	colRate:      {"RATE", 8, true, monitor.ByValue, true, (*flowDrawer).rate, nil},
	colBytes:     {"BYTES", 7, true, monitor.ByBytes, true, (*flowDrawer).bytes, nil},
	colPackets:   {"PACKETS", 7, true, monitor.ByPackets, true, (*flowDrawer).packets, nil},
	colAge:       {"AGE", 5, true, monitor.ByBorn, true, (*flowDrawer).age, nil},
	colLeft:      {"LEFT", 5, true, monitor.ByTimeout, false, (*flowDrawer).left, nil},
	colMark:      {"MARK", 8, false, monitor.ByMark, true, (*flowDrawer).mark, markFilter},
	colZone:      {"ZONE", 4, true, monitor.ByZone, false, (*flowDrawer).zone, zoneFilter},
	colHelper:    {"HELPER", 6, false, monitor.ByArrival, false, (*flowDrawer).helper, helperFilter},
	colLabels:    {"LABELS", 6, false, monitor.ByArrival, false, (*flowDrawer).labels, labelFilter},
}

// sortable reports whether rows can be ordered by the column: texts that few
// flows have can not.
func (c columnID) sortable() bool { return columnTable[c].order != monitor.ByArrival }

// placedColumn is a column of a layout: where it begins and how wide it is.
type placedColumn struct {
	id       columnID
	x, width int
}

// layout is the columns that a width has room for.
type layout struct {
	columns []placedColumn
	folded  bool // the NAT columns stand in the ends that they belong to
	width   int
	gap     int
}

// foldBelow is the width below which SENT AS and DELIVERED TO are folded.
const foldBelow = 100

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
// has are left out.
type present struct {
	counters, mark, zone, helper, labels bool
}

func presentIn(v *monitor.View) present {
	return present{
		counters: v.Seen.Any(monitor.AttrCountersOrig | monitor.AttrCountersReply),
		mark:     v.Marked,
		zone:     v.Zoned,
		helper:   v.Seen.Any(monitor.AttrHelper),
		labels:   v.Seen.Any(monitor.AttrLabels),
	}
}

// layOut chooses columns for a width: the ends of the flow always, then what is
// asked for most as long as the ends keep a readable width.
func layOut(width int, p present) layout {
	l := layout{width: width, folded: width < foldBelow, gap: columnGap}
	ids, least := []columnID{colProto, colState, colSource, colSentAs, colDest, colDelivered}, leastEnds
	if l.folded {
		ids, least, l.gap = []columnID{colProto, colState, colSource, colDest}, leastFolded, foldedGap
	}
	room := width - marginLeft - marginRight + l.gap
	for _, id := range ids {
		room -= columnTable[id].width + l.gap
		if l.tight(id) {
			room++
		}
	}
	for _, extra := range []struct {
		id columnID
		on bool
	}{
		{colAge, width >= 66}, {colRate, p.counters},
		{colMark, p.mark && width >= 140}, {colZone, p.zone && width >= 140},
		{colHelper, p.helper && width >= 140}, {colLabels, p.labels && width >= 140},
		{colBytes, p.counters && width >= 100}, {colLeft, width >= 130}, {colPackets, p.counters && width >= 140},
	} {
		need := columnTable[extra.id].width + l.gap
		if extra.on && room-need >= least {
			ids = append(ids, extra.id)
			room -= need
		}
	}
	l.place(ids, room)
	return l
}

// leastEnds and leastFolded are the cells that the ends of the flow keep together,
// beside columns that can be done without.
const (
	leastEnds   = 71
	leastFolded = 42
)

// place sets the columns beside each other in their order; the ends share room.
func (l *layout) place(ids []columnID, room int) {
	has := [columns]bool{}
	for _, id := range ids {
		has[id] = true
	}
	share := l.shares(room)
	x := marginLeft
	for id := range columns {
		if !has[id] {
			continue
		}
		w := columnTable[id].width
		if w == 0 {
			w = share[id]
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

// endShare is how the ends of a flow share the room, by cells of a screen of 120
// columns: as IPv4 addresses of a small network need them.
var endShare = [columns]int{colSource: 18, colSentAs: 19, colDest: 16, colDelivered: 18}

// shares divides the room among the ends of the flow.
func (l *layout) shares(room int) (share [columns]int) {
	if !l.folded {
		left := room
		for _, id := range []columnID{colSource, colSentAs, colDest} {
			share[id] = min(room*endShare[id]/leastEnds, widestEndpoint)
			left -= share[id]
		}
		share[colDelivered] = min(left, widestEndpoint+2)
		return share
	}
	dest := 38 // what the source is sent as stands beside it: it needs more
	if room < 40 {
		dest = 45
	}
	share[colDest] = room * dest / 100
	share[colSource] = room - share[colDest]
	return share
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
		title := col.title
		if c.id == by {
			role = paint.Sorted
			if title += "▲"; descending != (c.id == colAge) {
				title = col.title + "▼"
			}
		}
		if c.id == at {
			role = paint.Match
		}
		title = paint.Cut(title, c.width)
		if col.right {
			out.Pad(c.x + c.width - paint.Width(title))
		}
		out.Add(role, title)
	}
	return out
}
