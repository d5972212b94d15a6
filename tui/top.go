package tui

import (
	"sync/atomic"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"natlens/tui/paint"
)

// topPage counts flows by something they share.
type topPage struct {
	s    *session
	keys *keyMap
	puller
	sight

	by     grouping
	order  tallied
	cursor groupKey
	moved  bool // the cursor is on a group; else at the top
	tally  tally

	width, height int
	tabs          []int // where the names of the groupings begin and end
}

func newTopPage(s *session, keys *keyMap) *topPage {
	p := &topPage{s: s, keys: keys}
	p.resize(80, 20)
	return p
}

func (p *topPage) title() string { return "Top" }

// The page has two lines above its rows: the groupings, and the heads.
func (p *topPage) resize(width, height int) {
	p.width, p.height, p.sight.height = width, height-2, height-2
	p.fit()
}

func (p *topPage) pull(fresh bool) tea.Cmd {
	by, order, table, keep, now := p.by, p.order, p.s.cfg.Table, p.s.keep, p.s.now()
	return p.ask(p, fresh, func(stop *atomic.Bool) any {
		t, whole := by.count(table, keep, order, now, stop)
		if !whole {
			return nil
		}
		return t
	})
}

func (p *topPage) answer(m answerMsg) tea.Cmd {
	again := p.answered(m)
	if t, ok := m.body.(tally); ok && t.by == p.by {
		p.tally, p.n = t, len(t.groups)
		p.s.matched, p.s.flows = int(t.flows), t.live
		at := 0
		for i := range t.groups {
			if p.moved && t.groups[i].key == p.cursor {
				at = i
			}
		}
		p.to(at)
		p.fit()
	}
	if again {
		return p.pull(false)
	}
	return nil
}

func (p *topPage) key(m tea.KeyPressMsg) tea.Cmd {
	k := p.keys
	switch {
	case key.Matches(m, k.Up):
		p.step(-1)
	case key.Matches(m, k.Down):
		p.step(1)
	case key.Matches(m, k.PageUp):
		p.step(-p.height)
	case key.Matches(m, k.PageDown):
		p.step(p.height)
	case key.Matches(m, k.Home):
		p.step(-p.n)
		p.moved = false
	case key.Matches(m, k.End):
		p.step(p.n)
	case key.Matches(m, k.Left):
		return p.group((p.by + groupings - 1) % groupings)
	case key.Matches(m, k.Right):
		return p.group((p.by + 1) % groupings)
	case key.Matches(m, k.Sort):
		p.order = (p.order + 1) % (orderName + 1)
		if p.order == orderBytes && !p.tally.counters {
			p.order++
		}
		return p.pull(true)
	case key.Matches(m, k.Enter):
		return p.drill()
	}
	return nil
}

func (p *topPage) step(rows int) {
	p.move(rows)
	if p.at < len(p.tally.groups) {
		p.moved, p.cursor = true, p.tally.groups[p.at].key
	}
}

func (p *topPage) group(by grouping) tea.Cmd {
	p.by, p.moved, p.tally = by, false, tally{by: by, flows: p.tally.flows}
	p.n, p.at, p.line = 0, 0, 0
	return p.pull(true)
}

// drill puts the group into the filter and shows its flows.
func (p *topPage) drill() tea.Cmd {
	c := p.condition()
	if c == "" {
		return nil
	}
	if err := p.s.narrow(c, false); err != nil {
		p.s.tell(paint.Bad, err.Error())
		return nil
	}
	return func() tea.Msg { return openMsg{0} }
}

func (p *topPage) condition() string {
	if p.at >= len(p.tally.groups) {
		return ""
	}
	return p.by.condition(&p.tally.groups[p.at])
}

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
	case y >= 2:
		at := p.top() + y - 2
		if at >= p.n {
			return nil
		}
		if at == p.at && p.moved {
			return p.drill()
		}
		p.step(at - p.at)
	}
	return nil
}
