package page

import (
	"context"
	"slices"
	"strconv"
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/human"
	"natlens/monitor/loop"
	"natlens/monitor/table"
	"natlens/tui/paint"
	"natlens/tui/tail"
)

// Session is what all parts of the UI share: where flows come from, the filter, the pause,
// and what the status line says. Update and View alone touch it; a command gets copies.
type Session struct {
	Table    *table.Table
	Tail     *tail.Tail
	Env      filter.Env
	Clock    func() monitor.Time // the time of the flows
	Location *time.Location      // in which times are shown
	Names    *Names
	Rates    *Rates          // nil: nobody reads counters twice
	Context  context.Context // of what commands do; ends with the UI
	Replay   bool            // the source is a recording that can be steered
	Root     Root

	Text   string              // the filter as it was typed
	Keep   monitor.Filter      // compiled; nil wants everything
	Filter *table.CachedFilter // likewise, for the table
	Gen    int                 // counts the filters
	expr   filter.Expr         // what it means
	trail  []step

	Open     int // the page that is open
	Paused   bool
	PausedAt uint64     // events at that time
	Stats    loop.Stats // as of the last frame
	Frame    monitor.Time
	Ended    bool          // the source has ended
	Cost     time.Duration // of bringing the page up to date, the last time

	// What Count has set, for the status line. Flows is also set while a page is open that does
	// not count.
	Counted        Page
	Matched, Flows int

	// Missing are flows, by generation, that the kernel did not find at the last reading
	// although no event has reported their end: their time is over, and the kernel has not
	// removed them yet.
	Missing map[uint64]bool

	note     string
	noteRole paint.Role
	noteEnds time.Time
}

// Root is the root model as pages see it. What they ask is done when it returns, and not
// by a message: a key pressed right behind enter finds open what enter opens.
type Root interface {
	// Show opens a page.
	Show(page int) tea.Cmd
	// OpenDetail opens the pane of a flow.
	OpenDetail(Flow)
	// Ask puts a question on the last line; nil takes it away.
	Ask(*Prompt)
}

// OpenChosen opens the detail of the flow that a page has chosen.
func (s *Session) OpenChosen(c Chooser) tea.Cmd {
	if f, ok := c.Chosen(); ok {
		s.Root.OpenDetail(f)
	}
	return nil
}

// FlowsPage is the number of the page that lists flows.
const FlowsPage = 0

// Report puts a line at the bottom for a few seconds.
func (s *Session) Report(r paint.Role, text string) {
	s.note, s.noteRole, s.noteEnds = text, r, time.Now().Add(5*time.Second)
}

// Note returns what Report was called with last, "" when its time is over.
func (s *Session) Note() (paint.Role, string) {
	if time.Now().After(s.noteEnds) {
		return paint.Text, ""
	}
	return s.noteRole, s.note
}

// Spent notes what it cost to bring the page up to date.
func (s *Session) Spent(since time.Time) { s.Cost = time.Since(since) }

// At formats a time of day with milliseconds.
func (s *Session) At(t monitor.Time) string {
	return t.Time().In(s.Location).Format("15:04:05.000")
}

// Count takes how many flows match the filter, and how many there are, from a page that counts them.
func (s *Session) Count(by Page, matched, flows int) {
	s.Counted, s.Matched, s.Flows = by, matched, flows
}

// WhyEmpty says why there is nothing to see.
func (s *Session) WhyEmpty(what string) string {
	switch {
	case s.Text != "" && s.Flows > 0:
		return "none of " + human.Plural(s.Flows, "flow") + " matches the filter"
	case s.Ended:
		return "no " + what + "; the source has ended"
	}
	return "no " + what + " yet"
}

// Several reports whether the flows belong to network namespaces with names.
func (s *Session) Several() bool { return s.Env.Namespaces.Any() }

// NetNS is the name of a network namespace, escaped; "" for none.
func (s *Session) NetNS(n monitor.NetNS) string { return s.Env.Namespaces.Name(n) }

// NetNSFilter wants the flows of a network namespace.
func (s *Session) NetNSFilter(n monitor.NetNS) string {
	return filter.Text{Field: filter.FieldNetNS, Op: filter.Eq, Set: []string{s.NetNS(n)}}.String()
}

// NetNSWidth is the width of a column of namespaces that has to show a name.
func NetNSWidth(width int, name string) int {
	most := 12
	switch {
	case width >= FoldBelow:
		most = 16
	case width < 72:
		most = 8
	}
	return min(most, max(len("NETNS"), paint.Width(name)))
}

// FoldBelow is the width below which what NAT makes of an end has no column of its own.
const FoldBelow = 110

// TimedOut reports whether a flow's time is over while the kernel has not removed it yet.
// It goes by the last reading; of a closed connection the clock is enough, for no packet
// prolongs it.
func (s *Session) TimedOut(r *table.Row, now monitor.Time) bool {
	if r.Ended() {
		return false
	}
	closed := r.Flow.Orig.Proto == monitor.TCP && r.Known&monitor.AttrState != 0 && r.Known&monitor.AttrTimeout != 0 &&
		(r.Flow.State == monitor.TCPTimeWait || r.Flow.State == monitor.TCPClose)
	return s.Missing[r.Gen] || closed && r.Ends() < now
}

// LabelNames names the bits that are set, escaped; those without a name have their number.
func (s *Session) LabelNames(labels []byte) (out []string) {
	names := make(map[int]string, len(s.Env.Labels))
	for n, bit := range s.Env.Labels {
		if old, ok := names[bit]; !ok || n < old {
			names[bit] = n
		}
	}
	for bit := range 8 * len(labels) {
		if labels[bit/8]&(1<<(bit%8)) == 0 {
			continue
		}
		if n, ok := names[bit]; ok {
			out = append(out, monitor.Escape(n))
		} else {
			out = append(out, strconv.Itoa(bit))
		}
	}
	return out
}

// SetFilter makes a filter the current one. A text that is not valid changes nothing.
func (s *Session) SetFilter(text string) error {
	x, err := s.Env.Parse(text)
	if err != nil {
		return err
	}
	s.Text, s.expr, s.Keep, s.Filter = text, x, nil, nil
	s.Gen++
	if !all(x) {
		s.Keep = filter.Compile(x, s.Env)
		s.Filter = &table.CachedFilter{Match: s.Keep, Steady: filter.Steady(x)}
	}
	return nil
}

// all reports whether an expression wants everything.
func all(x filter.Expr) bool {
	c, ok := x.(filter.Const)
	return ok && bool(c)
}

// filterText writes a filter; what wants everything is the empty text.
func filterText(x filter.Expr) string {
	if all(x) {
		return ""
	}
	return x.String()
}

// step is a change of the filter by a key: what esc goes back to.
type step struct {
	page   int
	filter string // before
	made   string // the filter that the step made
}

// Replace makes a filter the current one, as a step that esc takes back.
func (s *Session) Replace(text string) error {
	from := step{page: s.Open, filter: s.Text}
	if err := s.SetFilter(text); err != nil {
		return err
	}
	from.made = s.Text
	s.trail = append(s.trail, from)
	return nil
}

// CanStepBack reports whether there is a step to take back. A filter typed since then ends
// the trail.
func (s *Session) CanStepBack() bool {
	return len(s.trail) > 0 && s.trail[len(s.trail)-1].made == s.Text
}

// StepBack restores the filter before the last step and shows its page.
func (s *Session) StepBack() tea.Cmd {
	if !s.CanStepBack() {
		return nil
	}
	last := s.trail[len(s.trail)-1]
	s.trail = s.trail[:len(s.trail)-1]
	_ = s.SetFilter(last.filter) // it was valid
	return s.Root.Show(last.page)
}

// Narrow adds a condition to the filter, or with not its opposite, as a step. The text is
// written again as the parser understood it.
func (s *Session) Narrow(condition string, not bool) error {
	x, err := s.Env.Parse(condition)
	if err != nil {
		return err
	}
	fresh := filter.AllOf(notAmong(x, s.expr)...)
	if all(fresh) { // the filter has all of it already
		if !not {
			return s.Replace(filterText(s.expr))
		}
		fresh = x
	}
	if n, negated := fresh.(filter.Not); not && negated {
		fresh = n.X // without "not dnat" is dnat
	} else if not {
		fresh = filter.Negate(fresh)
	}
	return s.Replace(filterText(filter.AllOf(s.expr, fresh)))
}

// notAmong returns the conditions of x that have does not contain.
func notAmong(x, have filter.Expr) []filter.Expr {
	return slices.DeleteFunc(conditions(x), func(c filter.Expr) bool {
		return slices.ContainsFunc(conditions(have), func(h filter.Expr) bool { return h.String() == c.String() })
	})
}

// conditions are what an expression asks for all of.
func conditions(x filter.Expr) []filter.Expr {
	if and, ok := x.(filter.And); ok {
		return slices.Clone(and)
	}
	return []filter.Expr{x}
}

// Drill adds a condition to the filter and shows its flows. The empty condition does
// nothing.
func (s *Session) Drill(condition string) tea.Cmd {
	if condition == "" {
		return nil
	}
	if err := s.Narrow(condition, false); err != nil {
		s.Report(paint.Bad, err.Error())
		return nil
	}
	return s.Root.Show(FlowsPage)
}
