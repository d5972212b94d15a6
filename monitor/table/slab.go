package table

// slab holds rows in chunks that never move: it grows without copying.
type slab struct {
	chunks []chunk
	free   rowList
	next   uint32
}

const chunkRows = 4096

func (s *slab) at(row uint32) *packedRow { return &s.chunks[row/chunkRows].rows[row%chunkRows] }

// take returns a free row; its contents are left over from before.
func (s *slab) take() uint32 {
	if row, ok := s.free.first(); ok {
		s.free.drop(s)
		return row
	}
	if int(s.next/chunkRows) == len(s.chunks) {
		s.chunks = append(s.chunks, chunk{rows: new([chunkRows]packedRow)})
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
