// Package nat is the page NAT of the terminal UI: each address that SNAT uses, with the ports
// in use, and each service that DNAT publishes.
package nat

import (
	"cmp"
	"slices"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor/filter"
	"natlens/monitor/human"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// Page lists pools.
type Page struct {
	page.Table[pool, poolKey]
	page.Asker

	found  found // the last answer
	asked  bool  // it has come
	layout []column
}

// New returns the page.
func New(s *page.Session) *Page {
	p := new(Page)
	p.Table = page.Table[pool, poolKey]{S: s, Name: "NAT", Follow: true, Key: func(q *pool) poolKey { return q.key },
		Column: colTo, By: colInUse, Down: true, Orders: orders, Sorted: func() tea.Cmd { p.show(); return nil },
		Columns: func() []column { return p.layout },
		Open:    func() tea.Cmd { return s.Drill(p.Condition()) }, Why: p.why, Opens: "these flows"}
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
			p.show()
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
		service := p.S.Condition(&f, filter.FieldOrigDst, filter.FieldOrigDPort)
		return within + service + " and proto " + q.key.proto.String() + " and dnat and reply.src " +
			q.key.to.Addr.String()
	}
	return within + "proto " + q.key.proto.String() + " and snat and reply.dst " + q.key.addr.Addr.String()
}

// WantsDump reports whether the pools have rates.
func (p *Page) WantsDump() bool { return p.found.counted }

// show sorts the pools and shows them.
func (p *Page) show() {
	pools := p.found.pools
	slices.SortStableFunc(pools, func(a, b pool) int {
		c := cmp.Compare(a.value(p.By), b.value(p.By))
		if p.By == colTo {
			c = compareEndpoints(a.translated(), b.translated())
		}
		if p.Down {
			c = -c
		}
		return cmp.Or(c, comparePools(&a, &b))
	})
	p.Rows = pools
	p.lay()
	p.SetAll(pools)
}

func (p *Page) Resize(width, height int) {
	p.Width = width
	p.lay()
	p.Table.Resize(width, height)
}

func (p *Page) why() string {
	if p.asked && p.found.live > 0 {
		return "none of " + human.Plural(p.found.live, "flow") + " is translated"
	}
	return p.S.WhyEmpty("flows")
}

// The columns from left to right.
const (
	colTo = iota + 1
	colNetNS
	colProto
	colFlows
	colUp
	colDown
	colRate
	colBytes
	colInUse
	colKept
	colRewritten
	colInside
	colOutside
)

var orders = []page.Order{colTo: {Name: "address"}, colFlows: {Name: "flows", Down: true},
	colUp: {Name: "up", Down: true}, colDown: {Name: "down", Down: true}, colRate: {Name: "rate", Down: true},
	colBytes: {Name: "bytes", Down: true},
	colInUse: {Name: "in-use", Down: true}, colOutside: {}}

// value returns the number of a column.
func (q *pool) value(column int) float64 {
	switch column {
	case colFlows:
		return float64(q.flows)
	case colUp:
		return float64(q.rate.Up)
	case colDown:
		return float64(q.rate.Down)
	case colRate:
		return q.rate.Total()
	case colBytes:
		return float64(q.bytes)
	case colInUse:
		return float64(q.percent())
	}
	return 0
}

type column = page.Column[pool]

// lay chooses the columns for the width and the rows. An address is never cut: a column that does
// not fit is left out, and the row under the cursor has its text below it. If that are the services,
// each row has a second line.
func (p *Page) lay() {
	var needs, least [3]int // widths of the addresses, with and without the numbers behind them
	services, netns, proto := false, 0, len("PROTO")
	for i := range p.Rows {
		q := &p.Rows[i]
		proto, services = max(proto, len(q.key.proto.String())), services || q.key.dnat
		if p.S.Several() {
			netns = max(netns, page.NetNSWidth(p.Width, p.S.NetNS(q.key.netns)))
		}
		for i, t := range cells(p.S, q) {
			needs[i], least[i] = max(needs[i], t.width()), max(least[i], t.width()-paint.Width(t.number))
		}
	}
	if p.layout = p.fit(needs, netns, proto); !p.shows(colOutside) {
		p.layout = p.fit(least, netns, proto)
	}
	p.Under, p.Detail = nil, p.rest
	if services && !p.shows(colInside) {
		p.Under = func(q *pool) paint.Line { return p.rest(q)[0] }
		p.Detail = func(q *pool) []paint.Line { return p.rest(q)[1:] }
	}
}

func (p *Page) shows(id int) bool {
	return slices.ContainsFunc(p.layout, func(c column) bool { return c.ID == id })
}

// rest is what the columns do not show of a row.
func (p *Page) rest(q *pool) []paint.Line {
	var n paint.Note
	for i, t := range cells(p.S, q) {
		if column := [...]int{colTo, colInside, colOutside}[i]; !p.shows(column) {
			if t.sign == "" {
				t.sign = map[int]string{colInside: "busiest inside ", colOutside: "busiest outside "}[column]
			}
			n = append(n, paint.Span{Role: paint.Muted, Text: " " + paint.Whole(t.String())})
		}
	}
	if n == nil {
		return nil
	}
	return n.Flow(nil, p.Width-1, paint.MarginLeft+2)
}

// fit returns the columns that fit, with these widths of the addresses.
func (p *Page) fit(ends [3]int, netns, proto int) []column {
	counted, gap := p.found.counted, paint.Gap
	use, bar := 7, 0
	switch {
	case p.Width >= 150:
		use, bar = 16, 16
	case p.Width >= 100:
		bar = 8
	default:
		gap = 1
	}
	text := func(role paint.Role, text func(*pool, int) string) func(*pool, int) (paint.Role, string) {
		return func(q *pool, width int) (paint.Role, string) { return role, text(q, width) }
	}
	end := func(i int) func(*pool, int) string {
		return func(q *pool, width int) string { return cells(p.S, q)[i].fit(width) }
	}
	number := func(id, width, rank int, title string, shown bool, text func(*pool) string) column {
		if !shown {
			return column{}
		}
		return column{ID: id, Title: title, Width: width, Rank: rank, Right: true,
			Cell: func(q *pool, _ int) (paint.Role, string) { return paint.Text, text(q) }}
	}
	percent := func(n func(*pool) int) func(*pool) string {
		return ofSource(func(q *pool) string { return human.Percent(float64(n(q)) / float64(q.flows)) })
	}
	rate := func(id int, title string, shown bool) column {
		return number(id, 8, 0, title, counted && shown, func(q *pool) string {
			if v := q.value(id); v >= 1 {
				return human.Rate(v, p.S.Bits)
			}
			return page.NoValue
		})
	}
	return page.Fit(p.Width, gap,
		column{ID: colTo, Title: "TRANSLATED TO", Width: max(ends[0], len("TRANSLATED TO")+1),
			Cell: text(paint.NAT, end(0))},
		column{ID: colNetNS, Title: "NETNS", Width: netns,
			Cell: text(paint.Text, func(q *pool, _ int) string { return p.S.NetNS(q.key.netns) })},
		column{ID: colProto, Title: "PROTO", Width: proto,
			Cell: text(paint.Text, func(q *pool, _ int) string { return q.key.proto.String() })},
		number(colFlows, 7, 2, "FLOWS", true, func(q *pool) string { return human.Short(uint64(q.flows)) }),
		rate(colUp, "UP", p.Width >= 180), rate(colDown, "DOWN", p.Width >= 180), rate(colRate, "RATE", true),
		number(colBytes, 7, 5, "BYTES", counted, func(q *pool) string { return human.Bytes(q.bytes) }),
		inUseColumn(use, bar),
		number(colKept, 5, 7, "KEPT", true, percent(func(q *pool) int { return q.kept })),
		number(colRewritten, 9, 8, "REWRITTEN", true, percent(func(q *pool) int { return q.rewritten })),
		column{ID: colInside, Title: "BUSIEST INSIDE", Width: max(ends[1], len("BUSIEST INSIDE")), Rank: 4,
			Cell: func(q *pool, width int) (role paint.Role, _ string) {
				if q.key.dnat {
					role = paint.Muted
				}
				return role, end(1)(q, width)
			}},
		column{ID: colOutside, Title: "BUSIEST OUTSIDE", Width: max(ends[2], len("BUSIEST OUTSIDE")), Rank: 6,
			Cell: text(paint.Text, end(2))})
}

// inUseColumn returns the share of the ports in use: a number of use cells, with a bar before it if
// bar is not 0.
func inUseColumn(use, bar int) column {
	c := column{ID: colInUse, Title: "IN USE", Width: use, Rank: 3, Right: true,
		Cell: func(q *pool, width int) (paint.Role, string) {
			return paint.Level(q.used, paint.Text), ofSource(func(q *pool) string { return q.use(width) })(q)
		}}
	if bar > 0 {
		c = column{ID: colInUse, Title: "PORTS IN USE", Width: bar + 1 + use, Rank: 3}
		c.Draw = func(out *paint.Line, x int, q *pool, _ bool) {
			if !q.key.dnat {
				out.Pad(x)
				out.Bar(paint.Level(q.used, paint.Bar), q.used, bar)
				out.Add(paint.Level(q.used, paint.Bar), " ")
				out.AddLeft(paint.Level(q.used, paint.Text), q.use(use), use)
			}
		}
	}
	return c
}

// ofSource returns a text that only SNAT has.
func ofSource(text func(*pool) string) func(*pool) string {
	return func(q *pool) string {
		if q.key.dnat {
			return ""
		}
		return text(q)
	}
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
	end    paint.EndText
	number string
}

func (t text) width() int { return paint.Width(t.sign) + t.end.Width() + paint.Width(t.number) }

func (t text) String() string { return t.sign + t.end.String() + t.number }

// fit writes the text in the given number of cells, without the number if that does not fit.
func (t text) fit(width int) string {
	if t.width() > width {
		t.number = ""
	}
	return t.String()
}
