package ctnetlink

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"natlens/monitor"
)

// object is what contains the attributes. Its lower five bits are 0: the type of an attribute
// is added to it.
type object uint16

const (
	inFlow object = iota << 5
	inCounters
	inTimestamp
	inProtoinfo
	inTCP
	inSCTP
	inDCCP
	inHelp
	inSecCtx
	inSeqAdj
	inSynproxy
	inTuple
	inTupleIP
	inTupleProto
	inExpect
	inExpectNAT
	inStats
)

// String returns the name of the object in errors.
func (n object) String() string {
	return [...]string{"flow", "counters", "timestamp", "protoinfo", "protoinfo tcp", "protoinfo sctp",
		"protoinfo dccp", "help", "secctx", "seqadj", "synproxy", "tuple", "tuple address", "tuple protocol",
		"expectation", "expectation's NAT", "statistics"}[n>>5]
}

// attribute describes an attribute.
type attribute struct {
	has  monitor.Attrs // the bit that it sets in an event; of an expectation, its monitor.ExpectAttrs
	size int           // bytes of the value; 0: any number
	read func(d *Decoder, v []byte)
}

// attributes are the known attributes, by object and type.
var attributes [inStats + 32]attribute

// know adds attributes. They cannot be a literal of the variable, because they refer to it.
func know(some map[object]attribute) {
	for typ, a := range some {
		attributes[typ] = a
	}
}

// children returns a function that reads nested attributes.
func children(in object) func(*Decoder, []byte) { return func(d *Decoder, v []byte) { d.read(in, v) } }

// skip ignores an attribute that only aligns others.
func skip(*Decoder, []byte) {}

// body returns a message without the bytes after it, if its header is complete.
func body(what string, msg []byte) ([]byte, error) {
	if len(msg) < headers {
		return nil, fmt.Errorf("decode %s: %d bytes: %w", what, len(msg), ErrTruncated)
	}
	n := uint64(binary.NativeEndian.Uint32(msg))
	if n < headers || n > uint64(len(msg)) {
		return nil, fmt.Errorf("decode %s: length %d of %d bytes: %w", what, n, len(msg), ErrTruncated)
	}
	return msg[:n:n], nil
}

// read reads attributes until one has an error.
//
//	#define NLA_ALIGN(len) (((len) + NLA_ALIGNTO - 1) & ~(NLA_ALIGNTO - 1))
func (d *Decoder) read(in object, b []byte) {
	for len(b) >= attrHeader && d.err == nil {
		n := int(binary.NativeEndian.Uint16(b))
		d.in = in
		if n < attrHeader || n > len(b) {
			d.fail(fmt.Sprintf("length of the attribute %d bytes before its end", len(b)))
			return
		}
		typ := in | object(min(binary.NativeEndian.Uint16(b[2:])&attrTypeMask, 31)) // no enum has as many values
		v := b[attrHeader:n]
		b = b[min((n+3)&^3, len(b)):] // the last attribute may have no padding
		switch a := &attributes[typ]; {
		case a.read == nil:
			d.Unknown++
		case a.size != 0 && a.size != len(v):
			d.wrongSize(len(v))
		default:
			d.has |= a.has
			a.read(d, v)
		}
	}
}

func (d *Decoder) fail(what string) {
	d.err = fmt.Errorf("decode %s: %s: %w", d.in, what, ErrMalformed)
}

func (d *Decoder) wrongSize(n int) { d.fail(fmt.Sprintf("value of %d bytes", n)) }

func be16(v []byte) uint16 { return binary.BigEndian.Uint16(v) }
func be32(v []byte) uint32 { return binary.BigEndian.Uint32(v) }
func be64(v []byte) uint64 { return binary.BigEndian.Uint64(v) }

// upTo returns a value of at most n bytes. A longer one is malformed, so a forged message
// cannot fill the memory.
func (d *Decoder) upTo(v []byte, n int) []byte {
	if len(v) > n {
		d.wrongSize(len(v))
		return nil
	}
	return v
}

// text returns a C string of at most n bytes, without its NUL. The kernel writes a NUL (nla_put_string); a value
// without one is returned whole.
func (d *Decoder) text(v []byte, n int) []byte {
	v, _, _ = bytes.Cut(d.upTo(v, n), []byte{0})
	return v[:len(v):len(v)]
}
