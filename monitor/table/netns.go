package table

import (
	"time"

	"natlens/monitor"
)

// SetLocals sets the host's addresses and recomputes the paths of all flows.
func (t *Table) SetLocals(l *monitor.Locals) { t.SetLocalsOf(0, l) }

// SetLocalsOf sets the addresses of one network namespace and recomputes the paths of its
// flows. nil: the addresses are unknown from now on, and the flows keep their paths.
func (t *Table) SetLocalsOf(n monitor.NetNS, l *monitor.Locals) {
	t.mu.Lock()
	t.space(n).locals = l
	t.mu.Unlock()
	for c := 0; l != nil && t.pathsOfChunk(c, n, l); c++ { // rows that are added meanwhile have the right path
	}
}

// LocalsOf returns the addresses of a network namespace, or nil if they are unknown.
func (t *Table) LocalsOf(n monitor.NetNS) *monitor.Locals {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.space(n).locals
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

// space is a network namespace. It has at most as many flows as the kernel's table can contain: without this limit,
// forged events could fill the memory.
type space struct {
	locals *monitor.Locals // nil: unknown
	live   int
	max    int // 0: not read yet, or no limit
	asked  time.Time
}

// space returns a namespace. The pointer is valid until another one is added.
func (t *Table) space(n monitor.NetNS) *space {
	if int(n) >= len(t.spaces) {
		t.spaces = append(t.spaces, make([]space, int(n)+1-len(t.spaces))...)
	}
	return &t.spaces[n]
}

// askAgain is how long a reached limit is valid before it is read again.
const askAgain = time.Second

// admit counts one more flow of a namespace. If the namespace has reached its limit, it returns
// false and counts the flow as refused.
func (t *Table) admit(n monitor.NetNS) bool {
	q := t.space(n)
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

// Refused returns how many flows the table rejected because of Config.Max.
func (t *Table) Refused() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refused
}
