package monitor

import (
	"hash/maphash"
	"runtime"
	"unsafe"
)

// index finds a row by its original tuple. It is an open-addressing table with
// linear probing in many small shards: a shard that grows moves a few thousand
// entries, so that no single insertion stalls the capture loop. A slot is
//
//	hash (upper 32 bits) | row + 1 (lower 32 bits)      0 = free
//
// and the tuple itself stands in the row only.
type index struct {
	seed   maphash.Seed // seeded: the far side of a gateway chooses tuples
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

// hash of the tuple. Tuple has no padding (a test holds it to that), so its
// memory is its value.
func (x *index) hash(t *Tuple) uint64 {
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
func (x *index) find(h uint64, t *Tuple, rows *slab) int {
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
		s.grow()
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

func (s *shard) grow() {
	old := s.slots
	s.slots = make([]uint64, max(shardMinSlots, 2*len(old)))
	for _, slot := range old {
		if slot != 0 {
			s.put(slot)
		}
	}
}

// slab holds rows in chunks that never move: it grows without copying. The first
// chunks are made one by one; a table that has outgrown those gets them by
// blocks of some megabytes, which may stand in huge pages: a page fault for
// every forty new flows costs more than all else that is done for them.
type slab struct {
	chunks []chunk
	spare  [][chunkRows]packedRow // made, not in use yet
	coming chan [][chunkRows]packedRow
	free   rowList
	next   uint32
}

const (
	chunkRows   = 4096
	firstChunks = 8
	blockChunks = 16
)

func (s *slab) at(row uint32) *packedRow { return &s.chunks[row/chunkRows].rows[row%chunkRows] }

// take returns a free row; its contents are left over from before.
func (s *slab) take() uint32 {
	if row, ok := s.free.first(); ok {
		s.free.drop(s)
		return row
	}
	if int(s.next/chunkRows) == len(s.chunks) {
		s.grow()
	}
	s.next++
	return s.next - 1
}

// release makes the row a free one, which is taken again before all others: it
// is in the processor's cache.
func (s *slab) release(row uint32) {
	s.at(row).gen = 0
	s.free.prepend(s, row)
}

func (s *slab) grow() {
	switch {
	case len(s.spare) > 0:
	case len(s.chunks) < firstChunks:
		s.spare = make([][chunkRows]packedRow, 1)
	case s.coming == nil:
		s.spare = makeBlock(blockChunks, s)
	default:
		s.spare = <-s.coming
		s.coming = nil
	}
	s.chunks = append(s.chunks, chunk{rows: &s.spare[0]})
	s.spare = s.spare[1:]
	if s.coming == nil && len(s.chunks) >= firstChunks {
		block := makeBlock(blockChunks, s)
		s.coming = make(chan [][chunkRows]packedRow, 1)
		go s.warm(block, s.coming)
	}
}

// warm touches every page of the next block, so that it is not the capture loop
// that waits while the kernel clears a huge page. It ends by itself: the channel
// has room for the block, whether or not anybody takes it. Until then the slab,
// which owns the memory, is kept.
func (s *slab) warm(block [][chunkRows]packedRow, ready chan<- [][chunkRows]packedRow) {
	const page = 4096 / unsafe.Sizeof(packedRow{}) // rows in a page of the smallest size, rounded down
	for c := range block {
		for i := 0; i < chunkRows; i += int(page) {
			block[c][i].gen = 0
		}
	}
	ready <- block
	runtime.KeepAlive(s)
}
