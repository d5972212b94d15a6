package tui

import (
	"strings"

	"natlens/monitor"
	"natlens/tui/paint"
)

// walkSideBySide is the width from which both directions stand beside each other.
const walkSideBySide = 100

// hookColumn is the room for a hook's name.
const hookColumn = len("POSTROUTING") + 2

// RenderWalk draws a flow as its packets see it: for both directions each hook
// that they pass, where conntrack looks them up, when the nat table is asked, what
// is rewritten and where the entry is confirmed. From 100 columns on the two
// directions stand side by side, below that one above the other. No line is wider
// than width, unless an address alone is. Lines end in a newline; with
// paint.Plain() there is nothing but text in them.
func RenderWalk(w monitor.Walk, width int, st paint.Style) string {
	return st.Lines(walkLines(&w, width)) + "\n"
}

// walkLines lays the walk out.
func walkLines(w *monitor.Walk, width int) []paint.Line {
	var out []paint.Line
	if width >= walkSideBySide {
		half := (width - 2) / 2
		left, right := walkBlocks(w, &w.Original, half), walkBlocks(w, &w.Reply, half)
		for i := range left {
			out = appendBeside(out, left[i], right[i], half+2)
		}
	} else {
		for _, b := range walkBlocks(w, &w.Original, width) {
			out = append(out, b...)
		}
		out = append(out, paint.Line{})
		for _, b := range walkBlocks(w, &w.Reply, width) {
			out = append(out, b...)
		}
	}
	out = append(out, paint.Line{})
	for _, n := range footNotes(w) {
		out = flow(out, n, width, 0)
	}
	return out
}

// appendBeside sets two blocks beside each other, the right one at a column.
func appendBeside(out, left, right []paint.Line, column int) []paint.Line {
	for i := range max(len(left), len(right)) {
		var l paint.Line
		if i < len(left) {
			l.AddLine(&left[i])
		}
		if i < len(right) {
			l.Pad(column)
			l.AddLine(&right[i])
		}
		out = append(out, l)
	}
	return out
}

// walkBlocks returns a direction from top to bottom: its addresses, where the
// packet comes from, one block a hook, where it goes. Both directions of a walk
// have the same number of blocks.
func walkBlocks(w *monitor.Walk, d *monitor.Direction, width int) [][]paint.Line {
	p := w.Flow.Orig.Proto
	name, in, out := "original", "── in ──", "── out ──"
	if d.Reply {
		name = "reply"
	}
	if !d.In {
		in = "── sent from this host ──"
	}
	if !d.Out {
		out = "── delivered to this host ──"
	}
	blocks := [][]paint.Line{flowEnds(paint.Title, name, d.Src, d.Dst, p, width), {mark(in)}}
	for i := range d.Steps {
		s := &d.Steps[i]
		var lines []paint.Line
		if s.Lookup == monitor.LookupCarried {
			lines = append(lines, mark("── over lo ──"))
		}
		blocks = append(blocks, append(lines, stepLines(w, s, width)...))
	}
	return append(blocks, flowEnds(paint.Muted, out, d.Last.Src, d.Last.Dst, p, width))
}

func mark(text string) paint.Line {
	var l paint.Line
	l.Add(paint.Muted, text)
	return l
}

// flowEnds is a line "name  src → dst", broken before the arrow when too long.
func flowEnds(r paint.Role, name string, src, dst monitor.Endpoint, p monitor.Proto, width int) []paint.Line {
	n := note{{Role: paint.Text, Text: whole(endpointText(p, src))}, {Role: paint.Muted, Text: " → "},
		{Role: paint.Text, Text: whole(endpointText(p, dst))}}
	return hang(r, name, n, width)
}

// stepLines is a hook's name and its notes beside it.
func stepLines(w *monitor.Walk, s *monitor.Step, width int) []paint.Line {
	notes := stepNotes(w, s)
	lines := hang(paint.Label, s.Hook.String(), notes[0], width)
	for _, n := range notes[1:] {
		lines = flow(lines, n, width, hookColumn)
	}
	return lines
}

// hang sets a note beside a head; the note goes below a head that is too long.
func hang(r paint.Role, head string, n note, width int) []paint.Line {
	lines := flow(nil, n, width, hookColumn)
	var l paint.Line
	l.Add(r, head)
	if l.Width() < hookColumn {
		l.Pad(hookColumn)
		first := lines[0]
		trimIndent(&first)
		if l.Width()+first.Width() <= width {
			l.AddLine(&first)
			lines[0] = l
			return lines
		}
	}
	return append([]paint.Line{l}, lines...)
}

// trimIndent takes the blanks off the beginning.
func trimIndent(l *paint.Line) {
	var m paint.Line
	for i, s := range l.Spans {
		if i == 0 {
			s.Text = strings.TrimLeft(s.Text, " ")
		}
		m.Add(s.Role, s.Text)
	}
	*l = m
}

// flow appends a note as lines, broken at blanks and indented. A word that does
// not fit beside the indent (an IPv6 address on a narrow screen) moves left.
func flow(out []paint.Line, n note, width, indent int) []paint.Line {
	var l paint.Line
	l.Pad(indent)
	start := true
	for _, atom := range atoms(n) {
		w := atom.Width()
		if !start && l.Width()+1+w > width {
			out = append(out, l)
			l, start = paint.Line{}, true
			l.Pad(max(0, min(indent, width-w)))
		} else if start && l.Width()+w > width {
			l = paint.Line{}
			l.Pad(max(0, width-w))
		}
		if !start {
			l.Add(l.Spans[len(l.Spans)-1].Role, " ")
		}
		l.AddLine(&atom)
		start = false
	}
	return append(out, l)
}

// atoms cuts a note at its blanks. Spans that touch stay together, and an arrow
// stays with what follows it.
func atoms(n note) []paint.Line {
	var out []paint.Line
	open := false // the next text continues the last atom
	for _, s := range n {
		for i, word := range strings.Split(s.Text, " ") {
			if i > 0 {
				open = false
			}
			if word == "" {
				continue
			}
			if len(out) > 0 && !open && isArrow(&out[len(out)-1]) {
				out[len(out)-1].Add(paint.Text, " ")
				open = true
			}
			if !open {
				out = append(out, paint.Line{})
			}
			out[len(out)-1].Add(s.Role, strings.ReplaceAll(word, noBreak, " "))
			open = true
		}
	}
	return out
}

func isArrow(l *paint.Line) bool {
	return len(l.Spans) == 1 && (l.Spans[0].Text == "→" || l.Spans[0].Text == "⇒")
}
