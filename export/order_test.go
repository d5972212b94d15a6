package export

import (
	"encoding/binary"
	"math/bits"
	"regexp"
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

// Reordered copies a message of the kernel from one byte order to the other. Labels are
// words of 32 bits.
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
			for i := 0; i < 16; i += 4 {
				out = append(out, body[i+3], body[i+2], body[i+1], body[i])
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
