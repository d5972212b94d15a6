package history

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// page is one page of the file. Its tree header begins at 100 on the first one, for
// the file's header stands before it.
type page struct {
	b  []byte
	at int
}

// The types of pages.
const (
	indexInner = 2
	tableInner = 5
	indexLeaf  = 10
	tableLeaf  = 13
)

// sealedCursor does one look-up after the other.
type sealedCursor struct {
	s    *sealedFile
	leaf []byte // memory for the leaf that is looked at
	left int64  // pages that the look-up may still touch: damage can lead in a circle
	row  sealedRow
}

func (s *sealedFile) cursor() *sealedCursor { return &sealedCursor{s: s} }

// page reads a page of a tree. A leaf is good until the next one is read.
func (c *sealedCursor) page(n uint32, depth int) (page, error) {
	s := c.s
	c.left--
	if n == 0 || int64(n) > s.pages || depth > maxDepth || c.left < 0 {
		return page{}, s.damaged("page %d does not belong where it is named", n)
	}
	s.mu.Lock()
	p, ok := s.inner[n]
	s.mu.Unlock()
	if ok {
		return p, nil
	}
	if c.leaf == nil {
		c.leaf = make([]byte, s.size)
	}
	if _, err := s.f.ReadAt(c.leaf, int64(n-1)*int64(s.size)); err != nil {
		return page{}, fmt.Errorf("%s: page %d: %w", s.path, n, err)
	}
	p = page{b: c.leaf[:s.use]}
	if n == 1 {
		p.at = headerLength
	}
	switch k := p.kind(); {
	case k != indexLeaf && k != tableLeaf && !p.inner():
		return p, s.damaged("page %d is of no tree", n)
	case p.at+p.head()+2*p.cells() > len(p.b):
		return p, s.damaged("page %d has %d cells", n, p.cells())
	case p.inner(): // only one that is sound: it is not looked at again
		c.leaf = nil
		s.mu.Lock()
		if len(s.inner) < maxInner {
			s.inner[n] = p
		}
		s.mu.Unlock()
	}
	return p, nil
}

func (p page) kind() byte  { return p.b[p.at] }
func (p page) inner() bool { return p.kind() == indexInner || p.kind() == tableInner }
func (p page) cells() int  { return int(binary.BigEndian.Uint16(p.b[p.at+3:])) }

func (p page) head() int {
	if p.inner() {
		return 12
	}
	return 8
}

// cell is what a page has from a cell's beginning to its own end.
func (p page) cell(i int) ([]byte, error) {
	at := int(binary.BigEndian.Uint16(p.b[p.at+p.head()+2*i:]))
	if at+4 > len(p.b) {
		return nil, errCell
	}
	return p.b[at:], nil
}

var errCell = errors.New("a cell is damaged")

// child is the page left of a cell, or right of all.
func (p page) child(i int) (uint32, error) {
	if i == p.cells() {
		return binary.BigEndian.Uint32(p.b[p.at+8:]), nil
	}
	b, err := p.cell(i)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b), nil
}

// search finds the first cell of which reached is true; all behind it are alike.
func (p page) search(reached func(i int) (bool, error)) (int, error) {
	lo, hi := 0, p.cells()
	for lo < hi {
		mid := (lo + hi) / 2
		yes, err := reached(mid)
		if err != nil {
			return 0, err
		}
		if yes {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo, nil
}

// rowid is the key of a cell of a table.
func (p page) rowid(i int) (int64, error) {
	b, err := p.cell(i)
	if err != nil {
		return 0, err
	}
	if p.inner() {
		b = b[4:]
	} else if _, n := varint(b); n > 0 {
		b = b[n:]
	}
	id, n := varint(b)
	if n == 0 {
		return 0, errCell
	}
	return int64(id), nil
}

// find reads the row of a table that has the id; nil: there is none.
func (c *sealedCursor) find(root uint32, id int64) (*sealedRow, error) {
	c.left = c.s.pages
	for depth := 0; ; depth++ {
		p, err := c.page(root, depth)
		if err != nil {
			return nil, err
		}
		i, err := p.search(func(i int) (bool, error) {
			key, err := p.rowid(i)
			return key >= id, err
		})
		switch {
		case err != nil:
			return nil, c.s.damaged("page %d: %v", root, err)
		case p.inner():
			child, err := p.child(i)
			if err != nil {
				return nil, c.s.damaged("page %d: %v", root, err)
			}
			root = child
			continue
		case i == p.cells():
			return nil, nil
		}
		if err := c.read(p, i); err != nil {
			return nil, c.s.damaged("page %d: %v", root, err)
		}
		if c.row.rowid != id {
			return nil, nil
		}
		return &c.row, nil
	}
}

// last is the highest id of a table, 0 of an empty one.
func (c *sealedCursor) last(root uint32) (int64, error) {
	c.left = c.s.pages
	for depth := 0; ; depth++ {
		p, err := c.page(root, depth)
		switch {
		case err != nil:
			return 0, err
		case p.inner():
			if root, err = p.child(p.cells()); err != nil { // right of all: it never fails
				return 0, err
			}
			continue
		case p.cells() == 0:
			return 0, nil
		}
		id, err := p.rowid(p.cells() - 1)
		if err != nil {
			return 0, c.s.damaged("page %d: %v", root, err)
		}
		return id, nil
	}
}

// scan calls fn for every row of a table, in order.
func (c *sealedCursor) scan(root uint32, fn func(*sealedRow) error) error {
	c.left = c.s.pages
	return c.walk(root, 0, func(*sealedRow) int { return 0 }, fn)
}

// between calls fn for every entry of an index with a key from lo to hi.
func (c *sealedCursor) between(root uint32, lo, hi *key, fn func(*sealedRow) error) error {
	c.left = c.s.pages
	return c.walk(root, 0, func(r *sealedRow) int {
		switch {
		case r.compare(lo) < 0:
			return -1
		case r.compare(hi) > 0:
			return 1
		}
		return 0
	}, fn)
}

// walk calls fn for the rows of a tree of which where is 0: it is negative of those
// before, and positive of those behind. A tree of a table has rows in its leaves
// alone.
func (c *sealedCursor) walk(root uint32, depth int, where func(*sealedRow) int, fn func(*sealedRow) error) error {
	p, err := c.page(root, depth)
	if err != nil {
		return err
	}
	i := 0
	if p.kind() != tableInner {
		i, err = p.search(func(i int) (bool, error) {
			err := c.read(p, i)
			return err == nil && where(&c.row) >= 0, err
		})
	}
	for ; err == nil; i++ {
		if p.inner() {
			child, cerr := p.child(i)
			if cerr != nil {
				return c.s.damaged("page %d: %v", root, cerr)
			}
			if err := c.walk(child, depth+1, where, fn); err != nil {
				return err
			}
		}
		if i == p.cells() {
			return nil
		}
		if p.kind() == tableInner {
			continue
		}
		if err = c.read(p, i); err != nil {
			break
		}
		if where(&c.row) > 0 {
			return nil
		}
		if err := fn(&c.row); err != nil {
			return err
		}
	}
	return c.s.damaged("page %d: %v", root, err)
}
