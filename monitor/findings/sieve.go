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
	sets  []set[V]
	shift uint

	last *set[V] // where add found a key the last time; nil: nowhere
	way  int
}

// ways is how many keys a set has.
const ways = 8

// set has what a search reads in two lines of the cache, and the rest behind it.
type set[V any] struct {
	tags  [ways]uint32 // of the keys' hashes
	count [ways]uint32 // 0: free
	over  [ways]uint32
	keys  [ways]key
	value [ways]V
}

// newSieve returns a sieve of 1<<order keys, at least 16.
func newSieve[V any](order uint) *sieve[V] {
	return &sieve[V]{sets: make([]set[V], 1<<(order-3)), shift: 64 - (order - 3)}
}

// add counts one occurrence of the key and returns its value.
func (s *sieve[V]) add(k *key) *V { return s.addHashed(k, k.hash()) }

// addAgain is add for keys of which the same one often comes many times running.
func (s *sieve[V]) addAgain(k *key) *V {
	if s.last == nil || s.last.keys[s.way] != *k {
		return s.add(k)
	}
	s.last.count[s.way]++
	return &s.last.value[s.way]
}

// addHashed is add for a key whose hash is known.
func (s *sieve[V]) addHashed(k *key, h uint64) *V {
	set := &s.sets[h>>s.shift]
	tag := uint32(h)
	least := 0
	for i, t := range set.tags {
		if t == tag && set.count[i] != 0 && set.keys[i] == *k {
			set.count[i]++
			s.last, s.way = set, i
			return &set.value[i]
		}
		if set.count[i] < set.count[least] {
			least = i
		}
	}
	var zero V
	set.tags[least], set.keys[least], set.value[least] = tag, *k, zero
	set.over[least] = set.count[least]
	set.count[least]++
	s.last, s.way = set, least
	return &set.value[least]
}

// reset forgets everything.
func (s *sieve[V]) reset() {
	clear(s.sets)
	s.last = nil
}

// held is a key that a sieve holds.
type held[V any] struct {
	key   *key
	count uint64 // what is certain of it
	value *V
}

// most calls f for the keys that certainly occurred at least n times, the most
// frequent first.
func (s *sieve[V]) most(n uint64, f func(k key, count uint64, v *V)) {
	var all []held[V]
	for i := range s.sets {
		set := &s.sets[i]
		for j := range ways {
			if c := uint64(set.count[j] - set.over[j]); c != 0 && c >= n {
				all = append(all, held[V]{&set.keys[j], c, &set.value[j]})
			}
		}
	}
	slices.SortFunc(all, func(a, b held[V]) int {
		return cmp.Or(cmp.Compare(b.count, a.count), a.key.compare(b.key))
	})
	for _, h := range all {
		f(*h.key, h.count, h.value)
	}
}
