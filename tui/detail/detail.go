// Package detail is the pane of one flow in the terminal UI: what it is, its walk through
// the hooks, its life, and every attribute.
package detail

import (
	"strconv"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/page"
	"natlens/tui/paint"
	"natlens/tui/walk"
)

// Pane shows a flow. It follows the flow while that lives, and then keeps what was known
// last.
type Pane struct {
	Flow page.Flow

	s     *page.Session
	life  table.Life
	lived bool // life is known
	gone  bool // the table has dropped the flow

	scroll        int
	width, height int
	lines         []paint.Line
}

// New returns the pane of a flow.
func New(s *page.Session, f page.Flow) *Pane {
	p := &Pane{s: s, Flow: f}
	p.Refresh()
	return p
}

// Refresh reads the flow again.
func (p *Pane) Refresh() {
	t, i, gen := p.s.Table, p.Flow.Index, p.Flow.Row.Gen
	r, x, ok := t.Get(i, gen)
	if p.gone = !ok; ok {
		p.Flow.Row, p.Flow.Extra = r, x
	}
	if l, ok := t.Life(i, gen); ok {
		p.life, p.lived = l, true
	}
	p.lay()
}

// Resize sets the room.
func (p *Pane) Resize(width, height int) {
	p.width, p.height = width, height
	p.lay()
}

// lay makes the lines for the width.
func (p *Pane) lay() {
	if p.width == 0 {
		return
	}
	inner, w := p.width-2, monitor.NewWalk(&p.Flow.Row.Flow)
	p.lines = nil
	for _, block := range [][]paint.Line{p.summary(inner), walk.Lines(&w, inner), p.lifeLines(inner),
		p.attributes(inner)} {
		if p.lines != nil {
			p.lines = append(p.lines, paint.Line{})
		}
		p.lines = append(p.lines, block...)
	}
	p.scrollTo(p.scroll)
}

func (p *Pane) scrollTo(line int) tea.Cmd {
	p.scroll = max(0, min(line, len(p.lines)-p.height))
	return nil
}

// Step, Home, End and Lines make the pane a keys.Mover.

func (p *Pane) Step(rows int) tea.Cmd { return p.scrollTo(p.scroll + rows) }
func (p *Pane) Home() tea.Cmd         { return p.scrollTo(0) }
func (p *Pane) End() tea.Cmd          { return p.scrollTo(len(p.lines)) }
func (p *Pane) Lines() int            { return p.height }

// Draw returns the lines in sight.
func (p *Pane) Draw() []paint.Line { return paint.Scrolled(p.lines, p.scroll, p.width, p.height) }

// summary is the first line: what kind of flow it is, and in which state.
func (p *Pane) summary(width int) []paint.Line {
	r := &p.Flow.Row
	f := &r.Flow
	n := paint.Note{{Role: paint.Title, Text: paint.Whole(f.Orig.Proto.String() + " " + page.StateText(f, r.Known))}}
	put := func(role paint.Role, text string) { // two more blanks than between words
		n = append(n, paint.Span{Role: role, Text: " " + paint.Whole("  "+text)})
	}
	switch {
	case r.Ended():
		put(paint.Ended, "× ended "+page.Ago(p.s.Frame, r.Last))
	case p.gone:
		put(paint.Ended, "no longer in the table")
	case p.s.TimedOut(r, p.s.Frame):
		put(paint.Ended, "timed out")
	case !page.Answered(r):
		put(paint.Warn, "unanswered")
	}
	if f.NAT().Kind != monitor.NATNone {
		put(paint.NAT, natWords(f))
	}
	if name := p.s.NetNS(f.Orig.NetNS); name != "" {
		put(paint.Text, "netns "+name)
	}
	if r.Known&monitor.AttrID != 0 {
		put(paint.Text, "id "+decimal(f.ID))
	}
	if f.Mark != 0 {
		put(paint.Text, "mark "+page.Hex(uint64(f.Mark)))
	}
	if z := page.ZoneText(f); z != "" {
		put(paint.Text, "zone "+z)
	}
	if born := r.Born(); born != 0 && !r.Ended() {
		put(paint.Text, "age "+human.Clock(page.Since(born, p.s.Frame)))
	}
	if r.Known&monitor.AttrTimeout != 0 && !r.Ended() && !p.gone && r.Ends() > p.s.Frame {
		put(paint.Text, human.Clock(page.Since(p.s.Frame, r.Ends()))+" left")
	}
	return n.Flow(nil, width, 0)
}

func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// natWords names what is rewritten.
func natWords(f *monitor.Flow) string {
	n := f.NAT()
	switch {
	case n.Redirect:
		return "redirect"
	case n.PortOnly():
		return n.Kind.String() + " port only"
	}
	return n.Kind.String()
}
