// Package flows is the page Flows of the terminal UI: the live table, one row for each flow.
//
// The page holds the rows around its cursor, three screens up and down, and reads others in
// each frame. The layout chooses the columns that fit.
package flows

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/table"
	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// Page is the live table.
type Page struct {
	page.Table[row, uint64]

	layout layout
	needs  endWidths // widths of the ends since the filter or the width changed
	has    present   // attributes since then, so that columns do not appear and disappear
	gen    int       // the filter that both belong to
	choice []Choice  // the columns that the user chose, from the left; nil: those that fit
}

// row is a flow with its place in the order.
type row struct {
	page.Flow
	place table.Place
}

// New returns the page. The newest flows are at its top, or once rates are known, the busiest.
func New(s *page.Session) *Page {
	p := new(Page)
	p.Table = page.Table[row, uint64]{S: s, Name: "Flows", By: colAge, Column: colSource, Follow: true,
		Orders: orders(), Sorted: func() tea.Cmd { return p.Pull() },
		Key:     func(r *row) uint64 { return r.Row.Gen },
		Columns: func() []page.Column[row] { return p.layout.columns },
		Faded:   func(r *row) bool { return r.Row.Ended() || p.timedOut(r) },
		Read:    p.read, Detail: p.detail, Open: func() tea.Cmd { return s.OpenChosen(p) },
		Why: func() string { return s.WhyEmpty("flows") }, Above: func() []paint.Line { return s.Accounting(p.Width) },
		Actions: keys.Actions{
			keys.Mark:    {Run: p.markRow},
			keys.MarkAll: keys.Act(p.markAll),
		},
	}
	return p
}

func (p *Page) Resize(width, height int) {
	if width != p.Width {
		p.needs, p.has = endWidths{}, present{}
	}
	p.Table.Resize(width, height)
	p.lay()
}

// read reads the rows at a place of the order.
func (p *Page) read(place page.Place) {
	t := p.S.Table
	q := table.Query{Filter: p.S.Filter, By: columnTable[p.By].order, Now: p.S.Clock(),
		Descending: p.Down != (p.By == colAge), // sorted by the beginning, the highest age comes first
		Window:     p.S.Window, End: place == page.Last}
	q.Above, q.Below = p.Stretch()
	if cursor := p.Cursor(); cursor != nil {
		q.Near, q.At = cursor.Index, cursor.place
		if r, _, ok := t.Get(cursor.Index, cursor.Row.Gen); ok { // its place in the order may have changed
			q.At = q.Place(&r)
		}
	}
	if place == page.First {
		q.At, q.Above, q.Below = table.Place{}, 0, max(q.Below, 3*p.Height)
	}
	if q.End {
		q.Above = max(q.Above, 3*p.Height)
	}
	view := t.View(q)
	if p.gen != p.S.Gen && view.Matched > 0 { // without rows, the columns stay
		p.gen, p.needs, p.has = p.S.Gen, endWidths{}, present{}
	}
	if view.Rate >= 1 && p.WantsDump() {
		p.S.Total.Note(q.Now, uint64(view.Rate))
	}
	if view.Rate >= 1 && !p.Ordered && p.S.Reads {
		p.Ordered = true
		if p.Follow {
			p.By, p.Down = colRate, true
			p.read(page.First)
			return
		}
	}
	rows := make([]row, len(view.Rows))
	for i, r := range view.Rows {
		rows[i] = row{page.Flow{Row: r.Row, Index: r.Index}, r.Place}
		if r.Known&monitor.AttrsInExtra != 0 {
			_, rows[i].Extra, _ = t.Get(r.Index, r.Gen)
		}
	}
	p.S.Count(p, view.Live, view.Flows)
	p.has.add(&view)
	p.Set(place, rows, view.Before, view.Matched, view.At)
	p.lay()
}

// lay chooses the columns for the current rows.
func (p *Page) lay() {
	if p.S.Several() {
		p.has.netns = max(p.has.netns, page.NetNSWidth(p.Width, ""))
		for i := range p.Rows {
			p.has.netns = max(p.has.netns, page.NetNSWidth(p.Width, p.S.NetNS(p.Rows[i].Row.Flow.Orig.NetNS)))
		}
	}
	p.has.rates = p.has.counters && p.S.Reads
	p.has.local = p.has.local || p.S.Env.Local != nil && !p.S.Replay || slices.ContainsFunc(p.Rows, func(r row) bool {
		return p.S.Local(&r.Row.Flow) != nil
	})
	p.layout = p.layOut()
	if needs := p.layout.endNeeds(p.S.Names, p.Rows, p.needs); needs != p.needs {
		p.needs = needs
		p.layout = p.layOut()
	}
}

// Chosen returns the flow under the cursor.
func (p *Page) Chosen() (page.Flow, bool) {
	if r := p.Cursor(); r != nil {
		return r.Flow, true
	}
	return page.Flow{}, false
}

// markRow marks the flow under the cursor or removes its mark, and moves down.
func (p *Page) markRow() tea.Cmd {
	f, ok := p.Chosen()
	if _, marked := p.S.Marked[f.Row.Gen]; marked {
		delete(p.S.Marked, f.Row.Gen)
	} else if ok {
		p.S.Marked[f.Row.Gen] = f.Index
	}
	return p.Step(1)
}

// markAll marks all flows that match the filter. If one is marked, it removes all marks.
func (p *Page) markAll() {
	if len(p.S.Marked) > 0 {
		clear(p.S.Marked)
		return
	}
	p.S.Table.ScanMatching(p.S.Filter, p.S.Clock(), func(i uint32, r *table.Row, _ *monitor.Extra) {
		if !r.Ended() {
			p.S.Marked[r.Gen] = i
		}
	})
}

// Condition is the cell under the cursor as a filter.
func (p *Page) Condition() string {
	if r := p.Cursor(); r != nil {
		return p.S.Condition(&r.Flow, columnTable[p.Column].fields...)
	}
	return ""
}

// WantsDump reports whether rows are sorted by counters, which needs those of all flows, or will
// be once rates are known.
func (p *Page) WantsDump() bool {
	return p.By >= colUp && p.By <= colPackets || !p.Ordered && p.has.counters
}

// InSight returns the flows on the screen that have not ended.
func (p *Page) InSight() (out []monitor.Tuple) {
	for _, r := range p.Table.InSight() {
		if !r.Row.Ended() {
			out = append(out, r.Row.Flow.Orig)
		}
	}
	return out
}
