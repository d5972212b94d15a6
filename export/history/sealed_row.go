package history

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
)

// read makes the cell the cursor's row.
func (c *sealedCursor) read(p page, i int) error {
	b, err := p.cell(i)
	if err != nil {
		return err
	}
	if p.inner() {
		b = b[4:]
	}
	size, n := varint(b)
	if n == 0 || size > maxPayload {
		return errCell
	}
	b, c.row.rowid = b[n:], 0
	most := (c.s.use-12)*64/255 - 23
	if p.kind() == tableLeaf {
		id, n := varint(b)
		if n == 0 {
			return errCell
		}
		b, c.row.rowid = b[n:], int64(id)
		most = c.s.use - 35
	}
	if int(size) > most {
		if b, err = c.overflow(b, int(size), most); err != nil {
			return err
		}
	}
	if int(size) > len(b) {
		return errCell
	}
	return c.row.parse(b[:size])
}

// overflow gathers a row of which only the beginning stands in its cell.
func (c *sealedCursor) overflow(b []byte, size, most int) ([]byte, error) {
	least := (c.s.use-12)*32/255 - 23
	here := least + (size-least)%(c.s.use-4)
	if here > most {
		here = least
	}
	if here+4 > len(b) {
		return nil, errCell
	}
	whole := append(make([]byte, 0, size), b[:here]...)
	next := binary.BigEndian.Uint32(b[here:])
	part := make([]byte, c.s.size)
	for len(whole) < size {
		if next == 0 || int64(next) > c.s.pages {
			return nil, errCell
		}
		if _, err := c.s.f.ReadAt(part, int64(next-1)*int64(c.s.size)); err != nil {
			return nil, err
		}
		next = binary.BigEndian.Uint32(part)
		whole = append(whole, part[4:min(c.s.use, 4+size-len(whole))]...)
	}
	return whole, nil
}

// sealedRow is a row that a cursor has read; it is good until its next one.
type sealedRow struct {
	rowid int64
	data  []byte
	n     int // columns
	typ   [rowWidth]uint64
	at    [rowWidth]int
}

// parse finds the columns. Those that a later version may have added are left out.
func (r *sealedRow) parse(data []byte) error {
	head, n := varint(data)
	if n == 0 || head < uint64(n) || head > uint64(len(data)) {
		return errCell
	}
	at := int(head)
	r.data, r.n = data, 0
	for types := data[n:head]; len(types) > 0 && r.n < rowWidth; r.n++ {
		typ, n := varint(types)
		length := columnLength(typ)
		if n == 0 || length > uint64(len(data)-at) {
			return errCell
		}
		types = types[n:]
		r.typ[r.n], r.at[r.n] = typ, at
		at += int(length)
	}
	return nil
}

// columnLength is how long a column of that type is.
func columnLength(typ uint64) uint64 {
	switch {
	case typ >= 12:
		return (typ - 12) / 2
	case typ >= 10: // not used
		return math.MaxUint64
	}
	return [...]uint64{0, 1, 2, 3, 4, 6, 8, 8, 0, 0}[typ]
}

// int is a number; of another type it is 0. A number that is the row's id stands
// nowhere else.
func (r *sealedRow) int(i int) int64 {
	if i >= r.n {
		return 0
	}
	b := r.data[r.at[i]:]
	switch r.typ[i] {
	case 0:
		if i == 0 {
			return r.rowid
		}
	case 1, 2, 3, 4, 5, 6:
		v := int64(int8(b[0]))
		for _, x := range b[1:columnLength(r.typ[i])] {
			v = v<<8 | int64(x)
		}
		return v
	case 9:
		return 1
	}
	return 0
}

func (r *sealedRow) kind(i int) int32 {
	switch {
	case i >= r.n || r.typ[i] == 0 && (i > 0 || r.rowid == 0):
		return columnNull
	case r.typ[i] >= 12 && r.typ[i]%2 == 0:
		return columnBlob
	}
	return 0
}

// blob is the bytes of a blob or a text.
func (r *sealedRow) blob(i int) []byte {
	if i >= r.n || r.typ[i] < 12 {
		return nil
	}
	return r.data[r.at[i]:][:columnLength(r.typ[i])]
}

func (r *sealedRow) text(i int) string { return string(r.blob(i)) }

// columns is how many there are.
func (r *sealedRow) columns() int { return r.n }

// compare is the order of an index, by its first column: numbers before blobs.
func (r *sealedRow) compare(k *key) int {
	if blob := r.kind(0) == columnBlob; blob != k.six {
		if blob {
			return 1
		}
		return -1
	}
	if k.six {
		return bytes.Compare(r.blob(0), k.wide[:])
	}
	return cmp.Compare(r.int(0), k.n)
}

// varint reads a number of SQLite's; n is 0 if there is none.
func varint(b []byte) (v uint64, n int) {
	for n < len(b) && n < 8 {
		v = v<<7 | uint64(b[n]&0x7f)
		n++
		if b[n-1] < 0x80 {
			return v, n
		}
	}
	if n < len(b) && n == 8 {
		return v<<8 | uint64(b[8]), 9
	}
	return 0, 0
}
