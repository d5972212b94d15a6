package table

import (
	"hash/maphash"
	"unsafe"

	"natlens/monitor"
)

// index finds a row by its original tuple. It is an open-addressing table with
// linear probing in many small shards: a shard that grows moves a few thousand
// entries, so that no single insertion stalls the capture loop. A slot is
//
//	hash (upper 32 bits) | row + 1 (lower 32 bits)      0 = free
//
// and the tuple itself stands in the row only.
//
// Shards of one size stand side by side in memory, in their order, which is that
// in which they fill up. From a size on that is memory in huge pages: a search
// reads at random, and in small pages nearly each would have to find its page
// first.
type index struct {
	seed   maphash.Seed // seeded: the far side of a gateway chooses tuples
	shards [indexShards]shard
	stages []stage
}

type shard struct {
	slots []uint64
	used  int
}

// stage is the memory of all shards of one size.
type stage struct {
	slots int   // of a shard
	users int   // shards that stand here
	mem   *huge // nil: there is none to be had, the shards make their own
}

const (
	indexShards   = 256
	shardMinSlots = 16
	slotSize      = int(unsafe.Sizeof(uint64(0)))

	// From this size on the shards of a stage fill a huge page.
	stageMinSlots = hugePage / indexShards / slotSize
)

func (x *index) init() { x.seed = maphash.MakeSeed() }

// hash of the tuple. Tuple has no padding (a test holds it to that), so its
// memory is its value.
func (x *index) hash(t *monitor.Tuple) uint64 {
	return maphash.Bytes(x.seed, unsafe.Slice((*byte)(unsafe.Pointer(t)), unsafe.Sizeof(*t)))
}

// touch reads the slot where a search for the hash begins, and nothing else. A
// search that comes a little later finds it in the cache: the waits for the
// memory of many searches then overlap, where one after the other they add up.
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
	// Shards fill evenly. Each has a limit of its own, between half full and
	// seven eighths, so that they do not all grow in the same moment.
	if limit := indexShards/2 + 3*int(h%indexShards)/8; (s.used+1)*indexShards > len(s.slots)*limit {
		x.grow(int(h % indexShards))
	}
	s.put(h>>32<<32 | uint64(row+1))
	s.used++
}

// remove takes the row out. Entries behind it move up, so that no tombstones
// are needed.
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

// grow doubles the i-th shard.
func (x *index) grow(i int) {
	s := &x.shards[i]
	old := s.slots
	s.slots = x.room(i, max(shardMinSlots, 2*len(old)))
	for _, slot := range old {
		if slot != 0 {
			s.put(slot)
		}
	}
	x.leave(len(old))
}

// room returns n free slots for the i-th shard.
func (x *index) room(i, n int) []uint64 {
	if i >= indexShards*3/4 && 2*n >= stageMinSlots {
		// The last come here: soon the first will leave for the next size.
		x.stage(2 * n).mem.prepare(1)
	}
	if n < stageMinSlots {
		return make([]uint64, n)
	}
	st := x.stage(n)
	st.users++
	if st.mem == nil {
		return make([]uint64, n)
	}
	size := n * slotSize
	st.mem.prepare((i + 1) * size)
	return unsafe.Slice((*uint64)(unsafe.Pointer(&st.mem.bytes[i*size])), n)
}

// stage returns that of shards of n slots.
func (x *index) stage(n int) *stage {
	for i := range x.stages {
		if x.stages[i].slots == n {
			return &x.stages[i]
		}
	}
	x.stages = append(x.stages, stage{slots: n, mem: newHuge(indexShards * n * slotSize)})
	return &x.stages[len(x.stages)-1]
}

// leave is told that a shard of n slots has left its stage. A shard never
// shrinks, so that the stage ends with its last one.
func (x *index) leave(n int) {
	for i := range x.stages {
		st := &x.stages[i]
		if st.slots != n {
			continue
		}
		if st.users--; st.users == 0 {
			st.mem.free()
			x.stages = append(x.stages[:i], x.stages[i+1:]...)
		}
		return
	}
}

// reset forgets all rows.
func (x *index) reset() {
	for _, st := range x.stages {
		st.mem.free()
	}
	*x = index{seed: x.seed}
}
