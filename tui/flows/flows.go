package flows

import (
	"slices"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/table"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// Page is the live table.
type Page struct {
	s *page.Session
	page.Puller
	page.Sight

	by   columnID
	down bool
	col  columnID // under the cursor

	// The cursor stays on its flow, at a place in the order and in the table. While follow
	// is set, it stays at the top instead; end asks for the last rows, once.
	follow, end bool
	place       table.Place
	moves       int // counts moves of the cursor

	// A jump asks for rows that are not at hand: what is on the screen stays until they
	// are, and then makes the moves of the meantime.
	jump bool
	then int

	rows   []page.Flow
	view   table.View
	layout layout
	needs  endWidths // of the flows seen since the last change of the filter or the width
	has    present   // likewise, so that columns do not come and go
	width  int
	gen    int // of the filter
}

// heldRows is how many rows above and below the cursor a paused view holds.
const heldRows = 5000

// New returns the page. The newest flows are at its top.
func New(s *page.Session) *Page {
	return &Page{s: s, by: colAge, down: true, col: colSource, follow: true}
}

func (p *Page) Title() string { return "Flows" }

// CountsMatches says that the page counts the flows of the filter.
func (p *Page) CountsMatches() {}

func (p *Page) Resize(width, height int) {
	if width != p.width {
		p.needs, p.has = endWidths{}, present{}
	}
	p.width, p.Height = width, height-1
	p.lay()
	p.Fit()
}

// found is the answer of the table.
type found struct {
	view  table.View
	rows  []page.Flow
	moves int
	end   bool
}

func (p *Page) Pull(fresh bool) tea.Cmd {
	if p.gen != p.s.Gen { // another filter: from the top
		p.gen, p.follow, p.place, fresh = p.s.Gen, true, table.Place{}, true
		p.needs, p.has = endWidths{}, present{}
	}
	q, t, moves, follow := p.query(), p.s.Table, p.moves, p.follow
	cursor, _ := p.Chosen()
	q.Near = cursor.Index
	return p.Ask(p, fresh, func(stop *atomic.Bool) any {
		q.Stop = stop
		if !follow && !q.End { // its flow may have moved in the order
			if r, _, ok := t.Get(cursor.Index, cursor.Row.Gen); ok {
				q.At = q.Place(cursor.Index, &r)
			}
		}
		a := found{view: t.View(q), moves: moves, end: q.End}
		if a.view.Cut {
			return nil
		}
		a.rows = withExtras(t, a.view.Rows)
		return a
	})
}

func (p *Page) query() table.Query {
	q := table.Query{Filter: p.s.Filter, By: columnTable[p.by].order, Descending: p.down, At: p.place,
		Above: p.Line + 2*p.Height, Below: 3*p.Height - p.Line, Now: p.s.Clock(), End: p.end}
	if p.s.Paused {
		q.Above, q.Below = heldRows, heldRows
	}
	if p.follow {
		q.At, q.Above, q.Below = table.Place{}, 0, max(q.Below, 3*p.Height)
	}
	if q.End {
		q.Above = max(q.Above, 3*p.Height)
	}
	if p.by == colRate {
		rates, now := p.s.Rates, q.Now
		q.Value = func(i uint32, r *table.Row) uint64 {
			v, _ := rates.Of(i, r.Gen, now)
			return v
		}
	}
	return q
}

// withExtras adds the rare attributes of the rows that have some.
func withExtras(t *table.Table, rows []table.ViewRow) []page.Flow {
	out := make([]page.Flow, len(rows))
	for i := range rows {
		out[i] = page.Flow{Row: rows[i].Row, Index: rows[i].Index}
		if rows[i].Known&monitor.AttrsInExtra != 0 {
			_, out[i].Extra, _ = t.Get(rows[i].Index, rows[i].Gen)
		}
	}
	return out
}

// Take replaces the rows, with the cursor on its flow. It asks again if the answer belongs to
// no use: the cursor has moved meanwhile to a flow that is not in it.
func (p *Page) Take(answer any) (again bool) {
	a := answer.(found)
	if p.jump && a.moves != p.moves {
		return true // asked for before the jump
	}
	p.s.Matched, p.s.Flows = a.view.Live, a.view.Flows
	at, toEnd := a.view.At, a.end && p.jump
	if toEnd {
		at = len(a.rows) - 1
		p.end = false
	} else if p.follow {
		at = 0
	} else if f, ok := p.Chosen(); ok {
		i := slices.IndexFunc(a.rows, func(r page.Flow) bool { return r.Row.Gen == f.Row.Gen })
		if i < 0 && a.moves != p.moves {
			return true
		}
		if i >= 0 {
			at = i
		}
	}
	p.view, p.rows = a.view, a.rows
	p.N, p.At = len(p.rows), at
	if toEnd {
		p.Line = p.Height - 1
	}
	p.Fit()
	p.land()
	p.anchor()
	p.lay()
	return false
}

// land ends a jump and makes the moves that were asked for since.
func (p *Page) land() {
	if p.jump && p.then != 0 {
		p.follow = false
		p.Move(p.then)
	}
	p.jump, p.then = false, 0
}

// anchor notes where the cursor's flow is in the order.
func (p *Page) anchor() {
	if p.At < len(p.view.Rows) {
		p.place = p.view.Rows[p.At].Place
	}
}

// lay chooses the columns for the rows at hand.
func (p *Page) lay() {
	p.has.add(&p.view)
	if p.s.Several() {
		p.has.netns = max(p.has.netns, page.NetNSWidth(p.width, ""))
		for i := range p.rows {
			p.has.netns = max(p.has.netns, page.NetNSWidth(p.width, p.s.NetNS(p.rows[i].Row.Flow.Orig.NetNS)))
		}
	}
	p.has.rates = p.has.counters && p.s.Rates != nil
	p.layout = layOut(p.width, p.has, p.needs)
	if needs := p.layout.endNeeds(p.s.Names, p.rows, p.needs); needs != p.needs {
		p.needs = needs
		p.layout = layOut(p.width, p.has, needs)
	}
}

// Chosen returns the flow under the cursor.
func (p *Page) Chosen() (page.Flow, bool) {
	if p.At < len(p.rows) {
		return p.rows[p.At], true
	}
	return page.Flow{}, false
}

// Condition is the cell under the cursor as a filter.
func (p *Page) Condition() string {
	f, ok := p.Chosen()
	switch {
	case !ok:
		return ""
	case p.col == colNetNS:
		return p.s.NetNSFilter(f.Row.Flow.Orig.NetNS)
	}
	return f.Filter(columnTable[p.col].value)
}

// WantsDump: rows that are ordered by counters need all of them.
func (p *Page) WantsDump() bool {
	return p.by == colRate || p.by == colBytes || p.by == colPackets
}

// InSight lists the flows on the screen that have not ended.
func (p *Page) InSight() (out []monitor.Tuple) {
	for i := p.Top(); i < min(len(p.rows), p.Top()+p.Height); i++ {
		if r := &p.rows[i].Row; !r.Ended() {
			out = append(out, r.Flow.Orig)
		}
	}
	return out
}

func (p *Page) Draw() []paint.Line {
	d := drawer{s: p.s, now: p.s.Frame, col: p.col}
	out := []paint.Line{p.layout.heading(p.by, p.down, p.col)}
	return p.Sight.Draw(out, func(at int, cursor bool) paint.Line { return d.row(&p.layout, &p.rows[at], cursor) },
		func() string { return p.s.WhyEmpty("flows") })
}
