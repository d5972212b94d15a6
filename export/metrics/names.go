package metrics

import "time"

// New label values that pools may take: as many as there are places at once, and
// one more each quarter of an hour, 96 a day.
const (
	namesAtOnce = TopPools
	nameEvery   = 15 * time.Minute
)

// maxKnown bounds what is remembered of names: beyond it all are forgotten, and cost
// as much as new ones.
const maxKnown = 4096

// names decides which pools have series of their own. Prometheus keeps each value of a
// label that it has ever seen, so that a place does not go from one pool to another for
// every few flows, and a gateway whose public addresses come and go makes a bounded
// number of series an hour:
//
//	has a place, has flows                     ─▶ keeps it
//	a place is free                            ─▶ the busiest without takes it
//	twice the flows of the least that has one  ─▶ takes its place
//
// if a name that was never used is available; else its flows count as other.
type names struct {
	placed map[poolKey]bool // pools with a place
	known  map[poolKey]bool // pools that had one
	left   int              // new names
	filled time.Time        // when left was last added to
}

// refill adds the names that have become due.
func (n *names) refill(now time.Time) {
	if n.known == nil {
		n.known, n.left, n.filled = make(map[poolKey]bool), namesAtOnce, now
	}
	if due := now.Sub(n.filled) / nameEvery; due > 0 {
		n.left = min(n.left+int(due), namesAtOnce)
		n.filled = n.filled.Add(due * nameEvery)
	} else if due < 0 {
		n.filled = now // the clock was put back
	}
}

// take reports whether a pool can have its name.
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

// place gives places to pools, of which the busiest come first.
func (n *names) place(all []pool, now time.Time) {
	n.refill(now)
	placed := make(map[poolKey]bool, TopPools)
	least := make([]pool, 0, TopPools) // those with a place, the busiest first
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
