package tui

import (
	"fmt"
	"strings"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/tui/health"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// header is the two lines at the top, and a third for a recording. It remembers the positions
// of the pages' names for the mouse.
type header struct {
	s        *page.Session
	info     Info
	player   Player // nil: the source cannot be controlled
	watch    *health.Watch
	exporter *exporter
	pages    []page.Page
	line     health.Timeline // of events of any kind

	barAt, barN int // cells of a recording's bar
}

// titleLine draws the program, the source, the pages, and the events per second. If the line is
// too narrow, the program's name is dropped first, then the minute of events. The namespace
// stays as long as the pages' names fit beside it.
func (h *header) titleLine(width int) (l paint.Line) {
	rate, sources := h.rate(), h.sources()
	source, name := sources[len(sources)-1], "natlens  "
	gap := 2 // after each page's name
	left := width - 1 - h.tabsWidth(gap) - 2 - rate.Width()
	if left < paint.Width(source)+2+sparkLeast {
		gap = 1
		left = width - 1 - h.tabsWidth(gap) - 2 - rate.Width()
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
	for i, p := range h.pages {
		role := paint.Text
		if i == h.s.Open {
			role = paint.Tab
		}
		l.Mark(i, func() {
			l.Add(paint.Muted, fmt.Sprintf("%d ", i+1))
			l.Add(role, p.Title())
		})
		l.Pad(l.Width() + gap)
	}
	if cells := sparkCells(left - 1); cells > 0 {
		l.Pad(width - rate.Width() - cells - 1)
		l.Add(paint.Bar, h.line.Spark(cells)+" ")
	}
	l.Pad(width - rate.Width())
	l.AddLine(&rate)
	l.Cut(width)
	return l
}

// rate is the events per second, or that the source has ended.
func (h *header) rate() (l paint.Line) {
	text, role := human.Count(h.line.Rate())+" ev/s", paint.Text
	if h.s.Ended {
		text, role = "source ended", paint.Warn
	}
	l.AddRight(role, text, max(paint.Width(text), 12))
	l.Add(paint.Text, " ")
	return l
}

// sparkLeast is the width of the shortest minute of events.
const sparkLeast = 7

// sparkCells is the width of the minute of events: a divisor of 60.
func sparkCells(room int) int {
	for _, n := range []int{20, 10, 6} {
		if n <= room {
			return n
		}
	}
	return 0
}

// tabsWidth is the width of the pages' names with gap spaces after each.
func (h *header) tabsWidth(gap int) (n int) {
	for _, p := range h.pages {
		n += 2 + paint.Width(p.Title()) + gap
	}
	return n
}

// sources are the host, namespace and capture, if known, in longer and shorter forms. The
// namespace is the most useful part.
func (h *header) sources() (out []string) {
	info := &h.info
	for _, parts := range [][]string{{info.Host, info.Namespace, info.Capture}, {info.Namespace, info.Capture},
		{info.Namespace}} {
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

// statusLine draws the filter, and at the right whether the view is paused, how many flows
// match, how full the table is, and the losses. matching reports that the page counts the
// matching flows.
func (h *header) statusLine(width int, matching bool) (l paint.Line) {
	right := h.counts(width, matching)
	if h.s.Text != "" {
		l.Add(paint.Key, " / ")
		l.Add(paint.Text, h.s.Text)
	} else {
		l.Add(paint.Muted, " / every flow")
	}
	l.Cut(max(0, width-right.Width()-2))
	l.Pad(width - right.Width())
	l.AddLine(&right)
	l.Cut(width)
	return l
}

func (h *header) counts(width int, matching bool) (l paint.Line) {
	s := h.s
	part := func(r paint.Role, text string) {
		if l.Width() > 0 {
			l.Add(paint.Text, "   ")
		}
		l.Add(r, text)
	}
	if s.Paused {
		part(paint.Warn, "PAUSED +"+human.Plural(s.Stats.Events-min(s.Stats.Events, s.PausedAt), "event"))
	}
	if n, on, failed := s.Tail.Recording(); on && failed != nil {
		part(paint.Bad, "recording failed")
	} else if on {
		part(paint.New, "● "+human.Count(n)+" recorded")
	}
	if text := h.exporter.progress(); text != "" {
		part(paint.New, text)
	}
	if s.Read != 0 && (s.Text == "" || width >= 100) {
		part(paint.Muted, "rates over "+fmt.Sprint(s.Window.Span().Seconds())+" s, "+page.Ago(s.Frame, s.Read))
	}
	if n := len(s.Marked); n > 0 {
		part(paint.Key, human.Count(uint64(n))+" marked")
	}
	flows := human.Plural(s.Flows, "flow")
	if s.Text != "" && matching {
		flows = human.Count(uint64(s.Matched)) + " of " + flows
	}
	part(paint.Text, flows)
	if used, known := h.used(); known && width >= 76 {
		part(paint.Level(used, paint.Text), "table "+human.Percent(used))
	}
	seen := s.Tail.Counts()
	lost, at := seen.Lost, seen.LostAt
	if !s.Replay { // a recording's losses are counted again when it starts over
		lost = max(lost, s.Stats.Lost)
	}
	switch {
	case lost == 0 && width >= 70:
		part(paint.Text, "lost 0")
	case lost > 0 && at != 0 && width >= 90:
		part(paint.Bad, "lost "+human.Count(lost)+" ("+page.Ago(s.Clock(), at)+")")
	case lost > 0:
		part(paint.Bad, "lost "+human.Count(lost))
	}
	l.Add(paint.Text, " ")
	return l
}

// used is how full the kernel's table is, if known.
func (h *header) used() (share float64, known bool) {
	if share, known = h.watch.Used(); known {
		return share, true
	}
	return float64(h.s.Flows) / float64(max(1, h.info.Max)), h.info.Max > 0
}

// playLine draws the position of a recording.
func (h *header) playLine(width int) (l paint.Line) {
	st := h.player.State()
	sign := "❚❚"
	if st.On {
		sign = "▶ "
	}
	l.Add(paint.Key, " "+sign)
	l.Add(paint.Text, fmt.Sprintf(" %g×  ", st.Speed))
	l.Add(paint.Text, h.s.At(st.At)[:8]+"  ")
	end := "  " + h.s.At(st.Finish)[:8] + " "
	cells := max(4, width-l.Width()-len(end))
	h.barAt, h.barN = l.Width(), cells
	share := 0.0
	if st.Finish > st.Start {
		share = float64(st.At-st.Start) / float64(st.Finish-st.Start)
	}
	l.Bar(paint.Bar, min(1, max(0, share)), cells)
	l.Add(paint.Muted, end)
	l.Cut(width)
	return l
}

// seek moves a recording to a cell of its bar.
func (h *header) seek(x int) {
	if x < h.barAt || x >= h.barAt+h.barN {
		return
	}
	st := h.player.State()
	h.player.Seek(st.Start + monitor.Time(float64(st.Finish-st.Start)*float64(x-h.barAt)/float64(h.barN)))
}
