package table

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
