package tui

import (
	"fmt"
	"strings"

	"natlens/monitor"
	"natlens/tui/paint"
)

// header is the two status lines, and a third for a source that can be steered.
// It remembers where the pages' names stand, for the mouse.
type header struct {
	tabs        []int // cells at which the names begin and end
	barAt, barN int   // cells of a recording's bar
}

// pagesLine draws the program, the source, the pages, and the events a second.
func (h *header) pagesLine(m *Model) paint.Line {
	var l, right paint.Line
	width := m.width
	s := m.s
	rate := countText(s.spark.rate) + " ev/s"
	cells := 20
	if width < 100 {
		cells = 10
	}
	if width >= 76 {
		right.Add(paint.Bar, s.spark.text(cells)+" ")
	}
	role := paint.Text
	if s.ended {
		rate, role = "source ended", paint.Warn
	}
	right.AddRight(role, rate, max(paint.Width(rate), 12))
	right.Add(paint.Text, " ")
	l.Add(paint.Title, " natlens")
	source := h.source(s)
	tabs := h.tabsWidth(m)
	if room := width - l.Width() - tabs - right.Width() - 6; room >= 4 {
		l.Add(paint.Text, "  ")
		l.Add(paint.Muted, paint.Cut(source, room))
	}
	at := l.Width() + 3
	if width >= 110 {
		at = max(at, 44)
	}
	l.Pad(at)
	h.tabs = h.tabs[:0]
	for i, p := range m.pages {
		h.tabs = append(h.tabs, l.Width())
		role := paint.Text
		if i == m.open {
			role = paint.Tab
		}
		l.Add(paint.Muted, fmt.Sprintf("%d ", i+1))
		l.Add(role, p.title())
		h.tabs = append(h.tabs, l.Width())
		l.Add(paint.Text, "  ")
	}
	l.Pad(width - right.Width())
	l.AddLine(&right)
	l.Cut(width)
	return l
}

func (h *header) tabsWidth(m *Model) int {
	n := 0
	for _, p := range m.pages {
		n += 4 + paint.Width(p.title())
	}
	return n
}

// source is host, namespace and capture, as far as they are known.
func (h *header) source(s *session) string {
	var parts []string
	for _, p := range []string{s.cfg.Info.Host, s.cfg.Info.Namespace, s.cfg.Info.Capture} {
		if p != "" {
			parts = append(parts, monitor.Escape(p))
		}
	}
	return strings.Join(parts, " · ")
}

// statusLine draws the filter, and on the right what is paused, how many flows
// match, how full the table is, and the losses.
func (h *header) statusLine(m *Model) paint.Line {
	var l paint.Line
	right := h.counts(m)
	s := m.s
	room := m.width - right.Width() - 2
	if s.text != "" {
		l.Add(paint.Key, " / ")
		l.Add(paint.Text, s.text)
	} else {
		l.Add(paint.Muted, " / every flow")
	}
	l.Cut(max(0, room))
	l.Pad(m.width - right.Width())
	l.AddLine(&right)
	l.Cut(m.width)
	return l
}

func (h *header) counts(m *Model) paint.Line {
	var l paint.Line
	s := m.s
	part := func(r paint.Role, text string) {
		if l.Width() > 0 {
			l.Add(paint.Text, "   ")
		}
		l.Add(r, text)
	}
	if s.paused {
		part(paint.Warn, "PAUSED +"+countText(s.stats.Events-min(s.stats.Events, s.pausedAt))+" events")
	}
	if n, on, failed := s.cfg.Tail.Recording(); on && failed != nil {
		part(paint.Bad, "recording failed")
	} else if on {
		part(paint.New, "● "+countText(n)+" recorded")
	}
	if m.export != nil {
		part(paint.New, fmt.Sprintf("exporting %s of %s", countText(uint64(m.export.written.Load())), countText(uint64(m.export.all.Load()))))
	}
	flows := countText(uint64(s.flows)) + " flows"
	if s.text != "" {
		flows = countText(uint64(s.matched)) + " of " + flows
	}
	part(paint.Text, flows)
	if s.cfg.Info.Max > 0 && m.width >= 76 {
		used := float64(s.flows) / float64(s.cfg.Info.Max)
		role := level(used)
		if role == paint.Bar {
			role = paint.Text
		}
		part(role, "table "+percentText(used))
	}
	h.lost(&l, m, part)
	l.Add(paint.Text, " ")
	return l
}

func (h *header) lost(l *paint.Line, m *Model, part func(paint.Role, string)) {
	s := m.s
	lost, at := s.cfg.Tail.Loss()
	lost = max(lost, s.stats.Lost)
	switch {
	case lost == 0 && m.width >= 70:
		part(paint.Text, "lost 0")
	case lost > 0 && at != 0 && m.width >= 90:
		part(paint.Bad, "lost "+countText(lost)+" ("+ago(s.now(), at)+")")
	case lost > 0:
		part(paint.Bad, "lost "+countText(lost))
	}
}

// playLine draws where a recording stands.
func (h *header) playLine(m *Model) paint.Line {
	var l paint.Line
	st := m.s.cfg.Player.State()
	sign := "❚❚"
	if st.On {
		sign = "▶ "
	}
	l.Add(paint.Key, " "+sign)
	l.Add(paint.Text, fmt.Sprintf(" %g×  ", st.Speed))
	l.Add(paint.Text, m.s.at(st.At)[:8]+"  ")
	end := "  " + m.s.at(st.Finish)[:8] + " "
	cells := max(4, m.width-l.Width()-len(end))
	h.barAt, h.barN = l.Width(), cells
	share := 0.0
	if st.Finish > st.Start {
		share = float64(st.At-st.Start) / float64(st.Finish-st.Start)
	}
	l.Add(paint.Bar, bar(min(1, max(0, share)), cells))
	l.Add(paint.Muted, end)
	l.Cut(m.width)
	return l
}

// seek takes a recording to the place of a cell of its bar.
func (h *header) seek(m *Model, x int) {
	if x < h.barAt || x >= h.barAt+h.barN {
		return
	}
	p := m.s.cfg.Player
	st := p.State()
	p.Seek(st.Start + monitor.Time(float64(st.Finish-st.Start)*float64(x-h.barAt)/float64(h.barN)))
}

// tabAt returns the page whose name stands at a cell of the first line.
func (h *header) tabAt(x int) (int, bool) {
	for i := 0; i+1 < len(h.tabs); i += 2 {
		if x >= h.tabs[i] && x < h.tabs[i+1] {
			return i / 2, true
		}
	}
	return 0, false
}
