package tui

import (
	"natlens/tui/keys"
	"natlens/tui/paint"
)

// footer is the keys on the last line, each a spot of its action. Those that are always there get
// their space first; of the others, as many as fit.
func (f focus) footer(width int) (l paint.Line) {
	var always, shown []keys.Hint
	room := width
	for _, a := range f.always {
		h, _ := f.keys.Hint(a)
		always, room = append(always, h), room-hintWidth(h)-hintGap
	}
	at := 1
	for _, a := range f.hints {
		h, ok := f.keys.Hint(a)
		if ok && at+hintWidth(h) > room {
			break
		}
		if ok {
			shown = append(shown, h)
			at += hintWidth(h) + hintGap
		}
	}
	l.Pad(1)
	for i, h := range append(shown, always...) {
		if i > 0 {
			l.Pad(l.Width() + hintGap)
		}
		l.Mark(int(h.Action), func() {
			l.Add(paint.Key, h.Label)
			l.Add(paint.Muted, " "+h.Does)
		})
	}
	return l
}

// hintGap is the blanks between two keys.
const hintGap = 2

func hintWidth(h keys.Hint) int { return paint.Width(h.Label) + 1 + paint.Width(h.Does) }
