// Package nat is the page NAT of the terminal UI: each address that sources are translated
// to, with the ports that it has in use, and each service that DNAT leads on.
package nat

import (
	tea "charm.land/bubbletea/v2"

	"natlens/monitor/human"
	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// Page lists pools.
type Page struct {
	s *page.Session
	page.Asker
	page.List[poolKey]

	found found
	asked bool // some answer has come
	width int
}

// New returns the page.
func New(s *page.Session) *Page { return &Page{s: s} }

func (p *Page) Title() string { return "NAT" }

// CountsMatches says that the page counts the flows of the filter.
func (p *Page) CountsMatches() {}

func (p *Page) Keys() keys.Actions {
	return keys.Actions{keys.Enter: {Run: p.drill, Does: "these flows"}}
}

func (p *Page) Hints() []keys.Action {
	return []keys.Action{keys.Enter, keys.Filter, keys.Only, keys.Pause, keys.Names}
}

func (p *Page) Resize(width, height int) {
	p.width, p.Height = width, height-1
	p.Fit()
}

func (p *Page) Pull() tea.Cmd {
	t, f, now, gen := p.s.Table, p.s.Filter, p.s.Clock(), p.s.Gen
	return p.Ask(p.s, p.Pull, func() func() {
		found := scan(t, f, now)
		return func() {
			if gen != p.s.Gen { // of another filter
				return
			}
			p.found, p.asked = found, true
			p.s.Matched, p.s.Flows = found.matched, found.live
			p.Set(len(found.pools), func(i int) poolKey { return found.pools[i].key })
		}
	})
}

// drill shows the flows of the pool under the cursor.
func (p *Page) drill() tea.Cmd { return p.s.Drill(p.Condition()) }

// Click chooses a pool; the one under the cursor is opened.
func (p *Page) Click(_, y int) tea.Cmd {
	if p.List.Click(y - 1) {
		return p.drill()
	}
	return nil
}

// Condition is the pool under the cursor as a filter.
func (p *Page) Condition() string {
	if p.At >= len(p.found.pools) {
		return ""
	}
	q := &p.found.pools[p.At]
	f, within := page.Flow{Row: q.sample}, ""
	if p.s.Several() {
		within = p.s.NetNSFilter(q.key.netns) + " and "
	}
	if q.key.dnat {
		return within + f.Filter(
			page.CellDest,
		) + " and proto " + q.key.proto.String() + " and dnat and reply.src " + q.key.to.Addr.String()
	}
	return within + "proto " + q.key.proto.String() + " and snat and reply.dst " + q.key.addr.Addr.String()
}

func (p *Page) Draw() []paint.Line {
	l := layOut(p.s, p.width, p.found.pools)
	return p.Sight.Draw([]paint.Line{l.heading()}, func(at int, cursor bool) paint.Line {
		return l.row(p.s, &p.found.pools[at], cursor)
	}, p.why)
}

func (p *Page) why() string {
	if p.asked && p.found.live > 0 {
		return "none of " + human.Plural(p.found.live, "flow") + " is translated"
	}
	return p.s.WhyEmpty("flows")
}
