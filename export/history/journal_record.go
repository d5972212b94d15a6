package history

import (
	"encoding/binary"
	"hash/crc32"

	"natlens/monitor"
)

// The journal is a file of records of 128 bytes, little endian, each with a
// CRC-32C of what follows it:
//
//	 0 u32 checksum of bytes 4 to 127
//	 4 u8  what the record is
//
//	opened    5 nat  6 doubt  7 family  8 proto  9 state  10 u8 1: state is known, 2: id is known
//	         12 u16 zone  14 u16 icmp  16 u64 number  24 i64 start  32 u32 id  36 u32 status
//	         40 from  56 to  72 sent-as  88 delivered-to: 16 bytes each  104 u16 ports of the same four
//	         112 u64 flow  120 u16 number of the network namespace
//	closed    5 u8 how many  8 u64 numbers of opened flows, 15 at most
//	committed 5 u8 1: capture ended in good order  8 i64 when
//	         16 i64 newest segment of short lives  24 i64 its flows  32, 40 the same of long lives
//	namespace 5 u8 bytes of the name in this record  6 u8 1: they go on the record before  8 u16 number  10 name
//	gap       5 u8 cause  6 u8 at least  8 i64 from  16 i64 to  24 u64 count
const recordSize = 128

// maxClosed is how many numbers a closed record takes.
const maxClosed = 15

type recordKind uint8

const (
	recordOpened recordKind = 1 + iota
	recordClosed
	recordCommitted
	recordGap
	recordNamespace
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
	return binary.LittleEndian.Uint32(r[:]) == crc32.Checksum(r[4:], castagnoli) && r[4] >= byte(recordOpened) && r[4] <= byte(recordNamespace)
}

// Bits of byte 10 of an opened record.
const (
	recordHasState = 1
	recordHasID    = 2
)

func (r *record) setOpened(t *Translation) {
	*r = record{}
	r[5], r[6], r[7], r[8], r[9] = byte(t.NAT), byte(t.Doubt), byte(t.Family), byte(t.Proto), byte(t.State)
	r[10] = recordHasState*bit(t.HasState) | recordHasID*bit(t.hasID)
	le := binary.LittleEndian
	le.PutUint16(r[12:], t.Zone)
	le.PutUint16(r[14:], t.ICMP)
	le.PutUint64(r[16:], t.number)
	le.PutUint64(r[24:], uint64(t.Start))
	le.PutUint32(r[32:], t.id)
	le.PutUint32(r[36:], uint32(t.Status))
	for i, p := range [...]*monitor.Endpoint{&t.From, &t.To, &t.SentAs, &t.DeliveredTo} {
		copy(r[40+16*i:], p.Addr[:])
		le.PutUint16(r[104+2*i:], p.Port)
	}
	le.PutUint64(r[112:], t.Flow)
	le.PutUint16(r[120:], uint16(t.NetNS))
	r.seal(recordOpened)
}

// number is that of the flow of an opened record.
func (r *record) number() uint64 { return binary.LittleEndian.Uint64(r[16:]) }

// quickMatch returns a test of opened records that lets all through which the query
// asks for, and few others: hundreds of thousands are looked at for one answer.
func quickMatch(q *Query) func(r *record) bool {
	type place struct{ addr, port int }
	from, to, as, at := place{40, 104}, place{56, 106}, place{72, 108}, place{88, 110}
	stands := func(r *record, e End, addr monitor.Addr, p place) bool {
		return (!e.HasPort || binary.LittleEndian.Uint16(r[p.port:]) == e.Port) &&
			(!e.Addr.IsValid() || *(*monitor.Addr)(r[p.addr:]) == addr)
	}
	side := func(e End, source, destination place) func(*record) bool {
		var addr monitor.Addr
		if e.Addr.IsValid() {
			addr = monitor.AddrFrom(e.Addr)
		}
		return func(r *record) bool { return stands(r, e, addr, source) || stands(r, e, addr, destination) }
	}
	outside, inside, peer := side(q.Outside, as, to), side(q.Inside, from, at), side(q.Peer, to, from)
	return func(r *record) bool { return outside(r) && inside(r) && peer(r) }
}

func (r *record) opened(t *Translation) {
	le := binary.LittleEndian
	*t = Translation{
		NAT: Kind(r[5]), Doubt: Doubt(r[6]), Family: monitor.Family(r[7]), Proto: monitor.Proto(r[8]), State: monitor.State(r[9]),
		HasState: r[10]&recordHasState != 0, hasID: r[10]&recordHasID != 0,
		Zone: le.Uint16(r[12:]), ICMP: le.Uint16(r[14:]), number: le.Uint64(r[16:]), Start: monitor.Time(le.Uint64(r[24:])),
		id: le.Uint32(r[32:]), Status: monitor.Status(le.Uint32(r[36:])), Flow: le.Uint64(r[112:]),
		NetNS: monitor.NetNS(le.Uint16(r[120:])),
	}
	for i, p := range [...]*monitor.Endpoint{&t.From, &t.To, &t.SentAs, &t.DeliveredTo} {
		copy(p.Addr[:], r[40+16*i:])
		p.Port = le.Uint16(r[104+2*i:])
	}
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

// setNamespace takes as much of the name as fits, and returns what does not.
func (r *record) setNamespace(n monitor.NetNS, name string, goesOn bool) (rest string) {
	*r = record{}
	fits := copy(r[10:], name)
	r[5], r[6] = byte(fits), bit(goesOn)
	binary.LittleEndian.PutUint16(r[8:], uint16(n))
	r.seal(recordNamespace)
	return name[fits:]
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

func (r *record) setGap(g *Gap) {
	*r = record{}
	r[5], r[6] = byte(g.Cause), bit(g.AtLeast)
	le := binary.LittleEndian
	le.PutUint64(r[8:], uint64(g.From))
	le.PutUint64(r[16:], uint64(g.To))
	le.PutUint64(r[24:], g.Count)
	r.seal(recordGap)
}
