package table

import "slices"

// placed is a row that a view may want.
type placed struct {
	place Place
	index uint32
}

// picker keeps the n first of the rows that it is given, or the n last. It
// gathers four times as many and then throws the worse ones away, so that a row costs
// the same whatever order they come in (a heap is at its worst when each row is
// better than the ones before, and newest first is just that).
type picker struct {
	n     int
	last  bool
	kept  []placed
	limit placed // no row beyond it is wanted
	full  bool   // limit is set
}

// edge is the first word of the last place that may be wanted: beyond it, which
// is above it, or with last below it, no place is.
func (k *picker) edge() uint64 {
	switch {
	case k.full:
		return k.limit.place.Hi
	case (k.n == 0) == k.last:
		return ^uint64(0)
	}
	return 0
}

func (k *picker) add(p placed) {
	if k.n == 0 || k.full && !k.better(&p, &k.limit) {
		return
	}
	if k.kept == nil {
		k.kept = make([]placed, 0, max(4*k.n, 2048))
	}
	k.kept = append(k.kept, p)
	if len(k.kept) == cap(k.kept) {
		k.shrink()
	}
}

// better reports whether a is wanted rather than b.
func (k *picker) better(a, b *placed) bool {
	if k.last {
		return b.place.Before(&a.place)
	}
	return a.place.Before(&b.place)
}

// shrink keeps the n best and sets the limit to the worst of them.
func (k *picker) shrink() {
	if len(k.kept) <= k.n {
		return
	}
	k.split()
	k.kept = k.kept[:k.n]
	worst := 0
	for i := range k.kept {
		if k.better(&k.kept[worst], &k.kept[i]) {
			worst = i
		}
	}
	k.limit, k.full = k.kept[worst], true
}

// split moves the n best to the front, in no order (Hoare's quickselect; the
// middle of three as the pivot, so that sorted input is no bad case).
//
//	lo        j i         hi
//	[ ≤ pivot ][ ≥ pivot ]       go on in the part that holds n
func (k *picker) split() {
	a := k.kept
	lo, hi := 0, len(a)-1
	for lo < hi {
		pivot := k.median(&a[lo], &a[(lo+hi)/2], &a[hi])
		i, j := lo, hi
		for i <= j {
			for k.better(&a[i], &pivot) {
				i++
			}
			for k.better(&pivot, &a[j]) {
				j--
			}
			if i <= j {
				a[i], a[j] = a[j], a[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k.n <= j:
			hi = j
		case k.n >= i:
			lo = i
		default:
			return
		}
	}
}

func (k *picker) median(a, b, c *placed) placed {
	if k.better(b, a) {
		a, b = b, a
	}
	switch {
	case k.better(c, a):
		return *a
	case k.better(c, b):
		return *c
	}
	return *b
}

// sorted returns what was picked, in order.
func (k *picker) sorted() []placed {
	k.shrink()
	slices.SortFunc(k.kept, func(a, b placed) int { return a.place.Compare(&b.place) })
	return k.kept
}
