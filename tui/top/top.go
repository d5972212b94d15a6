// Package top is the page Top of the terminal UI: flows counted by a common attribute, such as
// their source.
package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor/human"
	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// Page counts flows.
type Page struct {
	page.Table[count, key]
	page.Asker

	by    int // index of the grouping
	tally tally

	// The last result of each grouping for the current filter. It is shown until the next one
	// comes.
	known map[int]tally
	gen   int

	needs int // width of the longest name seen
}

// New returns the page. It counts by source.
func New(s *page.Session) *Page {
	p := new(Page)
	p.Table = page.Table[count, key]{S: s, Name: "Top", By: byFlows, Down: true, Follow: true,
		Key: func(g *count) key { return g.key }, Columns: p.columns, OnTitle: p.orderBy,
		Open:  func() tea.Cmd { return s.Drill(p.Condition()) },
		Above: func() []paint.Line { return []paint.Line{p.choices()} },
		Why:   p.why, Rest: p.more, Opens: "these flows",
		Actions: keys.Actions{
			keys.Left:    {Run: func() tea.Cmd { return p.beside(-1) }, Does: "previous group"},
			keys.Right:   {Run: func() tea.Cmd { return p.beside(1) }, Label: "←→", Does: "group by"},
			keys.Sort:    {Run: p.nextOrder},
			keys.Reverse: {Run: func() tea.Cmd { return p.orderBy(p.By) }},
		},
		Footer: []keys.Action{keys.Enter, keys.Right, keys.Sort, keys.Filter, keys.Only, keys.Pause, keys.Names}}
	return p
}

func (p *Page) Resize(width, height int) {
	p.needs = 0
	p.Table.Resize(width, height)
}

func (p *Page) Pull() tea.Cmd {
	if p.gen != p.S.Gen {
		p.gen, p.known, p.needs = p.S.Gen, nil, 0
	}
	t, f, local, gen, by := p.S.Table, p.S.Filter, p.S.Env.Local, p.gen, p.by
	order, now := order{p.By, p.Down}, p.S.Clock()
	return p.Ask(p.S, p.Pull, func() func() {
		found := countBy(by, t, f, local, order, now)
		return func() {
			if by == p.by && gen == p.gen {
				p.show(found)
				p.S.Count(p, int(found.flows), found.live)
			}
		}
	})
}

// show sets a result, or the zero tally before the first one.
func (p *Page) show(t tally) {
	if p.known == nil {
		p.known = make(map[int]tally)
	}
	p.tally, p.known[p.by] = t, t
	p.SetAll(t.groups)
}

// offered returns the groupings that are offered.
func (p *Page) offered() (all []int) {
	for by := range groupings {
		if where := groupings[by].where; where == nil || where(p.S) {
			all = append(all, by)
		}
	}
	return all
}

// group counts by another grouping.
func (p *Page) group(by int) tea.Cmd {
	p.by, p.needs, p.Follow = by, 0, true
	p.show(p.known[by])
	return p.Pull()
}

// beside counts by the next grouping, or the previous one.
func (p *Page) beside(by int) tea.Cmd {
	all := p.offered()
	return p.group(all[(slices.Index(all, p.by)+len(all)+by)%len(all)])
}

// nextOrder sorts by the next known column.
func (p *Page) nextOrder() tea.Cmd {
	next := p.By%byName + 1
	if next == byBytes && !p.tally.counters {
		next++
	}
	return p.orderBy(next)
}

// orderBy sorts by a column, in its usual direction first; the same column again reverses it.
func (p *Page) orderBy(column int) tea.Cmd {
	p.Down = p.Down != (p.By == column)
	if p.By != column {
		p.By, p.Down = column, column != byName
	}
	return p.Pull()
}

// Condition returns the group under the cursor as a filter.
func (p *Page) Condition() string {
	g := p.Cursor()
	if g == nil {
		return ""
	}
	return groupings[p.by].filter(p.S, g.key)
}

// WantsDump reports whether the groups have bytes.
func (p *Page) WantsDump() bool { return p.tally.counters }

// Click chooses a grouping, an order or a group, and opens the group under the cursor.
func (p *Page) Click(x, y int) tea.Cmd {
	if y > 0 {
		return p.Table.Click(x, y)
	}
	l := p.choices()
	if by, ok := l.At(x); ok {
		return p.group(by)
	}
	return nil
}

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
