package tui

import (
	"fmt"
	"strings"

	"natlens/monitor/human"
	"natlens/tui/paint"
)

// The columns of the Top page, from the right: bytes, new flows a second, a bar,
// share, flows. The name has the rest.
const (
	topFlows = 10
	topNew   = 8
	topBytes = 9
	topShare = 7
)

// The bar has what the names leave. What both leave stays at the right: numbers
// are read beside their names.
const (
	topBarLeast  = 8
	topBarMost   = 40
	topNameLeast = 24
)

// lay shares the room between the names and the bar. Names that were in sight
// keep their room until the names are others: the bar does not jump.
func (p *topPage) lay() {
	p.nameWidth = p.width - marginLeft - marginRight - topFlows - topShare - topNew - 2*columnGap
	if p.tally.counters {
		p.nameWidth -= topBytes + columnGap
	}
	groups := p.tally.groups
	for i := p.top(); i < min(len(groups), p.top()+p.height); i++ {
		p.needs = max(p.needs, paint.Width(p.by.name(p.s, &groups[i])))
	}
	if p.bar = min(topBarMost, p.nameWidth-columnGap-p.needs); p.bar < topBarLeast {
		p.bar = 0
		return
	}
	p.nameWidth = min(p.nameWidth-p.bar-columnGap, max(p.needs, topNameLeast))
}

func (p *topPage) draw() []drawn {
	p.lay()
	out := make([]drawn, 0, p.height+2)
	out = append(out, p.choices(), p.heading())
	for i := range p.height {
		at := p.top() + i
		var d drawn
		switch {
		case at < len(p.tally.groups):
			d = p.row(&p.tally.groups[at], at == p.at)
		case at == len(p.tally.groups) && p.tally.all > len(p.tally.groups):
			d.line.Pad(marginLeft)
			d.line.Add(paint.Muted, fmt.Sprintf("and %s more", human.Count(uint64(p.tally.all-len(p.tally.groups)))))
		case i == 1 && len(p.tally.groups) == 0 && p.tally.counted:
			d.line.Pad(marginLeft)
			d.line.Add(paint.Muted, p.s.whyEmpty("such flows"))
		}
		out = append(out, d)
	}
	return out
}

// choices draws the groupings; as far as they fit, around the chosen one.
func (p *topPage) choices() drawn {
	var d drawn
	p.tabs = p.tabs[:0]
	d.line.Pad(marginLeft)
	d.line.Add(paint.Muted, "by  ")
	names, gap := p.choiceNames()
	for g, name := range names {
		role := paint.Text
		if grouping(g) == p.by {
			role = paint.Tab
		}
		p.tabs = append(p.tabs, d.line.Width())
		d.line.Add(role, name)
		p.tabs = append(p.tabs, d.line.Width())
		d.line.Pad(d.line.Width() + gap)
	}
	d.line.Cut(p.width)
	return d
}

// choiceNames are the names of the groupings that fit beside each other, and the
// blanks between them.
func (p *topPage) choiceNames() (names []string, gap int) {
	middling := groupingNames
	middling[byService] = "dst port"
	for _, all := range [][groupings]string{groupingNames, middling, groupingShort} {
		names = all[:p.groupings()]
		if marginLeft+len("by  ")+len(strings.Join(names, "  ")) <= p.width {
			return names, 2
		}
	}
	return names, 1
}

func (p *topPage) heading() drawn {
	var d drawn
	p.heads = p.heads[:0]
	from := marginLeft
	head := func(o tallied, title string, add func(paint.Role, string, int), width int) {
		role := paint.Label
		if p.order.column() == o {
			role = paint.Sorted
			arrow := "▼"
			if (o == orderName) == (p.order&turned == 0) {
				arrow = "▲"
			}
			title += arrow
		}
		add(role, title, width)
		p.heads = append(p.heads, topHead{o, from, d.line.Width()})
		from = d.line.Width()
	}
	d.line.Pad(marginLeft)
	head(orderName, strings.ToUpper(groupingNames[p.by]), d.line.AddLeft, p.nameWidth)
	head(orderFlows, "FLOWS", d.line.AddRight, topFlows)
	d.line.AddRight(paint.Label, "SHARE", topShare+columnGap)
	if p.bar > 0 {
		d.line.Pad(d.line.Width() + columnGap + p.bar)
	}
	from = d.line.Width()
	head(orderFresh, "NEW/S", d.line.AddRight, topNew+columnGap)
	if p.tally.counters {
		head(orderBytes, "BYTES", d.line.AddRight, topBytes+columnGap)
	}
	return d
}

func (p *topPage) row(g *count, cursor bool) drawn {
	var d drawn
	if cursor {
		d.base = paint.Selected
		d.line.Add(paint.Key, " ▌")
	}
	d.line.Pad(marginLeft)
	d.line.AddLeft(paint.Text, p.by.fitName(p.s, g, p.nameWidth), p.nameWidth)
	d.line.AddRight(paint.Text, human.Count(g.flows), topFlows)
	share := 0.0
	if p.tally.flows > 0 {
		share = float64(g.flows) / float64(p.tally.flows)
	}
	d.line.AddRight(paint.Text, human.Percent(share), topShare+columnGap)
	if p.bar > 0 {
		d.line.Pad(d.line.Width() + columnGap)
		addBar(&d.line, paint.Bar, share, p.bar)
	}
	fresh := float64(g.fresh) * 1e9 / float64(freshSpan)
	d.line.AddRight(paint.Text, freshText(fresh), topNew+columnGap)
	if p.tally.counters {
		d.line.AddRight(paint.Text, human.Bytes(g.bytes), topBytes+columnGap)
	}
	d.line.Fit(p.width)
	return d
}

// freshText writes new flows a second.
func freshText(v float64) string {
	switch {
	case v == 0:
		return noValue
	case v < 9.95:
		return fmt.Sprintf("%.1f", v)
	}
	return human.Count(uint64(v + 0.5))
}
