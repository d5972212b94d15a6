package flows

import (
	"slices"
	"strings"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// drawer draws the cells of rows, for one frame.
type drawer struct {
	s   *page.Session
	now monitor.Time
	col columnID // under the cursor
}

// freshFor is how long a new flow has its mark.
const freshFor = monitor.Time(2e9)

// row draws a flow.
func (d *drawer) row(l *layout, f *page.Flow, cursor bool) (out paint.Line) {
	out.Select(cursor)
	for _, c := range l.columns {
		switch c.id {
		case colSource:
			d.ends(&out, l, f, cursor)
		case colSentAs, colDest, colDelivered:
		default:
			d.cell(&out, c, f, cursor && c.id == d.col)
		}
	}
	if f.Row.State&table.RowNew != 0 && !f.Row.Ended() && d.now-f.Row.First < freshFor {
		out.Pad(l.width - 1)
		out.Add(paint.New, "+")
	}
	if f.Row.Ended() || d.timedOut(f) {
		out.Fade(paint.Ended)
	}
	out.Fit(l.width)
	return out
}

// cell draws a column. A protocol's name that is too wide takes room of the next column.
func (d *drawer) cell(out *paint.Line, c placedColumn, f *page.Flow, chosen bool) {
	col, at := &columnTable[c.id], c.x
	if out.Width() >= at {
		at = out.Width() + 1
	}
	width := c.x + c.width - at
	if c.id == colProto {
		width = len("udplite")
	}
	var cell paint.Line
	col.text(d, &cell, f, width)
	cell.Cut(width)
	if col.right {
		at = c.x + c.width - cell.Width()
	}
	if chosen {
		cell.Choose()
	}
	out.Pad(at)
	out.AddLine(&cell)
}

// ends draws who talks to whom. Each end has its column; what does not fit there takes
// room that the row does not need elsewhere, and is cut only if the row has no more room.
func (d *drawer) ends(out *paint.Line, l *layout, f *page.Flow, cursor bool) {
	w := page.NewWay(d.s.Names, &f.Row.Flow, l.form())
	if i := slices.Index(endColumns[:], d.col); cursor && i >= 0 {
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

func (d *drawer) proto(l *paint.Line, f *page.Flow, _ int) {
	l.Add(paint.Text, f.Row.Flow.Orig.Proto.String())
}

func (d *drawer) timedOut(f *page.Flow) bool { return d.s.TimedOut(&f.Row, d.now) }

// state is the name of the state and a mark: × ended, · timed out, ! unanswered.
func (d *drawer) state(l *paint.Line, f *page.Flow, width int) {
	role, mark, text := paint.Text, "", page.StateText(&f.Row.Flow, f.Row.Known)
	switch {
	case f.Row.Ended():
		mark = "×"
	case d.timedOut(f):
		mark = "·"
	case !page.Answered(&f.Row):
		role, mark = paint.Warn, "!"
	default:
		l.Add(role, text)
		return
	}
	l.AddLeft(role, text, width-1)
	l.Add(role, mark)
}

func (d *drawer) netns(l *paint.Line, f *page.Flow, _ int) {
	l.Add(paint.Text, d.s.NetNS(f.Row.Flow.Orig.NetNS))
}

// put adds a text, or a dash if it is not known.
func put(l *paint.Line, known bool, text func() string) {
	if known {
		l.Add(paint.Text, text())
	} else {
		l.Add(paint.Muted, page.NoValue)
	}
}

// rate is a dash while nothing moves.
func (d *drawer) rate(l *paint.Line, f *page.Flow, _ int) {
	var rate uint64
	if d.s.Rates != nil && !f.Row.Ended() && !d.timedOut(f) {
		rate, _ = d.s.Rates.Of(f.Index, f.Row.Gen, d.now)
	}
	put(l, rate > 0, func() string { return human.Bytes(rate) + "/s" })
}

const counted = monitor.AttrCountersOrig | monitor.AttrCountersReply

func (d *drawer) bytes(l *paint.Line, f *page.Flow, _ int) {
	put(l, f.Row.Known.Any(counted), func() string {
		return human.Bytes(f.Row.Flow.CountersOrig.Bytes + f.Row.Flow.CountersReply.Bytes)
	})
}

func (d *drawer) packets(l *paint.Line, f *page.Flow, _ int) {
	put(l, f.Row.Known.Any(counted), func() string {
		return human.Short(f.Row.Flow.CountersOrig.Packets + f.Row.Flow.CountersReply.Packets)
	})
}

// age is the time since the flow began; of an ended one, how long it lasted. A flow that
// was there before the UI began is older than is known.
func (d *drawer) age(l *paint.Line, f *page.Flow, _ int) {
	born, end := f.Row.Born(), d.now
	if f.Row.Ended() {
		end = f.Row.Last
	}
	put(l, born != 0, func() string { return human.Age(page.Since(born, end)) })
}

// left is the time until the flow ends if no packet comes. When it is over and the flow is
// still there, a packet has come that no event reported.
func (d *drawer) left(l *paint.Line, f *page.Flow, _ int) {
	ends := f.Row.Ends()
	put(l, !f.Row.Ended() && f.Row.Known&monitor.AttrTimeout != 0 && ends > d.now,
		func() string { return human.Age(page.Since(d.now, ends)) })
}

func (d *drawer) mark(l *paint.Line, f *page.Flow, _ int) {
	if f.Row.Flow.Mark != 0 {
		l.Add(paint.Text, page.Hex(uint64(f.Row.Flow.Mark)))
	}
}

func (d *drawer) zone(l *paint.Line, f *page.Flow, _ int) {
	l.Add(paint.Text, page.ZoneText(&f.Row.Flow))
}

func (d *drawer) helper(l *paint.Line, f *page.Flow, _ int) {
	if f.Extra != nil && f.Row.Known&monitor.AttrHelper != 0 {
		l.Add(paint.Text, monitor.Escape(string(f.Extra.Helper)))
	}
}

func (d *drawer) labels(l *paint.Line, f *page.Flow, _ int) {
	if f.Extra != nil && f.Row.Known&monitor.AttrLabels != 0 {
		l.Add(paint.Text, strings.Join(d.s.LabelNames(f.Extra.Labels), ","))
	}
}
