package translation

import "natlens/monitor"

// losses are the losses of a run by the name of the network namespace. A loss
// under "" may concern any of them.
type losses struct {
	count uint32            // losses so far
	last  map[string]uint32 // number of the newest loss
	open  map[string]span   // not reconciled yet
}

// span goes from the beginning of the first gap to the end of the last.
type span struct{ from, to monitor.Time }

func (l *losses) add(g *Gap) {
	l.touch(g.Namespace)
	s := span{g.From, g.To}
	if o, ok := l.open[g.Namespace]; ok {
		s = span{min(o.from, s.from), max(o.to, s.to)}
	}
	l.open[g.Namespace] = s
}

// touch makes the flows that are open in a namespace doubtful.
func (l *losses) touch(namespace string) {
	if l.last == nil {
		l.last, l.open = map[string]uint32{}, map[string]span{}
	}
	l.count++
	l.last[namespace] = l.count
}

// reconciled removes the losses that a comparison with the kernel's table made
// good, in one namespace or with "" in all. What was lost after the comparison
// began stays.
func (l *losses) reconciled(namespace string, gap *monitor.Gap) {
	for name, s := range l.open {
		if (namespace == "" || namespace == name) && (gap == nil || s.to <= gap.From) {
			delete(l.open, name)
		}
	}
}

// since returns the beginning of the losses of a namespace that are not
// reconciled, 0 if there are none.
func (l *losses) since(namespace string) (from monitor.Time) {
	for _, name := range [...]string{"", namespace} {
		if s, ok := l.open[name]; ok && (from == 0 || s.from < from) {
			from = s.from
		}
	}
	return from
}

// touched reports whether the namespace lost events after loss number since.
func (l *losses) touched(namespace string, since uint32) bool {
	return since != l.count && (l.last[""] > since || l.last[namespace] > since)
}
