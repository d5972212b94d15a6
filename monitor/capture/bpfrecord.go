//go:build linux

package capture

import (
	"encoding/binary"

	"natlens/monitor"
)

// A record of the ring is a mark, what the mark announces, and one netlink
// message. Most are short; a full one comes when something is to be told that
// the record before did not know:
//
//	0      4                   4+n
//	┌──────┬────────────────────┬─ ─ ─ ─ ┐
//	│ mark │ message, n bytes   │ unused       bit 0 of the mark: 0
//	└──────┴────────────────────┴─ ─ ─ ─ ┘
//	0      4       8       16                  16+n
//	┌──────┬───────┬───────┬────────────────────┬─ ─ ─ ─ ┐
//	│ mark │ drops │ stamp │ message, n bytes   │ unused       bit 0: 1
//	└──────┴───────┴───────┴────────────────────┴─ ─ ─ ─ ┘
//
// stamp is CLOCK_BOOTTIME in ticks of 32 ns. The mark's other 31 bits are the low
// bits of the stamp, which come round every 68 s: enough to find the stamp from
// that of the record before, as a full record comes at least every 10 s of stamps.
// drops is the low half of the drop counter; a full record comes whenever it has
// risen.
//
// Where the ring is shared by the programs of several network namespaces, each
// stamps the number of its own, 32 bits, between what stands above and the message.
// In one ring all namespaces' full records count: each program writes one before
// 10 s of its own are over, so that no two neighbours are further apart.
//
// The message's own nlmsg_len says n: the kernel sends one message a datagram,
// and the program sets nlmsg_len to 0 where it is not the length of the datagram.
//
// This is as tight as it is because memory is time: with the ring's own 8 bytes
// the NEW of a UDP flow, 148 bytes, takes 160 bytes of ring, against 1,280 of a
// socket buffer.
const (
	recordMark    = 0
	recordMessage = 4 // in a short record

	recordDrops       = 4
	recordStamp       = 8
	recordFullMessage = 16

	recordNetNS = 4 // bytes that the number of the namespace takes, where there is one

	markFull = 1

	tickShift  = 5                                  // a tick is 32 ns
	fullTicks  = 10_000_000_000 / 32                // between full records: 10 s
	maxNetlink = 128 << 10                          // twice what one attribute can hold; ctnetlink has one that is not of fixed size
	maxRecord  = maxNetlink + recordFullMessage + 8 // with recordNetNS, in whole words of 8
)

// recordReader finds the stamps and the drops of the records of a ring, which it
// must see all, in their order.
type recordReader struct {
	ticks  uint64 // of the record before
	tagged bool   // records bear the number of a namespace
}

// record is one record, parsed.
type record struct {
	stamp uint64 // nanoseconds of CLOCK_BOOTTIME
	full  bool   // drops is set
	drops uint32
	netns monitor.NetNS
	msg   []byte // the message, and what is unused behind it
}

// parse reads a record that the program wrote.
func (r *recordReader) parse(b []byte) (rec record) {
	mark := binary.NativeEndian.Uint32(b[recordMark:])
	if mark&markFull != 0 {
		r.ticks = binary.NativeEndian.Uint64(b[recordStamp:])
		rec = record{
			stamp: r.ticks << tickShift,
			full:  true,
			drops: binary.NativeEndian.Uint32(b[recordDrops:]),
			msg:   b[recordFullMessage:],
		}
		r.untag(&rec)
		return rec
	}
	// The difference of 31 bits, with its sign: records of two CPUs may stand in
	// the wrong order.
	diff := int32(mark-uint32(r.ticks<<1)) >> 1
	r.ticks += uint64(int64(diff))
	rec = record{stamp: r.ticks << tickShift, msg: b[recordMessage:]}
	r.untag(&rec)
	return rec
}

// untag takes the number of the namespace off the message.
func (r *recordReader) untag(rec *record) {
	if r.tagged {
		rec.netns = monitor.NetNS(binary.NativeEndian.Uint32(rec.msg))
		rec.msg = rec.msg[recordNetNS:]
	}
}
