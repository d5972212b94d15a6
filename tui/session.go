package tui

import (
	"context"
	"slices"
	"time"

	"github.com/charmbracelet/colorprofile"

	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/monitor/human"
	"natlens/monitor/loop"
	"natlens/monitor/table"
	"natlens/tui/paint"
)

// session is what all parts of the UI share: the configuration, the filter, the
// pause, and what the status line says. It is touched by Update and View only;
// work in commands gets copies.
type session struct {
	cfg     Config
	root    opener
	ctx     context.Context // ends with the UI, for what commands do
	style   paint.Style
	theme   string // dark or light
	profile colorprofile.Profile

	text  string              // the filter as it was typed
	expr  filter.Expr         // what it means
	keep  monitor.Filter      // compiled; nil wants everything
	judge *table.CachedFilter // likewise, for the table
	gen   int                 // counts the filters

	page  int    // the one that is open
	trail []step // conditions that keys added

	paused   bool
	settling bool   // what is to stand is still on its way
	pausedAt uint64 // events at that time
	stats    loop.Stats
	spark    spark
	frame    monitor.Time // time of the current frame
	ended    bool
	endErr   error

	note     string // what the last line says for a moment
	noteRole paint.Role
	noteEnds time.Time

	health healthState

	matched, flows int // of the last view, or flows alone of this frame: for the status line
	rates          *rates
	missing        missing
	names          *names
}

func newSession(cfg Config) *session {
	if cfg.Clock == nil {
		cfg.Clock = monitor.Now
	}
	if cfg.Location == nil {
		cfg.Location = time.Local
	}
	if cfg.Stats == nil {
		cfg.Stats = func() loop.Stats { return loop.Stats{} }
	}
	if cfg.Tail == nil {
		cfg.Tail = NewTail()
	}
	s := &session{cfg: cfg, ctx: context.Background(), theme: cfg.Theme, expr: filter.Const(true), rates: newRates()}
	if s.theme == "" {
		s.theme = "dark"
	}
	s.names = newNames(cfg.Resolver, cfg.Services)
	return s
}

// now is the time of the flows.
func (s *session) now() monitor.Time { return s.cfg.Clock() }

// tell puts a line at the bottom for a few seconds.
func (s *session) tell(r paint.Role, text string) {
	s.note, s.noteRole, s.noteEnds = text, r, time.Now().Add(5*time.Second)
}

// setFilter makes a filter the current one. A text that is not valid changes
// nothing.
func (s *session) setFilter(text string) error {
	env := s.env()
	x, err := env.Parse(text)
	if err != nil {
		return err
	}
	s.text, s.expr, s.keep, s.judge = text, x, nil, nil
	s.gen++
	if c, ok := x.(filter.Const); !ok || !bool(c) {
		s.keep = filter.Compile(x, env)
		s.judge = &table.CachedFilter{Match: s.keep, Steady: filter.Steady(x)}
	}
	return nil
}

// narrow adds a condition to the filter, or with not its opposite. The text is
// written anew, as the parser understood it.
func (s *session) narrow(condition string, not bool) error {
	done := s.stepped()
	if err := s.addCondition(condition, not); err != nil {
		return err
	}
	done()
	return nil
}

func (s *session) addCondition(condition string, not bool) error {
	x, err := s.env().Parse(condition)
	if err != nil {
		return err
	}
	news := filter.AllOf(notAmong(x, s.expr)...)
	if c, ok := news.(filter.Const); ok && bool(c) { // the filter says all of it already
		news = x
		if !not {
			return s.setFilter(filterText(s.expr))
		}
	}
	if n, negated := news.(filter.Not); not && negated {
		news = n.X // without "not dnat" is dnat
	} else if not {
		news = filter.Negate(news)
	}
	return s.setFilter(filterText(filter.AllOf(s.expr, news)))
}

// notAmong returns the conditions of x that have does not ask for.
func notAmong(x, have filter.Expr) []filter.Expr {
	said := make(map[string]bool)
	for _, c := range conditions(have) {
		said[c.String()] = true
	}
	return slices.DeleteFunc(conditions(x), func(c filter.Expr) bool { return said[c.String()] })
}

// conditions are what an expression asks for all of.
func conditions(x filter.Expr) []filter.Expr {
	if and, ok := x.(filter.And); ok {
		return slices.Clone(and)
	}
	return []filter.Expr{x}
}

// filterText writes a filter; what wants everything is the empty text.
func filterText(x filter.Expr) string {
	if c, ok := x.(filter.Const); ok && bool(c) {
		return ""
	}
	return x.String()
}

func (s *session) env() filter.Env {
	env := s.cfg.Env
	env.Values = s.values
	env.Now = s.cfg.Clock
	return env
}

// at formats a time of day with milliseconds.
func (s *session) at(t monitor.Time) string {
	return t.Time().In(s.cfg.Location).Format("15:04:05.000")
}

// whyEmpty says why there is nothing to see.
func (s *session) whyEmpty(what string) string {
	switch {
	case s.text != "" && s.flows > 0:
		return "none of " + human.Plural(uint64(s.flows), "flow") + " matches the filter"
	case s.ended:
		return "no " + what + "; the source has ended"
	}
	return "no " + what + " yet"
}
