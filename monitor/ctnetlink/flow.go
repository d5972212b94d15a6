package ctnetlink

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"natlens/monitor"
)

// extra returns the event's Extra. It is made for the first attribute that needs it.
func (r *reader) extra() *monitor.Extra {
	if r.event.Extra == nil {
		r.event.Extra = r.batch.NewExtra()
	}
	return r.event.Extra
}

// flowAttrs are what a flow is known to have by an attribute.
var flowAttrs = [inTuple]monitor.Attrs{
	inFlow | ctaTupleOrig: monitor.AttrOrig, inFlow | ctaTupleReply: monitor.AttrReply,
	inFlow | ctaTimeout: monitor.AttrTimeout, inFlow | ctaMark: monitor.AttrMark, inFlow | ctaID: monitor.AttrID,
	inFlow | ctaUse: monitor.AttrUse, inFlow | ctaZone: monitor.AttrZone,
	inFlow | ctaTimestampEvent: monitor.AttrEventTime, inFlow | ctaCountersOrig: monitor.AttrCountersOrig,
	inFlow | ctaCountersReply: monitor.AttrCountersReply, inTimestamp | ctaTimestampStart: monitor.AttrStart,
	inTimestamp | ctaTimestampStop: monitor.AttrStop, inTCP | ctaTCPState: monitor.AttrState,
	inSCTP | ctaSCTPState: monitor.AttrState, inDCCP | ctaDCCPState: monitor.AttrState,
	inTCP | ctaTCPWScaleOrig: monitor.AttrWScaleOrig, inTCP | ctaTCPWScaleReply: monitor.AttrWScaleReply,
	inTCP | ctaTCPFlagsOrig: monitor.AttrTCPFlagsOrig, inTCP | ctaTCPFlagsReply: monitor.AttrTCPFlagsReply,
	inSCTP | ctaSCTPVTagOrig: monitor.AttrVTagOrig, inSCTP | ctaSCTPVTagReply: monitor.AttrVTagReply,
	inDCCP | ctaDCCPRole: monitor.AttrDCCPRole, inDCCP | ctaDCCPHandshakeSeq: monitor.AttrDCCPSeq,
	inFlow | ctaTupleMaster: monitor.AttrMaster, inFlow | ctaLabels: monitor.AttrLabels,
	inFlow | ctaLabelsMask: monitor.AttrLabelsMask, inFlow | ctaSecMark: monitor.AttrSecMark,
	inFlow | ctaMarkMask: monitor.AttrMarkMask, inFlow | ctaStatusMask: monitor.AttrStatusMask,
	inHelp | ctaHelpName: monitor.AttrHelper, inHelp | ctaHelpInfo: monitor.AttrHelperInfo,
	inSecCtx | ctaSecCtxName: monitor.AttrSecCtx, inFlow | ctaSeqAdjOrig: monitor.AttrSeqAdjOrig,
	inFlow | ctaSeqAdjReply: monitor.AttrSeqAdjReply, inFlow | ctaSynproxy: monitor.AttrSynproxy,
}

func (r *reader) flow(typ object, v []byte) {
	e := r.event
	e.Has |= flowAttrs[typ]
	switch typ {
	case inFlow | ctaTupleOrig:
		if r.readTuple(v, &e.Flow.Orig) {
			e.Has |= monitor.AttrZoneOrig
		}
	case inFlow | ctaTupleReply:
		if r.readTuple(v, &e.Flow.Reply) {
			e.Has |= monitor.AttrZoneReply
		}
	case inFlow | ctaStatus:
		// On mips, sparc and older arm the kernel aligns CTA_TIMESTAMP_EVENT with
		// an empty CTA_TIMESTAMP_PAD. Its number, 3, is CTA_STATUS at this level.
		if len(v) > 0 {
			e.Flow.Status = monitor.Status(r.be32(v))
			e.Has |= monitor.AttrStatus
		}
	case inFlow | ctaTimeout:
		e.Flow.Timeout = r.be32(v)
	case inFlow | ctaMark:
		e.Flow.Mark = r.be32(v)
	case inFlow | ctaID:
		e.Flow.ID = r.be32(v)
	case inFlow | ctaUse:
		e.Flow.Use = r.be32(v)
	case inFlow | ctaZone:
		e.Flow.Zone = r.be16(v)
	case inFlow | ctaTimestampEvent:
		e.Time, e.TimeSource = monitor.Time(r.be64(v)), monitor.TimeKernel

	case inFlow | ctaProtoinfo:
		r.read(inProtoinfo, v)
	case inFlow | ctaCountersOrig:
		r.counters = &e.Flow.CountersOrig
		r.read(inCounters, v)
	case inFlow | ctaCountersReply:
		r.counters = &e.Flow.CountersReply
		r.read(inCounters, v)
	case inCounters | ctaCountersPackets: // Linux has not sent the 32-bit ones since 2.6.15
		r.counters.Packets = r.be64(v)
	case inCounters | ctaCountersBytes:
		r.counters.Bytes = r.be64(v)

	case inFlow | ctaTimestamp:
		r.read(inTimestamp, v)
	case inTimestamp | ctaTimestampStart:
		e.Flow.Start = monitor.Time(r.be64(v))
	case inTimestamp | ctaTimestampStop:
		e.Flow.Stop = monitor.Time(r.be64(v))
	case inCounters | ctaCountersPad, inTimestamp | ctaTimestampPad:
	default:
		r.rare(typ, v)
	}
}

func (r *reader) protoinfo(typ object, v []byte) {
	e := r.event
	e.Has |= flowAttrs[typ]
	switch typ {
	case inProtoinfo | ctaProtoinfoTCP:
		r.read(inTCP, v)
	case inProtoinfo | ctaProtoinfoSCTP:
		r.read(inSCTP, v)
	case inProtoinfo | ctaProtoinfoDCCP:
		r.read(inDCCP, v)
	case inTCP | ctaTCPState, inSCTP | ctaSCTPState, inDCCP | ctaDCCPState:
		e.Flow.State = monitor.State(r.u8(v))
	case inTCP | ctaTCPWScaleOrig:
		e.Flow.TCP.WScaleOrig = r.u8(v)
	case inTCP | ctaTCPWScaleReply:
		e.Flow.TCP.WScaleReply = r.u8(v)
	case inTCP | ctaTCPFlagsOrig: // struct nf_ct_tcp_flags { __u8 flags; __u8 mask; }
		if r.sized(v, 2) {
			e.Flow.TCP.FlagsOrig, e.Flow.TCP.MaskOrig = v[0], v[1]
		}
	case inTCP | ctaTCPFlagsReply:
		if r.sized(v, 2) {
			e.Flow.TCP.FlagsReply, e.Flow.TCP.MaskReply = v[0], v[1]
		}
	case inSCTP | ctaSCTPVTagOrig:
		r.extra().VTagOrig = r.be32(v)
	case inSCTP | ctaSCTPVTagReply:
		r.extra().VTagReply = r.be32(v)
	case inDCCP | ctaDCCPRole:
		r.extra().DCCPRole = r.u8(v)
	case inDCCP | ctaDCCPHandshakeSeq:
		r.extra().DCCPSeq = r.be64(v)
	case inDCCP | ctaDCCPPad:
	default:
		r.Unknown++
	}
}

func (r *reader) rare(typ object, v []byte) {
	e := r.event
	e.Has |= flowAttrs[typ]
	switch typ {
	case inFlow | ctaTupleMaster:
		r.readTuple(v, &r.extra().Master)
	case inFlow | ctaLabels:
		r.extra().Labels = r.labels(v)
	case inFlow | ctaLabelsMask:
		r.extra().LabelsMask = r.labels(v)
	case inFlow | ctaSecMark:
		r.extra().SecMark = r.be32(v)
	case inFlow | ctaMarkMask:
		r.extra().MarkMask = r.be32(v)
	case inFlow | ctaStatusMask:
		r.extra().StatusMask = r.be32(v)

	case inFlow | ctaHelp:
		r.read(inHelp, v)
	case inHelp | ctaHelpName:
		r.extra().Helper = r.text(v, maxHelper)
	case inHelp | ctaHelpInfo:
		r.extra().HelperInfo = r.upTo(v, maxHelperInfo)

	case inFlow | ctaSecCtx:
		r.read(inSecCtx, v)
	case inSecCtx | ctaSecCtxName:
		r.extra().SecCtx = r.text(v, maxSecCtx)

	case inFlow | ctaSeqAdjOrig:
		r.seqAdj = &r.extra().SeqAdjOrig
		r.read(inSeqAdj, v)
	case inFlow | ctaSeqAdjReply:
		r.seqAdj = &r.extra().SeqAdjReply
		r.read(inSeqAdj, v)
	case inSeqAdj | ctaSeqAdjCorrection:
		r.seqAdj.Correction = r.be32(v)
	case inSeqAdj | ctaSeqAdjOffsetBefore:
		r.seqAdj.OffsetBefore = int32(r.be32(v))
	case inSeqAdj | ctaSeqAdjOffsetAfter:
		r.seqAdj.OffsetAfter = int32(r.be32(v))

	case inFlow | ctaSynproxy:
		r.extra()
		r.read(inSynproxy, v)
	case inSynproxy | ctaSynproxyISN:
		e.Extra.Synproxy.ISN = r.be32(v)
	case inSynproxy | ctaSynproxyITS:
		e.Extra.Synproxy.ITS = r.be32(v)
	case inSynproxy | ctaSynproxyTSOff:
		e.Extra.Synproxy.TSOff = r.be32(v)
	default:
		r.Unknown++
	}
}

const labelsSize = 16 // NF_CT_LABELS_MAX_SIZE

// hostIsBigEndian reports the byte order of the machine, and so of the kernel's words.
var hostIsBigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// labels returns the bytes of CTA_LABELS or CTA_LABELS_MASK. Label n is bit n%8 of byte
// n/8. The kernel sends an unsigned long[] in host order, so the result is a copy on a big
// endian machine.
func (r *reader) labels(v []byte) []byte {
	if !r.sized(v, labelsSize) {
		return nil
	}
	return littleWords(v)
}

// littleWords returns v. On a big endian host it is a copy with every word reversed.
func littleWords(v []byte) []byte {
	if !hostIsBigEndian {
		return v
	}
	v = slices.Clone(v)
	for word := range slices.Chunk(v, bits.UintSize/8) {
		slices.Reverse(word)
	}
	return v
}
