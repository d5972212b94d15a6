package ctnetlink

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"natlens/monitor"
)

// reader reads one message. It stops at the first error: an attribute with an impossible
// length, a value of the wrong size, or a missing part of a tuple.
type reader struct {
	err     error
	in      object        // the object whose attributes are read
	v       []byte        // the value of the attribute
	has     monitor.Attrs // of the event, or monitor.ExpectAttrs
	unknown uint64        // number of unknown attributes

	// The results. Attributes set fields of one of these.
	event  *monitor.Event
	flow   *monitor.Flow // of the event
	batch  *monitor.Batch
	expect *monitor.Expect
	number func(typ uint8, n uint32) // called with each attribute of statistics

	// The state of the result.
	tuple    *monitor.Tuple
	seen     uint8 // parts of the tuple
	counters *monitor.Counters
	seqAdj   *monitor.SeqAdj
}

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

// attribute describes an attribute: the bit that it sets in an event, and the function that
// reads its value.
type attribute struct {
	has  monitor.Attrs // of an expectation, its monitor.ExpectAttrs
	read func(r *reader)
}

// attributes are the known attributes, by object and type.
var attributes [inStats]attribute

// know adds attributes. They cannot be a literal of the variable, because they refer to it.
func know(some map[object]attribute) {
	for typ, a := range some {
		attributes[typ] = a
	}
}

// children returns a function that reads nested attributes.
func children(in object) func(*reader) { return func(r *reader) { r.read(in, r.v) } }

// skip ignores an attribute that only aligns others.
func skip(*reader) {}

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

// read reads attributes.
//
//	#define NLA_ALIGN(len) (((len) + NLA_ALIGNTO - 1) & ~(NLA_ALIGNTO - 1))
func (r *reader) read(in object, b []byte) {
	for len(b) >= attrHeader && r.err == nil {
		n := int(binary.NativeEndian.Uint16(b))
		r.in = in
		if n < attrHeader || n > len(b) {
			r.fail(fmt.Sprintf("length of the attribute %d bytes before its end", len(b)))
			return
		}
		typ := in | object(min(binary.NativeEndian.Uint16(b[2:])&attrTypeMask, 31)) // no enum has as many values
		r.v = b[attrHeader:n]
		if in == inStats {
			r.number(uint8(typ-in), r.be32())
		} else if a := &attributes[typ]; a.read != nil {
			r.has |= a.has
			a.read(r)
		} else {
			r.unknown++
		}
		b = b[min((n+3)&^3, len(b)):] // the last attribute may have no padding
	}
}

func (r *reader) fail(what string) { r.err = fmt.Errorf("decode %s: %s: %w", r.in, what, ErrMalformed) }

func (r *reader) wrongSize() { r.fail(fmt.Sprintf("value of %d bytes", len(r.v))) }

// sized reports whether the value has n bytes. If not, it sets the error.
func (r *reader) sized(n int) bool {
	if len(r.v) != n {
		r.wrongSize()
	}
	return len(r.v) == n
}

// u8 to be64 return the value as a number. If it has another size, they set the error and return 0.
func (r *reader) u8() uint8 {
	if !r.sized(1) {
		return 0
	}
	return r.v[0]
}

func (r *reader) be16() uint16 {
	if !r.sized(2) {
		return 0
	}
	return binary.BigEndian.Uint16(r.v)
}

func (r *reader) be32() uint32 {
	if !r.sized(4) {
		return 0
	}
	return binary.BigEndian.Uint32(r.v)
}

func (r *reader) be64() uint64 {
	if !r.sized(8) {
		return 0
	}
	return binary.BigEndian.Uint64(r.v)
}

// upTo returns a value of at most n bytes. A longer one is malformed, so a forged message
// cannot fill the memory.
func (r *reader) upTo(n int) []byte {
	if len(r.v) > n {
		r.wrongSize()
		return nil
	}
	return r.v
}

// text returns a C string of at most n bytes, without its NUL. The kernel writes a NUL (nla_put_string); a value
// without one is returned whole.
func (r *reader) text(n int) []byte {
	v, _, _ := bytes.Cut(r.upTo(n), []byte{0})
	return v[:len(v):len(v)]
}
