// Package page is what the pages of the terminal UI share: the [Session], the [Table] that most
// pages are, text that scrolls ([Scroll]), questions in commands ([Asker]), and how a flow, its
// ends and its state are written.
//
// A page is a package of its own above this one and implements [Page]. It reads the session,
// brings its rows up to date in Pull, and draws what it has. Pages never import each other.
package page

import (
	"time"

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

// Then is what a command brings back: Update runs it. A command does I/O and must not
// touch the model; what it found comes into the model here.
type Then func() tea.Cmd

// Do returns a command that runs work, and then in Update what it returned.
func Do(work func() (done func())) tea.Cmd {
	return func() tea.Msg {
		done := work()
		return Then(func() tea.Cmd { done(); return nil })
	}
}

// Asker asks for what takes long, in commands, one question at a time.
type Asker struct{ busy, again bool }

// Ask runs work in a command, and what it returns in Update. While work runs, Ask notes that
// next is to be called at its end.
func (a *Asker) Ask(s *Session, next func() tea.Cmd, work func() (take func())) tea.Cmd {
	if a.busy {
		a.again = true
		return nil
	}
	a.busy, a.again = true, false
	return func() tea.Msg {
		began := time.Now()
		take := work()
		cost := time.Since(began)
		return Then(func() tea.Cmd {
			a.busy, s.Cost = false, cost
			take()
			if a.again {
				return next()
			}
			return nil
		})
	}
}

// Running reports whether a question is on its way.
func (a *Asker) Running() bool { return a.busy }
