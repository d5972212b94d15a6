package jsonl

import (
	"math"

	"natlens/monitor"
)

// rareMember reads the members that stand in Extra.
func (d *Decoder) rareMember(name string) bool {
	c, x := &d.c, &d.extra
	var attr monitor.Attrs
	switch name {
	case "helper":
		x.Helper, attr = c.text(), monitor.AttrHelper
	case "helper_info":
		x.HelperInfo, attr = c.hexText(), monitor.AttrHelperInfo
	case "secctx":
		x.SecCtx, attr = c.text(), monitor.AttrSecCtx
	case "labels":
		x.Labels, attr = c.bits(), monitor.AttrLabels
	case "labels_mask":
		x.LabelsMask, attr = c.bits(), monitor.AttrLabelsMask
	case "master":
		c.master(&x.Master)
		attr = monitor.AttrMaster
	case "secmark":
		x.SecMark, attr = c.uint32(), monitor.AttrSecMark
	case "mark_mask":
		x.MarkMask, attr = c.uint32(), monitor.AttrMarkMask
	case "status_mask":
		x.StatusMask, attr = c.uint32(), monitor.AttrStatusMask
	case "synproxy":
		c.synproxy(&x.Synproxy)
		attr = monitor.AttrSynproxy
	case "sctp":
		d.sctp(x)
	case "dccp":
		d.dccp(x)
	case "seqadj":
		d.seqAdjs(x)
	default:
		return false
	}
	d.known |= attr
	return true
}

// hexText returns the bytes that a text of hex digits means, decoded in place.
func (c *cursor) hexText() []byte {
	text := c.text()
	if len(text)%2 != 0 {
		c.fail(errText)
		return nil
	}
	for i := 0; i < len(text); i += 2 {
		hi, lo := hexDigit(text[i]), hexDigit(text[i+1])
		if hi|lo > 15 {
			c.fail(errText)
			return nil
		}
		text[i/2] = hi<<4 | lo
	}
	return text[: len(text)/2 : len(text)/2]
}

// labelBytes is how long the kernel's labels are (XT_CONNLABEL_MAXBIT is 127).
const labelBytes = 16

// bits returns the bit set whose bits a list names. Labels are rare: it allocates.
func (c *cursor) bits() []byte {
	set := make([]byte, labelBytes)
	for more := c.open('['); more; more = c.more(']') {
		bit := c.uint(8*labelBytes - 1)
		set[bit/8] |= 1 << (bit % 8)
	}
	return set
}

func (c *cursor) synproxy(s *monitor.Synproxy) {
	for more := c.open('{'); more; more = c.more('}') {
		switch string(c.name()) {
		case "isn":
			s.ISN = c.uint32()
		case "its":
			s.ITS = c.uint32()
		case "tsoff":
			s.TSOff = c.uint32()
		default:
			c.skip()
		}
	}
}

func (d *Decoder) sctp(x *monitor.Extra) {
	c := &d.c
	for more := c.open('{'); more; more = c.more('}') {
		switch string(c.name()) {
		case "vtag_orig":
			x.VTagOrig = c.uint32()
			d.known |= monitor.AttrVTagOrig
		case "vtag_reply":
			x.VTagReply = c.uint32()
			d.known |= monitor.AttrVTagReply
		default:
			c.skip()
		}
	}
}

// dccpRoles are the roles of the original direction, by number
// (enum ct_dccp_roles); the number behind them stands for any other.
var dccpRoles = [...]string{"client", "server"}

func (d *Decoder) dccp(x *monitor.Extra) {
	c := &d.c
	for more := c.open('{'); more; more = c.more('}') {
		switch string(c.name()) {
		case "role":
			x.DCCPRole = uint8(len(dccpRoles))
			text := c.text()
			for i, role := range dccpRoles {
				if role == string(text) {
					x.DCCPRole = uint8(i)
				}
			}
			d.known |= monitor.AttrDCCPRole
		case "seq":
			x.DCCPSeq = c.uint(math.MaxUint64)
			d.known |= monitor.AttrDCCPSeq
		default:
			c.skip()
		}
	}
}

func (d *Decoder) seqAdjs(x *monitor.Extra) {
	c := &d.c
	for more := c.open('{'); more; more = c.more('}') {
		switch string(c.name()) {
		case "orig":
			c.seqAdj(&x.SeqAdjOrig)
			d.known |= monitor.AttrSeqAdjOrig
		case "reply":
			c.seqAdj(&x.SeqAdjReply)
			d.known |= monitor.AttrSeqAdjReply
		default:
			c.skip()
		}
	}
}

func (c *cursor) seqAdj(s *monitor.SeqAdj) {
	for more := c.open('{'); more; more = c.more('}') {
		switch string(c.name()) {
		case "correction":
			s.Correction = c.uint32()
		case "offset_before":
			s.OffsetBefore = c.int32()
		case "offset_after":
			s.OffsetAfter = c.int32()
		default:
			c.skip()
		}
	}
}
