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
	l.Add(paint.Text, " ")
	for _, b := range m.hints() {
		if !b.Enabled() {
			continue
		}
		h := b.Help()
		if l.Width()+paint.Width(h.Key)+paint.Width(h.Desc)+3 > m.width {
			break
		}
		l.Add(paint.Key, h.Key)
		l.Add(paint.Muted, " "+h.Desc+"  ")
	}
	return l, -1
}

// hints are the keys that the last line names, the most useful first.
func (m *Model) hints() []key.Binding {
	k := &m.keys
	switch {
	case m.help:
		return []key.Binding{k.Back, k.Up, k.Down, k.Quit}
	case m.bar.open:
		return []key.Binding{bind("enter", "accept", "enter"), bind("tab", "complete", "tab"), bind("↑↓", "history", "up"), bind("esc", "as before", "esc")}
	case m.detail != nil:
		return []key.Binding{k.Back, k.Up, k.Down, k.Copy, k.Delete, k.Help, k.Quit}
	}
	switch m.pages[m.open].(type) {
	case *eventsPage:
		return []key.Binding{k.Enter, k.Filter, k.Pause, k.End, k.Export, k.Copy, k.Names, k.Help, k.Quit}
	case *topPage:
		return []key.Binding{bind("enter", "these flows", "enter"), bind("←→", "group by", "right"), k.Sort, k.Filter, k.Pause, k.Names, k.Help, k.Quit}
	case *natPage:
		return []key.Binding{bind("enter", "these flows", "enter"), k.Filter, k.Pause, k.Names, k.Help, k.Quit}
	}
	if m.s.cfg.Player != nil {
		return []key.Binding{k.Enter, k.Filter, k.Play, k.Faster, k.Slower, k.SeekOn, k.SeekBack, k.Sort, k.Help, k.Quit}
	}
	return []key.Binding{k.Enter, k.Filter, k.Sort, k.Pause, k.Export, k.Delete, k.Copy, k.Names, k.Help, k.Quit}
}
