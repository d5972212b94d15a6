package tui

import (
	"sync/atomic"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"natlens/monitor/human"
	"natlens/tui/paint"
)

// natPage shows each address that sources are translated to, with the ports that
// it has in use; and each service that DNAT leads on.
type natPage struct {
	s    *session
	keys *keyMap
	puller
	lineList[poolKey]

	view  natView
	asked bool // some answer has come

	width, height int
}

func newNATPage(s *session, keys *keyMap) *natPage {
	p := &natPage{s: s, keys: keys}
	p.resize(80, 20)
	return p
}

func (p *natPage) title() string { return "NAT" }

func (p *natPage) countsMatches() {}

func (p *natPage) resize(width, height int) {
	p.width, p.height, p.sight.height = width, height-1, height-1
	p.fit()
}

func (p *natPage) pull(w wish) tea.Cmd {
	table, judge, now := p.s.cfg.Table, p.s.judge, p.s.now()
	return p.ask(p, w, func(stop *atomic.Bool) any {
		v, whole := pools(table, judge, now, stop)
		if !whole {
			return nil
		}
		return v
	})
}

func (p *natPage) answer(m answerMsg) tea.Cmd {
	again := p.answered(m)
	if v, ok := m.body.(natView); ok {
		p.view, p.asked = v, true
		p.s.matched, p.s.flows = v.matched, v.live
		keys := make([]poolKey, len(v.pools))
		for i := range v.pools {
			keys[i] = v.pools[i].key
		}
		p.set(keys)
	}
	if again != noWish {
		return p.pull(again)
	}
	return nil
}

func (p *natPage) key(m tea.KeyPressMsg) tea.Cmd {
	if key.Matches(m, p.keys.Enter) {
		return p.s.drill(p.condition())
	}
	p.steer(m, p.keys)
	return nil
}

func (p *natPage) hints() []key.Binding {
	k := p.keys
	return []key.Binding{bind("enter", "these flows", "enter"), k.Filter, k.Only, k.Pause, k.Names}
}

func (p *natPage) wheel(lines int) tea.Cmd {
	p.step(lines)
	return nil
}

func (p *natPage) click(_, y int) tea.Cmd {
	if p.lineList.click(y - 1) {
		return p.s.drill(p.condition())
	}
	return nil
}

func (p *natPage) condition() string {
	if p.at >= len(p.view.pools) {
		return ""
	}
	q := &p.view.pools[p.at]
	ref, within := flowRef{row: q.sample}, ""
	if p.s.several() {
		within = p.s.netnsFilter(q.key.netns) + " and "
	}
	if q.key.dnat {
		return within + destFilter(&ref) + " and proto " + q.key.proto.String() + " and dnat and reply.src " + q.key.to.Addr.String()
	}
	return within + "proto " + q.key.proto.String() + " and snat and reply.dst " + q.key.addr.Addr.String()
}

func (p *natPage) chosen() (flowRef, bool) { return flowRef{}, false }

// level is the colour of a pool's bar: yellow from 70 %, red from 90 %.
func level(used float64) paint.Role {
	switch {
	case used >= 0.9:
		return paint.Bad
	case used >= 0.7:
		return paint.Warn
	}
	return paint.Bar
}

func (p *natPage) draw() []drawn {
	l := layOutNAT(p.s, p.width, p.view.pools)
	out := make([]drawn, 0, p.height+1)
	out = append(out, l.heading())
	for i := range p.height {
		at := p.top() + i
		var d drawn
		switch {
		case at < len(p.view.pools):
			d = l.row(p.s, &p.view.pools[at], at == p.at)
		case i == 1 && len(p.view.pools) == 0:
			d.line.Pad(marginLeft)
			d.line.Add(paint.Muted, p.why())
		}
		out = append(out, d)
	}
	return out
}

func (p *natPage) why() string {
	if p.asked && p.view.live > 0 {
		return "none of " + human.Plural(uint64(p.view.live), "flow") + " is translated"
	}
	return p.s.whyEmpty("flows")
}
