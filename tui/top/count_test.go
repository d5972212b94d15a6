package top

import (
	"slices"
	"testing"
)

func TestBiggest(t *testing.T) {
	var all []count
	for i := range 3 * topGroups {
		all = append(all, count{key: key{n: uint64(i)}, flows: uint64(i*7919%1000 + 1), bytes: uint64(i * 104729 % 5000)})
	}
	var orders []order
	for by := byFlows; by <= byName; by++ {
		orders = append(orders, order{by, false}, order{by, true})
	}
	for _, o := range orders {
		got := biggest(all, o)
		want := slices.Clone(all)
		slices.SortFunc(want, func(a, b count) int { return compare(&a, &b, o) })
		if !slices.Equal(got, want[:topGroups]) {
			t.Errorf("order %v: the first of %d groups are others", o, len(got))
		}
	}
}
