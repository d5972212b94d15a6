package ctnetlink

import (
	"encoding/binary"
	"slices"
)

const (
	typeDelete       = typeNew + msgDelete
	typeExpectDelete = typeExpectNew + msgDelete
)

// message puts headers in front of attributes: typ and flags of the nlmsghdr.
func message(typ, flags uint16, attrs ...[]byte) []byte {
	b := make([]byte, headers)
	binary.NativeEndian.PutUint16(b[4:], typ)
	binary.NativeEndian.PutUint16(b[6:], flags)
	b[16] = 2 // AF_INET; the tuples say it themselves
	b = append(b, slices.Concat(attrs...)...)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	return b
}

// attr is one attribute with its padding.
func attr(typ uint16, val ...byte) []byte {
	b := make([]byte, attrHeader, attrHeader+len(val)+3)
	binary.NativeEndian.PutUint16(b, uint16(attrHeader+len(val)))
	binary.NativeEndian.PutUint16(b[2:], typ)
	b = append(b, val...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// nest is an attribute that holds others, with NLA_F_NESTED.
func nest(typ uint16, attrs ...[]byte) []byte {
	return attr(typ|nested, slices.Concat(attrs...)...)
}

func num16(typ uint16, v uint16) []byte {
	return attr(typ, binary.BigEndian.AppendUint16(nil, v)...)
}
func num32(typ uint16, v uint32) []byte {
	return attr(typ, binary.BigEndian.AppendUint32(nil, v)...)
}
func num64(typ uint16, v uint64) []byte {
	return attr(typ, binary.BigEndian.AppendUint64(nil, v)...)
}

// tuple4 is a whole IPv4 tuple with ports.
func tuple4(typ uint16, proto byte, src, dst [4]byte, sport, dport uint16) []byte {
	return nest(typ, addrs4(src, dst), nest(ctaTupleProto, attr(ctaProtoNum, proto),
		num16(ctaProtoSrcPort, sport), num16(ctaProtoDstPort, dport)))
}

func addrs4(src, dst [4]byte) []byte {
	return nest(ctaTupleIP, attr(ctaIPv4Src, src[:]...), attr(ctaIPv4Dst, dst[:]...))
}

// toHost returns a message of a little endian machine as this machine's kernel
// would send it: the headers of messages and attributes are in the host's order.
func toHost(msg []byte) []byte {
	if !hostIsBigEndian {
		return msg
	}
	out := slices.Clone(msg)
	slices.Reverse(out[0:4])
	slices.Reverse(out[4:6])
	slices.Reverse(out[6:8])
	slices.Reverse(out[8:12])
	slices.Reverse(out[12:16])
	attrsToHost(out[headers:])
	return out
}

func attrsToHost(b []byte) {
	for len(b) >= attrHeader {
		n, typ := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:])
		binary.NativeEndian.PutUint16(b, n)
		binary.NativeEndian.PutUint16(b[2:], typ)
		switch {
		case typ&nested != 0:
			attrsToHost(b[attrHeader:n])
		case typ == ctaLabels: // no child of a nest has this number
			copy(b[attrHeader:n], littleWords(b[attrHeader:n]))
		}
		b = b[min((int(n)+3)&^3, len(b)):]
	}
}

// label127 is what the host's kernel sends for labels in the last byte.
func label127(last byte) []byte { return littleWords(append(make([]byte, labelsSize-1), last)) }
