package tui

import (
	"natlens/tui/keys"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// help lists every key of what had the focus, and explains the signs of the tables.
type help struct {
	page.Scroll
	open  bool
	keys  *keys.Map
	mouse bool // the UI has the mouse
}

// helpColumn is the width of a column.
const helpColumn = 38

// begin opens the help for a key map.
func (h *help) begin(of *keys.Map) {
	h.open, h.keys = true, of
	h.Home()
	h.Set(h.lines())
}

func (h *help) resize(width, height int) {
	h.Width, h.Height = width, height
	if h.open {
		h.Set(h.lines())
	}
}

// lines sets the groups of keys in as many columns as fit.
func (h *help) lines() (lines []paint.Line) {
	fit := max(1, h.Width/helpColumn)
	columns := make([][]paint.Line, fit)
	for i, g := range h.keys.Groups() {
		shortest := min(i, fit-1)
		for c := range columns {
			if i >= fit && len(columns[c]) < len(columns[shortest]) {
				shortest = c
			}
		}
		columns[shortest] = append(columns[shortest], groupLines(&g)...)
	}
	put := func(l paint.Line, row, column int) {
		for len(lines) <= row {
			lines = append(lines, paint.Line{})
		}
		lines[row].Pad(1 + column*helpColumn)
		lines[row].AddLine(&l)
	}
	for c, column := range columns {
		for i, l := range column {
			put(l, i, c)
		}
	}
	// The signs are wider than a column: they are below all columns but the first, or at the
	// end.
	below, from := len(lines), 0
	if fit >= 3 {
		below, from = 0, 1
		for _, column := range columns[1:] {
			below = max(below, len(column))
		}
	}
	for i, l := range h.signLines() {
		put(l, below+i, from)
	}
	return lines
}

// groupLines are the title of a group, its keys and a blank line.
func groupLines(g *keys.Group) []paint.Line {
	lines := []paint.Line{entry(paint.Title, g.Title, "")}
	for _, k := range g.Hints {
		l := entry(paint.Key, k.Label, k.Does)
		l.Cut(helpColumn - 2)
		lines = append(lines, l)
	}
	return append(lines, paint.Line{})
}

// entry is a sign or a key, and what it means.
func entry(role paint.Role, sign, means string) (l paint.Line) {
	if means == "" {
		l.Add(role, sign)
		return l
	}
	l.AddLeft(role, sign, 10)
	l.Add(paint.Text, means)
	return l
}

func (h *help) signLines() []paint.Line {
	lines := []paint.Line{
		entry(paint.Title, "signs", ""),
		entry(paint.NAT, "⇒", "rewritten by NAT; only the part that changed is coloured"),
		entry(paint.Warn, "!", "unanswered: no reply yet"),
		entry(paint.New, "+", "new"),
		entry(paint.Ended, "×", "ended; shown for a few more seconds"),
		entry(paint.Ended, "·", "timed out; the kernel has not removed it yet"),
		entry(paint.Text, "▶ ▼", "a group, closed and open"),
		entry(paint.Text, "↑ ↓", "UP and DOWN: the original direction, and the replies"),
		entry(paint.Text, "TITLE▼", "rows are sorted by this column; to sort by another, underline it"),
		{},
		entry(paint.Title, "filter", ""),
		entry(paint.Key, "10.0.0.5", "an address, prefix, port, service or name is a filter by itself"),
		entry(paint.Key, "~ text", "rows that show this text; ~ /text/ takes a regular expression"),
		{},
		entry(paint.Title, "the past", ""),
		entry(paint.Text, "page Who", "who held an address at a time, by a history: ADDRESS --at 14:32"),
		entry(paint.Text, "replay", "natlens replay FILE --at 14:32 shows a recording of natlens record"),
	}
	if h.mouse {
		lines = append(lines, paint.Line{}, entry(paint.Title, "mouse", ""),
			entry(paint.Key, "click", "opens a page, sorts by a title, selects a row, again opens it"),
			entry(paint.Key, "wheel", "scrolls"))
	}
	return lines
}

// footer is the keys on the last line; a click on one does its action. Keys that are always
// shown get their space first; of the others, as many as fit.
func (f focus) footer(width int) (l paint.Line) {
	var always, shown []keys.Hint
	room := width
	for _, a := range f.always {
		h, _ := f.keys.Hint(a)
		always, room = append(always, h), room-hintWidth(h)-hintGap
	}
	at := 1
	for _, a := range f.hints {
		h, ok := f.keys.Hint(a)
		if ok && at+hintWidth(h) > room {
			break
		}
		if ok {
			shown = append(shown, h)
			at += hintWidth(h) + hintGap
		}
	}
	l.Pad(1)
	for i, h := range append(shown, always...) {
		if i > 0 {
			l.Pad(l.Width() + hintGap)
		}
		l.Mark(int(h.Action), func() {
			l.Add(paint.Key, h.Label)
			l.Add(paint.Muted, " "+h.Does)
		})
	}
	return l
}

// hintGap is the number of spaces between two keys.
const hintGap = 2

func hintWidth(h keys.Hint) int { return paint.Width(h.Label) + 1 + paint.Width(h.Does) }
