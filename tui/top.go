package tui

import (
	"sync/atomic"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
)

// topPage counts flows by something they share.
type topPage struct {
	s    *session
	keys *keyMap
	puller
	lineList[groupKey]

	by    grouping
	order tallied
	tally tally

	// The last answer of each grouping for the filter of that number: it is shown
	// until the next one is there.
	known     [groupings]tally
	filterGen int

	width, height  int
	needs          int   // the widest name that was in sight
	nameWidth, bar int   // cells, as lay shares them
	tabs           []int // where the names of the groupings begin and end
	heads          []topHead
}

// topHead is where the head of a column stands that the groups can be ordered by.
type topHead struct {
	order    tallied
	from, to int
}

func newTopPage(s *session, keys *keyMap) *topPage {
	p := &topPage{s: s, keys: keys}
	p.resize(80, 20)
	return p
}

func (p *topPage) title() string { return "Top" }

func (p *topPage) countsMatches() {}

// The page has two lines above its rows: the groupings, and the heads.
func (p *topPage) resize(width, height int) {
	p.width, p.height, p.sight.height, p.needs = width, height-2, height-2, 0
	p.fit()
}

func (p *topPage) pull(w wish) tea.Cmd {
	if p.filterGen != p.s.gen {
		p.filterGen, p.known, p.needs = p.s.gen, [groupings]tally{}, 0
	}
	by, order, expected, table, judge, now := p.by, p.order, p.known[p.by].all, p.s.cfg.Table, p.s.judge, p.s.now()
	return p.ask(p, w, func(stop *atomic.Bool) any {
		t, whole := by.count(table, judge, order, expected, now, stop)
		if !whole {
			return nil
		}
		return t
	})
}

func (p *topPage) answer(m answerMsg) tea.Cmd {
	again := p.answered(m)
	if t, ok := m.body.(tally); ok && t.by == p.by {
		p.show(t)
		p.s.matched, p.s.flows = int(t.flows), t.live
	}
	if again != noWish {
		return p.pull(again)
	}
	return nil
}

// show takes an answer, or the zero tally while there is none.
func (p *topPage) show(t tally) {
	p.tally, p.known[p.by] = t, t
	keys := make([]groupKey, len(t.groups))
	for i := range t.groups {
		keys[i] = t.groups[i].key
	}
	p.set(keys)
}

func (p *topPage) key(m tea.KeyPressMsg) tea.Cmd {
	k, n := p.keys, p.groupings()
	switch {
	case key.Matches(m, k.Left):
		return p.group((p.by + n - 1) % n)
	case key.Matches(m, k.Right):
		return p.group((p.by + 1) % n)
	case key.Matches(m, k.Sort):
		next := (p.order.column() + 1) % (orderName + 1)
		if next == orderBytes && !p.tally.counters {
			next++
		}
		return p.orderBy(next)
	case key.Matches(m, k.Reverse):
		return p.orderBy(p.order.column())
	case key.Matches(m, k.Enter):
		return p.s.drill(p.condition())
	default:
		p.steer(m, k)
	}
	return nil
}

func (p *topPage) hints() []key.Binding {
	k := p.keys
	return []key.Binding{bind("enter", "these flows", "enter"), bind("←→", "group by", "right"), k.Sort, k.Filter, k.Only, k.Pause, k.Names}
}

// groupings is how many groupings are offered.
func (p *topPage) groupings() grouping {
	if p.s.several() {
		return groupings
	}
	return byNetNS
}

func (p *topPage) group(by grouping) tea.Cmd {
	p.by, p.needs = by, 0
	p.begin()
	p.show(p.known[by])
	return p.pull(toChange)
}

// orderBy orders by a column, by its better end first; the same column again
// turns it round.
func (p *topPage) orderBy(o tallied) tea.Cmd {
	if p.order.column() == o {
		o = p.order ^ turned
	}
	p.order = o
	return p.pull(toChange)
}

func (p *topPage) condition() string {
	if p.at >= len(p.tally.groups) {
		return ""
	}
	return p.by.condition(p.s, &p.tally.groups[p.at])
}

// wantsDump: the groups are summed by bytes.
func (p *topPage) wantsDump() bool { return p.tally.counters }

func (p *topPage) inSight() []monitor.Tuple { return nil }

// chosen: a group is no flow.
func (p *topPage) chosen() (flowRef, bool) { return flowRef{}, false }

func (p *topPage) wheel(lines int) tea.Cmd {
	p.step(lines)
	return nil
}

func (p *topPage) click(x, y int) tea.Cmd {
	switch {
	case y == 0:
		for i := 0; i+1 < len(p.tabs); i += 2 {
			if x >= p.tabs[i] && x < p.tabs[i+1] {
				return p.group(grouping(i / 2))
			}
		}
	case y == 1:
		for _, h := range p.heads {
			if x >= h.from && x < h.to {
				return p.orderBy(h.order)
			}
		}
	case p.lineList.click(y - 2):
		return p.s.drill(p.condition())
	}
	return nil
}
