package metrics

import (
	"cmp"
	"slices"
	"time"
)

// The budget of new label values: one for each place at first, then one every quarter of
// an hour, which is 96 a day.
const (
	namesAtOnce = TopPools
	nameEvery   = 15 * time.Minute
)

// maxKnown bounds the memory of names. When it is full, all names are new again.
const maxKnown = 4096

// names chooses the pools that have series. Prometheus stores every label value that it
// has seen, so a gateway with changing public addresses must not make too many series: a
// name that was never used needs one from the budget. The flows of pools without a place
// are counted as "other".
type names struct {
	placed map[poolKey]bool // pools with a place
	known  map[poolKey]bool // pools that had one
	left   int              // the budget
	filled time.Time        // last increase of left
}

// place gives the places to the busiest pools. The flows of one that has a place count
// twice, so that places do not change all the time.
func (n *names) place(all []pool, now time.Time) {
	if n.known == nil {
		n.known, n.left, n.filled = make(map[poolKey]bool), namesAtOnce, now
	}
	if due := now.Sub(n.filled) / nameEvery; due > 0 {
		n.left = min(n.left+int(due), namesAtOnce)
		n.filled = n.filled.Add(due * nameEvery)
	} else if due < 0 {
		n.filled = now // the clock was set back
	}
	weight := func(p *pool) uint64 {
		if n.placed[p.key] {
			return 2 * p.flows
		}
		return p.flows
	}
	byWeight := slices.Clone(all)
	slices.SortStableFunc(byWeight, func(a, b pool) int { return cmp.Compare(weight(&b), weight(&a)) })
	placed := make(map[poolKey]bool, TopPools)
	for _, p := range byWeight {
		if len(placed) == TopPools {
			break
		}
		if !n.known[p.key] {
			if n.left == 0 {
				continue
			}
			if len(n.known) == maxKnown {
				clear(n.known)
			}
			n.known[p.key] = true
			n.left--
		}
		placed[p.key] = true
	}
	n.placed = placed
}
