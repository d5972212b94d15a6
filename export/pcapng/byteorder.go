package pcapng

import (
	"encoding/binary"
	"math/bits"
)

// The layouts that turn goes through (netlink(7), linux/netlink.h): numbers of
// netlink itself are in the order of the machine, what attributes hold is big
// endian everywhere.
//
//	nlmsghdr   length 4 │ type 2 │ flags 2 │ sequence 4 │ port id 4
//	nfgenmsg   family 1 │ version 1 │ resource id 2, big endian
//	nlattr     length 2 │ type 2, its top bit set if attributes are inside
const (
	headerSize  = 16
	genericSize = 4
	attrSize    = 4
	attrNested  = 0x8000
	attrLabels  = 22 // CTA_LABELS, and its mask 23: words of the machine
)

// foreignOrder is the byte order that this machine does not have.
var foreignOrder = func() binary.ByteOrder {
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}()

// turn puts a message of a machine of the other byte order into this one's, in
// place. What is not whole stays as it is: the decoder tells of it.
func turn(msg []byte) {
	swap4(msg)
	swap2(msg[4:])
	swap2(msg[6:])
	swap4(msg[8:])
	swap4(msg[12:])
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
		swap2(b)
		swap2(b[2:])
		body := b[attrSize:n]
		switch typ := binary.NativeEndian.Uint16(b[2:]); {
		case typ&attrNested != 0:
			turnAttrs(body, false)
		case top && (typ == attrLabels || typ == attrLabels+1):
			turnWords(body)
		}
		b = b[min(len(b), (n+3)&^3):]
	}
}

// turnWords turns the words of labels. Their size is the other machine's secret;
// big endian machines that forward packets are routers of 32 bits.
func turnWords(b []byte) {
	size := 4
	if foreignOrder == binary.LittleEndian {
		size = bits.UintSize / 8 // whatever it was: bytes in their order become words of this machine
	}
	for ; len(b) >= size; b = b[size:] {
		for i := range size / 2 {
			b[i], b[size-1-i] = b[size-1-i], b[i]
		}
	}
}

func swap2(b []byte) { b[0], b[1] = b[1], b[0] }

func swap4(b []byte) { b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0] }
