package top

import (
	"cmp"
	"fmt"
	"strings"

	"natlens/monitor/human"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// The columns from the right: bytes, new flows a second, a bar, share, flows. The name has
// the rest.
const (
	flowsWidth = 10
	newWidth   = 8
	bytesWidth = 9
	shareWidth = 7
)

// The bar has what the names leave. What both leave stays at the right, so that numbers are
// beside their names.
const (
	barLeast  = 8
	barMost   = 40
	nameLeast = 24
)

// lay shares the room between the names and the bar. The room of names that were in sight
// is kept, so that the bar does not jump.
func (p *Page) lay() {
	p.nameWidth = p.width - paint.MarginLeft - paint.MarginRight - flowsWidth - shareWidth - newWidth - 2*paint.Gap
	if p.tally.counters {
		p.nameWidth -= bytesWidth + paint.Gap
	}
	groups := p.tally.groups
	for i := p.Top(); i < min(len(groups), p.Top()+p.Height); i++ {
		p.needs = max(p.needs, paint.Width(groupings[p.by].text(p.s, groups[i].key)))
	}
	if p.bar = min(barMost, p.nameWidth-paint.Gap-p.needs); p.bar < barLeast {
		p.bar = 0
		return
	}
	p.nameWidth = min(p.nameWidth-p.bar-paint.Gap, max(p.needs, nameLeast))
}

func (p *Page) Draw() []paint.Line {
	p.lay()
	out := p.Sight.Draw([]paint.Line{p.choices(), p.heading()}, p.row, p.why)
	if line := 2 + p.N - p.Top(); p.tally.all > p.N && line < len(out) {
		out[line] = paint.Row(false)
		out[line].Add(paint.Muted, "and "+human.Count(uint64(p.tally.all-p.N))+" more")
	}
	return out
}

func (p *Page) why() string {
	if !p.tally.counted {
		return ""
	}
	return p.s.WhyEmpty("such flows")
}

// choices draws the names of the groupings.
func (p *Page) choices() paint.Line {
	l := paint.Row(false)
	l.Add(paint.Muted, "by  ")
	p.tabs = p.tabs[:0]
	names, gap := p.names()
	for g, name := range names {
		role := paint.Text
		if g == p.by {
			role = paint.Tab
		}
		p.tabs = append(p.tabs, l.Width())
		l.Add(role, name)
		p.tabs = append(p.tabs, l.Width())
		l.Pad(l.Width() + gap)
	}
	l.Cut(p.width)
	return l
}

// names are the names of the groupings that fit beside each other, and the blanks between
// them.
func (p *Page) names() (names []string, gap int) {
	for _, name := range []func(g *grouping) string{
		func(g *grouping) string { return g.name },
		func(g *grouping) string { return cmp.Or(g.middle, g.name) },
		func(g *grouping) string { return g.short },
	} {
		names = nil
		for i := range p.offered() {
			names = append(names, name(&groupings[i]))
		}
		if paint.MarginLeft+len("by  ")+len(strings.Join(names, "  ")) <= p.width {
			return names, 2
		}
	}
	return names, 1
}

func (p *Page) heading() paint.Line {
	l := paint.Row(false)
	from := l.Width()
	p.heads = p.heads[:0]
	title := func(o order, text string, add func(paint.Role, string, int), width int) {
		role := paint.Label
		if p.order.column() == o {
			role = paint.Sorted
			arrow := "▼"
			if (o == byName) == (p.order&reversed == 0) {
				arrow = "▲"
			}
			text += arrow
		}
		add(role, text, width)
		p.heads = append(p.heads, head{o, from, l.Width()})
		from = l.Width()
	}
	title(byName, strings.ToUpper(groupings[p.by].name), l.AddLeft, p.nameWidth)
	title(byFlows, "FLOWS", l.AddRight, flowsWidth)
	l.AddRight(paint.Label, "SHARE", shareWidth+paint.Gap)
	if p.bar > 0 {
		l.Pad(l.Width() + paint.Gap + p.bar)
	}
	from = l.Width()
	title(byFresh, "NEW/S", l.AddRight, newWidth+paint.Gap)
	if p.tally.counters {
		title(byBytes, "BYTES", l.AddRight, bytesWidth+paint.Gap)
	}
	return l
}

func (p *Page) row(at int, cursor bool) paint.Line {
	g, by := &p.tally.groups[at], &groupings[p.by]
	l := paint.Row(cursor)
	l.AddLeft(paint.Text, by.cut(by.text(p.s, g.key), p.nameWidth), p.nameWidth)
	l.AddRight(paint.Text, human.Count(g.flows), flowsWidth)
	share := float64(g.flows) / float64(max(1, p.tally.flows))
	l.AddRight(paint.Text, human.Percent(share), shareWidth+paint.Gap)
	if p.bar > 0 {
		l.Pad(l.Width() + paint.Gap)
		l.Bar(paint.Bar, share, p.bar)
	}
	l.AddRight(paint.Text, freshText(g.fresh), newWidth+paint.Gap)
	if p.tally.counters {
		l.AddRight(paint.Text, human.Bytes(g.bytes), bytesWidth+paint.Gap)
	}
	l.Fit(p.width)
	return l
}

// freshText writes new flows a second.
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
