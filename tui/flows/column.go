package flows

import (
	"natlens/monitor/table"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// The columns from left to right.
const (
	colProto = iota + 1
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

// column is what a column is called, what it sorts by, and what it contains.
type column struct {
	title string
	width int         // cells; 0: the layout says how many
	right bool        // numbers
	order table.Order // ByArrival: none, for texts that few flows have
	down  bool        // descending first
	value page.Cell   // as a filter
	cell  func(p *Page, f *row, width int) (paint.Role, string)
}

var columnTable = [columns]column{
	colProto:     {"PROTO", 6, false, table.ByProto, false, page.CellProto, (*Page).proto},
	colState:     {"STATE", 12, false, table.ByState, false, page.CellState, (*Page).state},
	colNetNS:     {"NETNS", 0, false, table.ByArrival, false, page.NoCell, (*Page).netns},
	colSource:    {"SOURCE", 0, false, table.BySource, false, page.CellSource, nil},
	colSentAs:    {"SENT AS", 0, false, table.BySentAs, false, page.CellSentAs, nil},
	colDest:      {"DESTINATION", 0, false, table.ByDestination, false, page.CellDest, nil},
	colDelivered: {"DELIVERED TO", 0, false, table.ByDelivered, false, page.CellDelivered, nil},
	colRate:      {"RATE", 8, true, table.ByValue, true, page.NoCell, (*Page).rate},
	colBytes:     {"BYTES", 7, true, table.ByBytes, true, page.NoCell, (*Page).bytes},
	colPackets:   {"PACKETS", 7, true, table.ByPackets, true, page.NoCell, (*Page).packets},
	colAge:       {"AGE", 5, true, table.ByBorn, true, page.NoCell, (*Page).age},
	colLeft:      {"LEFT", 5, true, table.ByTimeout, false, page.NoCell, (*Page).left},
	colMark:      {"MARK", 8, false, table.ByMark, true, page.CellMark, (*Page).mark},
	colZone:      {"ZONE", 4, true, table.ByZone, false, page.CellZone, (*Page).zone},
	colHelper:    {"HELPER", 6, false, table.ByArrival, false, page.CellHelper, (*Page).helper},
	colLabels:    {"LABELS", 6, false, table.ByArrival, false, page.CellLabel, (*Page).labels},
}
