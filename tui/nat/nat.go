// Package nat is the page NAT of the terminal UI: each address that SNAT uses, with the ports
// in use, and each service that DNAT publishes.
package nat

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// Page lists pools.
type Page struct {
	page.Table[pool, poolKey]
	page.Asker

	found found // the last answer
	asked bool  // it has come
}

// New returns the page.
func New(s *page.Session) *Page {
	p := new(Page)
	p.Table = page.Table[pool, poolKey]{S: s, Name: "NAT", Follow: true, Key: func(q *pool) poolKey { return q.key },
		Columns: p.columns, Open: func() tea.Cmd { return s.Drill(p.Condition()) }, Why: p.why, Opens: "these flows",
		Footer: []keys.Action{keys.Enter, keys.Filter, keys.Only, keys.Pause, keys.Names}}
	return p
}

func (p *Page) Pull() tea.Cmd {
	t, f, now, gen, window := p.S.Table, p.S.Filter, p.S.Clock(), p.S.Gen, p.S.Window
	return p.Ask(p.S, p.Pull, func() func() {
		found := scan(t, f, now, window)
		return func() {
			if gen != p.S.Gen { // of another filter
				return
			}
			p.found, p.asked = found, true
			p.S.Count(p, found.matched, found.live)
			p.SetAll(found.pools)
		}
	})
}

// Condition returns the pool under the cursor as a filter.
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

// WantsDump reports whether the pools have rates.
func (p *Page) WantsDump() bool { return p.found.counted }

func (p *Page) why() string {
	if p.asked && p.found.live > 0 {
		return "none of " + human.Plural(p.found.live, "flow") + " is translated"
	}
	return p.S.WhyEmpty("flows")
}

// The columns from left to right.
const (
	colTo = iota
	colNetNS
	colProto
	colFlows
	colUp
	colDown
	colRate
	colInUse
	colKept
	colRewritten
	colInside
	colOutside
	columns
)

// widths chooses the columns for the width of the page; 0 leaves one out. bar is the part of
// colInUse that is a bar. Long addresses get space from shorter ones, and on a narrow screen
// from the columns that are least useful.
func (p *Page) widths() (w [columns]int, bar, gap int) {
	gap = paint.Gap
	switch {
	case p.Width >= 150:
		w, bar = [...]int{20, 0, 7, 8, 0, 0, 8, 33, 5, 9, 0, 0}, 16
	case p.Width >= 100:
		w, bar = [...]int{19, 0, 6, 7, 0, 0, 8, 15, 5, 0, 0, 0}, 8
	case p.Width >= 72:
		w, gap = [...]int{17, 0, 5, 6, 0, 0, 0, 6, 5, 0, 0, 0}, 1
	default:
		w, gap = [...]int{17, 0, 5, 6, 0, 0, 0, 6, 0, 0, 0, 0}, 1
	}
	switch {
	case !p.found.counted:
		w[colRate] = 0
	case p.Width >= 72 && p.Width < 100:
		w[colKept], w[colRate] = 0, 8
	case p.Width >= 180:
		w[colUp], w[colDown] = w[colRate], w[colRate]
	}
	needs := []int{len("TRANSLATED TO"), len("BUSIEST INSIDE"), len("BUSIEST OUTSIDE")}
	least := make([]int, len(needs)) // without numbers
	for i := range p.Rows {
		q := &p.Rows[i]
		w[colProto] = max(w[colProto], len(q.key.proto.String()))
		if p.S.Several() {
			w[colNetNS] = max(w[colNetNS], page.NetNSWidth(p.Width, p.S.NetNS(q.key.netns)))
		}
		for i, t := range cells(p.S, q) {
			if i != 1 || !q.key.dnat { // a service has the columns before, too
				needs[i] = max(needs[i], t.width())
				least[i] = max(least[i], t.width()-paint.Width(t.number))
			}
		}
	}
	usual := divide(p.Width, gap, w, needs)
	if usual[colOutside] == 0 {
		needs[2], least[2] = 0, 0
	}
	if p.Width >= 100 {
		return usual, bar, gap
	}
	for without, drop := w, []int{0, colKept, colRewritten, colOutside, colRate}; len(drop) > 0; drop = drop[1:] {
		if drop[0] == colOutside {
			needs[2], least[2] = 0, 0
		} else if drop[0] > 0 {
			without[drop[0]] = 0
		}
		now := divide(p.Width, gap, without, needs)
		if now[colTo] >= least[0] && now[colInside] >= least[1] && now[colOutside] >= least[2] {
			return now, bar, gap
		}
	}
	return usual, bar, gap // not even then
}

// divide divides the space that the other columns leave among the three addresses. The last one
// has no column if it needs no space, or if there is little.
func divide(width, gap int, w [columns]int, needs []int) [columns]int {
	rest := width - paint.MarginLeft - paint.MarginRight - w[colTo]
	for _, n := range w[colNetNS:colInside] {
		if n > 0 {
			rest -= gap + n
		}
	}
	share, needs := []int{w[colTo], rest - gap, 0}, slices.Clone(needs)
	if rest >= 28 && needs[2] > 0 {
		share[1] = (rest - 2*gap) * 47 / 100
		share[2] = rest - 2*gap - share[1]
	} else {
		needs[2] = 0
	}
	paint.Lend(share, needs)
	w[colTo], w[colInside], w[colOutside] = share[0], share[1], share[2]
	return w
}

// columns are the columns for the width.
func (p *Page) columns() []page.Column[pool] {
	type column = page.Column[pool]
	w, bar, gap := p.widths()
	text := func(role paint.Role, ofService bool, text func(*pool, int) string) func(*pool, int) (paint.Role, string) {
		return func(q *pool, width int) (paint.Role, string) {
			if q.key.dnat && !ofService {
				return role, ""
			}
			return role, text(q, width)
		}
	}
	end := func(i int) func(*pool, int) string {
		return func(q *pool, width int) string { return cells(p.S, q)[i].fit(width) }
	}
	percent := func(n func(*pool) int) func(*pool, int) (paint.Role, string) {
		return text(paint.Text, false, func(q *pool, _ int) string {
			return human.Percent(float64(n(q)) / float64(q.flows))
		})
	}
	rate := func(title string, part func(table.Rate) float64) column {
		return column{Title: title, Right: true, Cell: func(q *pool, _ int) (paint.Role, string) {
			if v := part(q.rate); v >= 1 {
				return paint.Text, human.Rate(v, p.S.Bits)
			}
			return paint.Muted, page.NoValue
		}}
	}
	inUse := column{Title: "IN USE", Right: true, Cell: func(q *pool, width int) (paint.Role, string) {
		return text(paint.Level(q.used, paint.Text), false, (*pool).use)(q, width)
	}}
	if bar > 0 {
		inUse = column{Title: "PORTS IN USE", Draw: func(out *paint.Line, x int, q *pool, _ bool) {
			if !q.key.dnat {
				use := w[colInUse] - bar - 1
				out.Pad(x)
				out.Bar(paint.Level(q.used, paint.Bar), q.used, bar)
				out.Add(paint.Level(q.used, paint.Bar), " ")
				out.AddLeft(paint.Level(q.used, paint.Text), q.use(use), use)
			}
		}}
	}
	all := [columns]column{
		{Title: "TRANSLATED TO", Cell: text(paint.NAT, true, end(0))},
		{Title: "NETNS", Cell: text(paint.Text, true, func(q *pool, _ int) string { return p.S.NetNS(q.key.netns) })},
		{Title: "PROTO", Cell: text(paint.Text, true, func(q *pool, _ int) string { return q.key.proto.String() })},
		{Title: "FLOWS", Right: true,
			Cell: text(paint.Text, true, func(q *pool, _ int) string { return human.Short(uint64(q.flows)) })},
		rate("UP", func(r table.Rate) float64 { return float64(r.Up) }),
		rate("DOWN", func(r table.Rate) float64 { return float64(r.Down) }),
		rate("RATE", table.Rate.Total),
		inUse,
		{Title: "KEPT", Right: true, Cell: percent(func(q *pool) int { return q.kept })},
		{Title: "REWRITTEN", Right: true, Cell: percent(func(q *pool) int { return q.rewritten })},
		{Title: busiestTitle("INSIDE", w[colInside]), Cell: text(paint.Text, false, end(1))},
		{Title: busiestTitle("OUTSIDE", w[colOutside]), Cell: text(paint.Text, true, end(2))},
	}
	for i := range all {
		all[i].Width = w[i]
	}
	out := page.Beside(gap, all[:]...)
	first := slices.IndexFunc(out, func(c column) bool { return c.Title == inUse.Title })
	last := slices.IndexFunc(out, func(c column) bool { return c.Title == all[colInside].Title })
	// A service has no pool of ports: its text uses their columns.
	return slices.Insert(out, first, column{X: out[first].X, Width: out[last].X + out[last].Width - out[first].X,
		Cell: func(q *pool, width int) (_ paint.Role, text string) {
			if q.key.dnat {
				text = end(1)(q, width)
			}
			return paint.Muted, text
		}})
}

func busiestTitle(side string, width int) string {
	if title := "BUSIEST " + side; len(title) <= width {
		return title
	}
	return side
}

// use returns how many ports of an address are in use, with the total if it fits.
func (p *pool) use(width int) string {
	if width >= 15 {
		return human.Percent(p.used) + " of " + human.Count(uint64(p.size))
	}
	return human.Percent(p.used)
}

// cells returns the addresses of a row: translated, inside and outside. For a published service
// the middle is the service, and outside is the most frequent client.
func cells(s *page.Session, p *pool) [3]text {
	busiest := text{end: s.Names.Host(p.busiestIn.at.Addr), number: " (" + human.Short(uint64(p.busiestIn.flows)) + ")"}
	if p.key.dnat {
		return [...]text{{sign: "⇒ ", end: s.Names.Endpoint(p.key.proto, p.key.to)},
			{sign: "for ", end: s.Names.Endpoint(p.key.proto, p.key.addr)}, busiest}
	}
	share := human.Percent(float64(p.busiestOut.flows) / float64(p.flows))
	return [...]text{{end: s.Names.Host(p.key.addr.Addr)}, busiest,
		{end: s.Names.Endpoint(p.key.proto, p.busiestOut.at), number: " (" + share + ")"}}
}

// text is an address with a sign before it and a number behind it.
type text struct {
	sign   string
	end    page.EndText
	number string
}

func (t text) width() int { return paint.Width(t.sign) + t.end.Width() + paint.Width(t.number) }

// fit writes the text in the given number of cells. It drops the number before it cuts the
// address.
func (t text) fit(width int) string {
	if w := t.width(); w > width && (width < 20 || w-paint.Width(t.number) <= width) {
		t.number = ""
	}
	return t.sign + t.end.Fit(width-paint.Width(t.sign)-paint.Width(t.number)).String() + t.number
}
