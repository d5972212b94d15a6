// Package events is the page Events of the terminal UI: the tail of the stream, the newest
// at the bottom. At the bottom the cursor follows the stream; above it, it stays on its
// event.
package events

import (
	"math"
	"strings"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
	"natlens/tui/tail"
)

// Page is the tail of events.
type Page struct {
	s *page.Session
	page.Puller
	page.Sight

	col    column // under the cursor
	follow bool
	seq    uint64 // of the event under the cursor
	moves  int    // counts moves of the cursor

	events          []monitor.Event
	before, matched int
	width           int
	gen             int // of the filter
}

// heldEvents is how many events above and below the cursor a paused view holds.
const heldEvents = 5000

// New returns the page. It follows the stream.
func New(s *page.Session) *Page { return &Page{s: s, follow: true, col: colFrom} }

func (p *Page) Title() string { return "Events" }

func (p *Page) Keys() keys.Actions {
	return keys.Actions{
		keys.Left:  {Run: func() tea.Cmd { p.col = max(p.col, 1) - 1; return nil }},
		keys.Right: {Run: func() tea.Cmd { p.col = min(p.col+1, columns-1); return nil }},
		keys.Enter: {Run: p.open},
	}
}

func (p *Page) Hints() []keys.Action {
	return []keys.Action{keys.Enter, keys.Filter, keys.Pause, keys.End, keys.Export, keys.Copy, keys.Only, keys.Names}
}

func (p *Page) Resize(width, height int) {
	p.width, p.Height = width, height-1
	p.Fit()
}

// found is the answer of the tail.
type found struct {
	tail.Stretch
	moves int
}

func (p *Page) Pull(fresh bool) tea.Cmd {
	if p.gen != p.s.Gen {
		p.gen, p.follow, fresh = p.s.Gen, true, true
	}
	seq, above, below := p.seq, p.Line+2*p.Height, 3*p.Height-p.Line
	if p.s.Paused {
		above, below = heldEvents, heldEvents
	}
	if p.follow {
		seq, above = math.MaxUint64, max(above, 3*p.Height)
	}
	t, keep, moves := p.s.Tail, p.s.Keep, p.moves
	return p.Ask(p, fresh, func(*atomic.Bool) any { return found{t.Around(seq, keep, above, below), moves} })
}

// Take replaces the events. It asks again if the cursor has moved meanwhile to an event
// that is not among them.
func (p *Page) Take(answer any) (again bool) {
	a := answer.(found)
	at := min(a.At, len(a.Events)-1)
	switch {
	case p.follow:
		at, p.Line = len(a.Events)-1, p.Height-1
	case at >= 0 && a.Events[at].Seq != p.seq && a.moves != p.moves:
		return true
	}
	p.events, p.before, p.matched = a.Events, a.Before, a.Matched
	p.N, p.At = len(p.events), max(0, at)
	p.Fit()
	p.anchor()
	return false
}

// anchor notes which event the cursor is on.
func (p *Page) anchor() {
	if p.At < len(p.events) {
		p.seq = p.events[p.At].Seq
	}
}

func (p *Page) moved() tea.Cmd {
	p.moves++
	p.anchor()
	p.follow = p.before+p.At+1 >= p.matched && p.At == p.N-1
	if p.s.Paused {
		return nil
	}
	above, below := p.Top(), p.N-p.Top()-p.Height
	if p.follow || above < p.Height && p.before > 0 || below < p.Height && p.before+p.N < p.matched {
		return p.Pull(false)
	}
	return nil
}

// Step moves the cursor.
func (p *Page) Step(rows int) tea.Cmd {
	p.Move(rows)
	return p.moved()
}

// Home goes to the oldest event.
func (p *Page) Home() tea.Cmd {
	p.seq, p.follow, p.Line = 0, false, 0
	if p.s.Paused {
		return p.Step(-p.N)
	}
	p.moves++
	p.events, p.N, p.At = nil, 0, 0
	return p.Pull(true)
}

// End goes to the newest event, and on with the stream.
func (p *Page) End() tea.Cmd {
	if p.s.Paused {
		return p.Step(p.N)
	}
	p.follow = true
	p.moves++
	return p.Pull(true)
}

// open opens the detail of the flow under the cursor.
func (p *Page) open() tea.Cmd {
	if f, ok := p.Chosen(); ok {
		p.s.Root.OpenDetail(f)
	}
	return nil
}

// Click chooses an event, and the cell if it is in a column of its own; on the heading, the
// cell. The event under the cursor is opened.
func (p *Page) Click(x, y int) tea.Cmd {
	l := layOut(p.width, p.s.Several())
	if col, ok := l.at(x); ok && (y == 0 || col < colFrom) {
		p.col = col
	}
	at := p.Top() + y - 1
	switch {
	case y == 0 || at >= p.N:
		return nil
	case at == p.At:
		return p.open()
	}
	p.To(at)
	return p.moved()
}

// Chosen is the flow of the event under the cursor: as the table has it, or if it is gone
// there, as of the event.
func (p *Page) Chosen() (page.Flow, bool) {
	if p.At >= len(p.events) || !p.events[p.At].Kind.HasFlow() {
		return page.Flow{}, false
	}
	e := &p.events[p.At]
	if e.Gen != 0 {
		if r, x, ok := p.s.Table.Get(e.Row, e.Gen); ok {
			return page.Flow{Row: r, Index: e.Row, Extra: x}, true
		}
	}
	return flowOf(e), true
}

// flowOf makes a flow of what an event reports.
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

// Condition is the cell under the cursor as a filter: of the flow as of the event.
func (p *Page) Condition() string {
	if p.At >= len(p.events) || !p.events[p.At].Kind.HasFlow() {
		return ""
	}
	e := &p.events[p.At]
	if p.col == colKind {
		return "event " + strings.ToLower(e.Kind.String())
	}
	f := flowOf(e)
	return f.Filter(cells[p.col])
}

// ExportsEvents: an export takes the events shown.
func (p *Page) ExportsEvents() int { return p.matched }

func (p *Page) Draw() []paint.Line {
	l := layOut(p.width, p.s.Several())
	return p.Sight.Draw([]paint.Line{l.heading(p.col)}, func(at int, cursor bool) paint.Line {
		return l.row(p.s, &p.events[at], cursor, p.col)
	}, p.why)
}

// why says why no event is to be seen.
func (p *Page) why() string {
	if kept := p.s.Tail.Counts().Kept; p.s.Text != "" && kept > 0 {
		return "none of the last " + human.Plural(kept, "event") + " matches the filter"
	}
	return p.s.WhyEmpty("events")
}
