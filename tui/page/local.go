package page

import (
	"natlens/monitor"
	"natlens/monitor/filter"
)

// Local returns the process or container of a flow; nil if none is known.
func (s *Session) Local(f *monitor.Flow) *monitor.Local {
	if s.Env.Local == nil {
		return nil
	}
	return s.Env.Local(f)
}

// LocalFilter writes the process, else the container or the pod, as a condition of the
// filter language; "" if l has none of them.
func LocalFilter(l *monitor.Local) string {
	field := filter.FieldPod
	switch {
	case l.Name() == "":
		return ""
	case l.Process != "":
		field = filter.FieldProcess
	case l.Container != "":
		field = filter.FieldContainer
	}
	return filter.Text{Field: field, Op: filter.Eq, Set: []string{l.Name()}}.String()
}

// Place returns what a field of places is at the two ends of a flow, such as "DE→US", and the same
// as a condition of the filter language. of is the field of the source, the next one that of the
// destination. Both texts are "" if neither end is known.
func (s *Session) Place(f *monitor.Flow, of filter.Field) (text, condition string) {
	e := monitor.Event{Flow: *f}
	var x []filter.Expr
	for i := range filter.Field(2) {
		for _, v := range (of + i).Reader(s.Env)(&e, nil) {
			text += "→" + monitor.Escape((of + i).Text(v.Value))
			x = append(x, (of + i).Is(v.Value))
		}
	}
	if text == "" {
		return "", ""
	}
	return text[len("→"):], filter.AllOf(x...).String()
}
