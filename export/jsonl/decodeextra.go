package jsonl

import (
	"encoding/hex"
	"slices"
	"strings"

	"natlens/monitor"
)

// texts reads the attributes that contain text, bytes or a tuple.
func (c *converter) texts() {
	x := c.x
	if c.Helper != nil {
		x.Helper = c.bytes("helper", *c.Helper, monitor.MaxHelper)
		c.known |= monitor.AttrHelper
	}
	if c.HelperInfo != nil {
		info, err := hex.DecodeString(*c.HelperInfo)
		if err != nil {
			c.fail("helper_info", *c.HelperInfo, "not bytes in hex")
		}
		x.HelperInfo = c.bytes("helper_info", string(info), monitor.MaxSecCtx)
		c.known |= monitor.AttrHelperInfo
	}
	if c.SecCtx != nil {
		x.SecCtx = c.bytes("secctx", *c.SecCtx, monitor.MaxSecCtx)
		c.known |= monitor.AttrSecCtx
	}
	if c.Labels != nil {
		x.Labels = c.labels("labels", *c.Labels)
		c.known |= monitor.AttrLabels
	}
	if c.LabelsMask != nil {
		x.LabelsMask = c.labels("labels_mask", *c.LabelsMask)
		c.known |= monitor.AttrLabelsMask
	}
	if m := c.Master; m != nil {
		x.Master = c.tuple("master", m, familyNamed(m.Family), monitor.Proto(m.ProtoNum))
		c.known |= monitor.AttrMaster
	}
}

// numbers reads what protocols and NAT have beside the state.
func (c *converter) numbers() {
	x := c.x
	take(c, &x.VTagOrig, c.SCTP.VTagOrig, monitor.AttrVTagOrig)
	take(c, &x.VTagReply, c.SCTP.VTagReply, monitor.AttrVTagReply)
	take(c, &x.DCCPSeq, c.DCCP.Seq, monitor.AttrDCCPSeq)
	if c.DCCP.Role != nil {
		x.DCCPRole = uint8(len(dccpRoles) - 1)
		if i := slices.Index(dccpRoles[:], *c.DCCP.Role); i >= 0 {
			x.DCCPRole = uint8(i)
		}
		c.known |= monitor.AttrDCCPRole
	}
	take(c, &x.SeqAdjOrig, (*monitor.SeqAdj)(c.SeqAdj.Orig), monitor.AttrSeqAdjOrig)
	take(c, &x.SeqAdjReply, (*monitor.SeqAdj)(c.SeqAdj.Reply), monitor.AttrSeqAdjReply)
	take(c, &x.Synproxy, (*monitor.Synproxy)(c.Synproxy), monitor.AttrSynproxy)
	take(c, &x.SecMark, c.SecMark, monitor.AttrSecMark)
	take(c, &x.MarkMask, c.MarkMask, monitor.AttrMarkMask)
	take(c, &x.StatusMask, c.StatusMask, monitor.AttrStatusMask)
}

// bytes returns the bytes of a text of at most limit bytes. U+FFFD is what the writer
// makes of a byte that is not UTF-8. It becomes 0xff, so that it is written as U+FFFD
// again and a terminal shows \xff.
func (c *converter) bytes(name, s string, limit int) []byte {
	s = strings.ReplaceAll(s, "\ufffd", "\xff")
	if len(s) > limit {
		c.tooLong(name, len(s), limit)
		return nil
	}
	return []byte(s)
}

// labels returns the bit set of a list of bit numbers.
func (c *converter) labels(name string, bits []uint16) []byte {
	set := make([]byte, monitor.MaxLabels)
	for _, bit := range bits {
		if int(bit) >= 8*len(set) {
			c.failNumber(name, uint64(bit), uint64(8*len(set)-1))
			return nil
		}
		set[bit/8] |= 1 << (bit % 8)
	}
	return set
}
