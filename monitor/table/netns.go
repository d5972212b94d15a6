package table

import (
	"time"

	"natlens/monitor"
)

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

// quota bounds the flows of a network namespace by what the kernel's table may hold.
// Forged events could otherwise fill the memory.
type quota struct {
	live  int
	max   int // 0: not asked yet, or unbounded
	asked time.Time
}

// askAgain is how long a limit that is reached is believed before it is asked for
// again: it may have been raised.
const askAgain = time.Second

// admit counts one more flow of a namespace. It returns false, and counts the flow as
// refused, if the namespace has as many as it may have.
func (t *Table) admit(n monitor.NetNS) bool {
	if int(n) >= len(t.quotas) {
		t.quotas = append(t.quotas, make([]quota, int(n)+1-len(t.quotas))...)
	}
	q := &t.quotas[n]
	if t.cfg.Max != nil && q.live >= q.max && (q.max != 0 || q.asked.IsZero()) {
		if now := time.Now(); now.Sub(q.asked) >= askAgain {
			q.max, q.asked = t.cfg.Max(n), now
		}
		if q.max != 0 && q.live >= q.max {
			t.refused++
			return false
		}
	}
	q.live++
	return true
}

// Refused returns how many flows the table did not take because their namespace had as
// many as Config.Max allows.
func (t *Table) Refused() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refused
}
