package jsonl

import (
	"unicode/utf8"

	"natlens/export/text"
	"natlens/monitor"
)

// appendRare appends the attributes that few events bear.
func (j *Writer) appendRare(b []byte, e *monitor.Event, known monitor.Attrs) []byte {
	f := &e.Flow
	if known&monitor.AttrZone != 0 {
		b = appendField(b, `,"zone":`, uint64(f.Zone))
	}
	if known&monitor.AttrZoneOrig != 0 {
		b = appendField(b, `,"zone_orig":`, uint64(f.Orig.Zone))
	}
	if known&monitor.AttrZoneReply != 0 {
		b = appendField(b, `,"zone_reply":`, uint64(f.Reply.Zone))
	}
	if known&(monitor.AttrCountersOrig|monitor.AttrCountersReply) != 0 {
		b = appendCounters(b, f, known)
	}
	if known&monitor.AttrStart != 0 {
		b = j.appendTime(b, `,"start":"`, &j.start, f.Start)
	}
	if known&monitor.AttrStop != 0 {
		b = j.appendTime(b, `,"stop":"`, &j.stop, f.Stop)
	}
	if known&monitor.AttrUse != 0 {
		b = appendField(b, `,"use":`, uint64(f.Use))
	}
	if known&attrsTCP != 0 {
		b = appendTCP(b, &f.TCP, known)
	}
	if x := e.Extra; x != nil && known&monitor.AttrsInExtra != 0 {
		b = j.appendExtraText(b, x, known)
		b = appendExtraNumbers(b, x, known)
	}
	return b
}

// object writes the braces and commas of an object whose members come and go.
type object struct{ open bool }

// member appends what stands before a member's value: the object's name and
// brace for the first, a comma for the others.
func (o *object) member(b []byte, object, name string) []byte {
	if !o.open {
		o.open = true
		b = append(append(b, object...), '{')
	} else {
		b = append(b, ',')
	}
	return append(b, name...)
}

func (o *object) end(b []byte) []byte {
	if o.open {
		b = append(b, '}')
	}
	return b
}

func appendCounters(b []byte, f *monitor.Flow, known monitor.Attrs) []byte {
	var o object
	if known&monitor.AttrCountersOrig != 0 {
		b = o.member(b, `,"counters":`, `"orig":{`)
		b = appendCounter(b, f.CountersOrig)
	}
	if known&monitor.AttrCountersReply != 0 {
		b = o.member(b, `,"counters":`, `"reply":{`)
		b = appendCounter(b, f.CountersReply)
	}
	return o.end(b)
}

func appendCounter(b []byte, c monitor.Counters) []byte {
	b = appendField(b, `"packets":`, c.Packets)
	return append(appendField(b, `,"bytes":`, c.Bytes), '}')
}

const attrsTCP = monitor.AttrWScaleOrig | monitor.AttrWScaleReply | monitor.AttrTCPFlagsOrig | monitor.AttrTCPFlagsReply

func appendTCP(b []byte, t *monitor.TCPInfo, known monitor.Attrs) []byte {
	var o object
	if known&(monitor.AttrWScaleOrig|monitor.AttrTCPFlagsOrig) != 0 {
		b = o.member(b, `,"tcp":`, "")
		b = appendTCPSide(b, `"orig":`, known&monitor.AttrWScaleOrig != 0, known&monitor.AttrTCPFlagsOrig != 0,
			t.WScaleOrig, t.FlagsOrig, t.MaskOrig)
	}
	if known&(monitor.AttrWScaleReply|monitor.AttrTCPFlagsReply) != 0 {
		b = o.member(b, `,"tcp":`, "")
		b = appendTCPSide(b, `"reply":`, known&monitor.AttrWScaleReply != 0, known&monitor.AttrTCPFlagsReply != 0,
			t.WScaleReply, t.FlagsReply, t.MaskReply)
	}
	return o.end(b)
}

func appendTCPSide(b []byte, name string, hasScale, hasFlags bool, scale, flags, mask uint8) []byte {
	var o object
	if hasScale {
		b = text.AppendUint(o.member(b, name, `"wscale":`), uint64(scale))
	}
	if hasFlags {
		b = text.AppendUint(o.member(b, name, `"flags":`), uint64(flags))
		b = text.AppendUint(o.member(b, name, `"flags_mask":`), uint64(mask))
	}
	return o.end(b)
}

// appendExtraText appends what bears text or bytes.
func (j *Writer) appendExtraText(b []byte, x *monitor.Extra, known monitor.Attrs) []byte {
	if known&monitor.AttrHelper != 0 {
		b = appendText(append(b, `,"helper":`...), x.Helper)
	}
	if known&monitor.AttrHelperInfo != 0 {
		b = append(b, `,"helper_info":"`...)
		const hex = "0123456789abcdef"
		for _, c := range x.HelperInfo {
			b = append(b, hex[c>>4], hex[c&15])
		}
		b = append(b, '"')
	}
	if known&monitor.AttrSecCtx != 0 {
		b = appendText(append(b, `,"secctx":`...), x.SecCtx)
	}
	if known&monitor.AttrLabels != 0 {
		b = appendBits(append(b, `,"labels":[`...), x.Labels)
	}
	if known&monitor.AttrLabelsMask != 0 {
		b = appendBits(append(b, `,"labels_mask":[`...), x.LabelsMask)
	}
	if known&monitor.AttrMaster != 0 {
		b = append(b, `,"master":{`...)
		b = append(b, j.heads.get(&x.Master, 0, monitor.AttrOrig)[1:]...)
		b = append(b, ',')
		b = append(appendTuple(b, &x.Master, nil), '}')
	}
	return b
}

// appendExtraNumbers appends what the protocols and the NAT keep beside the state.
func appendExtraNumbers(b []byte, x *monitor.Extra, known monitor.Attrs) []byte {
	var sctp, dccp, adjust object
	if known&monitor.AttrVTagOrig != 0 {
		b = text.AppendUint(sctp.member(b, `,"sctp":`, `"vtag_orig":`), uint64(x.VTagOrig))
	}
	if known&monitor.AttrVTagReply != 0 {
		b = text.AppendUint(sctp.member(b, `,"sctp":`, `"vtag_reply":`), uint64(x.VTagReply))
	}
	b = sctp.end(b)
	if known&monitor.AttrDCCPRole != 0 {
		b = append(dccp.member(b, `,"dccp":`, `"role":`), dccpRole(x.DCCPRole)...)
	}
	if known&monitor.AttrDCCPSeq != 0 {
		b = text.AppendUint(dccp.member(b, `,"dccp":`, `"seq":`), x.DCCPSeq)
	}
	b = dccp.end(b)
	if known&monitor.AttrSeqAdjOrig != 0 {
		b = appendSeqAdj(adjust.member(b, `,"seqadj":`, `"orig":{`), x.SeqAdjOrig)
	}
	if known&monitor.AttrSeqAdjReply != 0 {
		b = appendSeqAdj(adjust.member(b, `,"seqadj":`, `"reply":{`), x.SeqAdjReply)
	}
	b = adjust.end(b)
	if known&monitor.AttrSynproxy != 0 {
		b = appendField(b, `,"synproxy":{"isn":`, uint64(x.Synproxy.ISN))
		b = appendField(b, `,"its":`, uint64(x.Synproxy.ITS))
		b = append(appendField(b, `,"tsoff":`, uint64(x.Synproxy.TSOff)), '}')
	}
	if known&monitor.AttrSecMark != 0 {
		b = appendField(b, `,"secmark":`, uint64(x.SecMark))
	}
	if known&monitor.AttrMarkMask != 0 {
		b = appendField(b, `,"mark_mask":`, uint64(x.MarkMask))
	}
	if known&monitor.AttrStatusMask != 0 {
		b = appendField(b, `,"status_mask":`, uint64(x.StatusMask))
	}
	return b
}

func dccpRole(role uint8) string {
	switch role {
	case 0:
		return `"client"`
	case 1:
		return `"server"`
	}
	return `"unknown"`
}

func appendSeqAdj(b []byte, s monitor.SeqAdj) []byte {
	b = appendField(b, `"correction":`, uint64(s.Correction))
	b = text.AppendInt(append(b, `,"offset_before":`...), int64(s.OffsetBefore))
	b = text.AppendInt(append(b, `,"offset_after":`...), int64(s.OffsetAfter))
	return append(b, '}')
}

// appendBits appends the numbers of the bits that are set, and the bracket.
func appendBits(b, set []byte) []byte {
	first := true
	for i, c := range set {
		for bit := 0; c != 0; bit, c = bit+1, c>>1 {
			if c&1 == 0 {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = text.AppendUint(b, uint64(8*i+bit))
		}
	}
	return append(b, ']')
}

// appendString is appendText of a string, which does not get away.
func appendString(b []byte, text string) []byte { return appendText(b, []byte(text)) }

// appendText appends untrusted text as a JSON string: every character that
// monitor.Unsafe names is written as \u…, so that the line is as harmless in a
// terminal as its parser's result is exact. Bytes that are not UTF-8 become
// U+FFFD, as encoding/json has it.
func appendText(b, text []byte) []byte {
	b = append(b, '"')
	for len(text) > 0 {
		c := text[0]
		if c >= 0x20 && c < 0x7f && c != '"' && c != '\\' {
			b, text = append(b, c), text[1:]
			continue
		}
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size <= 1:
			b = append(b, `\ufffd`...)
		case r == '"' || r == '\\':
			b = append(b, '\\', c)
		case monitor.Unsafe(r):
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			b = append(b, text[:size]...)
		}
		text = text[size:]
	}
	return append(b, '"')
}
