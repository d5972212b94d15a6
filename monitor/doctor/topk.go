package doctor

import (
	"cmp"
	"slices"
)

// topSize is how many keys a [Top] keeps.
const topSize = 512

// Top counts the keys that occur most, in bounded memory, by Space-Saving
// (Metwally, Agrawal, El Abbadi 2005): a key that occurs more than n/512 times
// among n is never missed, and a count is too high by n/512 at the most, by
// exactly 0 while there are no more than 512 keys. The zero value is empty.
type Top[K comparable] struct {
	at    map[K]int
	slots []slot[K] // a heap, the least first
}

type slot[K comparable] struct {
	key  K
	n    uint64
	over uint64 // what of n may be of other keys
}

// Count is a key and how often it occurred.
type Count[K comparable] struct {
	Key  K
	N    uint64
	Over uint64 // N is too high by this at the most
}

// Add counts one occurrence.
func (t *Top[K]) Add(key K) { t.add(key, 1) }

// add counts n occurrences.
func (t *Top[K]) add(key K, n uint64) {
	if i, ok := t.at[key]; ok {
		t.slots[i].n += n
		t.sink(i)
		return
	}
	if t.at == nil {
		t.at = make(map[K]int)
	}
	if len(t.slots) < topSize {
		t.slots = append(t.slots, slot[K]{key: key, n: n})
		i := len(t.slots) - 1
		t.at[key] = i
		t.rise(i)
		return
	}
	// The least of all makes room and leaves its count as what may be wrong.
	least := &t.slots[0]
	delete(t.at, least.key)
	*least = slot[K]{key: key, n: least.n + n, over: least.n}
	t.at[key] = 0
	t.sink(0)
}

// rise moves a slot up while it is less than its parent (i-1)/2.
func (t *Top[K]) rise(i int) {
	for i > 0 {
		up := (i - 1) / 2
		if t.slots[up].n <= t.slots[i].n {
			return
		}
		t.swap(i, up)
		i = up
	}
}

// sink moves a slot down while a child, 2i+1 or 2i+2, is less.
func (t *Top[K]) sink(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(t.slots); child++ {
			if t.slots[child].n < t.slots[least].n {
				least = child
			}
		}
		if least == i {
			return
		}
		t.swap(i, least)
		i = least
	}
}

func (t *Top[K]) swap(i, j int) {
	t.slots[i], t.slots[j] = t.slots[j], t.slots[i]
	t.at[t.slots[i].key], t.at[t.slots[j].key] = i, j
}

// Most returns the n keys that occurred most, the most first.
func (t *Top[K]) Most(n int, less func(a, b K) int) []Count[K] {
	all := slices.Clone(t.slots)
	slices.SortFunc(all, func(a, b slot[K]) int {
		return cmp.Or(cmp.Compare(b.n, a.n), less(a.key, b.key))
	})
	var most []Count[K]
	for _, s := range all[:min(n, len(all))] {
		most = append(most, Count[K]{s.key, s.n, s.over})
	}
	return most
}
