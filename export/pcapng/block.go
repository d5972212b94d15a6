package pcapng

import "encoding/binary"

// The blocks and options of pcapng (draft-ietf-opsawg-pcapng). docs/recording.md says
// what natlens writes. A block is
//
//	type 4 │ length 4 │ body, padded to 4 │ options │ length 4
//
// and an option code 2 │ length 2 │ value, padded to 4. The writer uses the byte order
// of this machine for all numbers, those of netlink included. Readers learn it from the
// first block.
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockOldPacket  = 2
	blockSimple     = 3
	blockStatistics = 5
	blockPacket     = 6 // Enhanced Packet Block

	sectionMagic = 0x1a2b3c4d

	optEnd             = 0
	optComment         = 1
	optSectionOS       = 3
	optSectionApp      = 4
	optInterfaceName   = 2
	optInterfaceText   = 3
	optInterfaceTime   = 9 // if_tsresol
	optInterfaceFilter = 11
	optPacketDrops     = 4
	optPacketID        = 5
	optStatsStart      = 2
	optStatsEnd        = 3
	optStatsReceived   = 4
	optStatsDropped    = 5
)

var native = binary.NativeEndian

// blocks appends pcapng blocks to a buffer.
type blocks struct {
	b    []byte
	from int // where the open block begins
}

func (w *blocks) open(typ uint32) {
	w.from = len(w.b)
	w.u32(typ)
	w.u32(0) // the length, see close
}

// close ends the options and the block, whose length is in it twice.
func (w *blocks) close() {
	w.u32(optEnd)
	n := uint32(len(w.b) - w.from + 4)
	native.PutUint32(w.b[w.from+4:], n)
	w.u32(n)
}

func (w *blocks) u16(v uint16) { w.b = native.AppendUint16(w.b, v) }
func (w *blocks) u32(v uint32) { w.b = native.AppendUint32(w.b, v) }
func (w *blocks) u64(v uint64) { w.b = native.AppendUint64(w.b, v) }

// time appends a time as two halves, the upper one first.
func (w *blocks) time(t uint64) {
	w.u32(uint32(t >> 32))
	w.u32(uint32(t))
}

// bytes appends bytes, padded to a multiple of four since the block began.
func (w *blocks) bytes(v []byte) {
	w.b = append(w.b, v...)
	for (len(w.b)-w.from)%4 != 0 {
		w.b = append(w.b, 0)
	}
}

// maxOption is the longest value of an option, in bytes.
const maxOption = 1<<16 - 1

func (w *blocks) option(code uint16, v []byte) {
	v = v[:min(len(v), maxOption)]
	w.u16(code)
	w.u16(uint16(len(v)))
	w.bytes(v)
}

func (w *blocks) number(code uint16, v uint64) {
	w.u16(code)
	w.u16(8)
	w.u64(v)
}

// moment appends an option that is a time, unless that is 0.
func (w *blocks) moment(code uint16, t uint64) {
	if t != 0 {
		w.u16(code)
		w.u16(8)
		w.time(t)
	}
}
