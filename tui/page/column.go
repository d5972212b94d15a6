package page

import (
	"slices"

	"natlens/tui/paint"
)

// Column is a column of a [Table].
type Column[R any] struct {
	ID    int // for Table.Column and Table.By; 0: for neither
	Title string
	X     int // where it begins; see [Beside]
	Width int
	Right bool // numbers
	Rank  int  // for Fit: the lower, the more important; 0: always shown

	// Cell returns the text of a row for a width. Either Cell or Draw draws the column; without
	// both, another column draws it.
	Cell func(r *R, width int) (paint.Role, string)
	Draw func(out *paint.Line, x int, r *R, cursor bool) // from x on

	Spill int // cells of the next column that a long text may take

	// For titles of cells without columns: the text before the title; a click chooses the
	// column only by its title.
	Sign      string
	TitleOnly bool

	TitleLeft int // cells that the title begins before the column
}

// Beside sets columns beside each other with gap spaces between them. It drops those without a
// width.
func Beside[R any](gap int, columns ...Column[R]) (out []Column[R]) {
	x := paint.MarginLeft
	for _, c := range columns {
		if c.Width > 0 {
			c.X = x
			x += c.Width + gap
			out = append(out, c)
		}
	}
	return out
}

// Fit sets those columns beside each other that fit into a width, as Beside does. Columns with a
// low Rank get their space first.
func Fit[R any](width, gap int, columns ...Column[R]) []Column[R] {
	room := width - paint.MarginLeft - paint.MarginRight + gap
	order := make([]*Column[R], len(columns))
	for i := range columns {
		order[i] = &columns[i]
	}
	slices.SortStableFunc(order, func(a, b *Column[R]) int { return a.Rank - b.Rank })
	for _, c := range order {
		switch need := c.Width + gap; {
		case c.Width == 0:
		case c.Rank > 0 && need > room:
			c.Width = 0
		default:
			room -= need
		}
	}
	return Beside(gap, columns...)
}

// columnAt returns the column at a cell of the screen; ok is false if it has no ID.
func columnAt[R any](columns []Column[R], x int) (at Column[R], ok bool) {
	for _, c := range columns {
		if x >= c.X-1 {
			at = c
		}
	}
	return at, at.ID != 0
}

// choose puts the cursor on the next column, or the previous one.
func (t *Table[R, K]) choose(by int) {
	c := slices.DeleteFunc(slices.Clone(t.Columns()), func(c Column[R]) bool { return c.ID == 0 })
	at := slices.IndexFunc(c, func(c Column[R]) bool { return c.ID == t.Column })
	if at < 0 { // the column itself is not shown at this width
		at = slices.IndexFunc(c, func(c Column[R]) bool { return c.ID > t.Column })
		by = min(by, 0)
	}
	if at < 0 {
		at, by = len(c)-1, 0
	}
	t.Column = c[min(max(0, at+by), len(c)-1)].ID
}

// row draws a row. If a cell is too wide for its column, the next one begins after it.
func (t *Table[R, K]) row(columns []Column[R], r *R, cursor bool) (out paint.Line) {
	out.Select(cursor)
	for _, c := range columns {
		switch {
		case c.Draw != nil:
			c.Draw(&out, max(c.X, out.Width()+1), r, cursor)
		case c.Cell != nil:
			free, end := out.Width()+1, c.X+c.Width
			width := end - max(c.X, free)
			var cell paint.Line
			cell.Add(c.Cell(r, width))
			if c.Right {
				cell.Cut(end - free)
				c.X = end - cell.Width()
			}
			cell.Cut(width + c.Spill)
			if cursor && c.ID != 0 && c.ID == t.Column {
				cell.Choose()
			}
			if cell.Width() > 0 {
				out.Pad(max(c.X, free))
				out.AddLine(&cell)
			}
		}
	}
	if t.Faded != nil && t.Faded(r) {
		out.Fade(paint.Ended)
	}
	out.Fit(t.Width)
	return out
}

// titles draws the titles, with the direction at the sorted column. The one under the cursor is
// marked.
func (t *Table[R, K]) titles(columns []Column[R]) (out paint.Line) {
	for _, c := range columns {
		role, title, width := paint.Label, c.Title, c.Width+c.TitleLeft
		if c.Right {
			width++ // of the gap before the column
		}
		if c.ID != 0 && c.ID == t.By {
			role = paint.Sorted
			arrow := "▲"
			if t.Down {
				arrow = "▼"
			}
			title = title[:min(len(title), width-1)] + arrow
		}
		if c.ID != 0 && c.ID == t.Column {
			role = paint.Match
		}
		title = paint.Cut(title, width)
		if c.Right {
			c.X += c.Width - paint.Width(title)
		}
		out.Add(paint.Muted, c.Sign)
		out.Pad(c.X - c.TitleLeft)
		out.Add(role, title)
	}
	out.Cut(t.Width)
	return out
}
