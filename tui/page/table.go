package page

import (
	"maps"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/tui/keys"
	"natlens/tui/paint"
)

// Table is a list of rows in columns with a cursor. The cursor stays on its row while other
// rows appear and disappear, or stays at the end of the list that it follows.
//
// A page embeds a Table and sets S, Columns and Key. It passes a complete list to SetAll. For a
// long list, Read passes the rows around the cursor to Set.
type Table[R any, K comparable] struct {
	S       *Session
	Name    string       // Page.Title
	Actions keys.Actions // Page.Keys, without those of columns and of Open
	Opens   string       // what Open does, for help and footer; "": the usual words

	Columns func() []Column[R]    // those that fit into Width, from the left
	Key     func(*R) K            // identifies a row
	Read    func(Place)           // reads rows and calls Set; nil: the list is complete
	Open    func() tea.Cmd        // a click on the row of the cursor; nil: nothing
	Above   func() []paint.Line   // above the titles; nil: nothing
	Under   func(*R) paint.Line   // the second line of each row; nil: rows have one
	Detail  func(*R) []paint.Line // below the row of the cursor; nil: nothing
	Why     func() string         // text if there are no rows; nil: nothing
	Rest    func() paint.Line     // below the last row; nil: nothing
	Faded   func(*R) bool         // the row is grey; nil: none is

	Rows          []R // loaded rows
	Before, Total int // number of rows of the list before them, and in total

	Width, Height int // cells, and lines for rows
	Room          int // lines of the page
	At            int // index of the cursor's row in Rows
	Line          int // its line on the screen

	Column int  // ID of the column under the cursor; 0: the cursor is on whole rows
	By     int  // ID of the sorted column; 0: none
	Down   bool // highest value first

	Orders  []Order        // of the columns by ID; nil: the order is fixed
	Ordered bool           // the user chose the order
	Sorted  func() tea.Cmd // reads the rows again in a new order

	Follow bool  // the cursor stays at Newest
	Newest Place // First, or Last

	cursor K   // key of the cursor's row
	gen    int // of the filter
}

func (t *Table[R, K]) Title() string { return t.Name }

func (t *Table[R, K]) Keys() keys.Actions {
	all := maps.Clone(t.Actions)
	if all == nil {
		all = make(keys.Actions)
	}
	if t.Open != nil {
		all[keys.Enter] = keys.Do{Run: t.Open, Does: t.Opens}
	}
	if t.Orders != nil {
		all[keys.Sort] = keys.Do{Run: func() tea.Cmd { return t.SortBy(t.Column) }}
		all[keys.Reverse] = keys.Do{Run: func() tea.Cmd { return t.SortBy(t.By) }}
	}
	if t.Column != 0 {
		all[keys.Left] = keys.Act(func() { t.choose(-1) })
		all[keys.Right] = keys.Act(func() { t.choose(1) })
	}
	return all
}

// Place is a position in a list.
type Place uint8

// The places.
const (
	First Place = iota
	Last
	Around // the cursor
)

// Pull reads a long list. With a new filter it starts at Newest.
func (t *Table[R, K]) Pull() tea.Cmd {
	defer func(began time.Time) { t.S.Cost = time.Since(began) }(time.Now())
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

// Stretch returns how many rows above and below the cursor to read: three screens or, while the
// view is paused, all that the user can scroll to.
func (t *Table[R, K]) Stretch() (above, below int) {
	if t.S.Paused {
		return heldRows, heldRows
	}
	return t.Line + 2*t.Height, 3*t.Height - t.Line
}

// Set sets the rows read at a place. With Around, the cursor stays on its row, or if that is
// gone, moves to row at.
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
	if t.Read == nil { // rows that are added before the cursor push it down
		t.Line += at - t.At
	}
	t.Rows, t.Before, t.Total, t.At = rows, before, total, at
	t.fit()
	if t.Read != nil || place != Around { // otherwise the row may appear again
		t.anchor()
	}
}

// anchor remembers the cursor's row.
func (t *Table[R, K]) anchor() {
	if r := t.Cursor(); r != nil {
		t.cursor = t.Key(r)
	}
}

// SetAll sets a complete list.
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

// Top returns the row on the first line.
func (t *Table[R, K]) Top() int { return t.At - t.Line }

// Lines returns the number of lines for rows.
func (t *Table[R, K]) Lines() int { return t.Height }

// Step moves the cursor within the list, and reads more rows before it reaches the end of the
// loaded ones.
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

// fit sets the number of lines for rows.
func (t *Table[R, K]) fit() {
	t.fitLine()
	t.Height = max(1, (t.Room-len(t.above())-1-len(t.detail()))/t.tall())
	t.fitLine()
}

// fitLine moves the cursor onto the screen, and leaves no line empty while there are rows for
// it.
func (t *Table[R, K]) fitLine() {
	t.At = min(max(0, t.At), max(0, len(t.Rows)-1))
	t.Line = min(max(0, t.Line), max(0, t.Height-1), t.At)
	if below := len(t.Rows) - t.At; t.Line+below < t.Height {
		t.Line = max(0, min(t.At, t.Height-below))
	}
}

// tall is the number of lines of a row.
func (t *Table[R, K]) tall() int {
	if t.Under != nil {
		return 2
	}
	return 1
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

// Click handles a click on a title or a row: it moves the cursor to the row, or opens the row
// of the cursor.
func (t *Table[R, K]) Click(x, y int) tea.Cmd {
	y -= len(t.above())
	c, ok := columnAt(t.Columns(), x)
	if ok = ok && (y == 0 || !c.TitleOnly); ok && t.Column != 0 {
		t.Column = c.ID
	}
	if y == 0 && ok && t.Orders != nil {
		return t.SortBy(c.ID)
	}
	heads := y < 1
	if end := (t.Line + 1) * t.tall(); y > end {
		y = max(end, y-len(t.detail()))
	}
	switch at := t.Top() + (y-1)/t.tall(); {
	case heads || at >= len(t.Rows):
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
		if t.Under != nil {
			out = append(out, t.Under(&t.Rows[at]))
		}
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
