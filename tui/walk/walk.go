// Package walk draws a flow's walk through the hooks of netfilter, as its packets see it.
package walk

import (
	"slices"

	"natlens/monitor"
	"natlens/tui/paint"
)

// sideBySide is the width from which both directions are side by side.
const sideBySide = 100

// Render draws the walk of a flow: for both directions each hook, where conntrack
// looks the packet up, when the nat table is asked, what is rewritten and where the entry is confirmed.
// From 100 columns the two directions are side by side, below that one above the other. No line
// is wider than width, unless a single address is. Lines end in a newline. With paint.Plain
// they have no escape sequences.
func Render(w monitor.Walk, width int, st paint.Style) string {
	var out []byte
	for _, l := range Lines(&w, width, true) {
		out = append(st.Append(out, &l), '\n')
	}
	return string(out)
}

// Lines returns a walk as lines, with explain also the sentences that explain it.
func Lines(w *monitor.Walk, width int, explain bool) []paint.Line {
	var out []paint.Line
	if w.Dropped() || w.Untracked { // there is no reply
		for _, b := range blocks(w, &w.Original, width) {
			out = append(out, b...)
		}
	} else if width >= sideBySide {
		half := (width - 2) / 2
		left, right := blocks(w, &w.Original, half), blocks(w, &w.Reply, half)
		for i := range left {
			out = appendBeside(out, left[i], right[i], half+2)
		}
	} else {
		for _, b := range blocks(w, &w.Original, width) {
			out = append(out, b...)
		}
		out = append(out, paint.Line{})
		for _, b := range blocks(w, &w.Reply, width) {
			out = append(out, b...)
		}
	}
	notes := footNotes(w)
	if !explain {
		notes = slices.DeleteFunc(notes, func(n paint.Note) bool { return n[0].Role == paint.Muted })
	}
	for i, n := range notes {
		if i == 0 {
			out = append(out, paint.Line{})
		}
		out = n.Flow(out, width, 0)
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
		if i < len(right) && right[i].Width() > 0 {
			l.Pad(column)
			l.AddLine(&right[i])
		}
		out = append(out, l)
	}
	return out
}

// blocks returns a direction from top to bottom: its addresses, where the packet comes from,
// one block for each hook, where it goes. Both directions of a walk have the same number of
// blocks.
func blocks(w *monitor.Walk, d *monitor.Direction, width int) [][]paint.Line {
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
	all := [][]paint.Line{flowEnds(paint.Title, name, d.Src, d.Dst, p, width), {mark(in)}}
	for i := range d.Steps {
		s := &d.Steps[i]
		var lines []paint.Line
		if s.Lookup == monitor.LookupCarried {
			lines = append(lines, mark("── over lo ──"))
		}
		all = append(all, append(lines, stepLines(w, s, width)...))
	}
	if !d.Reply && w.Dropped() {
		var l paint.Line
		l.Add(paint.Ended, "── dropped ──")
		return append(all, []paint.Line{l})
	}
	return append(all, flowEnds(paint.Muted, out, d.Last.Src, d.Last.Dst, p, width))
}

func mark(text string) paint.Line {
	var l paint.Line
	l.Add(paint.Muted, text)
	return l
}

// flowEnds returns the line "name src → dst", broken before the arrow if it is too long.
func flowEnds(r paint.Role, name string, src, dst monitor.Endpoint, p monitor.Proto, width int) []paint.Line {
	n := paint.Note{{Role: paint.Text, Text: paint.Whole(paint.End(p, src).String())}, {Role: paint.Muted, Text: " → "},
		{Role: paint.Text, Text: paint.Whole(paint.End(p, dst).String())}}
	return paint.Hang(r, name, n, width)
}

// stepLines returns a hook's name with its notes.
func stepLines(w *monitor.Walk, s *monitor.Step, width int) []paint.Line {
	notes := stepNotes(w, s)
	lines := paint.Hang(paint.Label, s.Hook.String(), notes[0], width)
	for _, n := range notes[1:] {
		lines = n.Flow(lines, width, paint.HeadColumn)
	}
	return lines
}
