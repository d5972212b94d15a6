package ctnetlink

import (
	"natlens/monitor"
)

// protoinfo reads CTA_PROTOINFO: what the tracker of TCP, SCTP or DCCP tells.
func (d *Decoder) protoinfo(b []byte, e *monitor.Event, batch *monitor.Batch) error {
	for len(b) >= attrHeader {
		typ, v, rest, ok := next(b)
		if !ok {
			return badLength("protoinfo", len(b))
		}
		b = rest
		var err error
		switch typ {
		case ctaProtoinfoTCP:
			err = d.tcp(v, e)
		case ctaProtoinfoSCTP:
			err = d.sctp(v, e, batch)
		case ctaProtoinfoDCCP:
			err = d.dccp(v, e, batch)
		default:
			d.Unknown++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoder) tcp(b []byte, e *monitor.Event) error {
	f := &e.Flow
	for len(b) >= attrHeader {
		typ, v, rest, ok := next(b)
		if !ok {
			return badLength("protoinfo tcp", len(b))
		}
		b = rest
		want := 1
		if typ == ctaTCPFlagsOrig || typ == ctaTCPFlagsReply {
			want = 2 // struct nf_ct_tcp_flags { __u8 flags; __u8 mask; }
		}
		if typ >= ctaTCPState && typ <= ctaTCPFlagsReply && len(v) != want {
			return wrongSize("protoinfo tcp", typ, len(v))
		}
		switch typ {
		case ctaTCPState:
			f.State = monitor.State(v[0])
			e.Has |= monitor.AttrState
		case ctaTCPWScaleOrig:
			f.TCP.WScaleOrig = v[0]
			e.Has |= monitor.AttrWScaleOrig
		case ctaTCPWScaleReply:
			f.TCP.WScaleReply = v[0]
			e.Has |= monitor.AttrWScaleReply
		case ctaTCPFlagsOrig:
			f.TCP.FlagsOrig, f.TCP.MaskOrig = v[0], v[1]
			e.Has |= monitor.AttrTCPFlagsOrig
		case ctaTCPFlagsReply:
			f.TCP.FlagsReply, f.TCP.MaskReply = v[0], v[1]
			e.Has |= monitor.AttrTCPFlagsReply
		default:
			d.Unknown++
		}
	}
	return nil
}

func (d *Decoder) sctp(b []byte, e *monitor.Event, batch *monitor.Batch) error {
	for len(b) >= attrHeader {
		typ, v, rest, ok := next(b)
		if !ok {
			return badLength("protoinfo sctp", len(b))
		}
		b = rest
		var err error
		switch typ {
		case ctaSCTPState:
			e.Flow.State, err = state("protoinfo sctp", typ, v)
			e.Has |= monitor.AttrState
		case ctaSCTPVTagOrig:
			extra(e, batch).VTagOrig, err = be32("protoinfo sctp", typ, v)
			e.Has |= monitor.AttrVTagOrig
		case ctaSCTPVTagReply:
			extra(e, batch).VTagReply, err = be32("protoinfo sctp", typ, v)
			e.Has |= monitor.AttrVTagReply
		default:
			d.Unknown++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoder) dccp(b []byte, e *monitor.Event, batch *monitor.Batch) error {
	for len(b) >= attrHeader {
		typ, v, rest, ok := next(b)
		if !ok {
			return badLength("protoinfo dccp", len(b))
		}
		b = rest
		var err error
		switch typ {
		case ctaDCCPState:
			e.Flow.State, err = state("protoinfo dccp", typ, v)
			e.Has |= monitor.AttrState
		case ctaDCCPRole:
			if len(v) != 1 {
				return wrongSize("protoinfo dccp", typ, len(v))
			}
			extra(e, batch).DCCPRole = v[0]
			e.Has |= monitor.AttrDCCPRole
		case ctaDCCPHandshakeSeq:
			extra(e, batch).DCCPSeq, err = be64("protoinfo dccp", typ, v)
			e.Has |= monitor.AttrDCCPSeq
		case ctaDCCPPad:
		default:
			d.Unknown++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func state(op string, typ uint16, v []byte) (monitor.State, error) {
	if len(v) != 1 {
		return 0, wrongSize(op, typ, len(v))
	}
	return monitor.State(v[0]), nil
}
