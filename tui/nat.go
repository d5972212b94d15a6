package tui

import (
	"sync/atomic"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/tui/paint"
)

// natPage shows each address that sources are translated to, with the ports that
// it has in use; and each service that DNAT leads on.
type natPage struct {
	s    *session
	keys *keyMap
	puller
	sight

	cursor poolKey
	moved  bool
	view   natView
	asked  bool // some answer has come

	width, height int
}

func newNATPage(s *session, keys *keyMap) *natPage {
	p := &natPage{s: s, keys: keys}
	p.resize(80, 20)
	return p
}

func (p *natPage) title() string { return "NAT" }

func (p *natPage) resize(width, height int) {
	p.width, p.height, p.sight.height = width, height-1, height-1
	p.fit()
}

func (p *natPage) pull(fresh bool) tea.Cmd {
	table, keep, now := p.s.cfg.Table, p.s.keep, p.s.now()
	return p.ask(p, fresh, func(stop *atomic.Bool) any {
		v, whole := pools(table, keep, now, stop)
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
		p.n = len(v.pools)
		at := 0
		for i := range v.pools {
			if p.moved && v.pools[i].key == p.cursor {
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

func (p *natPage) key(m tea.KeyPressMsg) tea.Cmd {
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
	case key.Matches(m, k.Enter):
		return p.drill()
	}
	return nil
}

func (p *natPage) step(rows int) {
	p.move(rows)
	if p.at < len(p.view.pools) {
		p.moved, p.cursor = true, p.view.pools[p.at].key
	}
}

func (p *natPage) wheel(lines int) tea.Cmd {
	p.step(lines)
	return nil
}

func (p *natPage) click(_, y int) tea.Cmd {
	at := p.top() + y - 1
	if y < 1 || at >= p.n {
		return nil
	}
	if at == p.at && p.moved {
		return p.drill()
	}
	p.step(at - p.at)
	return nil
}

// drill shows the flows of the pool.
func (p *natPage) drill() tea.Cmd {
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

func (p *natPage) condition() string {
	if p.at >= len(p.view.pools) {
		return ""
	}
	q := &p.view.pools[p.at]
	ref := flowRef{row: q.sample}
	if q.key.dnat {
		return destFilter(&ref) + " and proto " + q.key.proto.String() + " and dnat and reply.src " + q.key.to.Addr.String()
	}
	return "proto " + q.key.proto.String() + " and snat and reply.dst " + q.key.addr.Addr.String()
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
	l := layOutNAT(p.width)
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
		return "none of " + countText(uint64(p.view.live)) + " flows is translated"
	}
	return p.s.whyEmpty("flows")
}

// busiestText is an address with the number of its flows.
func busiestText(s *session, p monitor.Proto, b busiest, alone bool) string {
	if b.flows == 0 {
		return ""
	}
	text := s.names.endpoint(p, b.at)
	if alone {
		if text = s.names.addr(b.at.Addr.Netip()); text == "" {
			text = b.at.Addr.String()
		}
	}
	return text
}
