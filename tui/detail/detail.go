// Package detail is the pane of one flow in the terminal UI: what it is, every attribute, its life,
// and its walk through the hooks.
package detail

import (
	"strconv"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/page"
	"natlens/tui/paint"
	"natlens/tui/walk"
)

// Pane shows a flow. It follows the flow until it ends, and then keeps the last known state.
type Pane struct {
	page.Scroll
	Open bool
	Flow page.Flow

	s     *page.Session
	life  table.Life
	lived bool // life is known
	gone  bool // the table has dropped the flow
	rules []monitor.Decision
	walk  int // the line where the walk begins
}

// New returns an open pane for a flow.
func New(s *page.Session, f page.Flow) Pane { return Pane{s: s, Flow: f, Open: true} }

// Chosen returns the flow.
func (p *Pane) Chosen() (page.Flow, bool) { return p.Flow, true }

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

// Decide adds rules to the walk, if the pane still shows the flow.
func (p *Pane) Decide(f page.Flow, rules []monitor.Decision) {
	if p.Flow.Index == f.Index && p.Flow.Row.Gen == f.Row.Gen {
		p.rules = rules
		p.showWalk()
	}
}

// Explain shows or hides the sentences that explain the walk, here and in later panes.
func (p *Pane) Explain() {
	p.s.Explain = !p.s.Explain
	p.showWalk()
}

// showWalk draws the walk again, from the top if it does not fit below the rest.
func (p *Pane) showWalk() {
	p.Home()
	p.lay()
	p.Step(p.walk)
}

// Resize sets the space, and reads the flow.
func (p *Pane) Resize(width, height int) {
	p.Width, p.Height = width, height
	p.Refresh()
}

// lay makes the lines for the current width.
func (p *Pane) lay() {
	inner, w := p.Width-2, monitor.NewWalk(&p.Flow.Row.Flow)
	w.Decide(p.rules)
	lines := append(p.summary(inner), p.s.Accounting(inner)...)
	for _, block := range [][]paint.Line{p.attributes(inner), p.lifeLines(inner), walk.Lines(&w, inner, p.s.Explain)} {
		lines = append(lines, paint.Line{})
		p.walk = len(lines)
		lines = append(lines, block...)
	}
	p.Set(lines)
}

// summary is the first line: what kind of flow it is, and in which state.
func (p *Pane) summary(width int) []paint.Line {
	r := &p.Flow.Row
	f := &r.Flow
	n := paint.Note{{Role: paint.Title, Text: paint.Whole(f.Orig.Proto.String() + " " + page.StateText(f, r.Known))}}
	put := func(role paint.Role, text string) { // two more spaces than between words
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
		put(paint.Text, "mark "+paint.Hex(uint64(f.Mark)))
	}
	if z := page.ZoneText(f); z != "" {
		put(paint.Text, "zone "+z)
	}
	if born := r.Born(); born != 0 && !r.Ended() {
		put(paint.Text, "age "+human.Clock(page.Since(born, p.s.Frame)))
	}
	if rate := r.Rates[p.s.Window]; rate.Total() >= 1 {
		write := func(v float64) string { return human.Rate(v, p.s.Bits) }
		put(paint.Text, write(rate.Total())+" (↑ "+write(float64(rate.Up))+"  ↓ "+write(float64(rate.Down))+")")
	}
	if r.Known&monitor.AttrTimeout != 0 && !r.Ended() && !p.gone && r.Ends() > p.s.Frame {
		put(paint.Text, human.Clock(page.Since(p.s.Frame, r.Ends()))+" left")
	}
	return n.Flow(nil, width, 0)
}

func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// natWords says what is rewritten.
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
