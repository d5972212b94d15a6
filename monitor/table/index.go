package table

import (
	"hash/maphash"
	"unsafe"

	"natlens/monitor"
)

// index finds a row by its original tuple. It is an open-addressing hash table with linear
// probing in many small shards. A shard that grows moves only a few thousand entries, so no
// insertion stalls the capture loop. A slot is
//
//	hash (upper 32 bits) | row + 1 (lower 32 bits)      0 = free
//
// Only the row has the tuple itself.
type index struct {
	seed   maphash.Seed // random, because remote hosts choose tuples and could make them collide
	shards [indexShards]shard
}

type shard struct {
	slots []uint64
	used  int
}

const (
	indexShards   = 256
	shardMinSlots = 16
)

func (x *index) init() { x.seed = maphash.MakeSeed() }

// hash hashes the bytes of the tuple, which has no padding (a test checks that).
func (x *index) hash(t *monitor.Tuple) uint64 {
	return maphash.Bytes(x.seed, unsafe.Slice((*byte)(unsafe.Pointer(t)), unsafe.Sizeof(*t)))
}

// touch reads the slot where a search for the hash begins, so that a later search finds it in
// the cache. The memory accesses of many searches then overlap.
func (x *index) touch(h uint64) uint64 {
	s := &x.shards[h%indexShards]
	if s.used == 0 {
		return 0
	}
	return s.slots[s.home(h>>32)]
}

// find returns the row of the tuple, or -1.
func (x *index) find(h uint64, t *monitor.Tuple, rows *slab) int {
	s := &x.shards[h%indexShards]
	if s.used == 0 {
		return -1
	}
	mask, tag := len(s.slots)-1, h>>32
	for i := s.home(tag); ; i = (i + 1) & mask {
		slot := s.slots[i]
		if slot == 0 {
			return -1
		}
		if slot>>32 == tag {
			row := uint32(slot) - 1
			if rows.is(row, t) {
				return int(row)
			}
		}
	}
}

// insert adds a row whose tuple is not in the index.
func (x *index) insert(h uint64, row uint32) {
	s := &x.shards[h%indexShards]
	// Shards fill evenly. Their limits differ, between half full and seven eighths, so that
	// they do not all grow at the same time.
	if limit := indexShards/2 + 3*int(h%indexShards)/8; (s.used+1)*indexShards > len(s.slots)*limit {
		s.grow()
	}
	s.put(h>>32<<32 | uint64(row+1))
	s.used++
}

// remove removes the row. Later entries move up, so no tombstones are needed.
func (x *index) remove(h uint64, row uint32) {
	s := &x.shards[h%indexShards]
	if s.used == 0 {
		return
	}
	mask, want := len(s.slots)-1, h>>32<<32|uint64(row+1)
	i := s.home(h >> 32)
	for s.slots[i] != want {
		if s.slots[i] == 0 {
			return
		}
		i = (i + 1) & mask
	}
	s.used--
	for j := (i + 1) & mask; s.slots[j] != 0; j = (j + 1) & mask {
		// The entry at j may move to i unless its home lies in (i, j].
		home := s.home(s.slots[j] >> 32)
		if (j-home)&mask >= (j-i)&mask {
			s.slots[i] = s.slots[j]
			i = j
		}
	}
	s.slots[i] = 0
}

func (s *shard) home(tag uint64) int { return int(tag) & (len(s.slots) - 1) }

func (s *shard) put(slot uint64) {
	mask := len(s.slots) - 1
	i := s.home(slot >> 32)
	for s.slots[i] != 0 {
		i = (i + 1) & mask
	}
	s.slots[i] = slot
}

// grow doubles the shard.
func (s *shard) grow() {
	old := s.slots
	s.slots = make([]uint64, max(shardMinSlots, 2*len(old)))
	for _, slot := range old {
		if slot != 0 {
			s.put(slot)
		}
	}
}

// reset removes all rows.
func (x *index) reset() { *x = index{seed: x.seed} }
