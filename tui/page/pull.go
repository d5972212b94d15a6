package page

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

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
