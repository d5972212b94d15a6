package health

import (
	"context"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/tui/page"
	"natlens/tui/paint"
	"natlens/tui/tail"
)

// Watch reads everything about the gateway except its flows. It samples in every frame,
// whatever page is open, so that the charts have no gaps. It also has the banner: the lines
// above the page that report problems.
type Watch struct {
	Line   Timeline
	Moved  Moved
	Counts func() tail.Counts // of events so far

	s       *page.Session
	source  Source        // nil: the source is not a kernel
	trouble func() string // see NewWatch; nil: no problems
	resized func()        // called when the number of banner lines changes

	busy    bool         // Read is running
	next    monitor.Time // when the next call is due
	reading Reading
	read    bool // there is a reading
	err     error

	began   monitor.Time // first frame
	asked   monitor.Time // when Quiet was last called
	asking  bool
	seen    bool // an event has come
	reason  string
	command string

	failing string            // last result of trouble
	advice  []monitor.Finding // problems at the start, while the banner shows them
	advised monitor.Time      // when the banner drops them
}

const (
	lookEvery  = monitor.Time(2e9)
	quietAfter = monitor.Time(5e9)
	adviceFor  = monitor.Time(10e9)
)

// NewWatch returns a watch. source may be nil. trouble returns a problem outside the flows, or
// ""; it is called in every frame and must not block. resized is called when the number of
// banner lines changes.
func NewWatch(s *page.Session, source Source, trouble func() string, resized func()) *Watch {
	return &Watch{s: s, source: source, trouble: trouble, resized: resized, Counts: s.Tail.Counts}
}

// Used returns how full the kernel's fullest table is, by the kernel's count, which includes entries
// that natlens has not seen.
func (w *Watch) Used() (share float64, known bool) {
	if w.err == nil {
		for _, t := range w.reading.Tables {
			share, known = max(share, t.used()), known || t.Max > 0
		}
	}
	return share, known
}

// Frame samples, and returns a command for what is due.
func (w *Watch) Frame() tea.Cmd {
	now, flows := w.s.Clock(), uint64(w.s.Table.Len())
	if w.read && w.err == nil {
		flows = w.reading.entries()
	}
	w.Line.Sample(now, flows, w.reading.drops(), w.Counts())
	if w.trouble != nil {
		if text := w.trouble(); text != w.failing {
			w.failing = text
			w.resized()
		}
	}
	if len(w.advice) > 0 && now >= w.advised {
		w.Shown()
	}
	if w.source == nil || w.s.Ended {
		return nil
	}
	return tea.Batch(w.readSource(now), w.quiet(now))
}

// Shown removes the advice from the banner: the page that contains it is shown, or its time is
// over.
func (w *Watch) Shown() {
	if len(w.advice) > 0 {
		w.advice = nil
		w.resized()
	}
}

func (w *Watch) readSource(now monitor.Time) tea.Cmd {
	if w.busy || now < w.next && now >= w.next-lookEvery { // earlier: the clock was set back
		return nil
	}
	w.busy, w.next = true, now+lookEvery
	return page.Do(func() func() {
		r, err := w.source.Read(w.s.Context)
		return func() { w.done(now, r, err) }
	})
}

func (w *Watch) done(at monitor.Time, r Reading, err error) {
	w.busy, w.err = false, err
	if err != nil {
		return
	}
	first := !w.read
	w.read, w.reading = true, r
	w.Moved.Note(at, r.Counters)
	if first && len(r.Checks) > 0 {
		w.advice = slices.DeleteFunc(slices.Clone(r.Checks), func(c monitor.Finding) bool { return c.Command == "" })
		if len(w.advice) == 0 {
			w.s.Report(paint.Warn, "checks of connection tracking failed: see page 5 Health")
		}
		w.advised = w.s.Clock() + adviceFor
		w.resized()
	}
}

// quiet asks for the reason if no event has come since the start.
func (w *Watch) quiet(now monitor.Time) tea.Cmd {
	if w.began == 0 {
		w.began = now
	}
	if !w.seen && w.s.Stats.Events > w.s.Stats.Existing {
		w.seen = true
		w.resized()
	}
	if w.seen || w.asking || now < w.began+quietAfter || now < w.asked+quietAfter {
		return nil
	}
	w.asking, w.asked = true, now
	return page.Do(func() func() {
		reason, command, err := w.source.Quiet(w.s.Context)
		if err != nil {
			reason, command = "the reason is not known: "+err.Error(), ""
		}
		return func() {
			w.asking = false
			if !w.seen {
				w.reason, w.command, w.advice = reason, command, nil
				w.resized()
			}
		}
	})
}

// Banner returns the lines above the page: a problem with its command, or a line for each of two.
func (w *Watch) Banner(width int) (out []paint.Line) {
	type message struct {
		role                 paint.Role
		where, text, command string
	}
	var all []message
	if w.failing != "" {
		all = append(all, message{paint.Bad, "", w.failing, ""})
	}
	if !w.seen && w.reason != "" {
		nothing := "nothing seen for " + time.Duration(quietAfter).String() + ": "
		all = append(all, message{paint.Warn, nothing, w.reason, w.command})
	}
	for i, c := range w.advice[:min(1, len(w.advice))] {
		m := message{marks[c.Severity].role, marks[c.Severity].sign + " ", c.Text, c.Command}
		if names, problem, ok := strings.Cut(c.Text, ": "); ok && w.s.Several() { // the names of its namespaces
			m.where, m.text = m.where+names+": ", problem
		}
		if more := len(w.advice) - 1 - i; more > 0 {
			m.where += "(" + human.Count(uint64(more)) + " more on page 5) "
		}
		all = append(all, m)
	}
	most := 2
	if width < 72 {
		most = 3 // so that a command is whole
	}
	all = all[:min(most, len(all))]
	for _, m := range all {
		lines := most / len(all)
		text := m.where + shortened(m.text, lines*(width-2)-paint.Width(monitor.Escape(m.where+" → "+m.command)))
		out = append(out, paint.Wrapped(m.role, text, m.command, 1, width, lines)...)
	}
	return out
}

// shortened drops reasons and remarks at the end of a text, one after the other, until it fits
// into a width. The page shows all of them.
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

// Source reads what events do not report: the kernel's table and counters, and problems of
// connection tracking. Its methods may block. One goroutine at a time calls each, and the
// context ends with the UI.
type Source interface {
	// Read reads everything. It is called every two seconds.
	Read(ctx context.Context) (Reading, error)
	// Quiet returns why no event has come since the start, and a command that changes that, or
	// "".
	Quiet(ctx context.Context) (reason, command string, err error)
}

// Reading is what Read returns.
type Reading struct {
	Tables   []Table // of the namespaces
	Counters []Counter
	CPUs     map[uint16]map[string]uint64 // the kernel's counters of each CPU
	Checks   []monitor.Finding            // checks that warn or fail, the most severe first
}

// Table is the kernel's table of a namespace.
type Table struct {
	NetNS        string // "": the only one
	Entries, Max uint64 // Max 0: unknown
}

func (t *Table) used() float64 { return float64(t.Entries) / float64(max(1, t.Max)) }

func (r *Reading) entries() (n uint64) {
	for _, t := range r.Tables {
		n += t.Entries
	}
	return n
}

// drops returns how many packets the kernel has dropped because it could not track them.
func (r *Reading) drops() (n uint64) {
	for _, c := range r.Counters {
		if c.Name == "drop" || c.Name == "early_drop" || c.Name == "insert_failed" {
			n += c.Total
		}
	}
	return n
}

// Counter is one of the kernel's counters.
type Counter struct {
	Name    string
	Means   string // what its growth means
	Total   uint64
	Level   monitor.Severity // severity of its growth
	Command string           // shell command that shows its flows or stops it; "" if it grows slowly
}

// Findings returns the active findings. It may be called from any goroutine.
type Findings interface {
	Snapshot() []monitor.Finding // active findings, the most severe first
}
