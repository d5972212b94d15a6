package tui

import (
	"fmt"
	"strings"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/tui/paint"
)

// header is the two status lines, and a third for a source that can be steered.
// It remembers where the pages' names stand, for the mouse.
type header struct {
	tabs        []int // cells at which the names begin and end
	tabGap      int   // blanks behind each
	barAt, barN int   // cells of a recording's bar
}

// pagesLine draws the program, the source, the pages, and the events a second.
// Where room is short the program's name goes first, then the minute of events;
// the namespace stays as long as the pages' names fit beside it.
func (h *header) pagesLine(m *Model) paint.Line {
	var l paint.Line
	s, width := m.s, m.width
	rate := rateLine(s)
	sources := h.sources(s)
	source, name := sources[len(sources)-1], "natlens  "
	left := width - 1 - h.tabsWidth(m, 2) - 2 - rate.Width()
	if left < paint.Width(source)+2+sparkLeast {
		left = width - 1 - h.tabsWidth(m, 1) - 2 - rate.Width()
	}
	l.Add(paint.Text, " ")
	for i := len(sources) - 1; i >= 0; i-- {
		if len(name)+paint.Width(sources[i])+2+sparkLeast <= left {
			source = sources[i]
		}
	}
	if source = paint.Cut(source, left-2); paint.Width(source) < 3 {
		source = ""
	}
	if source != "" {
		left -= paint.Width(source) + 2
	}
	if len(name)+sparkLeast <= left {
		l.Add(paint.Title, name)
		left -= len(name)
	}
	if source != "" {
		l.Add(paint.Muted, source+"  ")
	}
	if at := 44; width >= 110 && left >= at-l.Width()+sparkLeast {
		left -= max(0, at-l.Width())
		l.Pad(at)
	}
	h.drawTabs(&l, m)
	if cells := sparkCells(left - 1); cells > 0 {
		l.Pad(width - rate.Width() - cells - 1)
		l.Add(paint.Bar, s.spark.text(cells)+" ")
	}
	l.Pad(width - rate.Width())
	l.AddLine(&rate)
	l.Cut(width)
	return l
}

// rateLine is the events a second, or that there will be no more.
func rateLine(s *session) paint.Line {
	var l paint.Line
	rate, role := human.Count(s.spark.rate)+" ev/s", paint.Text
	if s.ended {
		rate, role = "source ended", paint.Warn
	}
	l.AddRight(role, rate, max(paint.Width(rate), 12))
	l.Add(paint.Text, " ")
	return l
}

// sparkLeast is the room that the shortest minute of events takes.
const sparkLeast = 7

// sparkCells is how long the minute of events may be: a number of cells that
// divides it.
func sparkCells(room int) int {
	for _, n := range []int{20, 10, 6} {
		if n <= room {
			return n
		}
	}
	return 0
}

// tabsWidth is the room of the pages' names with so many blanks behind each.
func (h *header) tabsWidth(m *Model, gap int) int {
	h.tabGap = gap
	n := 0
	for _, p := range m.pages {
		n += 2 + paint.Width(p.title()) + gap
	}
	return n
}

// drawTabs draws the pages' names and remembers where they stand.
func (h *header) drawTabs(l *paint.Line, m *Model) {
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
		l.Pad(l.Width() + h.tabGap)
	}
}

// sources are host, namespace and capture as far as they are known, and the same
// in less and less room: the namespace says most.
func (h *header) sources(s *session) []string {
	info := &s.cfg.Info
	var out []string
	for _, parts := range [][]string{{info.Host, info.Namespace, info.Capture}, {info.Namespace, info.Capture}, {info.Namespace}} {
		var known []string
		for _, p := range parts {
			if p != "" {
				known = append(known, monitor.Escape(p))
			}
		}
		out = append(out, strings.Join(known, " · "))
	}
	return out
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
	if s.paused && !s.settling {
		part(paint.Warn, "PAUSED +"+human.Plural(s.stats.Events-min(s.stats.Events, s.pausedAt), "event"))
	}
	if n, on, failed := s.cfg.Tail.Recording(); on && failed != nil {
		part(paint.Bad, "recording failed")
	} else if on {
		part(paint.New, "● "+human.Count(n)+" recorded")
	}
	if m.export != nil {
		part(paint.New, fmt.Sprintf("exporting %s of %s", human.Count(uint64(m.export.written.Load())), human.Count(uint64(m.export.all.Load()))))
	}
	flows := human.Plural(uint64(s.flows), "flow")
	if s.text != "" && m.matching() {
		flows = human.Count(uint64(s.matched)) + " of " + flows
	}
	part(paint.Text, flows)
	if used, known := s.used(); known && m.width >= 76 {
		role := level(used)
		if role == paint.Bar {
			role = paint.Text
		}
		part(role, "table "+human.Percent(used))
	}
	h.lost(&l, m, part)
	l.Add(paint.Text, " ")
	return l
}

// used is how full the kernel's table is: by its own count where that is read, for
// it has entries that no event and no dump has told of.
func (s *session) used() (share float64, known bool) {
	if h := &s.health; h.read && h.err == nil && h.reading.Max > 0 {
		return float64(h.reading.Entries) / float64(h.reading.Max), true
	}
	return float64(s.flows) / float64(max(1, s.cfg.Info.Max)), s.cfg.Info.Max > 0
}

func (h *header) lost(l *paint.Line, m *Model, part func(paint.Role, string)) {
	s := m.s
	lost, at := s.cfg.Tail.Loss()
	if s.cfg.Player == nil { // a recording's losses are told again when it begins anew
		lost = max(lost, s.stats.Lost)
	}
	switch {
	case lost == 0 && m.width >= 70:
		part(paint.Text, "lost 0")
	case lost > 0 && at != 0 && m.width >= 90:
		part(paint.Bad, "lost "+human.Count(lost)+" ("+ago(s.now(), at)+")")
	case lost > 0:
		part(paint.Bad, "lost "+human.Count(lost))
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
	addBar(&l, paint.Bar, min(1, max(0, share)), cells)
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
