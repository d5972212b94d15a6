package jsonl

import (
	"math"

	"natlens/monitor"
)

// tuple reads the members of one direction. They name what the protocol has for
// a port, so that the protocol need not be known yet.
func (c *cursor) tuple(t *monitor.Tuple) {
	for more := c.open('{'); more; more = c.more('}') {
		if !c.tupleMember(string(c.name()), t) {
			c.skip()
		}
	}
}

func (c *cursor) tupleMember(name string, t *monitor.Tuple) bool {
	switch name {
	case "src":
		t.Src = c.addr()
	case "dst":
		t.Dst = c.addr()
	case "sport", "srckey", "id":
		t.SrcPort = c.uint16()
	case "dport", "dstkey":
		t.DstPort = c.uint16()
	case "type":
		t.DstPort = uint16(c.uint8())<<8 | t.DstPort&0xff
	case "code":
		t.DstPort = t.DstPort&0xff00 | uint16(c.uint8())
	default:
		return false
	}
	return true
}

// master reads a whole tuple, protocol and family included.
func (c *cursor) master(t *monitor.Tuple) {
	for more := c.open('{'); more; more = c.more('}') {
		switch name := string(c.name()); name {
		case "family":
			t.Family = familyNamed(c.text())
		case "protonum":
			t.Proto = monitor.Proto(c.uint8())
		default:
			if !c.tupleMember(name, t) {
				c.skip()
			}
		}
	}
}

// status reads a list of status bits by name, with what has no name in hex.
func (c *cursor) status() (s monitor.Status) {
	for more := c.open('['); more; more = c.more(']') {
		bit, ok := statusNamed(c.text())
		if !ok {
			c.fail(errWord)
		}
		s |= bit
	}
	return s
}

func statusNamed(name []byte) (s monitor.Status, ok bool) {
	for i, known := range monitor.StatusNames() {
		if known == string(name) {
			return 1 << i, true
		}
	}
	if len(name) < 3 || len(name) > 10 || name[0] != '0' || name[1] != 'x' {
		return 0, false
	}
	for _, ch := range name[2:] {
		if hexDigit(ch) > 15 {
			return 0, false
		}
		s = s<<4 | monitor.Status(hexDigit(ch))
	}
	return s, true
}

func (d *Decoder) counters(f *monitor.Flow) {
	c := &d.c
	for more := c.open('{'); more; more = c.more('}') {
		switch string(c.name()) {
		case "orig":
			c.counter(&f.CountersOrig)
			d.known |= monitor.AttrCountersOrig
		case "reply":
			c.counter(&f.CountersReply)
			d.known |= monitor.AttrCountersReply
		default:
			c.skip()
		}
	}
}

func (c *cursor) counter(n *monitor.Counters) {
	for more := c.open('{'); more; more = c.more('}') {
		switch string(c.name()) {
		case "packets":
			n.Packets = c.uint(math.MaxUint64)
		case "bytes":
			n.Bytes = c.uint(math.MaxUint64)
		default:
			c.skip()
		}
	}
}

func (d *Decoder) tcp(t *monitor.TCPInfo) {
	c := &d.c
	for more := c.open('{'); more; more = c.more('}') {
		switch string(c.name()) {
		case "orig":
			d.tcpSide(&t.WScaleOrig, &t.FlagsOrig, &t.MaskOrig, monitor.AttrWScaleOrig, monitor.AttrTCPFlagsOrig)
		case "reply":
			d.tcpSide(&t.WScaleReply, &t.FlagsReply, &t.MaskReply, monitor.AttrWScaleReply, monitor.AttrTCPFlagsReply)
		default:
			c.skip()
		}
	}
}

func (d *Decoder) tcpSide(scale, flags, mask *uint8, hasScale, hasFlags monitor.Attrs) {
	c := &d.c
	for more := c.open('{'); more; more = c.more('}') {
		switch string(c.name()) {
		case "wscale":
			*scale = c.uint8()
			d.known |= hasScale
		case "flags":
			*flags = c.uint8()
			d.known |= hasFlags
		case "flags_mask":
			*mask = c.uint8()
			d.known |= hasFlags
		default:
			c.skip()
		}
	}
}

// attrNames are the names that the member remembered uses, by attribute.
var attrNames = map[string]monitor.Attrs{
	"orig": monitor.AttrOrig, "reply": monitor.AttrReply, "status": monitor.AttrStatus, "state": monitor.AttrState,
	"tcp.orig.wscale": monitor.AttrWScaleOrig, "tcp.reply.wscale": monitor.AttrWScaleReply,
	"tcp.orig.flags": monitor.AttrTCPFlagsOrig, "tcp.reply.flags": monitor.AttrTCPFlagsReply,
	"sctp.vtag_orig": monitor.AttrVTagOrig, "sctp.vtag_reply": monitor.AttrVTagReply,
	"dccp.role": monitor.AttrDCCPRole, "dccp.seq": monitor.AttrDCCPSeq,
	"helper": monitor.AttrHelper, "helper_info": monitor.AttrHelperInfo,
	"timeout": monitor.AttrTimeout, "mark": monitor.AttrMark, "mark_mask": monitor.AttrMarkMask,
	"counters.orig": monitor.AttrCountersOrig, "counters.reply": monitor.AttrCountersReply,
	"use": monitor.AttrUse, "id": monitor.AttrID, "master": monitor.AttrMaster,
	"seqadj.orig": monitor.AttrSeqAdjOrig, "seqadj.reply": monitor.AttrSeqAdjReply, "secmark": monitor.AttrSecMark,
	"zone": monitor.AttrZone, "zone_orig": monitor.AttrZoneOrig, "zone_reply": monitor.AttrZoneReply,
	"secctx": monitor.AttrSecCtx, "start": monitor.AttrStart, "stop": monitor.AttrStop, "ts": monitor.AttrEventTime,
	"labels": monitor.AttrLabels, "labels_mask": monitor.AttrLabelsMask, "synproxy": monitor.AttrSynproxy,
	"status_mask": monitor.AttrStatusMask,
}

// attrNamed returns no attribute for a name that a later version may have added.
func attrNamed(name []byte) monitor.Attrs { return attrNames[string(name)] }
