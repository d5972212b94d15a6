package nat

import (
	"slices"

	"natlens/monitor/human"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// widths are the widths of the columns; a column of width 0 is left out.
type widths struct{ gap, to, netns, proto, flows, bar, use, kept, rewritten, inside, outside int }

// widths chooses the columns for the width of the page. Addresses that are longer than their
// share get space from those that are shorter.
func (p *Page) widths() widths {
	w := widths{gap: paint.Gap}
	switch {
	case p.Width >= 150:
		w.to, w.proto, w.flows, w.bar, w.use, w.kept, w.rewritten = 20, 7, 8, 16, 16, 5, 9
	case p.Width >= 100:
		w.to, w.proto, w.flows, w.bar, w.use, w.kept = 19, 6, 7, 8, 6, 5
	default:
		w.gap, w.to, w.proto, w.flows, w.use = 1, 17, len("PROTO"), 6, 6
		if p.Width >= 72 {
			w.kept = 5
		}
	}
	needs := []int{len("TRANSLATED TO"), len("BUSIEST INSIDE"), len("BUSIEST OUTSIDE")}
	for i := range p.Rows {
		q := &p.Rows[i]
		w.proto = max(w.proto, len(q.key.proto.String()))
		if p.S.Several() {
			w.netns = max(w.netns, page.NetNSWidth(p.Width, p.S.NetNS(q.key.netns)))
		}
		to, inside, outside := cells(p.S, q)
		needs[0], needs[2] = max(needs[0], to.width()), max(needs[2], outside.width())
		if !q.key.dnat { // else it has the columns before too
			needs[1] = max(needs[1], inside.width())
		}
	}
	rest := p.Width - paint.MarginLeft - paint.MarginRight - w.to
	for _, n := range []int{w.netns, w.proto, w.flows, w.inUse(), w.kept, w.rewritten} {
		if n > 0 {
			rest -= w.gap + n
		}
	}
	share := []int{w.to, rest - w.gap, 0}
	if rest >= 28 {
		share[1] = (rest - 2*w.gap) * 47 / 100
		share[2] = rest - 2*w.gap - share[1]
	} else {
		needs[2] = 0
	}
	paint.Lend(share, needs)
	w.to, w.inside, w.outside = share[0], share[1], share[2]
	return w
}

// inUse is the width of PORTS IN USE: the bar and the share.
func (w *widths) inUse() int {
	if w.bar == 0 {
		return w.use
	}
	return w.bar + 1 + w.use
}

// columns are the columns for the width.
func (p *Page) columns() []page.Column[pool] {
	type column = page.Column[pool]
	w := p.widths()
	text := func(text func(*pool) string) func(*pool, int) (paint.Role, string) {
		return func(q *pool, _ int) (paint.Role, string) { return paint.Text, text(q) }
	}
	percent := func(n func(*pool) int) func(*pool, int) (paint.Role, string) {
		return func(q *pool, _ int) (paint.Role, string) {
			return ofAddress(q, paint.Text, human.Percent(float64(n(q))/float64(q.flows)))
		}
	}
	inUse := column{Title: "IN USE", Width: w.use, Right: true, Cell: func(q *pool, _ int) (paint.Role, string) {
		return ofAddress(q, paint.Level(q.used, paint.Text), q.use(w.use))
	}}
	if w.bar > 0 {
		inUse = column{Title: "PORTS IN USE", Width: w.inUse(), Draw: func(out *paint.Line, x int, q *pool, _ bool) {
			if !q.key.dnat {
				out.Pad(x)
				out.Bar(paint.Level(q.used, paint.Bar), q.used, w.bar)
				out.Add(paint.Level(q.used, paint.Bar), " ")
				out.AddLeft(paint.Level(q.used, paint.Text), q.use(w.use), w.use)
			}
		}}
	}
	busiestIn := column{Title: busiestTitle("INSIDE", w.inside), Width: w.inside}
	busiestIn.Cell = func(q *pool, width int) (paint.Role, string) {
		_, inside, _ := cells(p.S, q)
		return ofAddress(q, paint.Text, inside.fit(width))
	}
	busiestOut := column{Title: busiestTitle("OUTSIDE", w.outside), Width: w.outside}
	busiestOut.Cell = func(q *pool, width int) (paint.Role, string) {
		_, _, outside := cells(p.S, q)
		return paint.Text, outside.fit(width)
	}
	out := page.Beside(w.gap,
		column{Title: "TRANSLATED TO", Width: w.to, Cell: func(q *pool, width int) (paint.Role, string) {
			to, _, _ := cells(p.S, q)
			return paint.NAT, to.fit(width)
		}},
		column{Title: "NETNS", Width: w.netns, Cell: text(func(q *pool) string { return p.S.NetNS(q.key.netns) })},
		column{Title: "PROTO", Width: w.proto, Cell: text(func(q *pool) string { return q.key.proto.String() })},
		column{Title: "FLOWS", Width: w.flows, Right: true,
			Cell: text(func(q *pool) string { return human.Short(uint64(q.flows)) })},
		inUse,
		column{Title: "KEPT", Width: w.kept, Right: true, Cell: percent(func(q *pool) int { return q.kept })},
		column{Title: "REWRITTEN", Width: w.rewritten, Right: true,
			Cell: percent(func(q *pool) int { return q.rewritten })},
		busiestIn, busiestOut)
	first := slices.IndexFunc(out, func(c column) bool { return c.Title == inUse.Title })
	last := slices.IndexFunc(out, func(c column) bool { return c.Title == busiestIn.Title })
	// A service has no ports that could run out: its text has their columns.
	return slices.Insert(out, first, column{X: out[first].X, Width: out[last].X + out[last].Width - out[first].X,
		Cell: func(q *pool, width int) (_ paint.Role, text string) {
			if _, service, _ := cells(p.S, q); q.key.dnat {
				text = service.fit(width)
			}
			return paint.Muted, text
		}})
}

// ofAddress is a cell that only an address that sources are translated to has.
func ofAddress(q *pool, role paint.Role, text string) (paint.Role, string) {
	if q.key.dnat {
		text = ""
	}
	return role, text
}

func busiestTitle(side string, width int) string {
	if title := "BUSIEST " + side; len(title) <= width {
		return title
	}
	return side
}

// use is how many of an address's ports are in use, with the number of all if there is space.
func (p *pool) use(width int) string {
	if width >= 15 {
		return human.Percent(p.used) + " of " + human.Count(uint64(p.size))
	}
	return human.Percent(p.used)
}

// cells are the addresses of a row. A published service has in the middle the service, and
// outside who uses it most.
func cells(s *page.Session, p *pool) (to, inside, outside text) {
	busiest := text{end: s.Names.Host(p.busiestIn.at.Addr), number: "(" + human.Short(uint64(p.busiestIn.flows)) + ")"}
	if p.key.dnat {
		return text{sign: "⇒ ", end: s.Names.Endpoint(p.key.proto, p.key.to)},
			text{sign: "for ", end: s.Names.Endpoint(p.key.proto, p.key.addr)}, busiest
	}
	share := human.Percent(float64(p.busiestOut.flows) / float64(p.flows))
	return text{end: s.Names.Host(p.key.addr.Addr)}, busiest,
		text{end: s.Names.Endpoint(p.key.proto, p.busiestOut.at), number: "(" + share + ")"}
}

// text is an address with a sign before it and a number behind it.
type text struct {
	sign   string
	end    page.EndText
	number string
}

func (t text) width() int {
	n := paint.Width(t.sign) + t.end.Width()
	if t.number != "" {
		n += 1 + paint.Width(t.number)
	}
	return n
}

// fit writes it in so many cells. In few cells the number is left out before the address is
// cut.
func (t text) fit(width int) string {
	room, number := width-paint.Width(t.sign), ""
	if t.number != "" {
		number = " " + t.number
	}
	if number != "" && t.end.Width()+paint.Width(number) > room && width < 20 {
		number = ""
	}
	return t.sign + t.end.Fit(room-paint.Width(number)).String() + number
}
