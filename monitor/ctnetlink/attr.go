package ctnetlink

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
)

// Top-level attributes: enum ctattr_type. CTA_NAT_SRC, CTA_NAT_DST and CTA_FILTER occur in
// requests only.
const (
	ctaTupleOrig      = 1
	ctaTupleReply     = 2
	ctaStatus         = 3
	ctaProtoinfo      = 4
	ctaHelp           = 5
	ctaNatSrc         = 6
	ctaTimeout        = 7
	ctaMark           = 8
	ctaCountersOrig   = 9
	ctaCountersReply  = 10
	ctaUse            = 11
	ctaID             = 12
	ctaNatDst         = 13
	ctaTupleMaster    = 14
	ctaSeqAdjOrig     = 15
	ctaSeqAdjReply    = 16
	ctaSecMark        = 17
	ctaZone           = 18
	ctaSecCtx         = 19
	ctaTimestamp      = 20
	ctaMarkMask       = 21
	ctaLabels         = 22
	ctaLabelsMask     = 23
	ctaSynproxy       = 24
	ctaFilter         = 25
	ctaStatusMask     = 26
	ctaTimestampEvent = 27 // since Linux 6.14
)

// Children of CTA_TUPLE_*: enum ctattr_tuple, ctattr_ip, ctattr_l4proto.
const (
	ctaTupleIP    = 1
	ctaTupleProto = 2
	ctaTupleZone  = 3

	ctaIPv4Src = 1
	ctaIPv4Dst = 2
	ctaIPv6Src = 3
	ctaIPv6Dst = 4

	ctaProtoNum        = 1
	ctaProtoSrcPort    = 2
	ctaProtoDstPort    = 3
	ctaProtoICMPID     = 4
	ctaProtoICMPType   = 5
	ctaProtoICMPCode   = 6
	ctaProtoICMPv6ID   = 7
	ctaProtoICMPv6Type = 8
	ctaProtoICMPv6Code = 9
)

// Children of CTA_PROTOINFO: enum ctattr_protoinfo and one enum a protocol.
const (
	ctaProtoinfoTCP  = 1
	ctaProtoinfoDCCP = 2
	ctaProtoinfoSCTP = 3

	ctaTCPState       = 1
	ctaTCPWScaleOrig  = 2
	ctaTCPWScaleReply = 3
	ctaTCPFlagsOrig   = 4
	ctaTCPFlagsReply  = 5

	ctaDCCPState        = 1
	ctaDCCPRole         = 2
	ctaDCCPHandshakeSeq = 3
	ctaDCCPPad          = 4

	ctaSCTPState     = 1
	ctaSCTPVTagOrig  = 2
	ctaSCTPVTagReply = 3
)

// Children of the other nested attributes: enum ctattr_counters, ctattr_tstamp,
// ctattr_help, ctattr_secctx, ctattr_seqadj, ctattr_synproxy.
const (
	ctaCountersPackets = 1
	ctaCountersBytes   = 2
	ctaCountersPad     = 5

	ctaTimestampStart = 1
	ctaTimestampStop  = 2
	ctaTimestampPad   = 3

	ctaHelpName = 1
	ctaHelpInfo = 2

	ctaSecCtxName = 1

	ctaSeqAdjCorrection   = 1
	ctaSeqAdjOffsetBefore = 2
	ctaSeqAdjOffsetAfter  = 3

	ctaSynproxyISN   = 1
	ctaSynproxyITS   = 2
	ctaSynproxyTSOff = 3

	ctaStatsGlobalEntries = 1
	ctaStatsGlobalMax     = 2

	ctaNATv4Min = 1
	ctaNATProto = 3
	ctaNATv6Min = 4

	ctaProtoNATPortMin = 1
	ctaProtoNATPortMax = 2

	ctaFilterOrigFlags  = 1
	ctaFilterReplyFlags = 2
)

// The maximal sizes in bytes of values without a fixed size.
const (
	maxHelper     = 16      // NF_CT_HELPER_NAME_LEN
	maxHelperInfo = 32      // the data of struct nf_conn_help
	maxSecCtx     = 4 << 10 // less than XATTR_SIZE_MAX; longer than any of a security module
	maxExpectFunc = 64      // names of the kernel's functions are shorter
)

const (
	attrHeader = 4 // sizeof(struct nlattr)

	// #define NLA_TYPE_MASK ~(NLA_F_NESTED | NLA_F_NET_BYTEORDER)
	attrTypeMask = 0x3fff

	nested = 0x8000 // NLA_F_NESTED
)

// walk reads the attributes of a message or of a nest:
//
//	w := walk{op: "counters"}
//	for typ, v := range w.over(b) {
//		switch typ {
//		case ctaCountersBytes:
//			c.Bytes = w.be64(v)
//		…
//	}
//	return w.err
//
// The first error ends the walk: an attribute with an impossible length, a value of the
// wrong size, or an error that the loop sets.
type walk struct {
	op  string // names the object in errors
	err error
}

// over iterates over types and values of attributes.
//
//	#define NLA_ALIGN(len) (((len) + NLA_ALIGNTO - 1) & ~(NLA_ALIGNTO - 1))
func (w *walk) over(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= attrHeader {
			n := int(binary.NativeEndian.Uint16(b))
			if n < attrHeader || n > len(b) {
				w.badLength(b)
				return
			}
			if !yield(binary.NativeEndian.Uint16(b[2:])&attrTypeMask, b[attrHeader:n]) || w.err != nil {
				return
			}
			b = b[min((n+3)&^3, len(b)):] // the last attribute may have no padding
		}
	}
}

func (w *walk) badLength(b []byte) {
	w.err = fmt.Errorf("decode %s: length of the attribute %d bytes before its end: %w", w.op, len(b), ErrMalformed)
}

// sized reports whether the value has a size. If not, it sets the error.
func (w *walk) sized(v []byte, n int) bool {
	if len(v) != n {
		w.wrongSize(v)
	}
	return len(v) == n
}

// wrongSize sets the error of a value whose size is wrong.
func (w *walk) wrongSize(v []byte) {
	w.err = fmt.Errorf("decode %s: value of %d bytes: %w", w.op, len(v), ErrMalformed)
}

// u8 to be64 return the value as a number. If it has another size, they set the error and
// return 0.
func (w *walk) u8(v []byte) uint8 {
	if len(v) != 1 {
		w.wrongSize(v)
		return 0
	}
	return v[0]
}

func (w *walk) be16(v []byte) uint16 {
	if len(v) != 2 {
		w.wrongSize(v)
		return 0
	}
	return binary.BigEndian.Uint16(v)
}

func (w *walk) be32(v []byte) uint32 {
	if len(v) != 4 {
		w.wrongSize(v)
		return 0
	}
	return binary.BigEndian.Uint32(v)
}

func (w *walk) be64(v []byte) uint64 {
	if len(v) != 8 {
		w.wrongSize(v)
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

// upTo returns a value of at most n bytes. A longer one is malformed, so that a forged
// message cannot fill the memory.
func (w *walk) upTo(v []byte, n int) []byte {
	if len(v) > n {
		w.wrongSize(v)
		return nil
	}
	return v
}

// text returns a C string of at most n bytes, without its NUL. The kernel writes a NUL
// (nla_put_string); a value without one is returned whole.
func (w *walk) text(v []byte, n int) []byte {
	v = w.upTo(v, n)
	if i := bytes.IndexByte(v, 0); i >= 0 {
		return v[:i:i]
	}
	return v
}
