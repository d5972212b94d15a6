package findings

import (
	"cmp"
	"slices"
)

// sieve counts the groups that occur most, in memory that is made once. It is
// Space-Saving in sets of eight: a key belongs to one set, and where the set is
// full the least of the eight makes room and leaves its count as what may be
// wrong.
//
//	count-over ≤ true count ≤ count
//
// over is at most an eighth of what fell into the set; spread over all sets that
// is n/(8·sets) of n on average. Beside each count stands a value of the rule's. It
// is zero when the key comes anew, and so tells of the last count-over occurrences.
type sieve[V any] struct {
	slots []slot[V] // sets of ways
	shift uint
}

// ways is how many slots a set has.
const ways = 8

type slot[V any] struct {
	key   key
	count uint32 // 0: free
	over  uint32
	value V
}

// least is what of the count is certain.
func (s *slot[V]) least() uint64 { return uint64(s.count - s.over) }

// newSieve returns a sieve of 1<<order slots, at least 8.
func newSieve[V any](order uint) *sieve[V] {
	return &sieve[V]{slots: make([]slot[V], 1<<order), shift: 64 - (order - 3)}
}

// set returns the slots where the key may stand.
func (s *sieve[V]) set(h uint64) []slot[V] {
	i := (h >> s.shift) * ways
	return s.slots[i : i+ways : i+ways]
}

// add counts one occurrence of the key and returns its slot.
func (s *sieve[V]) add(k *key) *slot[V] { return s.addHashed(k, k.hash()) }

// addHashed is add for a key whose hash is known.
func (s *sieve[V]) addHashed(k *key, h uint64) *slot[V] {
	set := s.set(h)
	at := 0
	for i := range set {
		if set[i].count != 0 && set[i].key == *k {
			set[i].count++
			return &set[i]
		}
		if set[i].count < set[at].count {
			at = i
		}
	}
	var zero V
	p := &set[at]
	p.key, p.over, p.value = *k, p.count, zero
	p.count++
	return p
}

// reset forgets everything.
func (s *sieve[V]) reset() { clear(s.slots) }

// most calls f for the slots that certainly hold at least n, the most first.
func (s *sieve[V]) most(n uint64, f func(*slot[V])) {
	var all []*slot[V]
	for i := range s.slots {
		if p := &s.slots[i]; p.count != 0 && p.least() >= n {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *slot[V]) int {
		return cmp.Or(cmp.Compare(b.least(), a.least()), a.key.compare(&b.key))
	})
	for _, p := range all {
		f(p)
	}
}
