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

func init() {
	know(map[object]attribute{
		inFlow | ctaTupleOrig: {monitor.AttrOrig, func(r *reader) {
			r.zonedTuple(&r.flow.Orig, monitor.AttrZoneOrig)
		}},
		inFlow | ctaTupleReply: {monitor.AttrReply, func(r *reader) {
			r.zonedTuple(&r.flow.Reply, monitor.AttrZoneReply)
		}},
		inFlow | ctaStatus:  {0, (*reader).status},
		inFlow | ctaTimeout: {monitor.AttrTimeout, func(r *reader) { r.flow.Timeout = r.be32() }},
		inFlow | ctaMark:    {monitor.AttrMark, func(r *reader) { r.flow.Mark = r.be32() }},
		inFlow | ctaID:      {monitor.AttrID, func(r *reader) { r.flow.ID = r.be32() }},
		inFlow | ctaUse:     {monitor.AttrUse, func(r *reader) { r.flow.Use = r.be32() }},
		inFlow | ctaZone:    {monitor.AttrZone, func(r *reader) { r.flow.Zone = r.be16() }},
		inFlow | ctaTimestampEvent: {monitor.AttrEventTime, func(r *reader) {
			r.event.Time, r.event.TimeSource = monitor.Time(r.be64()), monitor.TimeKernel
		}},
		inFlow | ctaCountersOrig: {monitor.AttrCountersOrig, func(r *reader) {
			r.counters = &r.flow.CountersOrig
			r.read(inCounters, r.v)
		}},
		inFlow | ctaCountersReply: {monitor.AttrCountersReply, func(r *reader) {
			r.counters = &r.flow.CountersReply
			r.read(inCounters, r.v)
		}},
		// Linux has not sent the 32-bit ones since 2.6.15.
		inCounters | ctaCountersPackets: {0, func(r *reader) { r.counters.Packets = r.be64() }},
		inCounters | ctaCountersBytes:   {0, func(r *reader) { r.counters.Bytes = r.be64() }},
		inCounters | ctaCountersPad:     {0, skip},

		inFlow | ctaTimestamp: {0, children(inTimestamp)},
		inTimestamp | ctaTimestampStart: {monitor.AttrStart, func(r *reader) {
			r.flow.Start = monitor.Time(r.be64())
		}},
		inTimestamp | ctaTimestampStop: {monitor.AttrStop, func(r *reader) { r.flow.Stop = monitor.Time(r.be64()) }},
		inTimestamp | ctaTimestampPad:  {0, skip},

		inFlow | ctaTupleMaster: {monitor.AttrMaster, func(r *reader) { r.readTuple(&r.extra().Master) }},
		inFlow | ctaLabels:      {monitor.AttrLabels, func(r *reader) { r.extra().Labels = r.labels() }},
		inFlow | ctaLabelsMask:  {monitor.AttrLabelsMask, func(r *reader) { r.extra().LabelsMask = r.labels() }},
		inFlow | ctaSecMark:     {monitor.AttrSecMark, func(r *reader) { r.extra().SecMark = r.be32() }},
		inFlow | ctaMarkMask:    {monitor.AttrMarkMask, func(r *reader) { r.extra().MarkMask = r.be32() }},
		inFlow | ctaStatusMask:  {monitor.AttrStatusMask, func(r *reader) { r.extra().StatusMask = r.be32() }},

		inFlow | ctaHelp:     {0, children(inHelp)},
		inHelp | ctaHelpName: {monitor.AttrHelper, func(r *reader) { r.extra().Helper = r.text(maxHelper) }},
		inHelp | ctaHelpInfo: {monitor.AttrHelperInfo, func(r *reader) {
			r.extra().HelperInfo = r.upTo(maxHelperInfo)
		}},
		inFlow | ctaSecCtx:       {0, children(inSecCtx)},
		inSecCtx | ctaSecCtxName: {monitor.AttrSecCtx, func(r *reader) { r.extra().SecCtx = r.text(maxSecCtx) }},
	})
}

func init() { // attributes of the protocols, and those after a payload was rewritten
	know(map[object]attribute{
		inFlow | ctaProtoinfo:          {0, children(inProtoinfo)},
		inProtoinfo | ctaProtoinfoTCP:  {0, children(inTCP)},
		inProtoinfo | ctaProtoinfoSCTP: {0, children(inSCTP)},
		inProtoinfo | ctaProtoinfoDCCP: {0, children(inDCCP)},
		inTCP | ctaTCPState:            {monitor.AttrState, (*reader).state},
		inSCTP | ctaSCTPState:          {monitor.AttrState, (*reader).state},
		inDCCP | ctaDCCPState:          {monitor.AttrState, (*reader).state},
		inTCP | ctaTCPWScaleOrig:       {monitor.AttrWScaleOrig, func(r *reader) { r.flow.TCP.WScaleOrig = r.u8() }},
		inTCP | ctaTCPWScaleReply:      {monitor.AttrWScaleReply, func(r *reader) { r.flow.TCP.WScaleReply = r.u8() }},
		// struct nf_ct_tcp_flags { __u8 flags; __u8 mask; }
		inTCP | ctaTCPFlagsOrig: {monitor.AttrTCPFlagsOrig, func(r *reader) {
			if r.sized(2) {
				r.flow.TCP.FlagsOrig, r.flow.TCP.MaskOrig = r.v[0], r.v[1]
			}
		}},
		inTCP | ctaTCPFlagsReply: {monitor.AttrTCPFlagsReply, func(r *reader) {
			if r.sized(2) {
				r.flow.TCP.FlagsReply, r.flow.TCP.MaskReply = r.v[0], r.v[1]
			}
		}},
		inSCTP | ctaSCTPVTagOrig:     {monitor.AttrVTagOrig, func(r *reader) { r.extra().VTagOrig = r.be32() }},
		inSCTP | ctaSCTPVTagReply:    {monitor.AttrVTagReply, func(r *reader) { r.extra().VTagReply = r.be32() }},
		inDCCP | ctaDCCPRole:         {monitor.AttrDCCPRole, func(r *reader) { r.extra().DCCPRole = r.u8() }},
		inDCCP | ctaDCCPHandshakeSeq: {monitor.AttrDCCPSeq, func(r *reader) { r.extra().DCCPSeq = r.be64() }},
		inDCCP | ctaDCCPPad:          {0, skip},

		inFlow | ctaSeqAdjOrig: {monitor.AttrSeqAdjOrig, func(r *reader) {
			r.seqAdj = &r.extra().SeqAdjOrig
			r.read(inSeqAdj, r.v)
		}},
		inFlow | ctaSeqAdjReply: {monitor.AttrSeqAdjReply, func(r *reader) {
			r.seqAdj = &r.extra().SeqAdjReply
			r.read(inSeqAdj, r.v)
		}},
		inSeqAdj | ctaSeqAdjCorrection:   {0, func(r *reader) { r.seqAdj.Correction = r.be32() }},
		inSeqAdj | ctaSeqAdjOffsetBefore: {0, func(r *reader) { r.seqAdj.OffsetBefore = int32(r.be32()) }},
		inSeqAdj | ctaSeqAdjOffsetAfter:  {0, func(r *reader) { r.seqAdj.OffsetAfter = int32(r.be32()) }},
		inFlow | ctaSynproxy: {monitor.AttrSynproxy, func(r *reader) {
			r.extra() // Extra exists even if the attribute is empty
			r.read(inSynproxy, r.v)
		}},
		inSynproxy | ctaSynproxyISN:   {0, func(r *reader) { r.event.Extra.Synproxy.ISN = r.be32() }},
		inSynproxy | ctaSynproxyITS:   {0, func(r *reader) { r.event.Extra.Synproxy.ITS = r.be32() }},
		inSynproxy | ctaSynproxyTSOff: {0, func(r *reader) { r.event.Extra.Synproxy.TSOff = r.be32() }},
	})
}

func (r *reader) state() { r.flow.State = monitor.State(r.u8()) }

// status reads CTA_STATUS. On mips, sparc and older arm the kernel aligns CTA_TIMESTAMP_EVENT with an empty
// CTA_TIMESTAMP_PAD. Its number, 3, is CTA_STATUS at this level.
func (r *reader) status() {
	if len(r.v) > 0 {
		r.flow.Status = monitor.Status(r.be32())
		r.has |= monitor.AttrStatus
	}
}

// zonedTuple reads a tuple whose own zone is the attribute zone.
func (r *reader) zonedTuple(t *monitor.Tuple, zone monitor.Attrs) {
	if r.readTuple(t) {
		r.has |= zone
	}
}

const labelsSize = 16 // NF_CT_LABELS_MAX_SIZE

// hostIsBigEndian reports the byte order of the machine, and so of the kernel's words.
var hostIsBigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// labels returns the bytes of CTA_LABELS or CTA_LABELS_MASK. Label n is bit n%8 of byte
// n/8. The kernel sends an unsigned long[] in host order, so the result is a copy on a big
// endian machine.
func (r *reader) labels() []byte {
	if !r.sized(labelsSize) {
		return nil
	}
	return littleWords(r.v)
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
