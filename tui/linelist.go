package tui

import (
	tea "charm.land/bubbletea/v2"

	"natlens/tui/paint"
)

// lineList is the cursor of a page whose lines each stand for something with a
// key: it stays on its line while others come and go, and at the top until it is
// moved.
type lineList[K comparable] struct {
	sight
	keys   []K // of the lines, in their order
	cursor K
	moved  bool // the cursor is on a line; else at the top
}

// set takes the lines as they are now.
func (l *lineList[K]) set(keys []K) {
	l.keys, l.n = keys, len(keys)
	at := 0
	for i := range keys {
		if l.moved && keys[i] == l.cursor {
			at = i
		}
	}
	l.to(at)
	l.fit()
}

// begin goes back to the top of an empty list.
func (l *lineList[K]) begin() {
	l.keys, l.moved, l.n, l.at, l.line = nil, false, 0, 0, 0
}

// step moves the cursor.
func (l *lineList[K]) step(rows int) {
	l.move(rows)
	if l.at < len(l.keys) {
		l.moved, l.cursor = true, l.keys[l.at]
	}
}

// steer does what a key asks for that only moves.
func (l *lineList[K]) steer(m tea.KeyPressMsg, k *keyMap) {
	switch rows, where := k.movement(m, l.height); where {
	case moveRows:
		l.step(rows)
	case moveHome:
		l.step(-l.n)
		l.moved = false
	case moveEnd:
		l.step(l.n)
	}
}

// click puts the cursor on a line of the list. again says that it was there
// already, chosen before.
func (l *lineList[K]) click(y int) (again bool) {
	at := l.top() + y
	if y < 0 || at >= l.n {
		return false
	}
	if at == l.at && l.moved {
		return true
	}
	l.step(at - l.at)
	return false
}

// drill adds a condition to the filter and shows its flows. The empty condition
// does nothing.
func (s *session) drill(condition string) tea.Cmd {
	if condition == "" {
		return nil
	}
	if err := s.narrow(condition, false); err != nil {
		s.tell(paint.Bad, err.Error())
		return nil
	}
	return s.root.show(0)
}
