package tui

import (
	tea "charm.land/bubbletea/v2"
)

// step is where a condition was added to the filter by a key: what esc goes back
// to.
type step struct {
	page   int
	filter string // before
	made   string // the filter that the step made: if it is another now, the step is of no use
}

// stepped notes a step that is about to be taken; done says that it was.
func (s *session) stepped() (done func()) {
	from := step{page: s.page, filter: s.text}
	return func() {
		from.made = s.text
		s.trail = append(s.trail, from)
	}
}

// canStepBack reports whether there is a step to take back. A filter that was typed
// since ends the trail.
func (s *session) canStepBack() bool {
	return len(s.trail) > 0 && s.trail[len(s.trail)-1].made == s.text
}

// stepBack brings the filter back, and the page, of the last step.
func (m *Model) stepBack() tea.Cmd {
	s := m.s
	last := s.trail[len(s.trail)-1]
	s.trail = s.trail[:len(s.trail)-1]
	_ = s.setFilter(last.filter) // it was valid
	return m.show(last.page)
}
