package table

// slab holds rows in chunks that never move: it grows without copying.
type slab struct {
	chunks []chunk
	free   rowList
	next   uint32
}

const chunkRows = 4096

func (s *slab) at(row uint32) *packedRow { return &s.chunks[row/chunkRows].rows[row%chunkRows] }

// chunkOf returns the chunk of a row and the row's place in it.
func (s *slab) chunkOf(row uint32) (*chunk, uint32) { return &s.chunks[row/chunkRows], row % chunkRows }

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

// rowList is a list of rows that have ended, threaded through the rows
// themselves: a slice of a million numbers would have to be copied whenever it
// grows, in the middle of the capture loop. A row is in one list at most, and its
// epoch, which only live rows need, is the link: the next row + 1, 0 at the end.
type rowList struct {
	head, tail uint32 // row + 1; 0: the list is empty
}

// append puts the row at the end.
func (l *rowList) append(s *slab, row uint32) {
	s.at(row).epoch = 0
	if l.head == 0 {
		l.head = row + 1
	} else {
		s.at(l.tail - 1).epoch = row + 1
	}
	l.tail = row + 1
}

// prepend puts the row at the head.
func (l *rowList) prepend(s *slab, row uint32) {
	s.at(row).epoch = l.head
	l.head = row + 1
	if l.tail == 0 {
		l.tail = l.head
	}
}

// first returns the row at the head.
func (l *rowList) first() (row uint32, ok bool) { return l.head - 1, l.head != 0 }

// drop takes the row at the head out of the list, which is not empty.
func (l *rowList) drop(s *slab) {
	if l.head = s.at(l.head - 1).epoch; l.head == 0 {
		l.tail = 0
	}
}
