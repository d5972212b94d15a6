package flows

import (
	"slices"
	"strings"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// ends draws the ends of a flow. Each has its column. A longer text uses free space of the row,
// and is cut only if no space is free.
func (p *Page) ends(out *paint.Line, _ int, r *row, cursor bool) {
	l := &p.layout
	w := page.NewWay(p.S.Names, &r.Row.Flow, l.form)
	if i := slices.Index(endColumns[:], p.Column); cursor && i >= 0 {
		w[i].Chosen = true
	}
	gap := l.gap
	cells, need := l.endCells(&w, gap)
	if room := l.endsEnd - l.ends[0]; need > room {
		gap = 1
		_, need = l.endCells(&w, gap)
		w.Cut(w.Width() - max(0, need-room))
		cells, _ = l.endCells(&w, gap)
	}
	paint.Spread(cells[:], l.endsEnd, gap)
	for i := range cells {
		if cells[i].Width > 0 {
			out.Pad(cells[i].At)
		}
		w[i].Add(out)
	}
}

// freshFor is how long a new flow is marked.
const freshFor = monitor.Time(2e9)

func (p *Page) fresh(r *row, _ int) (paint.Role, string) {
	if _, marked := p.S.Marked[r.Row.Gen]; marked {
		return paint.Key, "*"
	}
	if r.Row.State&table.RowNew != 0 && !r.Row.Ended() && p.S.Frame-r.Row.First < freshFor {
		return paint.New, "+"
	}
	return paint.New, ""
}

func (p *Page) timedOut(r *row) bool { return p.S.TimedOut(&r.Row, p.S.Frame) }

// state returns the name of the state and a mark: × ended, · timed out, ! unanswered.
func (p *Page) state(r *row, width int) (paint.Role, string) {
	role, mark, text := paint.Text, "", page.StateText(&r.Row.Flow, r.Row.Known)
	switch {
	case r.Row.Ended():
		mark = "×"
	case p.timedOut(r):
		mark = "·"
	case !page.Answered(&r.Row):
		role, mark = paint.Warn, "!"
	default:
		return role, text
	}
	text = paint.Cut(text, width-1)
	return role, text + strings.Repeat(" ", max(0, width-1-paint.Width(text))) + mark
}

// detail is the ends of the flow under the cursor, if they do not fit into its row.
func (p *Page) detail(r *row) []paint.Line {
	l := &p.layout
	w := page.NewWay(p.S.Names, &r.Row.Flow, l.form)
	if _, need := l.endCells(&w, 1); need <= l.endsEnd-l.ends[0] {
		return nil
	}
	w = page.NewWay(p.S.Names, &r.Row.Flow, page.InLine)
	var out []paint.Line
	for i := range w {
		var end paint.Line
		w[i].Add(&end)
		if n := len(out); n == 0 || out[n-1].Width()+end.Width() > p.Width {
			out = append(out, paint.Row(false))
		}
		out[len(out)-1].AddLine(&end)
	}
	return out
}

// rate returns a cell with a part of the flow's rate; a dash if it is 0.
func rate(part func(table.Rate) float64) func(*Page, *row, int) (paint.Role, string) {
	return value(func(p *Page, r *row) (known bool, text string) {
		rate := part(r.Row.Rates[p.S.Window])
		return rate >= 1, human.Rate(rate, p.S.Bits)
	})
}

const counted = monitor.AttrCountersOrig | monitor.AttrCountersReply

// counters returns a cell with a sum of the flow's counters.
func counters(text func(orig, reply monitor.Counters) string) func(*Page, *row, int) (paint.Role, string) {
	return value(func(_ *Page, r *row) (known bool, _ string) {
		return r.Row.Known.Any(counted), text(r.Row.Flow.CountersOrig, r.Row.Flow.CountersReply)
	})
}

// age returns the time since the flow began; of an ended flow its duration. The age of a flow
// that began before the UI is not known.
func (p *Page) age(r *row) (known bool, text string) {
	born, end := r.Row.Born(), p.S.Frame
	if r.Row.Ended() {
		end = r.Row.Last
	}
	return born != 0, human.Age(page.Since(born, end))
}

// left returns the time until the flow ends if no packet comes. If it is over and the flow
// still exists, a packet came that no event reported.
func (p *Page) left(r *row) (known bool, text string) {
	ends := r.Row.Ends()
	return !r.Row.Ended() && r.Row.Known&monitor.AttrTimeout != 0 && ends > p.S.Frame,
		human.Age(page.Since(p.S.Frame, ends))
}

func (p *Page) mark(r *row) string {
	if r.Row.Flow.Mark == 0 {
		return ""
	}
	return paint.Hex(uint64(r.Row.Flow.Mark))
}

func (p *Page) labels(r *row) string {
	if r.Extra == nil || r.Row.Known&monitor.AttrLabels == 0 {
		return ""
	}
	return strings.Join(p.S.LabelNames(r.Extra.Labels), ",")
}

// The columns from left to right.
const (
	colProto = iota + 1
	colState
	colNetNS
	colLocal
	colSource
	colSentAs
	colDest
	colDelivered
	colUp
	colDown
	colRate
	colBytes
	colBytesUp
	colBytesDown
	colPackets
	colAge
	colLeft
	colMark
	colZone
	colHelper
	colLabels
	colCountry
	colCity
	colAS
	columns
)

// column describes a column: its title, its order and its content.
type column struct {
	title  string
	width  int                                                   // cells; 0: the layout decides
	right  bool                                                  // numbers
	order  table.Order                                           // ByArrival: not sortable
	down   bool                                                  // sorts descending first
	fields []filter.Field                                        // as a filter
	cell   func(p *Page, r *row, width int) (paint.Role, string) // nil: Page.ends draws it
}

var columnTable = [columns]column{
	colProto: {"PROTO", 6, false, table.ByProto, false, fields{filter.FieldProto},
		text(func(_ *Page, r *row) string { return r.Row.Flow.Orig.Proto.String() })},
	colState: {"STATE", 12, false, table.ByState, false, fields{filter.FieldState}, (*Page).state},
	colLocal: {"PROCESS", 12, false, table.ByArrival, false,
		fields{filter.FieldProcess, filter.FieldContainer, filter.FieldPod},
		text(func(p *Page, r *row) string { return monitor.Escape(p.S.Local(&r.Row.Flow).Name()) })},
	colNetNS: {"NETNS", 0, false, table.ByArrival, false, fields{filter.FieldNetNS},
		text(func(p *Page, r *row) string { return p.S.NetNS(r.Row.Flow.Orig.NetNS) })},
	colSource: {"SOURCE", 0, false, table.BySource, false, fields{filter.FieldOrigSrc}, nil},
	colSentAs: {"SENT AS", 0, false, table.BySentAs, false, fields{filter.FieldReplyDst}, nil},
	colDest: {"DESTINATION", 0, false, table.ByDestination, false,
		fields{filter.FieldOrigDst, filter.FieldOrigDPort}, nil},
	colDelivered: {"DELIVERED TO", 0, false, table.ByDelivered, false, fields{filter.FieldReplySrc}, nil},
	colUp: {"UP", 8, true, table.ByUp, true, nil,
		rate(func(r table.Rate) float64 { return float64(r.Up) })},
	colDown: {"DOWN", 8, true, table.ByDown, true, nil,
		rate(func(r table.Rate) float64 { return float64(r.Down) })},
	colRate: {"RATE", 8, true, table.ByRate, true, nil, rate(table.Rate.Total)},
	colBytes: {"BYTES", 7, true, table.ByBytes, true, nil,
		counters(func(o, r monitor.Counters) string { return human.Bytes(o.Bytes + r.Bytes) })},
	colBytesUp: {"BYTES UP", 8, true, table.ByArrival, true, nil,
		counters(func(o, _ monitor.Counters) string { return human.Bytes(o.Bytes) })},
	colBytesDown: {"BYTES DOWN", 10, true, table.ByArrival, true, nil,
		counters(func(_, r monitor.Counters) string { return human.Bytes(r.Bytes) })},
	colPackets: {"PACKETS", 7, true, table.ByPackets, true, nil,
		counters(func(o, r monitor.Counters) string { return human.Short(o.Packets + r.Packets) })},
	colAge:  {"AGE", 5, true, table.ByBorn, false, nil, value((*Page).age)},
	colLeft: {"LEFT", 5, true, table.ByTimeout, false, nil, value((*Page).left)},
	colMark: {"MARK", 8, false, table.ByMark, true, fields{filter.FieldMark}, text((*Page).mark)},
	colZone: {"ZONE", 4, true, table.ByZone, false, fields{filter.FieldOrigZone, filter.FieldReplyZone},
		text(func(_ *Page, r *row) string { return page.ZoneText(&r.Row.Flow) })},
	colHelper:  {"HELPER", 6, false, table.ByArrival, false, fields{filter.FieldHelper}, values(filter.FieldHelper)},
	colLabels:  {"LABELS", 6, false, table.ByArrival, false, fields{filter.FieldLabel}, text((*Page).labels)},
	colCountry: placeColumn("COUNTRY", 7, filter.FieldCountrySrc, filter.FieldCountryDst),
	colCity:    placeColumn("CITY", 12, filter.FieldCitySrc, filter.FieldCityDst),
	colAS:      placeColumn("AS", 16, filter.FieldASSrc, filter.FieldASDst),
}

type fields = []filter.Field

// placeColumn is a column with what two fields of places are, such as "DE→US".
func placeColumn(title string, width int, of ...filter.Field) column {
	return column{title: title, width: width, fields: of, cell: values(of...)}
}

func values(of ...filter.Field) func(*Page, *row, int) (paint.Role, string) {
	return text(func(p *Page, r *row) string {
		texts, _ := p.S.Values(&r.Flow, of...)
		return strings.Join(texts, "→")
	})
}

func text(of func(*Page, *row) string) func(*Page, *row, int) (paint.Role, string) {
	return func(p *Page, r *row, _ int) (paint.Role, string) { return paint.Text, of(p, r) }
}

// value returns a cell with a text, or a dash if it is unknown.
func value(of func(*Page, *row) (known bool, text string)) func(*Page, *row, int) (paint.Role, string) {
	return func(p *Page, r *row, _ int) (paint.Role, string) {
		if known, text := of(p, r); known {
			return paint.Text, text
		}
		return paint.Muted, page.NoValue
	}
}
