package page

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"natlens/monitor/filter"
	"natlens/monitor/table"
	"natlens/tui/paint"
)

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
