package page

import (
	"slices"
	"strings"

	"natlens/monitor/human"
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

// Arranged is a page with an order that a view can keep. by is "" for a page without groups.
type Arranged interface {
	Arrangement() (by, sort string)
	Arrange(by, sort string) error
}

// SortText returns the order as a view has it. names are those of the columns by ID.
func (t *Table[R, K]) SortText(names []string) string {
	if t.Down {
		return "-" + names[t.By]
	}
	return names[t.By]
}

// SetSort sets the order that a view has. The empty text changes nothing.
func (t *Table[R, K]) SetSort(names []string, text string) error {
	if text == "" {
		return nil
	}
	name, down := strings.CutPrefix(text, "-")
	by := slices.Index(names, name)
	if by < 0 || name == "" {
		return human.UnknownWord("column", name, names)
	}
	t.By, t.Down, t.Follow = by, down, true
	return nil
}
