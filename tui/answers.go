package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

// answers waits, before the UI ends, for the answers of the terminal to what it was
// asked at the start: its background, its modes, its keyboard. One that came later
// would be typed into the shell. A terminal answers in order, so that the answer to a
// last question, for the place of the cursor, says that all others have come.
type answers struct {
	wanted  bool      // the output is a terminal
	asked   time.Time // when the last question was asked; zero: not yet
	leaving bool      // the UI ends with the answer
}

// answerTime is how long after the last question an answer may come. A terminal that
// does not answer delays the end of a shorter run.
const answerTime = 2 * time.Second

// ask asks the last question, once.
func (a *answers) ask() tea.Cmd {
	if !a.wanted || !a.asked.IsZero() {
		return nil
	}
	a.asked = time.Now()
	return tea.RequestCursorPosition
}

// answered takes the answer to the last question.
func (a *answers) answered() tea.Cmd {
	a.wanted = false
	if a.leaving {
		return tea.Quit
	}
	return nil
}

// leave ends the UI, now or when all answers have come.
func (a *answers) leave() tea.Cmd {
	last := a.ask()
	left := answerTime - time.Since(a.asked)
	if !a.wanted || a.leaving || left <= 0 {
		return tea.Quit
	}
	a.leaving = true
	return tea.Batch(last, tea.Tick(left, func(time.Time) tea.Msg { return tea.Quit() }))
}
