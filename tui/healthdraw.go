package tui

import (
	"fmt"
	"time"

	"natlens/monitor/human"
	"natlens/tui/paint"
)

// wideCharts is the width from which on the charts stand beside each other.
const wideCharts = 100

// chartHeight is how many lines the curve of a chart takes.
func (p *healthPage) chartHeight() int {
	switch {
	case p.room >= 40:
		return 8
	case p.room >= 24:
		return 5
	case p.room >= 18:
		return 2
	}
	return 1
}

// chartLines is how many lines the charts take.
func (p *healthPage) chartLines() int {
	if p.width >= wideCharts {
		return p.chartHeight() + 2 // and a blank one
	}
	return 2 * (p.chartHeight() + 1)
}

func (p *healthPage) draw() []drawn {
	out := make([]drawn, 0, p.room)
	out = append(out, p.charts()...)
	out = append(out, p.heading())
	detail := p.detail()
	for i := range p.sight.height {
		at := p.top() + i
		switch {
		case at < len(p.view.items):
			out = append(out, p.row(&p.view.items[at], at == p.at))
			if at == p.at {
				out = append(out, detail...)
			}
		case i == 0 && len(p.view.items) == 0:
			out = append(out, p.fine())
		default:
			out = append(out, drawn{})
		}
	}
	for len(out) < p.room {
		out = append(out, drawn{})
	}
	return out[:p.room]
}

// fine is the list without items.
func (p *healthPage) fine() (d drawn) {
	d.line.Pad(marginLeft)
	switch {
	case !p.asked:
	case p.view.err != nil:
		d.line.Add(paint.Warn, "the kernel could not be asked: "+p.view.err.Error())
	case p.s.several():
		d.line.Add(paint.Muted, "counters and checks need one namespace: see --netns")
	case !p.view.live && p.s.cfg.Findings == nil:
		d.line.Add(paint.Muted, "a recording has no counters of the kernel; it tells flows, events and losses")
	case !p.view.live:
		d.line.Add(paint.Muted, "nothing is wrong with these flows; a recording has no counters of the kernel")
	default:
		d.line.Add(paint.New, "✓")
		d.line.Add(paint.Text, " all is well: no finding, check or counter complains")
	}
	d.line.Cut(p.width)
	return d
}

// charts draws the table and the events of the last ten minutes.
func (p *healthPage) charts() []drawn {
	h := p.chartHeight()
	if p.width < wideCharts {
		room := p.width - 2
		return append(p.chart(p.tableTitle(), h, room, func(m *moment) uint64 { return m.flows }, paint.Bar),
			p.chart(p.eventsTitle(room), h, room, func(m *moment) uint64 { return m.events }, paint.Bar)...)
	}
	room := (p.width - 4) / 2
	left := p.chart(p.tableTitle(), h, room, func(m *moment) uint64 { return m.flows }, level(p.full()))
	right := p.chart(p.eventsTitle(room), h, room, func(m *moment) uint64 { return m.events }, paint.Bar)
	for i := range left {
		left[i].line.Pad(room + 2)
		left[i].line.AddLine(&right[i].line)
	}
	return append(left, drawn{})
}

// chartScale is the room of the numbers beside a chart.
const chartScale = 7

// chart draws one: its title, and the curve with its highest value beside it.
func (p *healthPage) chart(title paint.Line, height, room int, of func(*moment) uint64, role paint.Role) []drawn {
	title.Cut(room)
	out := []drawn{{line: title}}
	values, known := p.view.line.values(max(10, room-chartScale-2), of)
	top := uint64(0)
	for _, v := range values {
		top = max(top, v)
	}
	for i, text := range chart(values, known, height) {
		var d drawn
		label := ""
		switch {
		case i == 0 && known > 0:
			label = human.Short(top)
		case i == height-1 && known > 0:
			label = "0"
		}
		d.line.Pad(1)
		d.line.AddRight(paint.Muted, label, chartScale-1)
		d.line.Add(paint.Text, " ")
		d.line.Add(role, text)
		out = append(out, d)
	}
	return out
}

// full is the share of the table that is in use; 0 if it is not known.
func (p *healthPage) full() float64 {
	limit := p.view.reading.Max
	if limit == 0 {
		return 0
	}
	return float64(p.view.reading.Entries) / float64(limit)
}

func (p *healthPage) tableTitle() (l paint.Line) {
	v := &p.view
	l.Add(paint.Label, " TABLE  ")
	if v.live && v.reading.Max > 0 {
		role := level(p.full())
		if role == paint.Bar {
			role = paint.Text
		}
		l.Add(role, human.Count(v.reading.Entries)+" of "+human.Count(v.reading.Max)+", "+human.Percent(p.full()))
	} else {
		l.Add(paint.Text, human.Plural(v.line.flows, "flow"))
	}
	l.Add(paint.Muted, p.span())
	return l
}

// last is the newest second.
func (v *healthView) last() moment {
	if v.line.n == 0 {
		return moment{}
	}
	return v.line.seconds[(v.line.head-1+timelineSeconds)%timelineSeconds]
}

// eventsTitle tells the rate, what was lost, and of which kinds the events were,
// as far as there is room.
func (p *healthPage) eventsTitle(room int) (l paint.Line) {
	v := &p.view
	l.Add(paint.Label, " EVENTS  ")
	l.Add(paint.Text, human.Count(v.last().events)+"/s")
	seen := v.line.seen
	if seen.lost > 0 {
		l.Add(paint.Bad, ", "+human.Count(seen.lost)+" lost")
	}
	for _, kind := range []string{human.Short(seen.created) + " new", human.Short(seen.updated) + " update", human.Short(seen.destroyed) + " destroy"} {
		if l.Width()+len(", ")+paint.Width(kind) > room {
			break
		}
		l.Add(paint.Muted, ", "+kind)
	}
	return l
}

// span tells how far back the charts go.
func (p *healthPage) span() string {
	n := time.Duration(p.view.line.n) * time.Second
	if n == 0 {
		return ""
	}
	return ", last " + human.Age(n)
}

// healthName is the room of the names in the list.
func (p *healthPage) healthName() int {
	switch {
	case p.width >= wideCharts:
		return 23
	case p.width >= 76:
		return 21
	}
	return 16
}

const healthSince = 6

func (p *healthPage) heading() (d drawn) {
	d.line.Pad(marginLeft)
	d.line.AddLeft(paint.Label, "PROBLEM", p.healthName())
	d.line.Add(paint.Text, " ")
	d.line.AddLeft(paint.Label, "WHAT IS SEEN", p.textRoom())
	d.line.AddRight(paint.Label, "SINCE", healthSince)
	return d
}

// textRoom is the room of the text of an item.
func (p *healthPage) textRoom() int {
	return p.width - marginLeft - p.healthName() - 1 - healthSince - 1
}

// marks of the levels, and what they look like.
var healthMarks = [...]struct {
	mark string
	role paint.Role
}{HealthNote: {"·", paint.Text}, HealthWarn: {"!", paint.Warn}, HealthFail: {"✗", paint.Bad}}

func (p *healthPage) row(it *healthItem, cursor bool) (d drawn) {
	if cursor {
		d.base = paint.Selected
		d.line.Add(paint.Key, " ▌")
	}
	d.line.Pad(marginLeft)
	m := healthMarks[it.level]
	d.line.AddLeft(m.role, m.mark+" "+it.name, p.healthName())
	d.line.Add(paint.Text, " ")
	d.line.AddLeft(paint.Text, it.text, p.textRoom())
	age := ""
	if it.since != 0 {
		age = human.Age(since(it.since, p.view.now))
	}
	d.line.AddRight(paint.Muted, age, healthSince)
	d.line.Fit(p.width)
	return d
}

// detailLines is how many lines the item under the cursor may take beside its
// own.
func (p *healthPage) detailLines() int { return max(1, min(6, p.room-p.chartLines()-4)) }

// detail is the item under the cursor in full: what did not fit, why, and the
// command.
func (p *healthPage) detail() []drawn {
	it := p.item()
	if it == nil {
		return nil
	}
	var out []drawn
	most := p.detailLines()
	if paint.Width(it.text) > p.textRoom() {
		out = wrapped(paint.Text, it.text, "", marginLeft+2, p.width, most)
	}
	text := it.why
	if it.filter != "" {
		text = fmt.Sprintf("%s (enter shows its flows)", text)
	}
	if text != "" && len(out) < most {
		out = append(out, wrapped(paint.Muted, text, "", marginLeft+2, p.width, most-len(out))...)
	}
	if it.command != "" {
		if len(out) == most {
			out = out[:most-1]
		}
		out = append(out, wrapped(paint.Key, "→ "+it.command, "", marginLeft+2, p.width, max(1, most-len(out)))...)
	}
	return out
}
