package paint

import (
	"strings"

	"natlens/monitor"
)

// Note is text that is laid out later, by width: it breaks at blanks, and never inside
// what Whole returned.
type Note []Span

// noBreak is a blank at which no line is broken.
const noBreak = "\u00a0"

// Whole keeps text in one piece, such as an address and its ICMP id.
func Whole(text string) string { return strings.ReplaceAll(text, " ", noBreak) }

// Words is a note in grey.
func Words(text string) Note { return Note{{Role: Muted, Text: text}} }

// HeadColumn is the room for the head of a note.
const HeadColumn = len("POSTROUTING") + 2

// Hang sets a note beside a head. The note goes below a head that is too long.
func Hang(r Role, head string, n Note, width int) []Line {
	var l Line
	l.Add(r, head)
	if l.Width() >= HeadColumn {
		return n.Flow([]Line{l}, width, HeadColumn)
	}
	return n.flow(nil, l, width, HeadColumn)
}

// Flow appends the note to out in lines with an indent. A word that does not fit beside
// the indent, such as an IPv6 address on a narrow screen, moves left.
func (n Note) Flow(out []Line, width, indent int) []Line { return n.flow(out, Line{}, width, indent) }

// flow is Flow with the beginning of the first line.
func (n Note) flow(out []Line, l Line, width, indent int) []Line {
	headed := len(l.Spans) > 0
	l.Pad(indent)
	start := true
	for _, atom := range n.atoms() {
		w := atom.Width()
		if !start && l.Width()+1+w > width {
			out = append(out, l)
			l, start = Line{}, true
			l.Pad(max(0, min(indent, width-w)))
		} else if start && l.Width()+w > width {
			if headed {
				out = append(out, l)
			}
			l = Line{}
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

// atoms cuts a note at its blanks. Spans that touch stay together, and an arrow stays
// with what follows it.
func (n Note) atoms() []Line {
	var out []Line
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
				out[len(out)-1].Add(Text, " ")
				open = true
			}
			if !open {
				out = append(out, Line{})
			}
			out[len(out)-1].Add(s.Role, strings.ReplaceAll(word, noBreak, " "))
			open = true
		}
	}
	return out
}

func isArrow(l *Line) bool {
	return len(l.Spans) == 1 && (l.Spans[0].Text == "→" || l.Spans[0].Text == "⇒")
}

// Wrapped lays foreign text out from a column on, with the command that mends what it
// reports behind it, in at most so many lines.
func Wrapped(role Role, text, command string, from, width, most int) (out []Line) {
	text = monitor.Escape(text)
	if command != "" {
		text += " → " + monitor.Escape(command)
	}
	for i, line := range Wrap(text, max(8, width-from-1)) {
		if i == most {
			out[most-1].Add(role, " …")
			break
		}
		var l Line
		l.Pad(from)
		if before, after, ok := strings.Cut(line, "→ "); ok && command != "" {
			l.Add(role, before)
			l.Add(Key, "→ "+after)
			role = Key
		} else {
			l.Add(role, line)
		}
		out = append(out, l)
	}
	return out
}

// Fill makes a block of lines exactly so high.
func Fill(lines []Line, height int) []Line {
	for len(lines) < height {
		lines = append(lines, Line{})
	}
	return lines[:height]
}
