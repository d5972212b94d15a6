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
