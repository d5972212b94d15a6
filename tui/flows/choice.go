package flows

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/page"
)

// Choice is a column that the user can show or hide.
type Choice struct {
	Name  string
	Width int // cells; 0: the usual width
	Shown bool

	id int
}

// Ends is the name of the columns with the ends of the flow, which are always beside each other.
const Ends = "addresses"

// MinColumn and MaxColumn limit the width of a column.
const MinColumn, MaxColumn = 3, 60

// Text returns the choice as ParseColumns reads it.
func (c Choice) Text() string {
	if c.Width == 0 {
		return c.Name
	}
	return fmt.Sprintf("%s:%d", c.Name, c.Width)
}

// names are the names of the columns by ID. Of the ends only the first can be chosen.
func names(chosen bool) []string {
	out := make([]string, columns)
	for id, c := range columnTable {
		switch isEnd := slices.Contains(endColumns[:], id); {
		case chosen && id == colSource:
			out[id] = Ends
		case !chosen || !isEnd:
			out[id] = strings.ReplaceAll(strings.ToLower(c.title), " ", "-")
		}
	}
	return out
}

// ParseColumns reads columns from left to right, such as "proto", "addresses", "process:20".
func ParseColumns(texts []string) (out []Choice, err error) {
	all := names(true)
	for _, text := range texts {
		name, number, hasWidth := strings.Cut(text, ":")
		c := Choice{Name: name, Shown: true, id: slices.Index(all, name)}
		if hasWidth {
			c.Width, err = strconv.Atoi(number)
		}
		switch {
		case c.id <= 0:
			return nil, human.UnknownWord("column", name, all)
		case err != nil || hasWidth && (c.Width < MinColumn || c.Width > MaxColumn || name == Ends):
			return nil, fmt.Errorf("column %q: the width must be from %d to %d, and %s have none", text, MinColumn,
				MaxColumn, Ends)
		case slices.ContainsFunc(out, func(o Choice) bool { return o.id == c.id }):
			return nil, fmt.Errorf("column %q appears twice", name)
		}
		out = append(out, c)
	}
	if out != nil && !slices.ContainsFunc(out, func(c Choice) bool { return c.Name == Ends }) {
		return nil, fmt.Errorf("the column %s is missing", Ends)
	}
	return out, nil
}

// SetColumns sets the columns; nil chooses those that fit.
func (p *Page) SetColumns(shown []Choice) {
	p.choice = slices.DeleteFunc(slices.Clone(shown), func(c Choice) bool { return !c.Shown })
	p.lay()
}

// Columns returns the columns that the user chose; nil if none.
func (p *Page) Columns() (out []string) {
	for _, c := range p.choice {
		out = append(out, c.Text())
	}
	return out
}

// Choices returns all columns: those that are shown from left to right, then the others.
func (p *Page) Choices() []Choice {
	out, all := slices.Clone(p.choice), names(true)
	for _, c := range p.layout.columns {
		if p.choice == nil && c.ID != 0 && all[c.ID] != "" {
			out = append(out, Choice{Name: all[c.ID], Shown: true, id: c.ID})
		}
	}
	for id, name := range all {
		if name != "" && !slices.ContainsFunc(out, func(c Choice) bool { return c.id == id }) {
			out = append(out, Choice{Name: name, id: id})
		}
	}
	return out
}

// Usual returns the usual width of a column.
func (c Choice) Usual() int { return columnTable[c.id].width }

// rank is the place of a column from the left.
func (p *Page) rank(id int) int {
	if slices.Contains(endColumns[:], id) {
		id = colSource
	}
	if p.choice == nil {
		return id
	}
	return slices.IndexFunc(p.choice, func(c Choice) bool { return c.id == id })
}

// orders are the orders of the columns.
func orders() (out []page.Order) {
	for id, name := range names(false) {
		if columnTable[id].order == table.ByArrival {
			name = ""
		}
		out = append(out, page.Order{Name: name, Down: columnTable[id].down})
	}
	return out
}
