package page

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor/human"
	"natlens/tui/paint"
)

// View is a page as the user arranged it, under a name.
type View struct {
	Name    string
	Page    string // its title in small letters
	Filter  string
	By      string   // the fields of Top's groups
	Sort    string   // the sorted column; - before it: the highest value first
	Columns []string // of Flows; none: those that fit
}

// Order is how a column sorts.
type Order struct {
	Name string // in a view; "": the column cannot be sorted
	Down bool   // highest first
}

// Arranged is a page with an order that a view can keep. by is "" for a page without groups.
type Arranged interface {
	Arrangement() (by, sort string)
	Arrange(by, sort string) error
}

// Arrangement returns the order for a view.
func (t *Table[R, K]) Arrangement() (by, sort string) {
	switch {
	case t.Orders == nil:
		return "", ""
	case t.Down:
		return "", "-" + t.Orders[t.By].Name
	}
	return "", t.Orders[t.By].Name
}

// Arrange sets the order of a view. The empty text changes nothing.
func (t *Table[R, K]) Arrange(_, sort string) error {
	if sort == "" {
		return nil
	}
	var names []string
	for _, o := range t.Orders {
		names = append(names, o.Name)
	}
	name, down := strings.CutPrefix(sort, "-")
	by := slices.Index(names, name)
	if by < 0 || name == "" {
		return human.UnknownWord("column", name, names)
	}
	t.By, t.Down, t.Follow, t.Ordered = by, down, true, true
	return nil
}

// SortBy sorts by a column, in its usual direction first; the same column again reverses it.
func (t *Table[R, K]) SortBy(id int) tea.Cmd {
	switch o := t.Orders[id]; {
	case o.Name == "":
		t.S.Report(paint.Muted, "this column cannot be sorted")
		return nil
	case t.By == id:
		t.Down = !t.Down
	default:
		t.By, t.Down = id, o.Down
	}
	t.Follow, t.Ordered = true, true
	return t.Sorted()
}
