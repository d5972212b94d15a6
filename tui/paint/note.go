package paint

import (
	"strings"

	"natlens/monitor"
)

// Note is text that is wrapped later. It breaks at spaces, but never inside the result of
// Whole.
type Note []Span

// noBreak is a space at which no line breaks.
const noBreak = "\u00a0"

// Whole prevents line breaks in a text, such as an address and its ICMP id.
func Whole(text string) string { return strings.ReplaceAll(text, " ", noBreak) }

// Words is a note in grey.
func Words(text string) Note { return Note{{Role: Muted, Text: text}} }

// HeadColumn is the width of the head of a note.
const HeadColumn = len("POSTROUTING") + 2

// Hang sets a note beside a head. If the head is too long, the note goes below it.
func Hang(r Role, head string, n Note, width int) []Line {
	var l Line
	l.Add(r, head)
	if l.Width() >= HeadColumn {
		return n.Flow([]Line{l}, width, HeadColumn)
	}
	return n.flow(nil, l, width, HeadColumn)
}

// Flow appends the note to out as lines with an indent. A word that does not fit after the
// indent, such as an IPv6 address on a narrow screen, is moved to the left.
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

// atoms splits a note at its spaces. Adjacent spans stay together, and an arrow stays with the
// text after it.
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

// Wrapped wraps untrusted text from column from on, with a command after it, in at most the
// given number of lines.
func Wrapped(role Role, text, command string, from, width, most int) (out []Line) {
	n := Note{{Role: role, Text: monitor.Escape(text)}}
	if command != "" {
		n = append(n, Span{Role: Key, Text: " → " + monitor.Escape(command)})
	}
	if out = n.Flow(nil, width-1, from); len(out) > most {
		out = out[:most]
		out[most-1].Add(role, " …")
	}
	return out
}

// Fill makes a block exactly as high as height.
func Fill(lines []Line, height int) []Line {
	for len(lines) < height {
		lines = append(lines, Line{})
	}
	return lines[:height]
}
