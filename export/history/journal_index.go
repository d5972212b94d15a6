package history

import (
	"encoding/binary"
	"maps"
	"slices"

	"natlens/monitor"
)

// An index is a block of records in the journal. It covers the records from the
// block before it up to itself, so that a reader looks into few of them:
//
//	outside  entries of the flows that opened, by the ends that are outside
//	inside   the same by the ends that are inside
//	closed   numbers of the flows that closed
//	state    names of namespaces, what gaps have touched, the last committed record:
//	         all that holds here, not only what is new
//	indexed  how many records the four parts have, and where the block before ends
//
// An entry is key<<32 | record, sorted; a key is a checksum of the address and the
// port, so that the ports of an address are neighbours. Keys of two addresses may
// be equal: the record tells.
//
// Nothing else hangs on an index: a reader that finds it damaged goes through all
// records.
type journalIndex struct {
	outside, inside, closed []uint64
	kept                    [3]int // of each, what stands in the file
	end                     int64  // the byte behind the newest block
}

// indexEvery is how many records call for an index.
const indexEvery = 1 << 14

// entriesEach is how many entries or numbers a record of an index takes.
const entriesEach = 7

// journalKey is the key of an end of a flow.
func journalKey(addr monitor.Addr, port uint16) uint64 {
	h := binary.BigEndian.Uint64(addr[:8])*0x9e3779b97f4a7c15 ^ binary.BigEndian.Uint64(addr[8:])*0xd1b54a32d192ed03
	return h>>48<<16 | uint64(port)
}

func (x *journalIndex) addOpened(t *Translation, at int64) {
	for _, s := range [...]Side{SourceSide, DestinationSide} {
		if t.Has(s) {
			out, in := t.Outside(s), t.Inside(s)
			x.outside = append(x.outside, journalKey(out.Addr, out.Port)<<32|uint64(at))
			x.inside = append(x.inside, journalKey(in.Addr, in.Port)<<32|uint64(at))
		}
	}
}

func (x *journalIndex) addClosed(closed []Translation) {
	for i := range closed {
		x.closed = append(x.closed, closed[i].number)
	}
}

func (x *journalIndex) parts() [3]*[]uint64 { return [...]*[]uint64{&x.outside, &x.inside, &x.closed} }

// keep says that what was added stands in the file, forget that it does not.
func (x *journalIndex) keep() {
	for i, part := range x.parts() {
		x.kept[i] = len(*part)
	}
}

func (x *journalIndex) forget() {
	for i, part := range x.parts() {
		*part = (*part)[:x.kept[i]]
	}
}

// writeIndex appends an index of the records behind the newest one.
func (j *journal) writeIndex() error {
	x := &j.index
	var sizes [4]int64
	for i, part := range x.parts() {
		slices.Sort(*part)
		for left := *part; len(left) > 0; sizes[i]++ {
			n := min(len(left), entriesEach)
			j.buf = appendIndex(j.buf, left[:n])
			left = left[n:]
		}
	}
	before := len(j.buf)
	j.tellNames()
	var r record
	for _, n := range slices.Sorted(maps.Keys(j.touched)) {
		r.setTouched(n, j.touched[n])
		j.buf = append(j.buf, r[:]...)
	}
	r.setCommitted(&j.mark)
	j.buf = append(j.buf, r[:]...)
	sizes[3] = int64(len(j.buf)-before) / recordSize
	r.setIndexed(x.end/recordSize, sizes)
	j.buf = append(j.buf, r[:]...)
	if err := j.write(); err != nil {
		return err
	}
	for _, part := range x.parts() {
		*part = (*part)[:0]
	}
	x.keep()
	x.end = j.size
	return nil
}
