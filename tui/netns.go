package tui

import (
	"natlens/monitor"
	"natlens/monitor/filter"
	"natlens/tui/paint"
)

// several reports whether the flows are of network namespaces with names: whether
// there is anything to tell of them.
func (s *session) several() bool { return s.cfg.Env.Namespaces.Any() }

// netns is the name of a network namespace, "" for none. It is escaped.
func (s *session) netns(n monitor.NetNS) string { return s.cfg.Env.Namespaces.Name(n) }

// netnsFilter wants the flows of a network namespace.
func (s *session) netnsFilter(n monitor.NetNS) string {
	return filter.Text{Field: filter.FieldNetNS, Op: filter.Eq, Set: []string{s.netns(n)}}.String()
}

// netnsWidth is the room that the name of a network namespace takes on a screen of
// that width: that of a column, which has a head.
func netnsWidth(width int, name string) int {
	most := 12
	switch {
	case width >= foldBelow:
		most = 16
	case width < 72:
		most = 8
	}
	return min(most, max(len("NETNS"), paint.Width(name)))
}

func (d *flowDrawer) netns(l *paint.Line, f *flowRef, _ int) {
	l.Add(paint.Text, d.s.netns(f.row.Flow.Orig.NetNS))
}

// netnsLine tells that a network namespace has come or gone.
func (s *session) netnsLine(l *paint.Line, e *monitor.Event) {
	what := " found"
	if e.Kind == monitor.KindNetNSEnd {
		what = " gone"
	}
	l.Add(paint.Muted, "── network namespace "+s.netns(e.NetNS())+what+" ──")
}
