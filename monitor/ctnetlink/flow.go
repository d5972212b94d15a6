package ctnetlink

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"natlens/monitor"
)

// extra returns the event's Extra. It is made for the first attribute that needs it.
func (d *Decoder) extra() *monitor.Extra {
	if d.event.Extra == nil {
		d.event.Extra = d.batch.NewExtra()
	}
	return d.event.Extra
}

func init() {
	know(map[object]attribute{
		inFlow | ctaTupleOrig: {monitor.AttrOrig, 0, func(d *Decoder, v []byte) {
			d.zonedTuple(v, &d.flow.Orig, monitor.AttrZoneOrig)
		}},
		inFlow | ctaTupleReply: {monitor.AttrReply, 0, func(d *Decoder, v []byte) {
			d.zonedTuple(v, &d.flow.Reply, monitor.AttrZoneReply)
		}},
		inFlow | ctaStatus:  {0, 0, (*Decoder).status},
		inFlow | ctaTimeout: {monitor.AttrTimeout, 4, func(d *Decoder, v []byte) { d.flow.Timeout = be32(v) }},
		inFlow | ctaMark:    {monitor.AttrMark, 4, func(d *Decoder, v []byte) { d.flow.Mark = be32(v) }},
		inFlow | ctaID:      {monitor.AttrID, 4, func(d *Decoder, v []byte) { d.flow.ID = be32(v) }},
		inFlow | ctaUse:     {monitor.AttrUse, 4, func(d *Decoder, v []byte) { d.flow.Use = be32(v) }},
		inFlow | ctaZone:    {monitor.AttrZone, 2, func(d *Decoder, v []byte) { d.flow.Zone = be16(v) }},
		inFlow | ctaTimestampEvent: {monitor.AttrEventTime, 8, func(d *Decoder, v []byte) {
			d.event.Time, d.event.TimeSource = monitor.Time(be64(v)), monitor.TimeKernel
		}},
		inFlow | ctaCountersOrig: {monitor.AttrCountersOrig, 0, func(d *Decoder, v []byte) {
			d.counters = &d.flow.CountersOrig
			d.read(inCounters, v)
		}},
		inFlow | ctaCountersReply: {monitor.AttrCountersReply, 0, func(d *Decoder, v []byte) {
			d.counters = &d.flow.CountersReply
			d.read(inCounters, v)
		}},
		// Linux has not sent the 32-bit ones since 2.6.15.
		inCounters | ctaCountersPackets: {0, 8, func(d *Decoder, v []byte) { d.counters.Packets = be64(v) }},
		inCounters | ctaCountersBytes:   {0, 8, func(d *Decoder, v []byte) { d.counters.Bytes = be64(v) }},
		inCounters | ctaCountersPad:     {0, 0, skip},

		inFlow | ctaTimestamp: {0, 0, children(inTimestamp)},
		inTimestamp | ctaTimestampStart: {monitor.AttrStart, 8, func(d *Decoder, v []byte) {
			d.flow.Start = monitor.Time(be64(v))
		}},
		inTimestamp | ctaTimestampStop: {monitor.AttrStop, 8, func(d *Decoder, v []byte) {
			d.flow.Stop = monitor.Time(be64(v))
		}},
		inTimestamp | ctaTimestampPad: {0, 0, skip},

		inFlow | ctaTupleMaster: {monitor.AttrMaster, 0, func(d *Decoder, v []byte) {
			d.readTuple(v, &d.extra().Master)
		}},
		inFlow | ctaLabels: {monitor.AttrLabels, labelsSize, func(d *Decoder, v []byte) {
			d.extra().Labels = littleWords(v)
		}},
		inFlow | ctaLabelsMask: {monitor.AttrLabelsMask, labelsSize, func(d *Decoder, v []byte) {
			d.extra().LabelsMask = littleWords(v)
		}},
		inFlow | ctaSecMark:  {monitor.AttrSecMark, 4, func(d *Decoder, v []byte) { d.extra().SecMark = be32(v) }},
		inFlow | ctaMarkMask: {monitor.AttrMarkMask, 4, func(d *Decoder, v []byte) { d.extra().MarkMask = be32(v) }},
		inFlow | ctaStatusMask: {monitor.AttrStatusMask, 4, func(d *Decoder, v []byte) {
			d.extra().StatusMask = be32(v)
		}},

		inFlow | ctaHelp: {0, 0, children(inHelp)},
		inHelp | ctaHelpName: {monitor.AttrHelper, 0, func(d *Decoder, v []byte) {
			d.extra().Helper = d.text(v, maxHelper)
		}},
		inHelp | ctaHelpInfo: {monitor.AttrHelperInfo, 0, func(d *Decoder, v []byte) {
			d.extra().HelperInfo = d.upTo(v, maxHelperInfo)
		}},
		inFlow | ctaSecCtx: {0, 0, children(inSecCtx)},
		inSecCtx | ctaSecCtxName: {monitor.AttrSecCtx, 0, func(d *Decoder, v []byte) {
			d.extra().SecCtx = d.text(v, maxSecCtx)
		}},
	})
}

func init() { // attributes of the protocols, and those after a payload was rewritten
	know(map[object]attribute{
		inFlow | ctaProtoinfo:          {0, 0, children(inProtoinfo)},
		inProtoinfo | ctaProtoinfoTCP:  {0, 0, children(inTCP)},
		inProtoinfo | ctaProtoinfoSCTP: {0, 0, children(inSCTP)},
		inProtoinfo | ctaProtoinfoDCCP: {0, 0, children(inDCCP)},
		inTCP | ctaTCPState:            {monitor.AttrState, 1, (*Decoder).state},
		inSCTP | ctaSCTPState:          {monitor.AttrState, 1, (*Decoder).state},
		inDCCP | ctaDCCPState:          {monitor.AttrState, 1, (*Decoder).state},
		inTCP | ctaTCPWScaleOrig: {monitor.AttrWScaleOrig, 1, func(d *Decoder, v []byte) {
			d.flow.TCP.WScaleOrig = v[0]
		}},
		inTCP | ctaTCPWScaleReply: {monitor.AttrWScaleReply, 1, func(d *Decoder, v []byte) {
			d.flow.TCP.WScaleReply = v[0]
		}},
		// struct nf_ct_tcp_flags { __u8 flags; __u8 mask; }
		inTCP | ctaTCPFlagsOrig: {monitor.AttrTCPFlagsOrig, 2, func(d *Decoder, v []byte) {
			d.flow.TCP.FlagsOrig, d.flow.TCP.MaskOrig = v[0], v[1]
		}},
		inTCP | ctaTCPFlagsReply: {monitor.AttrTCPFlagsReply, 2, func(d *Decoder, v []byte) {
			d.flow.TCP.FlagsReply, d.flow.TCP.MaskReply = v[0], v[1]
		}},
		inSCTP | ctaSCTPVTagOrig: {monitor.AttrVTagOrig, 4, func(d *Decoder, v []byte) {
			d.extra().VTagOrig = be32(v)
		}},
		inSCTP | ctaSCTPVTagReply: {monitor.AttrVTagReply, 4, func(d *Decoder, v []byte) {
			d.extra().VTagReply = be32(v)
		}},
		inDCCP | ctaDCCPRole: {monitor.AttrDCCPRole, 1, func(d *Decoder, v []byte) {
			d.extra().DCCPRole = v[0]
		}},
		inDCCP | ctaDCCPHandshakeSeq: {monitor.AttrDCCPSeq, 8, func(d *Decoder, v []byte) {
			d.extra().DCCPSeq = be64(v)
		}},
		inDCCP | ctaDCCPPad: {0, 0, skip},

		inFlow | ctaSeqAdjOrig: {monitor.AttrSeqAdjOrig, 0, func(d *Decoder, v []byte) {
			d.seqAdj = &d.extra().SeqAdjOrig
			d.read(inSeqAdj, v)
		}},
		inFlow | ctaSeqAdjReply: {monitor.AttrSeqAdjReply, 0, func(d *Decoder, v []byte) {
			d.seqAdj = &d.extra().SeqAdjReply
			d.read(inSeqAdj, v)
		}},
		inSeqAdj | ctaSeqAdjCorrection:   {0, 4, func(d *Decoder, v []byte) { d.seqAdj.Correction = be32(v) }},
		inSeqAdj | ctaSeqAdjOffsetBefore: {0, 4, func(d *Decoder, v []byte) { d.seqAdj.OffsetBefore = int32(be32(v)) }},
		inSeqAdj | ctaSeqAdjOffsetAfter:  {0, 4, func(d *Decoder, v []byte) { d.seqAdj.OffsetAfter = int32(be32(v)) }},
		inFlow | ctaSynproxy: {monitor.AttrSynproxy, 0, func(d *Decoder, v []byte) {
			d.extra() // Extra exists even if the attribute is empty
			d.read(inSynproxy, v)
		}},
		inSynproxy | ctaSynproxyISN:   {0, 4, func(d *Decoder, v []byte) { d.event.Extra.Synproxy.ISN = be32(v) }},
		inSynproxy | ctaSynproxyITS:   {0, 4, func(d *Decoder, v []byte) { d.event.Extra.Synproxy.ITS = be32(v) }},
		inSynproxy | ctaSynproxyTSOff: {0, 4, func(d *Decoder, v []byte) { d.event.Extra.Synproxy.TSOff = be32(v) }},
	})
}

func (d *Decoder) state(v []byte) { d.flow.State = monitor.State(v[0]) }

// status reads CTA_STATUS. On mips, sparc and older arm the kernel aligns CTA_TIMESTAMP_EVENT with an empty
// CTA_TIMESTAMP_PAD. Its number, 3, is CTA_STATUS at this level.
func (d *Decoder) status(v []byte) {
	switch len(v) {
	case 0:
	case 4:
		d.flow.Status = monitor.Status(be32(v))
		d.has |= monitor.AttrStatus
	default:
		d.wrongSize(len(v))
	}
}

// zonedTuple reads a tuple whose own zone is the attribute zone.
func (d *Decoder) zonedTuple(v []byte, t *monitor.Tuple, zone monitor.Attrs) {
	if d.readTuple(v, t) {
		d.has |= zone
	}
}

const labelsSize = 16 // NF_CT_LABELS_MAX_SIZE

// hostIsBigEndian reports the byte order of the machine, and so of the kernel's words.
var hostIsBigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// littleWords returns the bytes of CTA_LABELS or CTA_LABELS_MASK, in which label n is bit n%8 of byte n/8. The kernel
// sends an unsigned long[] in host order, so on a big endian host the result is a copy with every word reversed.
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
