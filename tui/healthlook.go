package tui

import (
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/tui/paint"
)

// healthState is what the session knows of the gateway beside its flows. It is
// sampled whatever page is shown, so that the charts have no holes.
type healthState struct {
	line    timeline
	busy    bool         // a look is on its way
	next    monitor.Time // when the next one is due
	reading HealthReading
	read    bool // there is a reading
	err     error
	moved   movedCounters

	began   monitor.Time // first frame
	asked   monitor.Time // when the reason for silence was asked for last
	asking  bool
	banner  []drawn       // what goes wrong, and why nothing comes
	trouble string        // what goes wrong beside the flows
	advice  []HealthCheck // what was not well at the begin and a command mends, while that is shown
	advised monitor.Time  // when it has been shown for long enough
	heard   bool          // some event has come
	reason  string
	command string
}

const (
	lookEvery  = monitor.Time(2e9)
	quietAfter = monitor.Time(5e9)
	quietLines = 4 // of the banner, at most
	adviceFor  = monitor.Time(10e9)
	adviceMost = 3 // things told above the page
)

// lookedMsg brings a reading.
type lookedMsg struct {
	at      monitor.Time
	reading HealthReading
	err     error
}

// quietMsg brings the reason for silence.
type quietMsg struct {
	reason, command string
	err             error
}

// health samples the ten minutes and asks for what is due.
func (m *Model) health() tea.Cmd {
	s := m.s
	h := &s.health
	now := s.now()
	flows := uint64(s.cfg.Table.Len())
	if h.read && h.err == nil {
		flows = h.reading.Entries
	}
	h.line.sample(now, flows, s.cfg.Tail.counts())
	m.trouble()
	if len(h.advice) > 0 && now >= h.advised {
		m.advise(nil)
	}
	if s.cfg.Health == nil || s.ended {
		return nil
	}
	return tea.Batch(m.look(now), m.quiet(now))
}

// trouble has what goes wrong beside the flows stand above the page.
func (m *Model) trouble() {
	h := &m.s.health
	if ask := m.s.cfg.Trouble; ask != nil {
		if text := ask(); text != h.trouble {
			h.trouble = text
			m.resize(m.width, m.height)
		}
	}
}

func (m *Model) look(now monitor.Time) tea.Cmd {
	s := m.s
	h := &s.health
	if h.busy || now < h.next && now >= h.next-lookEvery { // before that: the clock was put back
		return nil
	}
	h.busy, h.next = true, now+lookEvery
	return func() tea.Msg {
		r, err := s.cfg.Health.Look(s.ctx)
		return lookedMsg{now, r, err}
	}
}

func (m *Model) looked(msg lookedMsg) {
	h := &m.s.health
	h.busy, h.err = false, msg.err
	if msg.err == nil {
		first := !h.read
		h.read, h.reading = true, msg.reading
		h.moved.note(msg.at, msg.reading.Counters)
		if first && len(msg.reading.Checks) > 0 {
			m.s.tell(paint.Warn, "5 Health keeps in sight what could be better with connection tracking here")
			m.advise(slices.DeleteFunc(slices.Clone(msg.reading.Checks), func(c HealthCheck) bool { return c.Command == "" }))
		}
	}
}

// advise has what a command mends stand above the page for a while, a line for each
// where that has room; nothing ends that.
func (m *Model) advise(checks []HealthCheck) {
	h := &m.s.health
	h.advice, h.advised = checks, m.s.now()+adviceFor
	m.resize(m.width, m.height)
}

// quiet asks why nothing comes, if nothing has come since the begin.
func (m *Model) quiet(now monitor.Time) tea.Cmd {
	s := m.s
	h := &s.health
	if h.began == 0 {
		h.began = now
	}
	if s.stats.Events > s.stats.Existing {
		told := !h.heard && h.reason != ""
		h.heard = true
		if told {
			m.resize(m.width, m.height)
		}
	}
	if h.heard || h.asking || now < h.began+quietAfter || now < h.asked+quietAfter {
		return nil
	}
	h.asking, h.asked = true, now
	return func() tea.Msg {
		reason, command, err := s.cfg.Health.Quiet(s.ctx)
		return quietMsg{reason, command, err}
	}
}

func (m *Model) quieted(msg quietMsg) {
	h := &m.s.health
	h.asking = false
	if h.heard {
		return
	}
	h.reason, h.command, h.advice = msg.reason, msg.command, nil
	if msg.err != nil {
		h.reason, h.command = "why could not be found out: "+msg.err.Error(), ""
	}
	m.resize(m.width, m.height)
}

// layOut wraps the banner for a width.
func (h *healthState) layOut(width int) {
	h.banner = nil
	if h.trouble != "" {
		h.banner = wrapped(paint.Bad, h.trouble, "", 1, width, quietLines)
	}
	for _, c := range h.advice[:min(len(h.advice), adviceMost)] {
		text := shortened(healthMarks[c.Level].mark+" "+c.Text, width-2-paint.Width(" → "+monitor.Escape(c.Command)))
		h.banner = append(h.banner, wrapped(healthMarks[c.Level].role, text, c.Command, 1, width, quietLines)...)
	}
	if h.heard || h.reason == "" {
		return
	}
	text := "nothing seen for " + time.Duration(quietAfter).String() + ": " + h.reason
	h.banner = append(h.banner, wrapped(paint.Warn, text, h.command, 1, width, quietLines)...)
}

// shortened leaves out reasons and asides at a text's end, one after the other, until
// it fits into a width or none is left: the Health page has them all.
func shortened(text string, width int) string {
	for paint.Width(monitor.Escape(text)) > width {
		end := max(strings.LastIndex(text, "; "), strings.LastIndex(text, ": "))
		if end < 0 {
			break
		}
		text = text[:end]
	}
	return text
}

// wrapped lays a text and the command behind it out in lines of a width, from a
// column on.
func wrapped(role paint.Role, text, command string, from, width, most int) (out []drawn) {
	text = monitor.Escape(text)
	if command != "" {
		text += " → " + monitor.Escape(command)
	}
	for i, line := range paint.Wrap(text, max(8, width-from-1)) {
		if i == most {
			out[most-1].line.Add(role, " …")
			break
		}
		var d drawn
		d.line.Pad(from)
		if before, after, ok := strings.Cut(line, "→ "); ok && command != "" {
			d.line.Add(role, before)
			d.line.Add(paint.Key, "→ "+after)
			role = paint.Key
		} else {
			d.line.Add(role, line)
		}
		out = append(out, d)
	}
	return out
}

// movedCounters remembers the counters of ten minutes.
type movedCounters struct {
	kept []countersAt // oldest first
}

type countersAt struct {
	at     monitor.Time
	totals map[string]uint64
}

// countersEvery is how far apart they are kept.
const countersEvery = monitor.Time(10e9)

func (m *movedCounters) note(at monitor.Time, counters []HealthCounter) {
	if n := len(m.kept); n > 0 && at >= m.kept[n-1].at && at < m.kept[n-1].at+countersEvery {
		return
	}
	totals := make(map[string]uint64, len(counters))
	for _, c := range counters {
		totals[c.Name] = c.Total
	}
	m.kept = append(m.kept, countersAt{at, totals})
	for len(m.kept) > 1 && m.kept[0].at < at-timelineSeconds*1e9 {
		m.kept = m.kept[1:]
	}
}

// of returns by how much a counter has moved, and in what time.
func (m *movedCounters) of(c *HealthCounter, now monitor.Time) (moved uint64, in time.Duration) {
	if len(m.kept) == 0 {
		return 0, 0
	}
	old := m.kept[0]
	return c.Total - min(c.Total, old.totals[c.Name]), since(old.at, now)
}
