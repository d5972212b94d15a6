package tui

// sight is a cursor in a list of which a stretch is at hand: where the cursor is
// in the stretch, and on which line of the screen.
type sight struct {
	at     int // index of the cursor in the stretch; 0 of none
	line   int // line of the screen that it is on
	n      int // length of the stretch
	height int // lines of the screen
}

// move takes the cursor on by so many rows, as far as the stretch goes.
func (s *sight) move(rows int) {
	to := min(max(0, s.at+rows), max(0, s.n-1))
	s.line += to - s.at
	s.at = to
	s.fit()
}

// to puts the cursor on a row of the stretch.
func (s *sight) to(at int) { s.move(at - s.at) }

// fit brings the line back onto the screen, and the list to its edges: no empty
// lines while there are rows for them.
func (s *sight) fit() {
	s.at = min(max(0, s.at), max(0, s.n-1))
	s.line = min(max(0, s.line), max(0, s.height-1))
	s.line = min(s.line, s.at)
	if below := s.n - s.at; s.line+below < s.height {
		s.line = max(0, min(s.at, s.height-below))
	}
}

// top is the index of the row on the first line.
func (s *sight) top() int { return s.at - s.line }
