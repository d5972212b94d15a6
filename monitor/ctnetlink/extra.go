package ctnetlink

import (
	"bytes"

	"natlens/monitor"
)

// extra returns the event's Extra, which it gets with the first attribute that
// needs one.
func extra(e *monitor.Event, batch *monitor.Batch) *monitor.Extra {
	if e.Extra == nil {
		e.Extra = batch.NewExtra()
	}
	return e.Extra
}

// rare reads one top-level attribute that few messages bear and that stands in
// Extra, or skips one that is not known.
func (d *Decoder) rare(typ uint16, v []byte, e *monitor.Event, batch *monitor.Batch) (err error) {
	switch typ {
	case ctaTupleMaster:
		e.Has |= monitor.AttrMaster
		_, err = d.tuple(v, &extra(e, batch).Master)
	case ctaHelp:
		err = d.help(v, e, batch)
	case ctaSecCtx:
		err = d.secctx(v, e, batch)
	case ctaLabels:
		e.Has |= monitor.AttrLabels
		extra(e, batch).Labels, err = labels(typ, v)
	case ctaLabelsMask:
		e.Has |= monitor.AttrLabelsMask
		extra(e, batch).LabelsMask, err = labels(typ, v)
	case ctaSeqAdjOrig:
		e.Has |= monitor.AttrSeqAdjOrig
		err = d.seqadj(v, &extra(e, batch).SeqAdjOrig)
	case ctaSeqAdjReply:
		e.Has |= monitor.AttrSeqAdjReply
		err = d.seqadj(v, &extra(e, batch).SeqAdjReply)
	case ctaSynproxy:
		e.Has |= monitor.AttrSynproxy
		err = d.synproxy(v, &extra(e, batch).Synproxy)
	case ctaSecMark:
		e.Has |= monitor.AttrSecMark
		extra(e, batch).SecMark, err = be32("secmark", typ, v)
	case ctaMarkMask:
		e.Has |= monitor.AttrMarkMask
		extra(e, batch).MarkMask, err = be32("mark mask", typ, v)
	case ctaStatusMask:
		e.Has |= monitor.AttrStatusMask
		extra(e, batch).StatusMask, err = be32("status mask", typ, v)
	default:
		d.Unknown++
	}
	return err
}

func (d *Decoder) help(b []byte, e *monitor.Event, batch *monitor.Batch) error {
	for len(b) >= attrHeader {
		typ, v, rest, ok := next(b)
		if !ok {
			return badLength("help", len(b))
		}
		b = rest
		switch typ {
		case ctaHelpName:
			extra(e, batch).Helper = text(v)
			e.Has |= monitor.AttrHelper
		case ctaHelpInfo:
			extra(e, batch).HelperInfo = v
			e.Has |= monitor.AttrHelperInfo
		default:
			d.Unknown++
		}
	}
	return nil
}

func (d *Decoder) secctx(b []byte, e *monitor.Event, batch *monitor.Batch) error {
	for len(b) >= attrHeader {
		typ, v, rest, ok := next(b)
		if !ok {
			return badLength("secctx", len(b))
		}
		b = rest
		switch typ {
		case ctaSecCtxName:
			extra(e, batch).SecCtx = text(v)
			e.Has |= monitor.AttrSecCtx
		default:
			d.Unknown++
		}
	}
	return nil
}

func (d *Decoder) seqadj(b []byte, s *monitor.SeqAdj) error {
	for len(b) >= attrHeader {
		typ, v, rest, ok := next(b)
		if !ok {
			return badLength("seqadj", len(b))
		}
		b = rest
		var n uint32
		var err error
		switch typ {
		case ctaSeqAdjCorrection:
			s.Correction, err = be32("seqadj", typ, v)
		case ctaSeqAdjOffsetBefore:
			n, err = be32("seqadj", typ, v)
			s.OffsetBefore = int32(n)
		case ctaSeqAdjOffsetAfter:
			n, err = be32("seqadj", typ, v)
			s.OffsetAfter = int32(n)
		default:
			d.Unknown++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoder) synproxy(b []byte, s *monitor.Synproxy) error {
	for len(b) >= attrHeader {
		typ, v, rest, ok := next(b)
		if !ok {
			return badLength("synproxy", len(b))
		}
		b = rest
		var err error
		switch typ {
		case ctaSynproxyISN:
			s.ISN, err = be32("synproxy", typ, v)
		case ctaSynproxyITS:
			s.ITS, err = be32("synproxy", typ, v)
		case ctaSynproxyTSOff:
			s.TSOff, err = be32("synproxy", typ, v)
		default:
			d.Unknown++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// text cuts a C string at its NUL. The kernel ends its strings with one
// (nla_put_string); a string without is taken whole.
func text(v []byte) []byte {
	if i := bytes.IndexByte(v, 0); i >= 0 {
		return v[:i:i]
	}
	return v
}
