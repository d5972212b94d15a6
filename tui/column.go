package tui

import (
	"natlens/monitor/table"
	"natlens/tui/paint"
)

// columnID names a column of the Flows page; it stays the same whatever the
// width.
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
	down  bool                                          // descending is what one wants to see first
	text  func(*flowDrawer, *paint.Line, *flowRef, int) // nil: flowDrawer.ends draws it
	value func(*flowRef) string                         // the cell as a filter; nil: it can't be
}

var columnTable = [columns]column{
	colProto:     {"PROTO", 6, false, table.ByProto, false, (*flowDrawer).proto, protoFilter},
	colState:     {"STATE", 12, false, table.ByState, false, (*flowDrawer).state, stateFilter},
	colNetNS:     {"NETNS", 0, false, table.ByArrival, false, (*flowDrawer).netns, nil},
	colSource:    {"SOURCE", 0, false, table.BySource, false, nil, sourceFilter},
	colSentAs:    {"SENT AS", 0, false, table.BySentAs, false, nil, sentAsFilter},
	colDest:      {"DESTINATION", 0, false, table.ByDestination, false, nil, destFilter},
	colDelivered: {"DELIVERED TO", 0, false, table.ByDelivered, false, nil, deliveredFilter},
	colRate:      {"RATE", 8, true, table.ByValue, true, (*flowDrawer).rate, nil},
	colBytes:     {"BYTES", 7, true, table.ByBytes, true, (*flowDrawer).bytes, nil},
	colPackets:   {"PACKETS", 7, true, table.ByPackets, true, (*flowDrawer).packets, nil},
	colAge:       {"AGE", 5, true, table.ByBorn, true, (*flowDrawer).age, nil},
	colLeft:      {"LEFT", 5, true, table.ByTimeout, false, (*flowDrawer).left, nil},
	colMark:      {"MARK", 8, false, table.ByMark, true, (*flowDrawer).mark, markFilter},
	colZone:      {"ZONE", 4, true, table.ByZone, false, (*flowDrawer).zone, zoneFilter},
	colHelper:    {"HELPER", 6, false, table.ByArrival, false, (*flowDrawer).helper, helperFilter},
	colLabels:    {"LABELS", 6, false, table.ByArrival, false, (*flowDrawer).labels, labelFilter},
}

// sortable reports whether rows can be ordered by the column: texts that few
// flows have can not.
func (c columnID) sortable() bool { return columnTable[c].order != table.ByArrival }
