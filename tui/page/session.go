package page

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/human"
	"natlens/monitor/loop"
	"natlens/monitor/table"
	"natlens/tui/keys"
	"natlens/tui/paint"
	"natlens/tui/tail"
)

// Session is what all parts of the UI share: the source of the flows, the filter, the pause,
// and the status line. Only Update and View may use it; commands get copies.
type Session struct {
	Table    *table.Table
	Tail     *tail.Tail
	Env      filter.Env
	Clock    func() monitor.Time // the clock of the flows
	Location *time.Location      // time zone of displayed times
	Names    *Names
	Context  context.Context // for commands; ends with the UI
	Replay   bool            // the source is a recording that can be controlled
	Root     Root
	Keys     *keys.Bindings

	Reads     bool         // counters of flows are read
	Bits      bool         // rates are bits per second
	Window    table.Window // over which rates are smoothed
	Read      monitor.Time // last reading: of all flows, or if the page needs no more, of those on the screen
	Uncounted string       // the command that turns accounting on, if no flow has counters

	Text   string              // the typed filter
	Keep   monitor.Filter      // the compiled filter; nil selects everything
	Filter *table.CachedFilter // the same for the table
	Gen    int                 // number of the filter
	expr   filter.Expr         // the parsed filter
	trail  []step

	Explain  bool // the detail of a flow explains its walk
	Open     int  // the open page
	Paused   bool
	PausedAt uint64     // events at the time of the pause
	Stats    loop.Stats // at the last frame
	Frame    monitor.Time
	Ended    bool          // the source has ended
	Cost     time.Duration // time of the last update of the page

	// What Count has set, for the status line. Flows is also set while a page is open that does
	// not count.
	Counted        Page
	Matched, Flows int

	// Missing are flows, by generation, that the kernel did not have at the last reading
	// although no event has reported their end: their timeout is over, and the kernel has not
	// removed them yet.
	Missing map[uint64]bool

	// Marked are the rows of the flows, by generation, on which keys act instead of the one under the
	// cursor.
	Marked map[uint64]uint32

	Total Minute // the rate of all flows of the filter

	note     string
	noteRole paint.Role
	noteEnds time.Time
}

// Root is the root model for pages. Its methods act before they return, not by a message, so a
// key pressed right after enter finds what enter has opened.
type Root interface {
	// Show opens a page.
	Show(page int) tea.Cmd
	// OpenDetail opens the pane of a flow.
	OpenDetail(Flow)
	// Ask shows a question on the last line; nil removes it.
	Ask(*Prompt)
}

// OpenChosen opens the detail of the flow under the cursor.
func (s *Session) OpenChosen(c Chooser) tea.Cmd {
	if f, ok := c.Chosen(); ok {
		s.Root.OpenDetail(f)
	}
	return nil
}

// FlowsPage is the number of the page with the flows.
const FlowsPage = 0

// Report shows a line at the bottom for a few seconds.
func (s *Session) Report(r paint.Role, text string) {
	s.note, s.noteRole, s.noteEnds = text, r, time.Now().Add(5*time.Second)
}

// Note returns the last report, or "" when its time is over.
func (s *Session) Note() (paint.Role, string) {
	if time.Now().After(s.noteEnds) {
		return paint.Text, ""
	}
	return s.noteRole, s.note
}

// At formats a time of day with milliseconds.
func (s *Session) At(t monitor.Time) string {
	return t.Time().In(s.Location).Format("15:04:05.000")
}

// Accounting returns a line with the command that turns accounting on, if no flow has counters.
// On a narrow screen it has two lines.
func (s *Session) Accounting(width int) []paint.Line {
	if s.Uncounted == "" {
		return nil
	}
	return paint.Wrapped(paint.Warn, "no bytes and rates", s.Uncounted, paint.MarginLeft, width, 2)
}

// Count takes how many flows match the filter, and how many there are, from a page that counts them.
func (s *Session) Count(by Page, matched, flows int) {
	s.Counted, s.Matched, s.Flows = by, matched, flows
}

// WhyEmpty returns why nothing is shown.
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

// NetNS returns the name of a network namespace, escaped, or "".
func (s *Session) NetNS(n monitor.NetNS) string { return s.Env.Namespaces.Name(n) }

// NetNSFilter returns a filter for the flows of a network namespace.
func (s *Session) NetNSFilter(n monitor.NetNS) string {
	return filter.Text{Field: filter.FieldNetNS, Op: filter.Eq, Set: []string{s.NetNS(n)}}.String()
}

// NetNSWidth returns the width of a column of namespaces that must fit a name.
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

// FoldBelow is the width below which translated ends have no columns of their own.
const FoldBelow = 110

// TimedOut reports whether a flow's timeout is over while the kernel has not removed it yet. It
// uses the last reading. For a closed connection the clock is enough, because no packet extends
// it.
func (s *Session) TimedOut(r *table.Row, now monitor.Time) bool {
	if r.Ended() {
		return false
	}
	closed := r.Flow.Orig.Proto == monitor.TCP && r.Known&monitor.AttrState != 0 && r.Known&monitor.AttrTimeout != 0 &&
		(r.Flow.State == monitor.TCPTimeWait || r.Flow.State == monitor.TCPClose)
	return s.Missing[r.Gen] || closed && r.Ends() < now
}

// LabelNames returns the names of the labels that are set, escaped; the number of those without
// a name.
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

// SetFilter sets the filter. An invalid text changes nothing.
func (s *Session) SetFilter(text string) error {
	x, err := s.Env.Parse(text)
	if err == nil {
		err = s.Needs(x)
	}
	if err != nil {
		return err
	}
	s.Text, s.expr, s.Keep, s.Filter = text, x, nil, nil
	s.Gen++
	s.Total = Minute{}
	if !all(x) {
		env := s.Env
		env.Shown = s.Names.Known()
		s.Keep = filter.Compile(x, env)
		s.Filter = &table.CachedFilter{Match: s.Keep, Steady: filter.Steady(x)}
	}
	return nil
}

// Needs returns an error if an expression needs something that is not looked up.
func (s *Session) Needs(x filter.Expr) error {
	switch {
	case s.Env.Local == nil && filter.NeedsLocal(x):
		return errors.New("processes and containers need natlens --process")
	case s.Env.Places == nil && filter.NeedsPlaces(x):
		return errors.New("country, city and as need natlens --mmdb FILE")
	}
	return nil
}

// all reports whether an expression selects everything.
func all(x filter.Expr) bool {
	c, ok := x.(filter.Const)
	return ok && bool(c)
}

// filterText returns a filter as text; "" if it selects everything.
func filterText(x filter.Expr) string {
	if all(x) {
		return ""
	}
	return x.String()
}

// step is a change of the filter by a key, which esc undoes.
type step struct {
	page   int
	filter string // before
	made   string // the filter that the step made
}

// Replace sets the filter, as a step that esc undoes.
func (s *Session) Replace(text string) error {
	from := step{page: s.Open, filter: s.Text}
	if err := s.SetFilter(text); err != nil {
		return err
	}
	from.made = s.Text
	s.trail = append(s.trail, from)
	return nil
}

// CanStepBack reports whether there is a step to undo. Typing a filter ends the chain of steps.
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
	_ = s.SetFilter(last.filter) // it was valid before
	return s.Root.Show(last.page)
}

// Narrow adds a condition to the filter, or with not its negation, as a step. The filter's text
// becomes canonical.
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

// notAmong returns the conditions of x that are not in have.
func notAmong(x, have filter.Expr) []filter.Expr {
	return slices.DeleteFunc(conditions(x), func(c filter.Expr) bool {
		return slices.ContainsFunc(conditions(have), func(h filter.Expr) bool { return h.String() == c.String() })
	})
}

// conditions returns the parts of an expression that must all hold.
func conditions(x filter.Expr) []filter.Expr {
	if and, ok := x.(filter.And); ok {
		return slices.Clone(and)
	}
	return []filter.Expr{x}
}

// Drill adds a condition to the filter and shows the flows. The empty condition does nothing.
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
