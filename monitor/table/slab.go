package table

import "unsafe"

// slab holds rows in chunks that never move: it grows without copying. The first
// chunks are made one by one; a table that has outgrown those gets them by
// blocks of some megabytes in huge pages: a page fault for every forty new flows
// costs more than all else that is done for them.
type slab struct {
	chunks []chunk
	blocks []*huge // of the chunks behind the first ones
	free   rowList
	next   uint32
}

const (
	chunkRows   = 4096
	firstChunks = 8

	chunkSize   = int(unsafe.Sizeof([chunkRows]packedRow{}))
	blockChunks = hugePage / (chunkSize & -chunkSize) // the fewest that fill huge pages
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

func (s *slab) grow() { s.chunks = append(s.chunks, chunk{rows: s.chunk(len(s.chunks) - firstChunks)}) }

// chunk returns the memory of the n-th chunk behind the first ones.
func (s *slab) chunk(n int) *[chunkRows]packedRow {
	if n >= -1 && len(s.blocks) == (n+1)/blockChunks {
		// The next chunk begins a block. Nobody waits for it then.
		s.blocks = append(s.blocks, newHuge(blockChunks*chunkSize))
		s.blocks[len(s.blocks)-1].prepare(1)
	}
	if n < 0 {
		return new([chunkRows]packedRow)
	}
	block, at := s.blocks[n/blockChunks], n%blockChunks*chunkSize
	if block == nil {
		return new([chunkRows]packedRow)
	}
	block.prepare(at + chunkSize)
	return (*[chunkRows]packedRow)(unsafe.Pointer(&block.bytes[at]))
}
