// Package page is what the pages of the terminal UI share: the [Session], the [Table] of most
// pages, text that scrolls ([Scroll]), work in commands ([Asker]), and how a flow, its ends and
// its state are written.
//
// Each page is its own package, which implements [Page]. It reads the session, updates its rows
// in Pull, and draws them. Pages do not import each other.
package page

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/tui/keys"
	"natlens/tui/paint"
)

// Page is one screen between the header and the footer. It reads rows at once, does slow work
// in commands, and draws what it has. It never waits.
type Page interface {
	Title() string

	// Keys are the actions of the page, beside those of every page and of keys.Mover.
	Keys() keys.Actions
	keys.Mover

	// Resize sets the room; it may be called at any time.
	Resize(width, height int)

	// Pull updates what the page shows, at once or by a command.
	Pull() tea.Cmd

	// Click handles a click on a cell. Line 0 is the page's heading.
	Click(x, y int) tea.Cmd

	// Draw returns exactly as many lines as Resize set, the heading first.
	Draw() []paint.Line
}

// Chooser is a page with a flow under the cursor.
type Chooser interface {
	// Chosen returns the flow under the cursor.
	Chosen() (Flow, bool)
}

// Then is the result of a command, which Update runs. A command does I/O and must not use the
// model; Then copies its results into the model.
type Then func() tea.Cmd

// Do returns a command that runs work. Update then runs what it returned.
func Do(work func() (done func())) tea.Cmd {
	return func() tea.Msg {
		done := work()
		return Then(func() tea.Cmd { done(); return nil })
	}
}

// Asker runs slow work in commands, one at a time.
type Asker struct{ busy, again bool }

// Ask runs work in a command, and its result in Update. If work is already running, Ask calls
// next after it has ended.
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

// Running reports whether work is running.
func (a *Asker) Running() bool { return a.busy }
