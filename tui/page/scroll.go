package page

import (
	tea "charm.land/bubbletea/v2"

	"natlens/monitor/human"
	"natlens/tui/paint"
)

// Scroll is a text of which the screen shows a part. Its methods make it a keys.Mover.
type Scroll struct {
	Width, Height int // of the screen
	lines         []paint.Line
	top           int // the first line on the screen
}

// Set sets the lines.
func (s *Scroll) Set(lines []paint.Line) {
	s.lines = lines
	s.Step(0)
}

// Step scrolls, within the text.
func (s *Scroll) Step(rows int) tea.Cmd {
	s.top = max(0, min(s.top+rows, len(s.lines)-s.Height))
	return nil
}

// Home goes to the first line.
func (s *Scroll) Home() tea.Cmd { return s.Step(-s.top) }

// End goes to the last line.
func (s *Scroll) End() tea.Cmd { return s.Step(len(s.lines)) }

// Lines returns the number of lines on the screen.
func (s *Scroll) Lines() int { return s.Height }

// Draw returns the lines of the screen. The last one reports how many are below it.
func (s *Scroll) Draw() []paint.Line {
	out := make([]paint.Line, s.Height)
	for i := range min(s.Height, len(s.lines)-s.top) {
		out[i].Add(paint.Text, " ")
		out[i].AddLine(&s.lines[s.top+i])
		out[i].Cut(s.Width)
	}
	if below := len(s.lines) - s.top - s.Height; below > 0 {
		out[s.Height-1] = paint.Line{}
		out[s.Height-1].Add(paint.Muted, " ↓ "+human.Count(uint64(below+1))+" more lines")
	}
	return out
}
