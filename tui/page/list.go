package page

import tea "charm.land/bubbletea/v2"

// List is the cursor of a list that is at hand as a whole. Each line has a key: the cursor
// stays on its line while others come and go, and at the top until it is moved.
type List[K comparable] struct {
	Sight
	Moved func() // called after each change of cursor or lines; may be nil

	keys   []K
	cursor K
	chosen bool // the cursor is on a line; else at the top
}

// Set takes the keys of the lines as they are now.
func (l *List[K]) Set(n int, key func(i int) K) {
	l.keys, l.N = make([]K, n), n
	at := 0
	for i := range l.keys {
		if l.keys[i] = key(i); l.chosen && l.keys[i] == l.cursor {
			at = i
		}
	}
	l.To(at)
	l.moved()
}

// Clear empties the list and puts the cursor at its top.
func (l *List[K]) Clear() {
	l.keys, l.chosen, l.N, l.At, l.Line = nil, false, 0, 0, 0
}

func (l *List[K]) moved() {
	if l.Moved != nil {
		l.Moved()
	}
}

// Step moves the cursor.
func (l *List[K]) Step(rows int) tea.Cmd {
	l.Move(rows)
	if l.At < len(l.keys) {
		l.chosen, l.cursor = true, l.keys[l.At]
	}
	l.moved()
	return nil
}

// Home goes to the top, and stays there.
func (l *List[K]) Home() tea.Cmd {
	l.Step(-l.N)
	l.chosen = false
	return nil
}

// End goes to the last line.
func (l *List[K]) End() tea.Cmd { return l.Step(l.N) }

// Click puts the cursor on a line of the list. again is true if it was chosen before.
func (l *List[K]) Click(y int) (again bool) {
	at := l.Top() + y
	if y < 0 || at >= l.N {
		return false
	}
	if at == l.At && l.chosen {
		return true
	}
	l.Step(at - l.At)
	return false
}
