// Package nat is the page NAT of the terminal UI: each address that sources are translated
// to, with the ports that it has in use, and each service that DNAT leads on.
package nat

import (
	tea "charm.land/bubbletea/v2"

	"natlens/monitor/human"
	"natlens/tui/keys"
	"natlens/tui/page"
)

// Page lists pools.
type Page struct {
	page.Table[pool, poolKey]
	page.Asker

	live  int  // flows in the table
	asked bool // some answer has come
}

// New returns the page.
func New(s *page.Session) *Page {
	p := new(Page)
	p.Table = page.Table[pool, poolKey]{S: s, Follow: true, Key: func(q *pool) poolKey { return q.key },
		Columns: p.columns, Open: func() tea.Cmd { return s.Drill(p.Condition()) }, Why: p.why}
	return p
}

func (p *Page) Title() string { return "NAT" }

// CountsMatches says that the page counts the flows of the filter.
func (p *Page) CountsMatches() {}

func (p *Page) Keys() keys.Actions {
	return keys.Actions{keys.Enter: {Run: p.Open, Does: "these flows"}}
}

func (p *Page) Hints() []keys.Action {
	return []keys.Action{keys.Enter, keys.Filter, keys.Only, keys.Pause, keys.Names}
}

func (p *Page) Pull() tea.Cmd {
	t, f, now, gen := p.S.Table, p.S.Filter, p.S.Clock(), p.S.Gen
	return p.Ask(p.S, p.Pull, func() func() {
		found := scan(t, f, now)
		return func() {
			if gen != p.S.Gen { // of another filter
				return
			}
			p.live, p.asked = found.live, true
			p.S.Matched, p.S.Flows = found.matched, found.live
			p.SetAll(found.pools)
		}
	})
}

// Condition is the pool under the cursor as a filter.
func (p *Page) Condition() string {
	q := p.Cursor()
	if q == nil {
		return ""
	}
	f, within := page.Flow{Row: q.sample}, ""
	if p.S.Several() {
		within = p.S.NetNSFilter(q.key.netns) + " and "
	}
	if q.key.dnat {
		return within + f.Filter(page.CellDest) + " and proto " + q.key.proto.String() + " and dnat and reply.src " +
			q.key.to.Addr.String()
	}
	return within + "proto " + q.key.proto.String() + " and snat and reply.dst " + q.key.addr.Addr.String()
}

func (p *Page) why() string {
	if p.asked && p.live > 0 {
		return "none of " + human.Plural(p.live, "flow") + " is translated"
	}
	return p.S.WhyEmpty("flows")
}
