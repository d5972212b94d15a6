package table

import "natlens/monitor"

// SetLocals sets the host's addresses and recomputes the paths of all flows.
func (t *Table) SetLocals(l *monitor.Locals) { t.SetLocalsOf(0, l) }

// SetLocalsOf sets the addresses of one network namespace and recomputes the paths
// of its flows. nil: the addresses are not known any more; the flows keep their
// paths.
func (t *Table) SetLocalsOf(n monitor.NetNS, l *monitor.Locals) {
	t.mu.Lock()
	t.locals[n] = l
	t.mu.Unlock()
	for c := 0; l != nil && t.pathsOfChunk(c, n, l); c++ { // rows added meanwhile have the right path
	}
}

// LocalsOf returns the addresses of a network namespace, nil if they are not known.
func (t *Table) LocalsOf(n monitor.NetNS) *monitor.Locals {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.locals[n]
}

// pathsOfChunk computes the paths of a chunk's flows of one namespace.
func (t *Table) pathsOfChunk(c int, n monitor.NetNS, l *monitor.Locals) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c >= len(t.rows.chunks) {
		return false
	}
	for row, p := range t.rows.used(c) {
		if p.netns == n {
			t.rows.load(row, &t.scratch)
			p.path = l.Path(&t.scratch.Flow)
			p.state &^= rowMatched
		}
	}
	t.changes++
	return true
}
