package tui

import (
	"time"

	"charm.land/bubbles/v2/key"

	"natlens/tui/paint"
)

// footer is the last line: a prompt, a message for a moment, or the keys.
func (m *Model) footer() (paint.Line, int) {
	if m.prompt != nil {
		return m.prompt.draw(m.width)
	}
	var l paint.Line
	if m.s.note != "" && time.Now().Before(m.s.noteEnds) {
		l.Add(paint.Text, " ")
		l.Add(m.s.noteRole, m.s.note)
		l.Cut(m.width)
		return l, -1
	}
	for _, h := range m.placedHints() {
		l.Pad(h.at)
		l.Add(paint.Key, h.key.Help().Key)
		l.Add(paint.Muted, " "+h.key.Help().Desc)
	}
	return l, -1
}

// placedHint is a key on the last line, and the cells that it takes.
type placedHint struct {
	key       key.Binding
	at, width int
}

// hintGap is the blanks between two keys.
const hintGap = 2

// placedHints sets the keys beside each other. Those that always stand there have
// their room first; of the others, as many as fit.
func (m *Model) placedHints() []placedHint {
	hints, always := m.hints()
	room := m.width - 1
	for _, b := range always {
		room -= hintWidth(b) + hintGap
	}
	var out []placedHint
	at := 1
	put := func(b key.Binding) {
		w := hintWidth(b)
		out = append(out, placedHint{b, at, w})
		at += w + hintGap
	}
	for _, b := range hints {
		if !b.Enabled() {
			continue
		}
		if at+hintWidth(b) > room+1 {
			break
		}
		put(b)
	}
	for _, b := range always {
		put(b)
	}
	return out
}

func hintWidth(b key.Binding) int { return paint.Width(b.Help().Key) + 1 + paint.Width(b.Help().Desc) }

// hints are the keys that the last line names, the most useful first, and those
// that it always names.
func (m *Model) hints() (hints, always []key.Binding) {
	k := &m.keys
	always = []key.Binding{k.Help, k.Quit}
	switch {
	case m.help:
		return []key.Binding{k.Back, k.Up, k.Down}, []key.Binding{k.Quit}
	case m.bar.open:
		return []key.Binding{bind("enter", "accept", "enter"), bind("tab", "complete", "tab"), bind("↑↓", "history", "up")},
			[]key.Binding{bind("esc", "undo", "esc")}
	case m.detail != nil:
		return []key.Binding{k.Back, k.Up, k.Down, k.Copy, k.Delete}, always
	}
	if m.s.canStepBack() {
		hints = append(hints, k.Back)
	}
	return append(hints, m.pages[m.open].hints()...), always
}
