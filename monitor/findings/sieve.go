package findings

import (
	"cmp"
	"math/bits"
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

	set, way int    // where add found a key the last time
	chance   random // of admit
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

// at is where the key of the last add stands: a number below the sieve's size.
func (s *sieve[V]) at() int { return s.set*ways + s.way }

// newSieve returns a sieve of 1<<order keys, at least 16.
func newSieve[V any](order uint) *sieve[V] {
	return &sieve[V]{sets: make([]set[V], 1<<(order-3)), shift: 64 - (order - 3)}
}

// touch reads what add will read first of all for a key with this hash.
func (s *sieve[V]) touch(h uint64) uint32 {
	set := &s.sets[h>>s.shift]
	return set.tags[0] + set.count[ways-1]
}

// add counts one occurrence of the key and returns its value.
func (s *sieve[V]) add(k *key) *V { return s.addHashed(k, k.hash(), 1) }

// addAgain is add for keys of which the same one often comes many times running.
func (s *sieve[V]) addAgain(k *key) *V {
	last := &s.sets[s.set]
	if last.count[s.way] == 0 || last.keys[s.way] != *k {
		return s.add(k)
	}
	last.count[s.way]++
	return &last.value[s.way]
}

// admit is add of n occurrences for a stream of very many keys that come once or
// twice: where the set is full and the least of it came m times, a new key takes its
// place with the chance n/(m+n) alone, and is passed over otherwise: then nil is
// returned (Ben Basat and others, Randomized Admission Policy, 2019). Frequent keys
// are found as well, and what is rare neither pushes them out nor costs a write.
// count is then right on average; count-over is still certain.
func (s *sieve[V]) admit(k *key, h uint64, n uint32) *V {
	set := &s.sets[h>>s.shift]
	least := set.count[0]
	for i, t := range set.tags {
		if t == uint32(h) && set.count[i] != 0 && set.keys[i] == *k {
			set.count[i] += n
			s.set, s.way = int(h>>s.shift), i
			return &set.value[i]
		}
		least = min(least, set.count[i])
	}
	if least != 0 && s.chance.below(uint64(least)/uint64(n)+1) != 0 {
		return nil
	}
	return s.addHashed(k, h, n)
}

// random is a sequence of numbers that nobody has a reason to foresee.
type random uint64

// below returns the next one, below n.
func (r *random) below(n uint64) uint64 {
	*r = *r*6364136223846793005 + 1442695040888963407
	hi, _ := bits.Mul64(uint64(*r), n)
	return hi
}

// addHashed is add of n occurrences for a key whose hash is known.
func (s *sieve[V]) addHashed(k *key, h uint64, n uint32) *V {
	s.set = int(h >> s.shift)
	set := &s.sets[s.set]
	tag := uint32(h)
	least := 0
	for i, t := range set.tags {
		if t == tag && set.count[i] != 0 && set.keys[i] == *k {
			set.count[i] += n
			s.way = i
			return &set.value[i]
		}
		if set.count[i] < set.count[least] {
			least = i
		}
	}
	var zero V
	set.tags[least], set.keys[least], set.value[least] = tag, *k, zero
	set.over[least] = set.count[least]
	set.count[least] += n
	s.way = least
	return &set.value[least]
}

// reset forgets everything.
func (s *sieve[V]) reset() { clear(s.sets) }

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
