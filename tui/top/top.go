// Package top is the page Top of the terminal UI: flows counted by something they share,
// such as their source.
package top

import (
	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/tui/keys"
	"natlens/tui/page"
)

// Page counts flows.
type Page struct {
	s *page.Session
	page.Asker
	page.List[key]

	by    int // the grouping
	order order
	tally tally

	// The last answer of each grouping for the filter of that number: it is shown until the
	// next one is there.
	known map[int]tally
	gen   int

	width          int
	needs          int   // the widest name that was in sight
	nameWidth, bar int   // cells, as lay shares them
	tabs           []int // where the names of the groupings begin and end
	heads          []head
}

// head is where the title of a column is that the groups can be ordered by.
type head struct {
	order    order
	from, to int
}

// New returns the page. It counts by source.
func New(s *page.Session) *Page { return &Page{s: s} }

func (p *Page) Title() string { return "Top" }

// CountsMatches says that the page counts the flows of the filter.
func (p *Page) CountsMatches() {}

func (p *Page) Keys() keys.Actions {
	return keys.Actions{
		keys.Left: {
			Run:  func() tea.Cmd { return p.group((p.by + p.offered() - 1) % p.offered()) },
			Does: "previous group",
		},
		keys.Right:   {Run: func() tea.Cmd { return p.group((p.by + 1) % p.offered()) }, Label: "←→", Does: "group by"},
		keys.Sort:    {Run: p.nextOrder},
		keys.Reverse: {Run: func() tea.Cmd { return p.orderBy(p.order.column()) }},
		keys.Enter:   {Run: func() tea.Cmd { return p.s.Drill(p.Condition()) }, Does: "these flows"},
	}
}

func (p *Page) Hints() []keys.Action {
	return []keys.Action{keys.Enter, keys.Right, keys.Sort, keys.Filter, keys.Only, keys.Pause, keys.Names}
}

// Resize sets the room. Two lines are above the rows: the groupings, and the heading.
func (p *Page) Resize(width, height int) {
	p.width, p.Height, p.needs = width, height-2, 0
	p.Fit()
}

func (p *Page) Pull() tea.Cmd {
	if p.gen != p.s.Gen {
		p.gen, p.known, p.needs = p.s.Gen, nil, 0
	}
	by, o, t, f, now := p.by, p.order, p.s.Table, p.s.Filter, p.s.Clock()
	gen := p.gen
	return p.Ask(p.s, p.Pull, func() func() {
		found := countBy(by, t, f, o, now)
		return func() {
			if by == p.by && gen == p.gen {
				p.show(found)
				p.s.Matched, p.s.Flows = int(found.flows), found.live
			}
		}
	})
}

// show takes an answer, or the zero tally before the first one.
func (p *Page) show(t tally) {
	if p.known == nil {
		p.known = make(map[int]tally)
	}
	p.tally, p.known[p.by] = t, t
	p.Set(len(t.groups), func(i int) key { return t.groups[i].key })
}

// offered is how many groupings are offered.
func (p *Page) offered() int {
	if p.s.Several() {
		return len(groupings)
	}
	return len(groupings) - 1
}

// group counts by another grouping.
func (p *Page) group(by int) tea.Cmd {
	p.by, p.needs = by, 0
	p.Clear()
	p.show(p.known[by])
	return p.Pull()
}

// nextOrder orders by the next column that is known.
func (p *Page) nextOrder() tea.Cmd {
	next := (p.order.column() + 1) % (byName + 1)
	if next == byBytes && !p.tally.counters {
		next++
	}
	return p.orderBy(next)
}

// orderBy orders by a column, by its better end first; the same column again reverses.
func (p *Page) orderBy(o order) tea.Cmd {
	if p.order.column() == o {
		o = p.order ^ reversed
	}
	p.order = o
	return p.Pull()
}

// Condition is the group under the cursor as a filter.
func (p *Page) Condition() string {
	if p.At >= len(p.tally.groups) {
		return ""
	}
	return groupings[p.by].filter(p.s, p.tally.groups[p.At].key)
}

// WantsDump: the groups are summed by bytes.
func (p *Page) WantsDump() bool { return p.tally.counters }

// InSight: a group is no flow.
func (p *Page) InSight() []monitor.Tuple { return nil }

// Click chooses a grouping, an order or a group; the group under the cursor is opened.
func (p *Page) Click(x, y int) tea.Cmd {
	switch {
	case y == 0:
		for i := 0; i+1 < len(p.tabs); i += 2 {
			if x >= p.tabs[i] && x < p.tabs[i+1] {
				return p.group(i / 2)
			}
		}
	case y == 1:
		for _, h := range p.heads {
			if x >= h.from && x < h.to {
				return p.orderBy(h.order)
			}
		}
	case p.List.Click(y - 2):
		return p.s.Drill(p.Condition())
	}
	return nil
}
