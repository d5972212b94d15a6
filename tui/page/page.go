package page

import (
	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/tui/keys"
	"natlens/tui/paint"
)

// Page is one screen between the header and the footer. It reads rows at
// once, takes what is slow from commands, and draws what it has; it never waits.
type Page interface {
	Title() string

	// Keys are the actions of the page, beside those of every page and of keys.Mover.
	Keys() keys.Actions
	keys.Mover

	// Hints are what the footer names, before help and quit: the most useful first, for
	// there may be no room for the last ones. What is not bound is left out.
	Hints() []keys.Action

	// Resize sets the room; it may be called at any time.
	Resize(width, height int)

	// Pull brings what the page shows up to date, at once or by a command.
	Pull() tea.Cmd

	// Click acts on a cell. Lines count from 0, the page's heading.
	Click(x, y int) tea.Cmd

	// Draw returns exactly as many lines as Resize set, the heading first.
	Draw() []paint.Line
}

// Counting is a page that shows counters, which no event reports.
type Counting interface {
	// WantsDump reports whether the counters of every flow are needed.
	WantsDump() bool
	// InSight lists the flows whose counters are seen.
	InSight() []monitor.Tuple
}

// Matching is a page whose answers set Session.Matched.
type Matching interface{ CountsMatches() }

// CellPage is a page on which a cell or a line can be added to the filter.
type CellPage interface {
	// Condition is the cell under the cursor as a filter; "" if it has none.
	Condition() string
}

// Chooser is a page on which a flow is chosen.
type Chooser interface {
	// Chosen returns the flow under the cursor.
	Chosen() (Flow, bool)
}

// Exporting is a page that exports something else than flows.
type Exporting interface {
	// ExportsEvents is how many events it shows.
	ExportsEvents() int
}
