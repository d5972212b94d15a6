package jsonl

import (
	"encoding/hex"
	"strconv"

	"natlens/export/text"
	"natlens/monitor"
)

func (j *Writer) rare(b []byte, e *monitor.Event, h monitor.Attrs) []byte {
	f := &e.Flow
	b = numIf(b, h&monitor.AttrZone != 0, `,"zone":`, uint64(f.Zone))
	b = numIf(b, h&monitor.AttrZoneOrig != 0, `,"zone_orig":`, uint64(f.Orig.Zone))
	b = numIf(b, h&monitor.AttrZoneReply != 0, `,"zone_reply":`, uint64(f.Reply.Zone))
	b, counters := openObject(b, `,"counters":`)
	b = counterMembers(b, h&monitor.AttrCountersOrig != 0, `,"orig":{`, f.CountersOrig)
	b = counterMembers(b, h&monitor.AttrCountersReply != 0, `,"reply":{`, f.CountersReply)
	b = counters.close(b)
	if h&monitor.AttrStart != 0 {
		b = j.time(b, `,"start":"`, &j.start, f.Start)
	}
	if h&monitor.AttrStop != 0 {
		b = j.time(b, `,"stop":"`, &j.stop, f.Stop)
	}
	b = numIf(b, h&monitor.AttrUse != 0, `,"use":`, uint64(f.Use))
	b, tcp := openObject(b, `,"tcp":`)
	t := &f.TCP
	b = side(b, `,"orig":`, h&monitor.AttrWScaleOrig != 0, h&monitor.AttrTCPFlagsOrig != 0, t.WScaleOrig, t.FlagsOrig,
		t.MaskOrig)
	b = side(b, `,"reply":`, h&monitor.AttrWScaleReply != 0, h&monitor.AttrTCPFlagsReply != 0, t.WScaleReply,
		t.FlagsReply, t.MaskReply)
	b = tcp.close(b)
	if e.Extra != nil && h&monitor.AttrsInExtra != 0 {
		b = extraNumbers(j.extraText(b, e.Extra, h), e.Extra, h)
	}
	return b
}

func counterMembers(b []byte, known bool, name string, c monitor.Counters) []byte {
	if !known {
		return b
	}
	b = num(append(b, name...), `"packets":`, c.Packets)
	return append(num(b, `,"bytes":`, c.Bytes), '}')
}

func side(b []byte, name string, hasScale, hasFlags bool, scale, flags, mask uint8) []byte {
	b, members := openObject(b, name)
	b = numIf(b, hasScale, `,"wscale":`, uint64(scale))
	b = numIf(b, hasFlags, `,"flags":`, uint64(flags))
	b = numIf(b, hasFlags, `,"flags_mask":`, uint64(mask))
	return members.close(b)
}

func (j *Writer) extraText(b []byte, x *monitor.Extra, h monitor.Attrs) []byte {
	if h&monitor.AttrHelper != 0 {
		b = appendText(append(b, `,"helper":`...), x.Helper)
	}
	if h&monitor.AttrHelperInfo != 0 {
		b = append(hex.AppendEncode(append(b, `,"helper_info":"`...), x.HelperInfo), '"')
	}
	if h&monitor.AttrSecCtx != 0 {
		b = appendText(append(b, `,"secctx":`...), x.SecCtx)
	}
	if h&monitor.AttrLabels != 0 {
		b = append(text.AppendBits(append(b, `,"labels":[`...), x.Labels, ","), ']')
	}
	if h&monitor.AttrLabelsMask != 0 {
		b = append(text.AppendBits(append(b, `,"labels_mask":[`...), x.LabelsMask, ","), ']')
	}
	if h&monitor.AttrMaster != 0 {
		var master object
		b, master = openObject(b, `,"master":`)
		b = master.close(j.tuple(append(protocol(b, &x.Master), ','), &x.Master))
	}
	return b
}

func extraNumbers(b []byte, x *monitor.Extra, h monitor.Attrs) []byte {
	b, sctp := openObject(b, `,"sctp":`)
	b = numIf(b, h&monitor.AttrVTagOrig != 0, `,"vtag_orig":`, uint64(x.VTagOrig))
	b = numIf(b, h&monitor.AttrVTagReply != 0, `,"vtag_reply":`, uint64(x.VTagReply))
	b, dccp := openObject(sctp.close(b), `,"dccp":`)
	if h&monitor.AttrDCCPRole != 0 {
		b = word(b, `,"role":"`, dccpRoles[min(int(x.DCCPRole), len(dccpRoles)-1)])
	}
	b = numIf(b, h&monitor.AttrDCCPSeq != 0, `,"seq":`, x.DCCPSeq)
	b, seqadj := openObject(dccp.close(b), `,"seqadj":`)
	b = adjustment(b, h&monitor.AttrSeqAdjOrig != 0, `,"orig":{`, x.SeqAdjOrig)
	b = adjustment(b, h&monitor.AttrSeqAdjReply != 0, `,"reply":{`, x.SeqAdjReply)
	b = seqadj.close(b)
	if h&monitor.AttrSynproxy != 0 {
		b = num(b, `,"synproxy":{"isn":`, uint64(x.Synproxy.ISN))
		b = num(b, `,"its":`, uint64(x.Synproxy.ITS))
		b = append(num(b, `,"tsoff":`, uint64(x.Synproxy.TSOff)), '}')
	}
	b = numIf(b, h&monitor.AttrSecMark != 0, `,"secmark":`, uint64(x.SecMark))
	b = numIf(b, h&monitor.AttrMarkMask != 0, `,"mark_mask":`, uint64(x.MarkMask))
	return numIf(b, h&monitor.AttrStatusMask != 0, `,"status_mask":`, uint64(x.StatusMask))
}

// dccpRoles are the roles of the original direction (enum ct_dccp_roles). The last one
// is for any other number.
var dccpRoles = [...]string{"client", "server", "unknown"}

func adjustment(b []byte, known bool, name string, s monitor.SeqAdj) []byte {
	if !known {
		return b
	}
	b = num(append(b, name...), `"correction":`, uint64(s.Correction))
	b = strconv.AppendInt(append(b, `,"offset_before":`...), int64(s.OffsetBefore), 10)
	b = strconv.AppendInt(append(b, `,"offset_after":`...), int64(s.OffsetAfter), 10)
	return append(b, '}')
}
