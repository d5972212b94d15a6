package history

import "natlens/monitor"

// losses are those of a run, by the network namespace whose events were lost. A
// loss under the namespace 0 may have been in any.
type losses struct {
	count uint32                   // how many there were
	last  map[monitor.NetNS]uint32 // the number of the newest
	open  map[monitor.NetNS]span   // what has not been reconciled yet
}

// span is from the beginning of the first of some gaps to the end of the last.
type span struct{ from, to monitor.Time }

func (l *losses) add(g *Gap) {
	if l.last == nil {
		l.last, l.open = map[monitor.NetNS]uint32{}, map[monitor.NetNS]span{}
	}
	l.count++
	l.last[g.NetNS] = l.count
	s := span{g.From, g.To}
	if o, ok := l.open[g.NetNS]; ok {
		s = span{min(o.from, s.from), max(o.to, s.to)}
	}
	l.open[g.NetNS] = s
}

// reconciled takes in that the table was compared with the kernel's. What was lost
// since that began is another comparison's.
func (l *losses) reconciled(e *monitor.Event) {
	for n, s := range l.open {
		if (e.NetNS() == 0 || e.NetNS() == n) && (e.Gap == nil || s.to <= e.Gap.From) {
			delete(l.open, n)
		}
	}
}

// since is where the losses of a namespace began that have not been reconciled; 0:
// there are none.
func (l *losses) since(n monitor.NetNS) (from monitor.Time) {
	for _, n := range [...]monitor.NetNS{0, n} {
		if s, ok := l.open[n]; ok && (from == 0 || s.from < from) {
			from = s.from
		}
	}
	return from
}

// touched reports whether events of the namespace were lost since there had been so
// many losses.
func (l *losses) touched(n monitor.NetNS, since uint32) bool {
	return since != l.count && (l.last[0] > since || l.last[n] > since)
}
