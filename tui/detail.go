package tui

import (
	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/paint"
)

// detail is the pane of one flow: what it is, its walk, its life, every
// attribute. It follows the flow while it lives, and keeps what was known last.
type detail struct {
	s     *session
	keys  *keyMap
	flow  flowRef
	life  table.Life
	lived bool // life is known
	gone  bool // the table has let go of it

	scroll        int
	width, height int
	lines         []paint.Line
}

func newDetail(s *session, keys *keyMap, f flowRef) *detail {
	d := &detail{s: s, keys: keys, flow: f}
	d.refresh()
	return d
}

// refresh reads the flow anew.
func (d *detail) refresh() {
	t, i, gen := d.s.cfg.Table, d.flow.index, d.flow.row.Gen
	if r, x, ok := t.Get(i, gen); ok {
		d.flow.row, d.flow.extra, d.gone = r, x, false
	} else {
		d.gone = true
	}
	if l, ok := t.Life(i, gen); ok {
		d.life, d.lived = l, true
	}
	d.lay()
}

func (d *detail) resize(width, height int) {
	d.width, d.height = width, height
	d.lay()
}

// lay makes the lines for the width; they scroll.
func (d *detail) lay() {
	if d.width == 0 {
		return
	}
	inner := d.width - 2
	w := monitor.NewWalk(&d.flow.row.Flow)
	lines := d.summary(inner)
	lines = append(lines, paint.Line{})
	lines = append(lines, walkLines(&w, inner)...)
	lines = append(lines, paint.Line{})
	lines = append(lines, d.lifeLines(inner)...)
	lines = append(lines, paint.Line{})
	lines = append(lines, d.attributes(inner)...)
	d.lines = lines
	d.scrollTo(d.scroll)
}

func (d *detail) scrollTo(line int) {
	d.scroll = max(0, min(line, len(d.lines)-d.height))
}

// key scrolls. The root closes the pane.
func (d *detail) key(m tea.KeyPressMsg) {
	switch rows, where := d.keys.movement(m, d.height); where {
	case moveRows:
		d.scrollTo(d.scroll + rows)
	case moveHome:
		d.scrollTo(0)
	case moveEnd:
		d.scrollTo(len(d.lines))
	}
}

func (d *detail) draw() []drawn {
	return scrolled(d.lines, d.scroll, d.width, d.height)
}

// scrolled draws lines from one on; the last line of the screen says how many are
// below it.
func scrolled(lines []paint.Line, from, width, height int) []drawn {
	out := make([]drawn, height)
	for i := range out {
		if at := from + i; at < len(lines) {
			out[i].line.Add(paint.Text, " ")
			out[i].line.AddLine(&lines[at])
			out[i].line.Cut(width)
		}
	}
	if below := len(lines) - from - height; below > 0 {
		var last paint.Line
		last.Add(paint.Muted, " ↓ "+human.Count(uint64(below+1))+" more lines")
		out[height-1].line = last
	}
	return out
}

// summary is the first line: what kind of flow, and how it stands.
func (d *detail) summary(width int) []paint.Line {
	r := &d.flow.row
	f := &r.Flow
	n := note{{Role: paint.Title, Text: whole(f.Orig.Proto.String() + " " + stateText(r))}}
	put := func(role paint.Role, text string) { // two more blanks than between words
		n = append(n, paint.Span{Role: role, Text: " " + whole("  "+text)})
	}
	switch {
	case r.Ended():
		put(paint.Ended, "× ended "+ago(d.s.frame, r.Last))
	case d.gone:
		put(paint.Ended, "not in the table any more")
	case d.s.timedOut(r, d.s.frame):
		put(paint.Ended, "timed out")
	case !answered(r):
		put(paint.Warn, "unanswered")
	}
	if f.NAT().Kind != monitor.NATNone {
		put(paint.NAT, natWords(f))
	}
	if name := d.s.netns(f.Orig.NetNS); name != "" {
		put(paint.Text, "netns "+name)
	}
	if r.Known&monitor.AttrID != 0 {
		put(paint.Text, "id "+countPlain(uint64(f.ID)))
	}
	if f.Mark != 0 {
		put(paint.Text, "mark "+hexText(uint64(f.Mark)))
	}
	if z := zoneText(f); z != "" {
		put(paint.Text, "zone "+z)
	}
	if born := r.Born(); born != 0 && !r.Ended() {
		put(paint.Text, "age "+human.Clock(since(born, d.s.frame)))
	}
	if r.Known&monitor.AttrTimeout != 0 && !r.Ended() && !d.gone && r.Ends() > d.s.frame {
		put(paint.Text, human.Clock(since(d.s.frame, r.Ends()))+" left")
	}
	return flow(nil, n, width, 0)
}

// natWords names what is rewritten.
func natWords(f *monitor.Flow) string {
	n := f.NAT()
	text := n.Kind.String()
	switch {
	case n.Redirect:
		text = "redirect"
	case n.PortOnly():
		text += " port only"
	}
	return text
}
