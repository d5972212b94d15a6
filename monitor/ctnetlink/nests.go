package ctnetlink

import "natlens/monitor"

// extra returns the event's Extra. It is made for the first attribute that needs it.
func extra(e *monitor.Event, batch *monitor.Batch) *monitor.Extra {
	if e.Extra == nil {
		e.Extra = batch.NewExtra()
	}
	return e.Extra
}

// rare reads a top-level attribute of few messages into Extra, or skips an unknown one.
func (d *Decoder) rare(w *walk, typ uint16, v []byte, e *monitor.Event, batch *monitor.Batch) {
	switch typ {
	case ctaTupleMaster:
		e.Has |= monitor.AttrMaster
		_, w.err = d.tuple(v, &extra(e, batch).Master)
	case ctaHelp:
		w.err = d.help(v, e, batch)
	case ctaSecCtx:
		w.err = d.secctx(v, e, batch)
	case ctaLabels:
		e.Has |= monitor.AttrLabels
		extra(e, batch).Labels = labels(w, v)
	case ctaLabelsMask:
		e.Has |= monitor.AttrLabelsMask
		extra(e, batch).LabelsMask = labels(w, v)
	case ctaSeqAdjOrig:
		e.Has |= monitor.AttrSeqAdjOrig
		w.err = d.seqadj(v, &extra(e, batch).SeqAdjOrig)
	case ctaSeqAdjReply:
		e.Has |= monitor.AttrSeqAdjReply
		w.err = d.seqadj(v, &extra(e, batch).SeqAdjReply)
	case ctaSynproxy:
		e.Has |= monitor.AttrSynproxy
		w.err = d.synproxy(v, &extra(e, batch).Synproxy)
	case ctaSecMark:
		e.Has |= monitor.AttrSecMark
		extra(e, batch).SecMark = w.be32(v)
	case ctaMarkMask:
		e.Has |= monitor.AttrMarkMask
		extra(e, batch).MarkMask = w.be32(v)
	case ctaStatusMask:
		e.Has |= monitor.AttrStatusMask
		extra(e, batch).StatusMask = w.be32(v)
	default:
		d.Unknown++
	}
}

// counters reads CTA_COUNTERS_ORIG or _REPLY. Linux has not sent the old 32-bit children
// since 2.6.15; they count as unknown.
func (d *Decoder) counters(b []byte, c *monitor.Counters) error {
	w := walk{op: "counters"}
	for typ, v := range w.over(b) {
		switch typ {
		case ctaCountersPackets:
			c.Packets = w.be64(v)
		case ctaCountersBytes:
			c.Bytes = w.be64(v)
		case ctaCountersPad:
		default:
			d.Unknown++
		}
	}
	return w.err
}

// timestamp reads CTA_TIMESTAMP: start and stop of the flow.
func (d *Decoder) timestamp(b []byte, e *monitor.Event) error {
	w := walk{op: "timestamp"}
	for typ, v := range w.over(b) {
		switch typ {
		case ctaTimestampStart:
			e.Flow.Start = monitor.Time(w.be64(v))
			e.Has |= monitor.AttrStart
		case ctaTimestampStop:
			e.Flow.Stop = monitor.Time(w.be64(v))
			e.Has |= monitor.AttrStop
		case ctaTimestampPad:
		default:
			d.Unknown++
		}
	}
	return w.err
}

func (d *Decoder) help(b []byte, e *monitor.Event, batch *monitor.Batch) error {
	w := walk{op: "help"}
	for typ, v := range w.over(b) {
		switch typ {
		case ctaHelpName:
			extra(e, batch).Helper = w.text(v, maxHelper)
			e.Has |= monitor.AttrHelper
		case ctaHelpInfo:
			extra(e, batch).HelperInfo = w.upTo(v, maxHelperInfo)
			e.Has |= monitor.AttrHelperInfo
		default:
			d.Unknown++
		}
	}
	return w.err
}

func (d *Decoder) secctx(b []byte, e *monitor.Event, batch *monitor.Batch) error {
	w := walk{op: "secctx"}
	for typ, v := range w.over(b) {
		switch typ {
		case ctaSecCtxName:
			extra(e, batch).SecCtx = w.text(v, maxSecCtx)
			e.Has |= monitor.AttrSecCtx
		default:
			d.Unknown++
		}
	}
	return w.err
}

func (d *Decoder) seqadj(b []byte, s *monitor.SeqAdj) error {
	w := walk{op: "seqadj"}
	for typ, v := range w.over(b) {
		switch typ {
		case ctaSeqAdjCorrection:
			s.Correction = w.be32(v)
		case ctaSeqAdjOffsetBefore:
			s.OffsetBefore = int32(w.be32(v))
		case ctaSeqAdjOffsetAfter:
			s.OffsetAfter = int32(w.be32(v))
		default:
			d.Unknown++
		}
	}
	return w.err
}

func (d *Decoder) synproxy(b []byte, s *monitor.Synproxy) error {
	w := walk{op: "synproxy"}
	for typ, v := range w.over(b) {
		switch typ {
		case ctaSynproxyISN:
			s.ISN = w.be32(v)
		case ctaSynproxyITS:
			s.ITS = w.be32(v)
		case ctaSynproxyTSOff:
			s.TSOff = w.be32(v)
		default:
			d.Unknown++
		}
	}
	return w.err
}

// protoinfo reads CTA_PROTOINFO: the state of TCP, SCTP or DCCP.
func (d *Decoder) protoinfo(b []byte, e *monitor.Event, batch *monitor.Batch) error {
	w := walk{op: "protoinfo"}
	for typ, v := range w.over(b) {
		switch typ {
		case ctaProtoinfoTCP:
			w.err = d.tcp(v, e)
		case ctaProtoinfoSCTP:
			w.err = d.sctp(v, e, batch)
		case ctaProtoinfoDCCP:
			w.err = d.dccp(v, e, batch)
		default:
			d.Unknown++
		}
	}
	return w.err
}

func (d *Decoder) tcp(b []byte, e *monitor.Event) error {
	f := &e.Flow
	w := walk{op: "protoinfo tcp"}
	for typ, v := range w.over(b) {
		switch typ {
		case ctaTCPState:
			f.State = monitor.State(w.u8(v))
			e.Has |= monitor.AttrState
		case ctaTCPWScaleOrig:
			f.TCP.WScaleOrig = w.u8(v)
			e.Has |= monitor.AttrWScaleOrig
		case ctaTCPWScaleReply:
			f.TCP.WScaleReply = w.u8(v)
			e.Has |= monitor.AttrWScaleReply
		case ctaTCPFlagsOrig: // struct nf_ct_tcp_flags { __u8 flags; __u8 mask; }
			if w.sized(v, 2) {
				f.TCP.FlagsOrig, f.TCP.MaskOrig = v[0], v[1]
			}
			e.Has |= monitor.AttrTCPFlagsOrig
		case ctaTCPFlagsReply:
			if w.sized(v, 2) {
				f.TCP.FlagsReply, f.TCP.MaskReply = v[0], v[1]
			}
			e.Has |= monitor.AttrTCPFlagsReply
		default:
			d.Unknown++
		}
	}
	return w.err
}

func (d *Decoder) sctp(b []byte, e *monitor.Event, batch *monitor.Batch) error {
	w := walk{op: "protoinfo sctp"}
	for typ, v := range w.over(b) {
		switch typ {
		case ctaSCTPState:
			e.Flow.State = monitor.State(w.u8(v))
			e.Has |= monitor.AttrState
		case ctaSCTPVTagOrig:
			extra(e, batch).VTagOrig = w.be32(v)
			e.Has |= monitor.AttrVTagOrig
		case ctaSCTPVTagReply:
			extra(e, batch).VTagReply = w.be32(v)
			e.Has |= monitor.AttrVTagReply
		default:
			d.Unknown++
		}
	}
	return w.err
}

func (d *Decoder) dccp(b []byte, e *monitor.Event, batch *monitor.Batch) error {
	w := walk{op: "protoinfo dccp"}
	for typ, v := range w.over(b) {
		switch typ {
		case ctaDCCPState:
			e.Flow.State = monitor.State(w.u8(v))
			e.Has |= monitor.AttrState
		case ctaDCCPRole:
			extra(e, batch).DCCPRole = w.u8(v)
			e.Has |= monitor.AttrDCCPRole
		case ctaDCCPHandshakeSeq:
			extra(e, batch).DCCPSeq = w.be64(v)
			e.Has |= monitor.AttrDCCPSeq
		case ctaDCCPPad:
		default:
			d.Unknown++
		}
	}
	return w.err
}
