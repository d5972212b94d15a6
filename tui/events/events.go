// Package events is the page Events of the terminal UI: the stream of events, the newest at the
// bottom. At the bottom the cursor follows the stream; above, it stays on its event.
package events

import (
	"math"
	"strings"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/page"
)

// Page is the list of the last events.
type Page struct {
	page.Table[monitor.Event, uint64]
}

// New returns the page. It follows the stream.
func New(s *page.Session) *Page {
	p := new(Page)
	p.Table = page.Table[monitor.Event, uint64]{S: s, Name: "Events", Column: colFrom, Follow: true, Newest: page.Last,
		Key:     func(e *monitor.Event) uint64 { return e.Seq },
		Faded:   func(e *monitor.Event) bool { return e.Kind == monitor.KindDestroy },
		Columns: p.columns, Read: p.read, Open: func() tea.Cmd { return s.OpenChosen(p) }, Why: p.why}
	return p
}

// read reads the events around a place.
func (p *Page) read(place page.Place) {
	seq := uint64(0)
	above, below := p.Stretch()
	if e := p.Cursor(); e != nil && place == page.Around {
		seq = e.Seq
	}
	if place == page.Last {
		seq, above = math.MaxUint64, max(above, 3*p.Height)
	}
	a := p.S.Tail.Around(seq, p.S.Keep, above, below)
	p.Set(place, a.Events, a.Before, a.Matched, min(a.At, len(a.Events)-1))
}

// event returns the event under the cursor, or nil if it has no flow.
func (p *Page) event() *monitor.Event {
	if e := p.Cursor(); e != nil && e.Kind.HasFlow() {
		return e
	}
	return nil
}

// Chosen returns the flow of the event under the cursor: from the table or, if it was removed
// there, from the event.
func (p *Page) Chosen() (page.Flow, bool) {
	e := p.event()
	if e == nil {
		return page.Flow{}, false
	}
	if e.Gen != 0 {
		if r, x, ok := p.S.Table.Get(e.Row, e.Gen); ok {
			return page.Flow{Row: r, Index: e.Row, Extra: x}, true
		}
	}
	return flowOf(e), true
}

// flowOf returns the flow that an event reports.
func flowOf(e *monitor.Event) page.Flow {
	r := table.Row{Flow: e.Flow, Known: e.Known(), Gen: e.Gen, First: e.Born, Last: e.Time}
	if e.Born != 0 {
		r.State |= table.RowNew
	} else {
		r.First = e.Time
	}
	if e.Kind == monitor.KindDestroy {
		r.State |= table.RowEnded
	}
	return page.Flow{Row: r, Index: e.Row, Extra: e.Extra}
}

// Condition returns the cell under the cursor as a filter.
func (p *Page) Condition() string {
	e := p.event()
	switch {
	case e == nil:
		return ""
	case p.Column == colKind:
		return "event " + strings.ToLower(e.Kind.String())
	}
	f := flowOf(e)
	return p.S.Condition(&f, cells[p.Column]...)
}

// ExportsEvents returns how many events an export writes.
func (p *Page) ExportsEvents() int { return p.Total }

// why explains why no event is shown.
func (p *Page) why() string {
	if kept := p.S.Tail.Counts().Kept; p.S.Text != "" && kept > 0 {
		return "none of the last " + human.Plural(kept, "event") + " matches the filter"
	}
	return p.S.WhyEmpty("events")
}
