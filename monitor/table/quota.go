package table

import (
	"time"

	"natlens/monitor"
)

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
