package tui

import (
	"slices"
	"strconv"

	"natlens/monitor"
	"natlens/monitor/table"
	"natlens/tui/paint"
)

// flowDrawer draws the cells of a row. It stands for one frame.
type flowDrawer struct {
	s   *session
	now monitor.Time
	col columnID // under the cursor
}

// freshFor is how long a new flow bears its mark.
const freshFor = monitor.Time(2e9)

// line draws a row of the Flows page.
func (d *flowDrawer) line(l *layout, f *flowRef, cursor bool) drawn {
	var out drawn
	if cursor {
		out.base = paint.Selected
		out.line.Add(paint.Key, " ▌")
	}
	for _, c := range l.columns {
		switch c.id {
		case colSource:
			d.ends(&out.line, l, f, cursor)
			continue
		case colSentAs, colDest, colDelivered:
			continue
		}
		d.cell(&out.line, c, f, cursor && c.id == d.col)
	}
	if f.row.State&table.RowBorn != 0 && !f.row.Ended() && d.now-f.row.First < freshFor {
		out.line.Pad(l.width - 1)
		out.line.Add(paint.New, "+")
	}
	if f.row.Ended() || d.timedOut(f) {
		out.line.Fade(paint.Ended)
	}
	out.line.Fit(l.width)
	return out
}

// cell draws what stands in a column of its own. The name of a protocol that is
// too wide for its column takes of the next one what it must.
func (d *flowDrawer) cell(out *paint.Line, c placedColumn, f *flowRef, chosen bool) {
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

func (d *flowDrawer) proto(l *paint.Line, f *flowRef, _ int) {
	l.Add(paint.Text, f.row.Flow.Orig.Proto.String())
}

// timedOut tells of a flow whose time is over, while the kernel has not removed it
// yet.
func (d *flowDrawer) timedOut(f *flowRef) bool { return d.s.timedOut(&f.row, d.now) }

// timedOut goes by what was read last; of a closed connection the clock is enough,
// for no packet comes that would prolong it.
func (s *session) timedOut(r *table.Row, now monitor.Time) bool {
	if r.Ended() {
		return false
	}
	closed := r.Flow.Orig.Proto == monitor.TCP && r.Known&monitor.AttrState != 0 && r.Known&monitor.AttrTimeout != 0 &&
		(r.Flow.State == monitor.TCPTimeWait || r.Flow.State == monitor.TCPClose)
	return s.missing[r.Gen] || closed && r.Ends() < now
}

// state is the name of the state, and a mark: × ended, · timed out, ! unanswered.
func (d *flowDrawer) state(l *paint.Line, f *flowRef, width int) {
	role := paint.Text
	mark := ""
	switch {
	case f.row.Ended():
		mark = "×"
	case d.timedOut(f):
		mark = "·"
	case !answered(&f.row):
		role, mark = paint.Warn, "!"
	}
	if mark == "" {
		l.Add(role, stateText(&f.row))
		return
	}
	l.AddLeft(role, stateText(&f.row), width-1)
	l.Add(role, mark)
}

// answered reports whether packets went both ways; of a flow whose status nobody
// told it is taken for granted.
func answered(r *table.Row) bool {
	return r.Known&monitor.AttrStatus == 0 || r.Flow.Status.Has(monitor.SeenReply)
}

// stateText is the kernel's name of the state; protocols without states have
// what the status bits tell.
func stateText(r *table.Row) string {
	return flowState(&r.Flow, r.Known)
}

func flowState(f *monitor.Flow, known monitor.Attrs) string {
	p := f.Orig.Proto
	if known&monitor.AttrState != 0 {
		if n := f.State.Name(p); n != "" {
			return n
		}
		return strconv.Itoa(int(f.State))
	}
	switch {
	case p.HasState():
		return "–"
	case p.IsICMP():
		return icmpText(f.Orig.ICMPType(), p)
	case known&monitor.AttrStatus == 0:
		return "–"
	case f.Status.Has(monitor.Assured):
		return "assured"
	case f.Status.Has(monitor.SeenReply):
		return "replied"
	}
	return "unreplied"
}

// icmpText names the kinds of ICMP queries that conntrack makes flows of.
func icmpText(typ uint8, p monitor.Proto) string {
	switch {
	case p == monitor.ICMP && typ == 8, p == monitor.ICMPv6 && typ == 128:
		return "echo"
	case p == monitor.ICMP && typ == 13:
		return "timestamp"
	case p == monitor.ICMP && typ == 17:
		return "address mask"
	case p == monitor.ICMP && typ == 15:
		return "information"
	}
	return "type " + strconv.Itoa(int(typ))
}

// ends draws who talks to whom. Each end has its column; what does not fit there
// takes room that the row does not need elsewhere, and only what has no room in
// the whole row is cut.
func (d *flowDrawer) ends(out *paint.Line, l *layout, f *flowRef, cursor bool) {
	w := d.s.way(&f.row.Flow, l.form())
	if i := slices.Index(endColumns[:], d.col); cursor && i >= 0 {
		w[i].chosen = true
	}
	gap := l.gap
	cells, need := l.endCells(&w, gap)
	if room := l.endsEnd - l.ends[0]; need > room {
		gap = 1
		_, need = l.endCells(&w, gap)
		w.cut(w.width() - max(0, need-room))
		cells, _ = l.endCells(&w, gap)
	}
	spread(cells[:], l.endsEnd, gap)
	for i := range cells {
		if cells[i].width > 0 {
			out.Pad(cells[i].at)
		}
		w[i].add(out)
	}
}
