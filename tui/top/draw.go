package top

import (
	"cmp"
	"fmt"
	"strings"

	"natlens/monitor/human"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// The bar uses the space that the names leave. Remaining space is at the right, so that numbers
// are beside their names.
const (
	barLeast  = 8
	barMost   = 40
	nameLeast = 24
)

// columns divides the space between the names and the bar. The names keep the width of those
// seen before, so that the bar does not jump.
func (p *Page) columns() []page.Column[count] {
	type column = page.Column[count]
	by := &groupings[p.by]
	text := func(text func(*count) string) func(*count, int) (paint.Role, string) {
		return func(g *count, _ int) (paint.Role, string) { return paint.Text, text(g) }
	}
	share := func(g *count) float64 { return float64(g.flows) / float64(max(1, p.tally.flows)) }
	name := column{ID: byName, Title: strings.ToUpper(by.name), Cell: func(g *count, width int) (paint.Role, string) {
		return paint.Text, by.cut(by.text(p.S, g.key), width)
	}}
	barWidth := 0
	bar := column{Draw: func(out *paint.Line, x int, g *count, _ bool) {
		out.Pad(x)
		out.Bar(paint.Bar, share(g), barWidth)
	}}
	numbers := []column{
		{ID: byFlows, Title: "FLOWS", Width: 8, Cell: text(func(g *count) string { return human.Count(g.flows) })},
		{Title: "SHARE", Width: 7, Cell: text(func(g *count) string { return human.Percent(share(g)) })},
		{ID: byFresh, Title: "NEW/S", Width: 8, Cell: text(func(g *count) string { return freshText(g.fresh) })},
		{ID: byBytes, Title: "BYTES", Width: 9, Cell: text(func(g *count) string { return human.Bytes(g.bytes) })},
	}
	if !p.tally.counters {
		numbers = numbers[:3]
	}
	name.Width = p.Width - paint.MarginLeft - paint.MarginRight
	for i := range numbers {
		numbers[i].Right = true
		name.Width -= numbers[i].Width + paint.Gap
	}
	for _, g := range p.Table.InSight() {
		p.needs = max(p.needs, paint.Width(by.text(p.S, g.key)))
	}
	if bar.Width = min(barMost, name.Width-paint.Gap-p.needs); bar.Width < barLeast {
		bar.Width = 0
	} else {
		name.Width = min(name.Width-bar.Width-paint.Gap, max(p.needs, nameLeast))
	}
	barWidth = bar.Width
	return page.Beside(paint.Gap, append([]column{name, numbers[0], numbers[1], bar}, numbers[2:]...)...)
}

// more reports how many groups are not shown.
func (p *Page) more() (l paint.Line) {
	if n := p.tally.all - len(p.Rows); n > 0 {
		l = paint.Row(false)
		l.Add(paint.Muted, "and "+human.Count(uint64(n))+" more")
	}
	return l
}

func (p *Page) why() string {
	if !p.tally.counted {
		return ""
	}
	return p.S.WhyEmpty("such flows")
}

// choices draws the names of the groupings.
func (p *Page) choices() paint.Line {
	l := paint.Row(false)
	l.Add(paint.Muted, "by  ")
	names, gap := p.names()
	for i, g := range p.offered() {
		role, name := paint.Text, names[i]
		if g == p.by {
			role = paint.Tab
		}
		l.Mark(g, func() { l.Add(role, name) })
		l.Pad(l.Width() + gap)
	}
	l.Cut(p.Width)
	return l
}

// names returns the names of the groupings that fit beside each other, and the spaces between
// them.
func (p *Page) names() (names []string, gap int) {
	for _, name := range []func(g *grouping) string{
		func(g *grouping) string { return g.name },
		func(g *grouping) string { return cmp.Or(g.middle, g.name) },
		func(g *grouping) string { return g.short },
	} {
		names = nil
		for _, i := range p.offered() {
			names = append(names, name(&groupings[i]))
		}
		if paint.MarginLeft+len("by  ")+len(strings.Join(names, "  ")) <= p.Width {
			return names, 2
		}
	}
	return names, 1
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
