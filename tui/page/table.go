package page

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/tui/paint"
)

// Table is a list of rows in columns with a cursor. The cursor stays on its row while others
// come and go, or at the end of the list that it follows.
//
// A page embeds a Table and sets S, Columns and Key. It gives a list that is at hand as a whole
// to SetAll. Of a long list, Read gives the rows around the cursor to Set.
type Table[R any, K comparable] struct {
	S *Session

	Columns func() []Column[R]       // as many as Width has space for, from the left
	Key     func(*R) K               // what identifies a row
	Read    func(Place)              // reads rows and calls Set; nil: all are at hand
	Open    func() tea.Cmd           // a click on the row of the cursor; nil: nothing
	OnTitle func(column int) tea.Cmd // a click on a title; nil: nothing
	Above   func() []paint.Line      // above the titles; nil: nothing
	Detail  func(*R) []paint.Line    // below the row of the cursor; nil: nothing
	Why     func() string            // why there are no rows; nil: nothing
	Rest    func() paint.Line        // below the last row; nil: nothing
	Faded   func(*R) bool            // the row is drawn in grey; nil: none is

	Rows          []R // those at hand
	Before, Total int // rows of the list before them, and in all

	Width, Height int // cells, and lines for rows
	Room          int // lines of the page
	At            int // the row of the cursor, in Rows
	Line          int // the line of the screen that it is on

	Column int  // the column under the cursor, by its ID; 0: the cursor is on whole rows
	By     int  // the column that sorts, by its ID; 0: none
	Down   bool // by its highest value first

	Follow bool  // the cursor stays at Newest
	Newest Place // First, or Last

	cursor K   // the row of the cursor
	gen    int // of the filter
}

// Place is where the rows are that are read.
type Place uint8

// The places.
const (
	First Place = iota
	Last
	Around // the cursor
)

// Pull reads a long list. With another filter it begins at Newest.
func (t *Table[R, K]) Pull() tea.Cmd {
	defer t.S.Spent(time.Now())
	if t.gen != t.S.Gen {
		t.gen, t.Follow = t.S.Gen, true
	}
	if t.Follow {
		t.Read(t.Newest)
	} else {
		t.Read(Around)
	}
	return nil
}

// heldRows is how many rows above and below the cursor a paused view holds.
const heldRows = 5000

// Stretch is how many rows above and below the cursor are read: three screens, or while the
// view is paused, all that can be scrolled to.
func (t *Table[R, K]) Stretch() (above, below int) {
	if t.S.Paused {
		return heldRows, heldRows
	}
	return t.Line + 2*t.Height, 3*t.Height - t.Line
}

// Set takes the rows of a place. Around the cursor, it is on its row again, or if that is gone,
// on row at.
func (t *Table[R, K]) Set(place Place, rows []R, before, total, at int) {
	switch place {
	case First:
		at = 0
	case Last:
		at, t.Line = len(rows)-1, t.Height-1
	case Around:
		if i := slices.IndexFunc(rows, func(r R) bool { return t.Key(&r) == t.cursor }); i >= 0 {
			at = i
		}
	}
	if t.Read == nil { // rows that come before the cursor push it down
		t.Line += at - t.At
	}
	t.Rows, t.Before, t.Total, t.At = rows, before, total, at
	t.fit()
	if t.Read != nil || place != Around { // else the row may come again
		t.anchor()
	}
}

// anchor notes which row the cursor is on.
func (t *Table[R, K]) anchor() {
	if r := t.Cursor(); r != nil {
		t.cursor = t.Key(r)
	}
}

// SetAll takes a list that is at hand as a whole.
func (t *Table[R, K]) SetAll(rows []R) {
	if t.Follow {
		t.Set(First, rows, 0, len(rows), 0)
	} else {
		t.Set(Around, rows, 0, len(rows), 0)
	}
}

// Cursor returns the row under the cursor, or nil if the table has no rows.
func (t *Table[R, K]) Cursor() *R {
	if t.At < len(t.Rows) {
		return &t.Rows[t.At]
	}
	return nil
}

// InSight returns the rows on the screen.
func (t *Table[R, K]) InSight() []R {
	top := min(t.Top(), len(t.Rows))
	return t.Rows[top:min(top+t.Height, len(t.Rows))]
}

// Top is the row on the first line.
func (t *Table[R, K]) Top() int { return t.At - t.Line }

// Lines is how many lines of the screen the rows have.
func (t *Table[R, K]) Lines() int { return t.Height }

// Step moves the cursor, as far as the rows go, and reads others before it comes to their end.
func (t *Table[R, K]) Step(rows int) tea.Cmd {
	t.move(rows)
	t.anchor()
	t.Follow = t.Newest == Last && t.At == len(t.Rows)-1 && t.Before+len(t.Rows) >= t.Total
	above, below := t.Top(), len(t.Rows)-t.Top()-t.Height
	if t.Read != nil && !t.S.Paused && (t.Follow || above < t.Height && t.Before > 0 ||
		below < t.Height && t.Before+len(t.Rows) < t.Total) {
		return t.Pull()
	}
	return nil
}

// Home goes to the first row.
func (t *Table[R, K]) Home() tea.Cmd { return t.end(First) }

// End goes to the last row.
func (t *Table[R, K]) End() tea.Cmd { return t.end(Last) }

func (t *Table[R, K]) end(place Place) tea.Cmd {
	if t.Read != nil && !t.S.Paused {
		t.Follow = place == t.Newest
		t.Read(place)
		return nil
	}
	rows := len(t.Rows)
	if place == First {
		rows = -rows
	}
	cmd := t.Step(rows)
	t.Follow = t.Follow || t.Read == nil && place == t.Newest
	return cmd
}

func (t *Table[R, K]) move(rows int) {
	to := min(max(0, t.At+rows), max(0, len(t.Rows)-1))
	t.Line += to - t.At
	t.At = to
	t.fit()
}

// Resize sets the space of the page.
func (t *Table[R, K]) Resize(width, height int) {
	t.Width, t.Room = width, height
	t.fit()
}

// fit gives the rows the lines that the page leaves.
func (t *Table[R, K]) fit() {
	t.fitLine()
	t.Height = max(1, t.Room-len(t.above())-1-len(t.detail()))
	t.fitLine()
}

// fitLine brings the cursor onto the screen, and the list to its edges: there are no empty lines
// while there are rows for them.
func (t *Table[R, K]) fitLine() {
	t.At = min(max(0, t.At), max(0, len(t.Rows)-1))
	t.Line = min(max(0, t.Line), max(0, t.Height-1), t.At)
	if below := len(t.Rows) - t.At; t.Line+below < t.Height {
		t.Line = max(0, min(t.At, t.Height-below))
	}
}

func (t *Table[R, K]) above() []paint.Line {
	if t.Above == nil {
		return nil
	}
	return t.Above()
}

func (t *Table[R, K]) detail() []paint.Line {
	if r := t.Cursor(); r != nil && t.Detail != nil {
		return t.Detail(r)
	}
	return nil
}

// Click acts on a title, or on a row: it chooses the row, and opens the one of the cursor.
func (t *Table[R, K]) Click(x, y int) tea.Cmd {
	y -= len(t.above())
	c, ok := columnAt(t.Columns(), x)
	if ok = ok && (y == 0 || !c.TitleOnly); ok && t.Column != 0 {
		t.Column = c.ID
	}
	if y == 0 && ok && t.OnTitle != nil {
		return t.OnTitle(c.ID)
	}
	if y--; y > t.Line {
		y = max(t.Line, y-len(t.detail()))
	}
	switch at := t.Top() + y; {
	case y < 0 || at >= len(t.Rows):
	case at == t.At && (t.Read != nil || !t.Follow):
		if t.Open != nil {
			return t.Open()
		}
	default:
		return t.Step(at - t.At)
	}
	return nil
}

// Draw returns the lines of the page.
func (t *Table[R, K]) Draw() []paint.Line {
	columns := t.Columns()
	out := append(t.above(), t.titles(columns))
	for at := t.Top(); at < min(len(t.Rows), t.Top()+t.Height); at++ {
		out = append(out, t.row(columns, &t.Rows[at], at == t.At))
		if at == t.At {
			out = append(out, t.detail()...)
		}
	}
	if len(t.Rows) == 0 && t.Why != nil {
		l := paint.Row(false)
		l.Add(paint.Muted, t.Why())
		out = append(out, paint.Line{}, l)
	}
	if t.Rest != nil {
		out = append(out, t.Rest())
	}
	return paint.Fill(out, t.Room)
}
