package pcapng

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Numbers of netlink itself are in the order of the machine, values of attributes are big
// endian everywhere (netlink(7), linux/netlink.h):
//
//	nlmsghdr   length 4 │ type 2 │ flags 2 │ sequence 4 │ port id 4
//	nfgenmsg   family 1 │ version 1 │ resource id 2, big endian
//	nlattr     length 2 │ type 2, whose top bit means that attributes are inside
const (
	headerSize  = 16
	genericSize = 4
	attrSize    = 4
	attrNested  = 0x8000
	attrLabels  = 22 // CTA_LABELS; CTA_LABELS_MASK follows. Both are words of the machine
)

// foreignOrder is the byte order that this machine does not have.
var foreignOrder = func() binary.ByteOrder {
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}()

// turn converts a message of a machine with the other byte order, in place. An incomplete
// attribute is not converted: the decoder reports it.
func turn(msg []byte) {
	for _, field := range [][2]int{{0, 4}, {4, 6}, {6, 8}, {8, 12}, {12, 16}} {
		slices.Reverse(msg[field[0]:field[1]])
	}
	if len(msg) > headerSize+genericSize {
		turnAttrs(msg[headerSize+genericSize:], true)
	}
}

func turnAttrs(b []byte, top bool) {
	for len(b) >= attrSize {
		n := int(foreignOrder.Uint16(b))
		if n < attrSize || n > len(b) {
			return
		}
		slices.Reverse(b[:2])
		slices.Reverse(b[2:4])
		body := b[attrSize:n]
		switch typ := binary.NativeEndian.Uint16(b[2:]); {
		case typ&attrNested != 0:
			turnAttrs(body, false)
		case top && (typ == attrLabels || typ == attrLabels+1):
			turnLabels(body)
		}
		b = b[min(len(b), (n+3)&^3):]
	}
}

// turnLabels converts labels, which are unsigned longs. Their size is not in the message. Big
// endian machines that forward packets are 32-bit routers. The bytes of little endian words
// have the same order whatever their size, and become words of this machine.
func turnLabels(b []byte) {
	size := 4
	if foreignOrder == binary.LittleEndian {
		size = bits.UintSize / 8
	}
	for word := range slices.Chunk(b, size) {
		if len(word) == size {
			slices.Reverse(word)
		}
	}
}
