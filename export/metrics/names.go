package metrics

import "time"

// The budget of new label values: one for each place at first, then one every quarter of
// an hour, which is 96 a day.
const (
	namesAtOnce = TopPools
	nameEvery   = 15 * time.Minute
)

// maxKnown bounds the memory of names. When it is full, all names are new again.
const maxKnown = 4096

// names chooses the pools that have series. Prometheus stores every label value that it
// has seen, so a gateway with changing public addresses must not make too many series:
//
//	the pool has a place and flows              ─▶ it keeps the place
//	a place is free                             ─▶ the busiest pool without a place gets it
//	twice the flows of the least pool placed    ─▶ it gets that place
//
// A pool with a name that was never used needs one from the budget. Without, its flows
// are counted as "other".
type names struct {
	placed map[poolKey]bool // pools with a place
	known  map[poolKey]bool // pools that had one
	left   int              // the budget
	filled time.Time        // last increase of left
}

// refill increases the budget.
func (n *names) refill(now time.Time) {
	if n.known == nil {
		n.known, n.left, n.filled = make(map[poolKey]bool), namesAtOnce, now
	}
	if due := now.Sub(n.filled) / nameEvery; due > 0 {
		n.left = min(n.left+int(due), namesAtOnce)
		n.filled = n.filled.Add(due * nameEvery)
	} else if due < 0 {
		n.filled = now // the clock was set back
	}
}

// take reports whether a pool can have its name, and takes it from the budget.
func (n *names) take(k poolKey) bool {
	if n.known[k] {
		return true
	}
	if n.left == 0 {
		return false
	}
	if len(n.known) == maxKnown {
		clear(n.known)
	}
	n.known[k] = true
	n.left--
	return true
}

// place gives places to pools. The busiest come first in all.
func (n *names) place(all []pool, now time.Time) {
	n.refill(now)
	placed := make(map[poolKey]bool, TopPools)
	least := make([]pool, 0, TopPools) // pools with a place, the busiest first
	for _, p := range all {
		if n.placed[p.key] {
			placed[p.key] = true
			least = append(least, p)
		}
	}
	for _, p := range all {
		last := len(least) - 1
		full := len(placed) == TopPools
		if full && (last < 0 || p.flows < 2*least[last].flows) {
			break
		}
		if placed[p.key] || !n.take(p.key) {
			continue
		}
		if full {
			delete(placed, least[last].key)
			least = least[:last]
		}
		placed[p.key] = true
	}
	n.placed = placed
}
