package ctnetlink

import "natlens/monitor"

// extra returns the event's Extra. It is made for the first attribute that needs it.
func (r *reader) extra() *monitor.Extra {
	if r.event.Extra == nil {
		r.event.Extra = r.batch.NewExtra()
	}
	return r.event.Extra
}

// flow reads an attribute of a flow, or of what is nested in it.
func (r *reader) flow(typ object, v []byte) {
	e := r.event
	switch typ {
	case inFlow | ctaTupleOrig:
		e.Has |= monitor.AttrOrig
		if r.readTuple(v, &e.Flow.Orig) {
			e.Has |= monitor.AttrZoneOrig
		}
	case inFlow | ctaTupleReply:
		e.Has |= monitor.AttrReply
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
		e.Has |= monitor.AttrTimeout
	case inFlow | ctaMark:
		e.Flow.Mark = r.be32(v)
		e.Has |= monitor.AttrMark
	case inFlow | ctaID:
		e.Flow.ID = r.be32(v)
		e.Has |= monitor.AttrID
	case inFlow | ctaUse:
		e.Flow.Use = r.be32(v)
		e.Has |= monitor.AttrUse
	case inFlow | ctaZone:
		e.Flow.Zone = r.be16(v)
		e.Has |= monitor.AttrZone
	case inFlow | ctaTimestampEvent:
		e.Time, e.TimeSource = monitor.Time(r.be64(v)), monitor.TimeKernel
		e.Has |= monitor.AttrEventTime

	case inFlow | ctaProtoinfo:
		r.read(inProtoinfo, v)

	case inFlow | ctaCountersOrig:
		r.counters = &e.Flow.CountersOrig
		e.Has |= monitor.AttrCountersOrig
		r.read(inCounters, v)
	case inFlow | ctaCountersReply:
		r.counters = &e.Flow.CountersReply
		e.Has |= monitor.AttrCountersReply
		r.read(inCounters, v)
	case inCounters | ctaCountersPackets: // Linux has not sent the 32-bit ones since 2.6.15
		r.counters.Packets = r.be64(v)
	case inCounters | ctaCountersBytes:
		r.counters.Bytes = r.be64(v)

	case inFlow | ctaTimestamp:
		r.read(inTimestamp, v)
	case inTimestamp | ctaTimestampStart:
		e.Flow.Start = monitor.Time(r.be64(v))
		e.Has |= monitor.AttrStart
	case inTimestamp | ctaTimestampStop:
		e.Flow.Stop = monitor.Time(r.be64(v))
		e.Has |= monitor.AttrStop
	case inCounters | ctaCountersPad, inTimestamp | ctaTimestampPad:
	default:
		r.protoinfo(typ, v)
	}
}

// protoinfo is flow for what CTA_PROTOINFO has.
func (r *reader) protoinfo(typ object, v []byte) {
	e := r.event
	switch typ {
	case inProtoinfo | ctaProtoinfoTCP:
		r.read(inTCP, v)
	case inProtoinfo | ctaProtoinfoSCTP:
		r.read(inSCTP, v)
	case inProtoinfo | ctaProtoinfoDCCP:
		r.read(inDCCP, v)
	case inTCP | ctaTCPState, inSCTP | ctaSCTPState, inDCCP | ctaDCCPState:
		e.Flow.State = monitor.State(r.u8(v))
		e.Has |= monitor.AttrState
	case inTCP | ctaTCPWScaleOrig:
		e.Flow.TCP.WScaleOrig = r.u8(v)
		e.Has |= monitor.AttrWScaleOrig
	case inTCP | ctaTCPWScaleReply:
		e.Flow.TCP.WScaleReply = r.u8(v)
		e.Has |= monitor.AttrWScaleReply
	case inTCP | ctaTCPFlagsOrig: // struct nf_ct_tcp_flags { __u8 flags; __u8 mask; }
		if r.sized(v, 2) {
			e.Flow.TCP.FlagsOrig, e.Flow.TCP.MaskOrig = v[0], v[1]
		}
		e.Has |= monitor.AttrTCPFlagsOrig
	case inTCP | ctaTCPFlagsReply:
		if r.sized(v, 2) {
			e.Flow.TCP.FlagsReply, e.Flow.TCP.MaskReply = v[0], v[1]
		}
		e.Has |= monitor.AttrTCPFlagsReply
	case inSCTP | ctaSCTPVTagOrig:
		r.extra().VTagOrig = r.be32(v)
		e.Has |= monitor.AttrVTagOrig
	case inSCTP | ctaSCTPVTagReply:
		r.extra().VTagReply = r.be32(v)
		e.Has |= monitor.AttrVTagReply
	case inDCCP | ctaDCCPRole:
		r.extra().DCCPRole = r.u8(v)
		e.Has |= monitor.AttrDCCPRole
	case inDCCP | ctaDCCPHandshakeSeq:
		r.extra().DCCPSeq = r.be64(v)
		e.Has |= monitor.AttrDCCPSeq
	case inDCCP | ctaDCCPPad:
	default:
		r.rare(typ, v)
	}
}

// rare is flow for what few messages have.
func (r *reader) rare(typ object, v []byte) {
	e := r.event
	switch typ {
	case inFlow | ctaTupleMaster:
		e.Has |= monitor.AttrMaster
		r.readTuple(v, &r.extra().Master)
	case inFlow | ctaLabels:
		e.Has |= monitor.AttrLabels
		r.extra().Labels = r.labels(v)
	case inFlow | ctaLabelsMask:
		e.Has |= monitor.AttrLabelsMask
		r.extra().LabelsMask = r.labels(v)
	case inFlow | ctaSecMark:
		e.Has |= monitor.AttrSecMark
		r.extra().SecMark = r.be32(v)
	case inFlow | ctaMarkMask:
		e.Has |= monitor.AttrMarkMask
		r.extra().MarkMask = r.be32(v)
	case inFlow | ctaStatusMask:
		e.Has |= monitor.AttrStatusMask
		r.extra().StatusMask = r.be32(v)

	case inFlow | ctaHelp:
		r.read(inHelp, v)
	case inHelp | ctaHelpName:
		r.extra().Helper = r.text(v, maxHelper)
		e.Has |= monitor.AttrHelper
	case inHelp | ctaHelpInfo:
		r.extra().HelperInfo = r.upTo(v, maxHelperInfo)
		e.Has |= monitor.AttrHelperInfo

	case inFlow | ctaSecCtx:
		r.read(inSecCtx, v)
	case inSecCtx | ctaSecCtxName:
		r.extra().SecCtx = r.text(v, maxSecCtx)
		e.Has |= monitor.AttrSecCtx

	case inFlow | ctaSeqAdjOrig:
		r.seqAdj = &r.extra().SeqAdjOrig
		e.Has |= monitor.AttrSeqAdjOrig
		r.read(inSeqAdj, v)
	case inFlow | ctaSeqAdjReply:
		r.seqAdj = &r.extra().SeqAdjReply
		e.Has |= monitor.AttrSeqAdjReply
		r.read(inSeqAdj, v)
	case inSeqAdj | ctaSeqAdjCorrection:
		r.seqAdj.Correction = r.be32(v)
	case inSeqAdj | ctaSeqAdjOffsetBefore:
		r.seqAdj.OffsetBefore = int32(r.be32(v))
	case inSeqAdj | ctaSeqAdjOffsetAfter:
		r.seqAdj.OffsetAfter = int32(r.be32(v))

	case inFlow | ctaSynproxy:
		r.extra()
		e.Has |= monitor.AttrSynproxy
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
