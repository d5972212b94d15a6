package tui

import (
	"natlens/tui/paint"
)

// helpLines draws every key, in columns as the width allows, and what the signs
// of the tables mean. It is made of the bindings: it can't say what is not so.
func (m *Model) helpLines(width, height int) []drawn {
	const columnWidth = 38
	fit := max(1, width/columnWidth)
	var columns [][]paint.Line
	for i, g := range m.keys.groups() {
		var lines []paint.Line
		var title paint.Line
		title.Add(paint.Title, g.title)
		lines = append(lines, title)
		for _, b := range g.keys {
			var l paint.Line
			l.AddLeft(paint.Key, b.Help().Key, 10)
			l.Add(paint.Text, b.Help().Desc)
			l.Cut(columnWidth - 2)
			lines = append(lines, l)
		}
		lines = append(lines, paint.Line{})
		if i < fit {
			columns = append(columns, lines)
		} else {
			shortest := 0
			for c := range columns {
				if len(columns[c]) < len(columns[shortest]) {
					shortest = c
				}
			}
			columns[shortest] = append(columns[shortest], lines...)
		}
	}
	var lines []paint.Line
	put := func(l paint.Line, row, column int) {
		for len(lines) <= row {
			lines = append(lines, paint.Line{})
		}
		lines[row].Pad(1 + column*columnWidth)
		lines[row].AddLine(&l)
	}
	for c, column := range columns {
		for i, l := range column {
			put(l, i, c)
		}
	}
	// The signs are wider than a column: they stand under all but the first, or at
	// the end.
	below, from := len(lines), 0
	if fit >= 3 {
		below, from = 0, 1
		for _, column := range columns[1:] {
			below = max(below, len(column))
		}
	}
	for i, l := range signLines() {
		put(l, below+i, from)
	}
	m.helpRows = len(lines)
	m.helpScroll = max(0, min(m.helpScroll, len(lines)-height))
	return scrolled(lines, m.helpScroll, width, height)
}

func signLines() []paint.Line {
	signs := []struct {
		role       paint.Role
		sign, text string
	}{
		{paint.NAT, "⇒", "rewritten by NAT: only the part that is another is coloured"},
		{paint.Warn, "!", "unanswered: no packet came back yet"},
		{paint.New, "+", "new"},
		{paint.Ended, "×", "ended; it stays in sight for a moment"},
		{paint.Ended, "·", "timed out; the kernel has not removed it yet"},
	}
	out := make([]paint.Line, 0, len(signs)+1)
	var title paint.Line
	title.Add(paint.Title, "signs")
	out = append(out, title)
	for _, s := range signs {
		var l paint.Line
		l.AddLeft(s.role, s.sign, 10)
		l.Add(paint.Text, s.text)
		out = append(out, l)
	}
	return out
}
