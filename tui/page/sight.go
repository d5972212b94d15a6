package page

import "natlens/tui/paint"

// Sight is a cursor in a list of which a stretch is at hand: where the cursor is in the
// stretch, and on which line of the screen.
type Sight struct {
	At     int // index of the cursor in the stretch; 0 if that is empty
	Line   int // line of the screen that it is on
	N      int // length of the stretch
	Height int // lines of the screen
}

// Lines is how many lines of the screen the list has.
func (s *Sight) Lines() int { return s.Height }

// Move moves the cursor by so many rows, as far as the stretch goes.
func (s *Sight) Move(rows int) {
	to := min(max(0, s.At+rows), max(0, s.N-1))
	s.Line += to - s.At
	s.At = to
	s.Fit()
}

// To puts the cursor on a row of the stretch.
func (s *Sight) To(at int) { s.Move(at - s.At) }

// Fit brings the line back onto the screen, and the list to its edges: there are no empty
// lines while there are rows for them.
func (s *Sight) Fit() {
	s.At = min(max(0, s.At), max(0, s.N-1))
	s.Line = min(max(0, s.Line), max(0, s.Height-1))
	s.Line = min(s.Line, s.At)
	if below := s.N - s.At; s.Line+below < s.Height {
		s.Line = max(0, min(s.At, s.Height-below))
	}
}

// Top is the index of the row on the first line.
func (s *Sight) Top() int { return s.At - s.Line }

// Draw appends the lines of the list: the rows in sight, then blank lines. Of an empty
// list the second line says why it is empty.
func (s *Sight) Draw(out []paint.Line, row func(at int, cursor bool) paint.Line, why func() string) []paint.Line {
	for i := range s.Height {
		at := s.Top() + i
		var l paint.Line
		switch {
		case at < s.N:
			l = row(at, at == s.At)
		case i == 1 && s.N == 0:
			l = paint.Row(false)
			l.Add(paint.Muted, why())
		}
		out = append(out, l)
	}
	return out
}
