package tui

import (
	"natlens/tui/keys"
	"natlens/tui/paint"
)

// footer is the keys on the last line. It remembers where they are, for the mouse.
type footer struct{ spots []spot }

// spot is a key on the last line, and the cells that it takes.
type spot struct {
	keys.Hint
	at, width int
}

// hintGap is the blanks between two keys.
const hintGap = 2

// draw sets the keys beside each other. Those that are always there get their room first; of
// the others, as many as fit.
func (f *footer) draw(focus focus, width int) (l paint.Line) {
	f.spots = f.spots[:0]
	room, at := width-1, 1
	for _, a := range focus.always {
		h, _ := focus.keys.Hint(a)
		room -= hintWidth(h) + hintGap
	}
	put := func(h keys.Hint) {
		f.spots = append(f.spots, spot{h, at, hintWidth(h)})
		at += hintWidth(h) + hintGap
	}
	for _, a := range focus.hints {
		h, ok := focus.keys.Hint(a)
		if ok && at+hintWidth(h) > room+1 {
			break
		}
		if ok {
			put(h)
		}
	}
	for _, a := range focus.always {
		h, _ := focus.keys.Hint(a)
		put(h)
	}
	for _, s := range f.spots {
		l.Pad(s.at)
		l.Add(paint.Key, s.Label)
		l.Add(paint.Muted, " "+s.Does)
	}
	return l
}

func hintWidth(h keys.Hint) int { return paint.Width(h.Label) + 1 + paint.Width(h.Does) }

// hit returns the action at a cell.
func (f *footer) hit(x int) (keys.Action, bool) {
	for _, s := range f.spots {
		if x >= s.at && x < s.at+s.width {
			return s.Action, true
		}
	}
	return 0, false
}
