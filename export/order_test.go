package export

import (
	"encoding/binary"
	"math/bits"
	"regexp"
	"slices"
	"strconv"
)

// BigEndian says that this machine is big endian.
var BigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// Recorded turns a message of testdata, which a little endian machine recorded, into
// that of this machine.
func Recorded(msg []byte) []byte {
	if !BigEndian {
		return msg
	}
	return Reordered(msg, binary.LittleEndian, binary.BigEndian)
}

// labelWord is the size of the words of labels on a big endian machine: this one, or the
// other one, whose words are taken to have 32 bits.
func labelWord() int {
	if BigEndian {
		return bits.UintSize / 8
	}
	return 4
}

// Reordered copies a message of the kernel from one byte order to the other.
func Reordered(msg []byte, from, to binary.AppendByteOrder) []byte {
	read := from.(binary.ByteOrder)
	out := to.AppendUint32(nil, read.Uint32(msg))
	for _, at := range []int{4, 6} {
		out = to.AppendUint16(out, read.Uint16(msg[at:]))
	}
	for _, at := range []int{8, 12} {
		out = to.AppendUint32(out, read.Uint32(msg[at:]))
	}
	return reorderAttrs(append(out, msg[16:20]...), msg[20:], from, to)
}

func reorderAttrs(out, b []byte, from, to binary.AppendByteOrder) []byte {
	read := from.(binary.ByteOrder)
	for len(b) >= 4 {
		n, typ := read.Uint16(b), read.Uint16(b[2:])
		out = to.AppendUint16(to.AppendUint16(out, n), typ)
		body := b[4:n]
		switch {
		case typ&0x8000 != 0:
			out = reorderAttrs(out, body, from, to)
		case (typ == 22 || typ == 23) && len(body) == 16:
			for word := range slices.Chunk(body, labelWord()) {
				for _, b := range slices.Backward(word) {
					out = append(out, b)
				}
			}
		default:
			out = append(out, body...)
		}
		padded := min(len(b), int(n+3)&^3)
		out, b = append(out, b[n:padded]...), b[padded:]
	}
	return append(out, b...)
}

var savedTag = regexp.MustCompile(`(--(?:orig|reply)-vtag )(\d+)`)

// RecordedTags returns lines of conntrack,save as a little endian machine writes them:
// like conntrack(8), the format reads SCTP's tags in the order of the machine.
func RecordedTags(lines []byte) []byte {
	if !BigEndian {
		return lines
	}
	return savedTag.ReplaceAllFunc(lines, func(tag []byte) []byte {
		m := savedTag.FindSubmatch(tag)
		n, err := strconv.ParseUint(string(m[2]), 10, 32)
		if err != nil {
			panic(err)
		}
		return strconv.AppendUint(m[1], uint64(bits.ReverseBytes32(uint32(n))), 10)
	})
}
