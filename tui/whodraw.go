package tui

import (
	"strings"

	"natlens/tui/paint"
)

// The page from top to bottom: the question and where it was asked, the verdict, a
// blank line, the heads, the rows; below the row under the cursor what of it has
// no room in its line.

// above is how many lines stand above the rows.
func (p *whoPage) above() int { return 1 + len(p.verdict()) + 2 }

// verdictLines is how many lines the verdict may take.
const verdictLines = 6

func (p *whoPage) verdict() (out []drawn) {
	switch {
	case p.busy != noWish:
		return wrapped(paint.Muted, "looking …", "", marginLeft, p.width, 1)
	case p.found.question == "":
		return wrapped(paint.Muted, "enter asks who held an address: 203.0.113.7:32768 --proto tcp --at 14:32:15, or --inside 10.0.0.5 --from -2h; "+
			"natlens help who says what else", "", marginLeft, p.width, verdictLines)
	case p.found.err != nil:
		return wrapped(paint.Bad, p.found.err.Error(), "", marginLeft, p.width, verdictLines)
	}
	for i, line := range p.found.answer.Verdict {
		role := paint.Muted
		switch {
		case strings.HasPrefix(line, "Uncertain") || strings.HasPrefix(line, "Not covered"):
			role = paint.Warn
		case i == 0:
			role = paint.Text
		}
		out = append(out, wrapped(role, line, "", marginLeft, p.width, verdictLines)...)
	}
	if most := min(verdictLines, max(1, p.room-6)); len(out) > most {
		out = out[:most]
		out[most-1].line.Add(paint.Muted, " …")
		out[most-1].line.Cut(p.width)
	}
	return out
}

func (p *whoPage) draw() []drawn {
	out := make([]drawn, 0, p.room)
	out = append(out, p.heading())
	out = append(out, p.verdict()...)
	out = append(out, drawn{})
	if rows := p.found.answer.Rows; len(rows) > 0 && p.busy == noWish {
		detail := p.detail()
		out = append(out, p.row(p.found.answer.Heads, paint.Label, false, false))
		for i := range p.sight.height {
			at := p.top() + i
			if at >= len(rows) {
				break
			}
			out = append(out, p.row(rows[at].Cells, paint.Text, rows[at].Uncertain, at == p.at))
			if at == p.at {
				out = append(out, detail...)
			}
		}
	}
	for len(out) < p.room {
		out = append(out, drawn{})
	}
	return out[:p.room]
}

func (p *whoPage) heading() (d drawn) {
	d.line.Pad(1)
	d.line.Add(paint.Label, "WHO  ")
	d.line.Add(paint.Text, p.question)
	where := p.s.cfg.Who.Where()
	if room := p.width - d.line.Width() - 3; room >= paint.Width(where) {
		d.line.Pad(p.width - paint.Width(where) - 1)
		d.line.Add(paint.Muted, where)
	}
	d.line.Fit(p.width)
	return d
}

// columnWidths are the widths that the columns of an answer take.
func columnWidths(a *WhoAnswer) []int {
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
func (p *whoPage) fitting() (n int) {
	room := p.width - marginLeft
	for _, w := range p.widths {
		if room -= w + 2; room < -2 {
			break
		}
		n++
	}
	return n
}

// row draws cells that have room.
func (p *whoPage) row(cells []string, role paint.Role, uncertain, cursor bool) (d drawn) {
	if cursor {
		d.base = paint.Selected
		d.line.Add(paint.Key, " ▌")
	}
	if uncertain {
		d.line.Pad(marginLeft - 1)
		d.line.Add(paint.Warn, "?")
	}
	d.line.Pad(marginLeft)
	for i := range min(p.fitting(), len(cells)) {
		d.line.AddLeft(role, cells[i], p.widths[i])
		d.line.Add(paint.Text, "  ")
	}
	d.line.Fit(p.width)
	return d
}

// detail is what of the row under the cursor has no room in its line.
func (p *whoPage) detail() []drawn {
	a := &p.found.answer
	if p.at >= len(a.Rows) || p.busy != noWish {
		return nil
	}
	var parts []string
	cells := a.Rows[p.at].Cells
	for i := p.fitting(); i < min(len(cells), len(a.Heads)); i++ {
		if cells[i] != "" {
			parts = append(parts, strings.TrimLeft(inSentence(a.Heads[i])+" "+cells[i], " "))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return wrapped(paint.Muted, strings.Join(parts, ", "), "", marginLeft+2, p.width, 4)
}

// inSentence is the head of a column in small letters, but for what stands in
// brackets.
func inSentence(head string) string {
	word, _, _ := strings.Cut(head, " (")
	return strings.ToLower(word) + head[len(word):]
}
