package tui

import (
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/table"
	"natlens/tui/paint"
)

// page is one screen between the header and the footer. A page asks in commands
// and draws what it has; it never waits.
type page interface {
	title() string

	// resize tells the room; it may be told anew at any time.
	resize(width, height int)

	// pull asks for what the page shows. Nil: nothing to ask, or asked already.
	pull(wish) tea.Cmd

	// answer takes what pull has found.
	answer(answerMsg) tea.Cmd

	// halt ends a question that runs. The page asks anew when it is shown again.
	halt()

	// running reports whether a question is on its way.
	running() bool

	// asking is how long the last question took.
	asking() time.Duration

	// key, click and wheel act. click gets lines from 0, the page's heading.
	key(tea.KeyPressMsg) tea.Cmd
	click(x, y int) tea.Cmd
	wheel(lines int) tea.Cmd

	// hints are the keys that the last line names, before help and quit: the most
	// useful first, for the last ones may have no room.
	hints() []key.Binding

	// draw returns exactly as many lines as resize said, the heading first.
	draw() []drawn
}

// chooser is a page on which a flow is chosen.
type chooser interface {
	// chosen returns the flow under the cursor.
	chosen() (flowRef, bool)
	// condition is the filter that the cell under the cursor stands for.
	condition() string
}

// counting is a page that shows counters, which events do not tell.
type counting interface {
	// wantsDump reports whether the counters of every flow are needed.
	wantsDump() bool
	// inSight lists the flows whose counters are seen.
	inSight() []monitor.Tuple
}

// matching is a page whose answers count the flows that the filter wants
// (session.matched). On the others nobody does, and an old number would be wrong.
type matching interface{ countsMatches() }

// drawn is a line and what lies under it.
type drawn struct {
	line paint.Line
	base paint.Role
}

// flowRef is a flow and all that is known of it, at the time of the view.
type flowRef struct {
	row   table.Row
	index uint32
	extra *monitor.Extra
}

// opener is the root as pages see it. What they ask of it is done when it returns,
// not by a message: a key pressed right behind enter finds open what enter opens.
type opener interface {
	// show opens a page.
	show(page int) tea.Cmd
	// openDetail opens the pane of a flow.
	openDetail(flowRef)
	// ask puts a question on the last line.
	ask(*prompt)
}
