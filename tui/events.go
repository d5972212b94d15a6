package tui

import (
	"math"
	"sync/atomic"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/paint"
)

// eventsPage is the tail of the stream, the newest at the bottom. At the bottom
// the cursor follows the stream; above it, it stays on its event.
type eventsPage struct {
	s    *session
	keys *keyMap
	puller
	sight

	col    eventColumn // under the cursor
	follow bool
	seq    uint64 // of the event under the cursor
	moves  int

	events          []monitor.Event
	before, matched int
	width, height   int
	filterGen       int
}

func newEventsPage(s *session, keys *keyMap) *eventsPage {
	p := &eventsPage{s: s, keys: keys, follow: true, col: evFrom}
	p.resize(80, 20)
	return p
}

func (p *eventsPage) title() string { return "Events" }

func (p *eventsPage) resize(width, height int) {
	p.width, p.height, p.sight.height = width, height-1, height-1
	p.fit()
}

type eventsAnswer struct {
	stretch
	moves int
}

func (p *eventsPage) pull(w wish) tea.Cmd {
	if p.filterGen != p.s.gen {
		p.filterGen, p.follow, w = p.s.gen, true, toChange
	}
	seq, above, below := p.seq, p.line+2*p.height, 3*p.height-p.line
	if p.s.paused {
		above, below = heldRows, heldRows
	}
	if p.follow {
		seq, above = math.MaxUint64, max(above, 3*p.height)
	}
	tail, keep, moves := p.s.cfg.Tail, p.s.keep, p.moves
	return p.ask(p, w, func(*atomic.Bool) any {
		return eventsAnswer{tail.around(seq, keep, above, below), moves}
	})
}

func (p *eventsPage) answer(m answerMsg) tea.Cmd {
	again := p.answered(m)
	if a, ok := m.body.(eventsAnswer); ok && !p.take(a) {
		again = max(again, toMove)
	}
	if again != noWish {
		return p.pull(again)
	}
	return nil
}

// take puts the new stretch in the place of the old one. It returns false if the
// cursor has moved since, to an event that is not in it.
func (p *eventsPage) take(a eventsAnswer) bool {
	at := min(a.at, len(a.events)-1)
	switch {
	case p.follow:
		at, p.line = len(a.events)-1, p.height-1
	case at >= 0 && a.events[at].Seq != p.seq && a.moves != p.moves:
		return false
	}
	p.events, p.before, p.matched = a.events, a.before, a.matched
	p.n, p.at = len(a.events), max(0, at)
	p.fit()
	p.anchor()
	return true
}

func (p *eventsPage) anchor() {
	if p.at < len(p.events) {
		p.seq = p.events[p.at].Seq
	}
}

func (p *eventsPage) moved() tea.Cmd {
	p.moves++
	p.anchor()
	last := p.before+p.at+1 >= p.matched
	p.follow = last && p.at == p.n-1
	if p.s.paused {
		return nil
	}
	above, below := p.top(), p.n-p.top()-p.height
	if p.follow || above < p.height && p.before > 0 || below < p.height && p.before+p.n < p.matched {
		return p.pull(toMove)
	}
	return nil
}

func (p *eventsPage) key(m tea.KeyPressMsg) tea.Cmd {
	if cmd, ok := p.keys.steer(m, p.height, p); ok {
		return cmd
	}
	switch k := p.keys; {
	case key.Matches(m, k.Left):
		p.col = max(p.col, 1) - 1
	case key.Matches(m, k.Right):
		p.col = min(p.col+1, eventColumns-1)
	case key.Matches(m, k.Enter):
		if f, ok := p.chosen(); ok {
			p.s.root.openDetail(f)
		}
	}
	return nil
}

func (p *eventsPage) hints() []key.Binding {
	k := p.keys
	return []key.Binding{k.Enter, k.Filter, k.Pause, k.End, k.Export, k.Copy, k.Only, k.Names}
}

// home goes to the oldest event.
func (p *eventsPage) home() tea.Cmd {
	p.seq, p.follow, p.line = 0, false, 0
	p.moves++
	if p.s.paused {
		p.to(0)
		return p.moved()
	}
	p.events, p.n, p.at = nil, 0, 0
	return p.pull(toChange)
}

// last goes to the newest event, and on with the stream.
func (p *eventsPage) last() tea.Cmd {
	if p.s.paused {
		p.to(p.n - 1)
		return p.moved()
	}
	p.follow = true
	p.moves++
	return p.pull(toChange)
}

func (p *eventsPage) step(rows int) tea.Cmd {
	p.move(rows)
	return p.moved()
}

func (p *eventsPage) wheel(lines int) tea.Cmd { return p.step(lines) }

// click chooses an event, and the cell if it stands in a column of its own; on the
// heading, the cell.
func (p *eventsPage) click(x, y int) tea.Cmd {
	l := layOutEvents(p.width, p.s.several())
	if col, ok := l.columnAt(x); ok && (y == 0 || col < evFrom) {
		p.col = col
	}
	at := p.top() + y - 1
	if y == 0 || at >= p.n {
		return nil
	}
	if at == p.at {
		if f, ok := p.chosen(); ok {
			p.s.root.openDetail(f)
		}
		return nil
	}
	p.to(at)
	return p.moved()
}

// chosen is the flow of the event under the cursor: as the table has it, or if it
// is gone, as the event told.
func (p *eventsPage) chosen() (flowRef, bool) {
	if p.at >= len(p.events) || !p.events[p.at].Kind.HasFlow() {
		return flowRef{}, false
	}
	e := &p.events[p.at]
	if e.Gen != 0 {
		if r, x, ok := p.s.cfg.Table.Get(e.Row, e.Gen); ok {
			return flowRef{row: r, index: e.Row, extra: x}, true
		}
	}
	return flowOfEvent(e), true
}

// flowOfEvent makes a row of what an event told.
func flowOfEvent(e *monitor.Event) flowRef {
	r := table.Row{Flow: e.Flow, Known: e.Known(), Gen: e.Gen, First: e.Born, Last: e.Time}
	if e.Born != 0 {
		r.State |= table.RowBorn
	} else {
		r.First = e.Time
	}
	if e.Kind == monitor.KindDestroy {
		r.State |= table.RowEnded
	}
	return flowRef{row: r, index: e.Row, extra: e.Extra}
}

func (p *eventsPage) condition() string {
	if p.at >= len(p.events) || !p.events[p.at].Kind.HasFlow() {
		return ""
	}
	return eventFilters[p.col](&p.events[p.at])
}

// why says why no event is to be seen.
func (p *eventsPage) why() string {
	if kept := min(p.s.cfg.Tail.Seen(), TailSize); p.s.text != "" && kept > 0 {
		return "none of the last " + human.Plural(kept, "event") + " matches the filter"
	}
	return p.s.whyEmpty("events")
}

func (p *eventsPage) draw() []drawn {
	out := make([]drawn, 0, p.height+1)
	l := layOutEvents(p.width, p.s.several())
	out = append(out, drawn{line: l.heading(p.col)})
	for i := range p.height {
		at := p.top() + i
		var d drawn
		switch {
		case at < len(p.events):
			d = l.line(p.s, &p.events[at], at == p.at, p.col)
		case i == 1 && len(p.events) == 0:
			d.line.Pad(marginLeft)
			d.line.Add(paint.Muted, p.why())
		}
		out = append(out, d)
	}
	return out
}
