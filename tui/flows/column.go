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
	width int                                                   // cells; 0: the layout says how many
	right bool                                                  // numbers
	order table.Order                                           // ByArrival: none, for texts that few flows have
	down  bool                                                  // descending first
	value page.Cell                                             // as a filter
	cell  func(p *Page, r *row, width int) (paint.Role, string) // nil: Page.ends draws it
}

var columnTable = [columns]column{
	colProto: {"PROTO", 6, false, table.ByProto, false, page.CellProto,
		text(func(_ *Page, r *row) string { return r.Row.Flow.Orig.Proto.String() })},
	colState: {"STATE", 12, false, table.ByState, false, page.CellState, (*Page).state},
	colNetNS: {"NETNS", 0, false, table.ByArrival, false, page.NoCell,
		text(func(p *Page, r *row) string { return p.S.NetNS(r.Row.Flow.Orig.NetNS) })},
	colSource:    {"SOURCE", 0, false, table.BySource, false, page.CellSource, nil},
	colSentAs:    {"SENT AS", 0, false, table.BySentAs, false, page.CellSentAs, nil},
	colDest:      {"DESTINATION", 0, false, table.ByDestination, false, page.CellDest, nil},
	colDelivered: {"DELIVERED TO", 0, false, table.ByDelivered, false, page.CellDelivered, nil},
	colRate:      {"RATE", 8, true, table.ByValue, true, page.NoCell, value((*Page).rate)},
	colBytes:     {"BYTES", 7, true, table.ByBytes, true, page.NoCell, value((*Page).bytes)},
	colPackets:   {"PACKETS", 7, true, table.ByPackets, true, page.NoCell, value((*Page).packets)},
	colAge:       {"AGE", 5, true, table.ByBorn, true, page.NoCell, value((*Page).age)},
	colLeft:      {"LEFT", 5, true, table.ByTimeout, false, page.NoCell, value((*Page).left)},
	colMark:      {"MARK", 8, false, table.ByMark, true, page.CellMark, text((*Page).mark)},
	colZone: {"ZONE", 4, true, table.ByZone, false, page.CellZone,
		text(func(_ *Page, r *row) string { return page.ZoneText(&r.Row.Flow) })},
	colHelper: {"HELPER", 6, false, table.ByArrival, false, page.CellHelper, text((*Page).helper)},
	colLabels: {"LABELS", 6, false, table.ByArrival, false, page.CellLabel, text((*Page).labels)},
}

func text(of func(*Page, *row) string) func(*Page, *row, int) (paint.Role, string) {
	return func(p *Page, r *row, _ int) (paint.Role, string) { return paint.Text, of(p, r) }
}

// value is a text, or a dash if it is not known.
func value(of func(*Page, *row) (known bool, text string)) func(*Page, *row, int) (paint.Role, string) {
	return func(p *Page, r *row, _ int) (paint.Role, string) {
		if known, text := of(p, r); known {
			return paint.Text, text
		}
		return paint.Muted, page.NoValue
	}
}
