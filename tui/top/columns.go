package top

import (
	"fmt"
	"strings"

	"natlens/monitor/groups"
	"natlens/monitor/human"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// The columns that groups can be ordered by, from left to right.
const (
	byName = iota + 1
	byRate
	byBytes
	byFlows
	byNew
)

var orders = []page.Order{byName: {Name: "name"}, byRate: {Name: "rate", Down: true},
	byBytes: {Name: "bytes", Down: true},
	byFlows: {Name: "flows", Down: true}, byNew: {Name: "new", Down: true}}

var orderOf = [...]groups.Order{byName: groups.ByName, byRate: groups.ByRate, byBytes: groups.ByBytes,
	byFlows: groups.ByFlows, byNew: groups.ByNew}

// The bar uses the space that the names leave. Remaining space is at the right, so that numbers
// are beside their names.
const (
	barLeast  = 8
	barMost   = 40
	nameLeast = 24
)

type column = page.Column[row]

// columns divides the space between the names and the bar. The names keep the width of those
// seen before, so that the bar does not jump.
func (p *Page) columns() []column {
	bar, spark := column{}, column{Title: "LAST MINUTE"}
	bar.Draw = func(out *paint.Line, x int, r *row, _ bool) {
		out.Pad(x)
		out.Bar(paint.Bar, min(1, p.share(r)), bar.Width)
	}
	spark.Draw = func(out *paint.Line, x int, r *row, _ bool) {
		if m := p.minutes[r.path]; m != nil {
			out.Pad(x)
			out.Add(paint.Bar, paint.Spark(m.In(spark.Width)))
		}
	}
	name := column{ID: byName, Title: strings.ToUpper(p.title()), Width: p.Width - paint.MarginLeft - paint.MarginRight}
	name.Cell = func(r *row, width int) (paint.Role, string) { return paint.Text, p.name(r, width) }
	counted, wide := p.answer.all.Counted > 0, p.Width >= 72
	numbers := []column{
		p.rate("RATE", byRate, counted, groups.Both[float64].Sum),
		p.rate("UP", 0, counted && p.Width >= 120, func(b groups.Both[float64]) float64 { return b.Up }),
		p.rate("DOWN", 0, counted && p.Width >= 120, func(b groups.Both[float64]) float64 { return b.Down }),
		number("BYTES", byBytes, 7, counted && wide, func(r *row) string { return human.Bytes(r.Bytes.Sum()) }),
		number("FLOWS", byFlows, 8, true, func(r *row) string { return human.Count(r.Flows) }),
		number("SHARE", 0, 7, true, func(r *row) string { return human.Percent(p.share(r)) }),
		number("NEW/S", byNew, 8, !counted || wide, func(r *row) string { return freshText(r.New) }),
	}
	if p.Width >= 100 && p.answer.all.Rated > 0 {
		spark.Width = map[bool]int{p.Width >= 150: 30, p.Width >= 200: 60, p.Width < 150: 12}[true]
	}
	for _, c := range append(numbers, spark) {
		if c.Width > 0 {
			name.Width -= c.Width + paint.Gap
		}
	}
	p.needs = max(p.needs, paint.Width(name.Title)+1) // and the arrow of the order
	for _, r := range p.Table.InSight() {
		p.needs = max(p.needs, paint.Width(p.name(&r, 1000)))
	}
	if bar.Width = min(barMost, name.Width-paint.Gap-p.needs); bar.Width < barLeast {
		bar.Width = 0
	} else {
		name.Width = min(name.Width-bar.Width-paint.Gap, max(p.needs, nameLeast))
	}
	at := len(numbers) - 1
	return page.Beside(paint.Gap, append(append([]column{name}, numbers[:at]...), bar, numbers[at], spark)...)
}

// number returns a column of numbers; without a width if it is not shown.
func number(title string, id, width int, shown bool, text func(*row) string) column {
	if !shown {
		return column{}
	}
	return column{ID: id, Title: title, Width: width, Right: true,
		Cell: func(r *row, _ int) (paint.Role, string) { return paint.Text, text(r) }}
}

// rate returns a column with a part of the groups' rates.
func (p *Page) rate(title string, id int, shown bool, part func(groups.Both[float64]) float64) column {
	return number(title, id, 8, shown, func(r *row) string {
		if v := part(r.Rate); v >= 1 {
			return human.Rate(v, p.S.Bits)
		}
		return page.NoValue
	})
}

// share returns a group's share of all flows, of what the groups are sorted by.
func (p *Page) share(r *row) float64 {
	of, all := r.Sums.Rate.Sum(), p.answer.all.Rate.Sum()
	switch by := p.By; {
	case by == byBytes:
		of, all = float64(r.Bytes.Sum()), float64(p.answer.all.Bytes.Sum())
	case by == byNew:
		of, all = float64(r.New), float64(p.answer.all.New)
	case by == byFlows, p.answer.all.Rated == 0:
		of, all = float64(r.Flows), float64(p.answer.all.Flows)
	}
	if of == 0 {
		return 0
	}
	return of / all
}

// name returns a group's name with the sign of the tree.
func (p *Page) name(r *row, width int) string {
	sign, cut := "▶ ", paint.Cut
	switch {
	case r.leaf:
		sign = "  "
	case p.open[r.path]:
		sign = "▼ "
	}
	text, address := r.text(p.S)
	if address {
		cut = paint.CutMiddle
	}
	sign = strings.Repeat("  ", r.level) + sign
	return sign + cut(text, width-paint.Width(sign))
}

// freshText returns new flows per second.
func freshText(n uint64) string {
	v := float64(n) * 1e9 / float64(freshSpan)
	switch {
	case n == 0:
		return page.NoValue
	case v < 9.95:
		return fmt.Sprintf("%.1f", v)
	}
	return human.Count(uint64(v + 0.5))
}

// graphLabel is the width of the text beside the graph.
const graphLabel = 31

// graph draws the traffic of the last minute; nothing while no rate is known.
func (p *Page) graph() (out []paint.Line) {
	height := 0
	switch room := p.Room; {
	case p.answer.all.Rated == 0:
	case room >= 40:
		height = 5
	case room >= 25:
		height = 3
	case room >= 18:
		height = 2
	}
	cells := 30
	for 2*cells+paint.MarginLeft+graphLabel+paint.MarginRight <= min(p.Width, 160) {
		cells *= 2
	}
	rate, bits := p.answer.all.Rate, p.S.Bits
	labels := [...]string{human.Rate(rate.Sum(), bits) + "  1-min peak " + human.Rate(float64(p.S.Total.Peak()), bits),
		"↑ " + human.Rate(rate.Up, bits) + "  ↓ " + human.Rate(rate.Down, bits)}
	values, known := p.S.Total.In(cells)
	for i, chart := range paint.Chart(values, known, height) {
		l := paint.Row(false)
		if i < len(labels) {
			l.Add(paint.Text, labels[i])
		}
		l.Pad(paint.MarginLeft + graphLabel)
		l.Add(paint.Bar, chart)
		l.Cut(p.Width)
		out = append(out, l)
	}
	return out
}
