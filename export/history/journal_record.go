package history

import (
	"encoding/binary"
	"hash/crc32"

	"natlens/monitor"
)

// The journal is a file of records of 64 bytes, little endian, each with a CRC-32C
// of what follows it:
//
//	 0 u32 checksum of bytes 4 to 63
//	 4 u8  what the record is
//
//	opened    5 nat  6 doubt  7 proto  8 state  9 u8 1: state is known, 2: id is known
//	         10 u16 zone  12 u16 icmp  14 u16 number of the network namespace
//	         16 u64 number  24 i64 start  32 u32 id  36 u32 status
//	         40 from  44 to  48 sent-as  52 delivered-to: IPv4  56 u16 ports of the same four
//	opened6   the same without addresses, and these two behind it:
//	addrs6    8 u64 number  16 from  32 to
//	natted6   8 u64 number  16 sent-as  32 delivered-to
//	closed    5 u8 how many  8 u64 numbers of opened flows, 7 at most
//	committed 5 u8 1: capture ended in good order  8 i64 when
//	         16 i64 newest segment of short lives  24 i64 its flows  32, 40 the same of long lives
//	namespace 5 u8 bytes of the name in this record  6 u8 1: they go on the record before  8 u16 number  10 name
//	touched   8 u16 namespace, 0: all  16 u64 number: a gap touches the flows up to it
//	index     5 u8 how many  8 u64 entries or numbers, 7 at most: see journalIndex
//	indexed   8 u64 where the block before ends  16 u32 records of outside, inside, closed, state
const recordSize = 64

// maxClosed is how many numbers a closed record takes.
const maxClosed = 7

type recordKind uint8

const (
	recordOpened recordKind = 1 + iota
	recordClosed
	recordCommitted
	recordTouched
	recordNamespace
	recordOpened6
	recordAddrs6
	recordNatted6
	recordIndex
	recordIndexed
)

type record [recordSize]byte

func (r *record) kind() recordKind { return recordKind(r[4]) }

// seal sets the kind and the checksum.
func (r *record) seal(k recordKind) {
	r[4] = byte(k)
	binary.LittleEndian.PutUint32(r[:], crc32.Checksum(r[4:], castagnoli))
}

// sound reports whether the record is as it was written.
func (r *record) sound() bool {
	return binary.LittleEndian.Uint32(r[:]) == crc32.Checksum(r[4:], castagnoli) && r[4] >= byte(recordOpened) && r[4] <= byte(recordIndexed)
}

// Bits of byte 9 of an opened record.
const (
	recordHasState = 1
	recordHasID    = 2
)

// appendOpened appends the records of an open flow.
func appendOpened(b []byte, t *Translation) []byte {
	var r record
	r[5], r[6], r[7], r[8] = byte(t.NAT), byte(t.Doubt), byte(t.Proto), byte(t.State)
	r[9] = recordHasState*bit(t.HasState) | recordHasID*bit(t.hasID)
	le := binary.LittleEndian
	le.PutUint16(r[10:], t.Zone)
	le.PutUint16(r[12:], t.ICMP)
	le.PutUint16(r[14:], uint16(t.NetNS))
	le.PutUint64(r[16:], t.number)
	le.PutUint64(r[24:], uint64(t.Start))
	le.PutUint32(r[32:], t.id)
	le.PutUint32(r[36:], uint32(t.Status))
	four := true
	for i, p := range [...]*monitor.Endpoint{&t.From, &t.To, &t.SentAs, &t.DeliveredTo} {
		copy(r[40+4*i:], p.Addr[12:])
		le.PutUint16(r[56+2*i:], p.Port)
		four = four && p.Addr.Is4()
	}
	if four {
		r.seal(recordOpened)
		return append(b, r[:]...)
	}
	clear(r[40:56])
	r.seal(recordOpened6)
	b = append(b, r[:]...)
	for _, half := range [...]struct {
		kind recordKind
		a, b monitor.Addr
	}{{recordAddrs6, t.From.Addr, t.To.Addr}, {recordNatted6, t.SentAs.Addr, t.DeliveredTo.Addr}} {
		r = record{}
		le.PutUint64(r[8:], t.number)
		copy(r[16:], half.a[:])
		copy(r[32:], half.b[:])
		r.seal(half.kind)
		b = append(b, r[:]...)
	}
	return b
}

// number is that of the flow of an opened record.
func (r *record) number() uint64 { return binary.LittleEndian.Uint64(r[16:]) }

// opener makes open flows of their records.
type opener struct {
	t     Translation
	parts uint8 // of an IPv6 one that have come
}

// add takes in a record. It returns a flow when that is whole, for use until the
// next call.
func (o *opener) add(r *record) *Translation {
	switch k := r.kind(); k {
	case recordOpened, recordOpened6:
		o.head(r)
		if k == recordOpened {
			o.parts = 0
			for i, p := range o.ends() {
				p.Addr = monitor.AddrFrom4([4]byte(r[40+4*i:]))
			}
			return &o.t
		}
		o.t.Family, o.parts = monitor.IPv6, 1
	case recordAddrs6, recordNatted6:
		if o.parts != uint8(k-recordOpened6) || binary.LittleEndian.Uint64(r[8:]) != o.t.number {
			o.parts = 0
			return nil
		}
		e := o.ends()[2*(o.parts-1):]
		copy(e[0].Addr[:], r[16:])
		copy(e[1].Addr[:], r[32:])
		if o.parts++; k == recordNatted6 {
			o.parts = 0
			return &o.t
		}
	}
	return nil
}

func (o *opener) ends() []*monitor.Endpoint {
	return []*monitor.Endpoint{&o.t.From, &o.t.To, &o.t.SentAs, &o.t.DeliveredTo}
}

// head reads what stands in the first record of a flow.
func (o *opener) head(r *record) {
	le := binary.LittleEndian
	o.t = Translation{
		NAT: Kind(r[5]), Doubt: Doubt(r[6]), Family: monitor.IPv4, Proto: monitor.Proto(r[7]), State: monitor.State(r[8]),
		HasState: r[9]&recordHasState != 0, hasID: r[9]&recordHasID != 0,
		Zone: le.Uint16(r[10:]), ICMP: le.Uint16(r[12:]), NetNS: monitor.NetNS(le.Uint16(r[14:])),
		number: r.number(), Start: monitor.Time(le.Uint64(r[24:])), id: le.Uint32(r[32:]), Status: monitor.Status(le.Uint32(r[36:])),
	}
	for i, p := range o.ends() {
		p.Port = le.Uint16(r[56+2*i:])
	}
}

// quickMatch returns a test of opened records, those of IPv4, that lets all through
// which the query asks for, and few others: hundreds of thousands are looked at for
// one answer.
func quickMatch(q *Query) func(r *record) bool {
	type place struct{ addr, port int }
	from, to, as, at := place{40, 56}, place{44, 58}, place{48, 60}, place{52, 62}
	side := func(e End, source, destination place) func(*record) bool {
		var addr [4]byte
		any, never := !e.Addr.IsValid(), false
		if !any {
			a := monitor.AddrFrom(e.Addr)
			addr, never = [4]byte(a[12:]), !a.Is4()
		}
		stands := func(r *record, p place) bool {
			return (any || [4]byte(r[p.addr:]) == addr) && (!e.HasPort || binary.LittleEndian.Uint16(r[p.port:]) == e.Port)
		}
		return func(r *record) bool { return !never && (stands(r, source) || stands(r, destination)) }
	}
	outside, inside, peer := side(q.Outside, as, to), side(q.Inside, from, at), side(q.Peer, to, from)
	return func(r *record) bool { return outside(r) && inside(r) && peer(r) }
}

func (r *record) setClosed(closed []Translation) {
	*r = record{}
	r[5] = byte(len(closed))
	for i := range closed {
		binary.LittleEndian.PutUint64(r[8+8*i:], closed[i].number)
	}
	r.seal(recordClosed)
}

// closed calls fn with the numbers of the flows that closed.
func (r *record) closed(fn func(number uint64)) {
	for i := range min(int(r[5]), maxClosed) {
		fn(binary.LittleEndian.Uint64(r[8+8*i:]))
	}
}

// committed says up to where the segments bear what the journal tells.
type committed struct {
	at    monitor.Time
	good  bool // capture ended in good order
	seq   [classes]int64
	flows [classes]int64
}

func (r *record) setCommitted(c *committed) {
	*r = record{}
	r[5] = bit(c.good)
	le := binary.LittleEndian
	le.PutUint64(r[8:], uint64(c.at))
	for i := range c.seq {
		le.PutUint64(r[16+16*i:], uint64(c.seq[i]))
		le.PutUint64(r[24+16*i:], uint64(c.flows[i]))
	}
	r.seal(recordCommitted)
}

func (r *record) committed() (c committed) {
	le := binary.LittleEndian
	c.good, c.at = r[5] != 0, monitor.Time(le.Uint64(r[8:]))
	for i := range c.seq {
		c.seq[i] = int64(le.Uint64(r[16+16*i:]))
		c.flows[i] = int64(le.Uint64(r[24+16*i:]))
	}
	return c
}

// appendNamespace appends the name, in as many records as it takes.
func appendNamespace(b []byte, n monitor.NetNS, name string) []byte {
	for goesOn := false; !goesOn || name != ""; goesOn = true {
		var r record
		fits := copy(r[10:], name)
		r[5], r[6] = byte(fits), bit(goesOn)
		binary.LittleEndian.PutUint16(r[8:], uint16(n))
		r.seal(recordNamespace)
		b, name = append(b, r[:]...), name[fits:]
	}
	return b
}

// namespace adds what the record tells to the names.
func (r *record) namespace(names map[monitor.NetNS]string) {
	n := monitor.NetNS(binary.LittleEndian.Uint16(r[8:]))
	part := string(r[10:min(10+int(r[5]), recordSize)])
	if r[6] != 0 {
		part = names[n] + part
	}
	names[n] = part
}

func (r *record) setTouched(n monitor.NetNS, upTo uint64) {
	*r = record{}
	binary.LittleEndian.PutUint16(r[8:], uint16(n))
	binary.LittleEndian.PutUint64(r[16:], upTo)
	r.seal(recordTouched)
}

// touched tells which flows gaps touch: of each namespace, of all as 0, those up to
// a number.
type touched map[monitor.NetNS]uint64

func (m touched) add(r *record) {
	n := monitor.NetNS(binary.LittleEndian.Uint16(r[8:]))
	m[n] = max(m[n], r.number())
}

// mark puts the doubt on an open flow that a gap touches.
func (m touched) mark(t *Translation) {
	if t.number <= m[0] || t.number <= m[t.NetNS] {
		t.Doubt |= TouchedByGap
	}
}

// appendIndex appends a record of an index.
func appendIndex(b []byte, entries []uint64) []byte {
	var r record
	r[5] = byte(len(entries))
	for i, e := range entries {
		binary.LittleEndian.PutUint64(r[8+8*i:], e)
	}
	r.seal(recordIndex)
	return append(b, r[:]...)
}

// entries yields what a record of an index holds.
func (r *record) entries(yield func(uint64) bool) {
	for i := range min(int(r[5]), entriesEach) {
		if !yield(binary.LittleEndian.Uint64(r[8+8*i:])) {
			return
		}
	}
}

// setIndexed ends an index. before is the record behind the block before, sizes are
// the records of the four parts.
func (r *record) setIndexed(before int64, sizes [4]int64) {
	*r = record{}
	binary.LittleEndian.PutUint64(r[8:], uint64(before))
	for i, n := range sizes {
		binary.LittleEndian.PutUint32(r[16+4*i:], uint32(n))
	}
	r.seal(recordIndexed)
}

func (r *record) indexed() (before int64, sizes [4]int64) {
	for i := range sizes {
		sizes[i] = int64(binary.LittleEndian.Uint32(r[16+4*i:]))
	}
	return int64(binary.LittleEndian.Uint64(r[8:])), sizes
}
