package who

import (
	"strings"

	"natlens/tui/paint"
)

// The page from top to bottom: the question and where it was asked, the verdict, a blank
// line, the heads, the rows; below the row under the cursor what did not fit in its line.

// above is how many lines are above the rows.
func (p *Page) above() int { return 1 + len(p.verdict()) + 2 }

// verdictLines is how many lines the verdict may take.
const verdictLines = 6

func (p *Page) verdict() (out []paint.Line) {
	say := func(role paint.Role, text string) {
		out = append(out, paint.Wrapped(role, text, "", paint.MarginLeft, p.width, verdictLines)...)
	}
	switch {
	case p.Running():
		say(paint.Muted, "searching …")
	case p.found.question == "":
		say(
			paint.Muted,
			"enter asks who held an address: 203.0.113.7:32768 --proto tcp --at 14:32:15, "+
				"or --inside 10.0.0.5 --since "+
				""+
				""+
				"-2h; "+
				"natlens help who says what else",
		)
	case p.found.err != nil:
		say(paint.Bad, p.found.err.Error())
	default:
		for i, line := range p.found.answer.Verdict {
			role := paint.Muted
			switch {
			case strings.HasPrefix(line, "Uncertain") || strings.HasPrefix(line, "Not covered"):
				role = paint.Warn
			case i == 0:
				role = paint.Text
			}
			say(role, line)
		}
		if most := min(verdictLines, max(1, p.room-6)); len(out) > most {
			out = out[:most]
			out[most-1].Add(paint.Muted, " …")
			out[most-1].Cut(p.width)
		}
	}
	return out
}

func (p *Page) Draw() []paint.Line {
	out := append([]paint.Line{p.heading()}, p.verdict()...)
	out = append(out, paint.Line{})
	if rows := p.found.answer.Rows; len(rows) > 0 && !p.Running() {
		out = append(out, p.row(p.found.answer.Heads, paint.Label, false, false))
		for at := p.Top(); at < min(p.Top()+p.Height, len(rows)); at++ {
			out = append(out, p.row(rows[at].Cells, paint.Text, rows[at].Uncertain, at == p.At))
			if at == p.At {
				out = append(out, p.detail()...)
			}
		}
	}
	return paint.Fill(out, p.room)
}

func (p *Page) heading() (l paint.Line) {
	l.Pad(1)
	l.Add(paint.Label, "WHO  ")
	l.Add(paint.Text, p.question)
	where := p.asker.Where()
	if room := p.width - l.Width() - 3; room >= paint.Width(where) {
		l.Pad(p.width - paint.Width(where) - 1)
		l.Add(paint.Muted, where)
	}
	l.Fit(p.width)
	return l
}

// columnWidths are the widths that the columns of an answer take.
func columnWidths(a *Answer) []int {
	widths := make([]int, len(a.Heads))
	for i, head := range a.Heads {
		widths[i] = paint.Width(head)
	}
	for _, row := range a.Rows {
		for i := range min(len(row.Cells), len(widths)) {
			widths[i] = max(widths[i], paint.Width(row.Cells[i]))
		}
	}
	return widths
}

// fitting is how many of the columns have room.
func (p *Page) fitting() (n int) {
	room := p.width - paint.MarginLeft
	for _, w := range p.widths {
		if room -= w + paint.Gap; room < -paint.Gap {
			break
		}
		n++
	}
	return n
}

// row draws the cells that have room.
func (p *Page) row(cells []string, role paint.Role, uncertain, cursor bool) (l paint.Line) {
	l.Select(cursor)
	if uncertain {
		l.Pad(paint.MarginLeft - 1)
		l.Add(paint.Warn, "?")
	}
	l.Pad(paint.MarginLeft)
	for i := range min(p.fitting(), len(cells)) {
		l.AddLeft(role, cells[i], p.widths[i])
		l.Add(paint.Text, "  ")
	}
	l.Fit(p.width)
	return l
}

// detail is what of the row under the cursor does not fit in its line.
func (p *Page) detail() []paint.Line {
	a := &p.found.answer
	if p.At >= len(a.Rows) || p.Running() {
		return nil
	}
	var parts []string
	cells := a.Rows[p.At].Cells
	for i := p.fitting(); i < min(len(cells), len(a.Heads)); i++ {
		if cells[i] != "" {
			parts = append(parts, strings.TrimLeft(inSentence(a.Heads[i])+" "+cells[i], " "))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return paint.Wrapped(paint.Muted, strings.Join(parts, ", "), "", paint.MarginLeft+2, p.width, 4)
}

// inSentence is the head of a column in small letters, except for what is in brackets.
func inSentence(head string) string {
	word, _, _ := strings.Cut(head, " (")
	return strings.ToLower(word) + head[len(word):]
}
