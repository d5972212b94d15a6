package flows

import (
	"natlens/monitor/table"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// columnID names a column, in the order from left to right.
type columnID uint8

const (
	colProto columnID = iota
	colState
	colNetNS
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
	width int  // cells; 0: the layout says how many
	right bool // numbers
	order table.Order
	down  bool                                                    // descending first
	text  func(d *drawer, l *paint.Line, f *page.Flow, width int) // nil: drawer.ends draws it
	value page.Cell                                               // as a filter
}

var columnTable = [columns]column{
	colProto:     {"PROTO", 6, false, table.ByProto, false, (*drawer).proto, page.CellProto},
	colState:     {"STATE", 12, false, table.ByState, false, (*drawer).state, page.CellState},
	colNetNS:     {"NETNS", 0, false, table.ByArrival, false, (*drawer).netns, page.NoCell},
	colSource:    {"SOURCE", 0, false, table.BySource, false, nil, page.CellSource},
	colSentAs:    {"SENT AS", 0, false, table.BySentAs, false, nil, page.CellSentAs},
	colDest:      {"DESTINATION", 0, false, table.ByDestination, false, nil, page.CellDest},
	colDelivered: {"DELIVERED TO", 0, false, table.ByDelivered, false, nil, page.CellDelivered},
	colRate:      {"RATE", 8, true, table.ByValue, true, (*drawer).rate, page.NoCell},
	colBytes:     {"BYTES", 7, true, table.ByBytes, true, (*drawer).bytes, page.NoCell},
	colPackets:   {"PACKETS", 7, true, table.ByPackets, true, (*drawer).packets, page.NoCell},
	colAge:       {"AGE", 5, true, table.ByBorn, true, (*drawer).age, page.NoCell},
	colLeft:      {"LEFT", 5, true, table.ByTimeout, false, (*drawer).left, page.NoCell},
	colMark:      {"MARK", 8, false, table.ByMark, true, (*drawer).mark, page.CellMark},
	colZone:      {"ZONE", 4, true, table.ByZone, false, (*drawer).zone, page.CellZone},
	colHelper:    {"HELPER", 6, false, table.ByArrival, false, (*drawer).helper, page.CellHelper},
	colLabels:    {"LABELS", 6, false, table.ByArrival, false, (*drawer).labels, page.CellLabel},
}

// sortable reports whether rows can be ordered by the column: texts that few flows have
// can't.
func (c columnID) sortable() bool { return columnTable[c].order != table.ByArrival }
