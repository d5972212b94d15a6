package ctnetlink

import (
	"fmt"
	"strings"

	"natlens/monitor"
)

// render writes everything that is known of an event, one attribute a line in
// the order of the bits of monitor.Attrs: what is not in Has is not written.
func render(e *monitor.Event) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s by %d", e.Kind, e.PortID)
	f := &e.Flow
	x := e.Extra
	if x == nil {
		x = new(monitor.Extra)
	}
	for bit := monitor.AttrOrig; bit <= monitor.AttrStatusMask; bit <<= 1 {
		if !e.Has.Any(bit) {
			continue
		}
		switch bit {
		case monitor.AttrOrig:
			line("orig %s", renderTuple(&f.Orig))
		case monitor.AttrReply:
			line("reply %s", renderTuple(&f.Reply))
		case monitor.AttrStatus:
			line("status %s (%#x)", strings.Join(f.Status.Names(), ","), uint32(f.Status))
		case monitor.AttrState:
			line("state %s (%d)", f.State.Name(f.Orig.Proto), f.State)
		case monitor.AttrWScaleOrig:
			line("wscale orig %d", f.TCP.WScaleOrig)
		case monitor.AttrWScaleReply:
			line("wscale reply %d", f.TCP.WScaleReply)
		case monitor.AttrTCPFlagsOrig:
			line("tcp flags orig %#02x mask %#02x", f.TCP.FlagsOrig, f.TCP.MaskOrig)
		case monitor.AttrTCPFlagsReply:
			line("tcp flags reply %#02x mask %#02x", f.TCP.FlagsReply, f.TCP.MaskReply)
		case monitor.AttrTimeout:
			line("timeout %d", f.Timeout)
		case monitor.AttrMark:
			line("mark %#x", f.Mark)
		case monitor.AttrCountersOrig:
			line("orig packets %d bytes %d", f.CountersOrig.Packets, f.CountersOrig.Bytes)
		case monitor.AttrCountersReply:
			line("reply packets %d bytes %d", f.CountersReply.Packets, f.CountersReply.Bytes)
		case monitor.AttrUse:
			line("use %d", f.Use)
		case monitor.AttrID:
			line("id %d", f.ID)
		case monitor.AttrZone:
			line("zone %d", f.Zone)
		case monitor.AttrZoneOrig:
			line("zone orig")
		case monitor.AttrZoneReply:
			line("zone reply")
		case monitor.AttrStart:
			line("start %d", f.Start)
		case monitor.AttrStop:
			line("stop %d", f.Stop)
		case monitor.AttrEventTime:
			line("time %d %s", e.Time, e.TimeSource)
		default:
			line("%s", renderExtra(bit, x))
		}
	}
	return b.String()
}

func renderExtra(bit monitor.Attrs, x *monitor.Extra) string {
	switch bit {
	case monitor.AttrVTagOrig:
		return fmt.Sprintf("vtag orig %#x", x.VTagOrig)
	case monitor.AttrVTagReply:
		return fmt.Sprintf("vtag reply %#x", x.VTagReply)
	case monitor.AttrDCCPRole:
		return fmt.Sprintf("role %d", x.DCCPRole)
	case monitor.AttrDCCPSeq:
		return fmt.Sprintf("handshake seq %d", x.DCCPSeq)
	case monitor.AttrHelper:
		return fmt.Sprintf("helper %q", x.Helper)
	case monitor.AttrHelperInfo:
		return fmt.Sprintf("helper info %x", x.HelperInfo)
	case monitor.AttrMarkMask:
		return fmt.Sprintf("mark mask %#x", x.MarkMask)
	case monitor.AttrMaster:
		return "master " + renderTuple(&x.Master)
	case monitor.AttrSeqAdjOrig:
		return "seqadj orig " + renderSeqAdj(x.SeqAdjOrig)
	case monitor.AttrSeqAdjReply:
		return "seqadj reply " + renderSeqAdj(x.SeqAdjReply)
	case monitor.AttrSecMark:
		return fmt.Sprintf("secmark %d", x.SecMark)
	case monitor.AttrSecCtx:
		return fmt.Sprintf("secctx %q", x.SecCtx)
	case monitor.AttrLabels:
		return fmt.Sprintf("labels %x", x.Labels)
	case monitor.AttrLabelsMask:
		return fmt.Sprintf("labels mask %x", x.LabelsMask)
	case monitor.AttrSynproxy:
		return fmt.Sprintf("synproxy isn %d its %d tsoff %d", x.Synproxy.ISN, x.Synproxy.ITS, x.Synproxy.TSOff)
	case monitor.AttrStatusMask:
		return fmt.Sprintf("status mask %#x", x.StatusMask)
	}
	return fmt.Sprintf("unrendered attribute %#x", uint64(bit))
}

func renderSeqAdj(s monitor.SeqAdj) string {
	return fmt.Sprintf("correction %d before %d after %d", s.Correction, s.OffsetBefore, s.OffsetAfter)
}

func renderTuple(t *monitor.Tuple) string {
	s := fmt.Sprintf("%s %s src %s dst %s", t.Family, t.Proto, t.Src, t.Dst)
	switch {
	case t.Proto.IsICMP():
		s += fmt.Sprintf(" id %d type %d code %d", t.ICMPID(), t.ICMPType(), t.ICMPCode())
	case t.Proto == monitor.GRE:
		s += fmt.Sprintf(" key %#x key %#x", t.SrcPort, t.DstPort)
	case t.Proto.HasPorts() || t.SrcPort|t.DstPort != 0:
		s += fmt.Sprintf(" sport %d dport %d", t.SrcPort, t.DstPort)
	}
	if t.Zone != 0 {
		s += fmt.Sprintf(" zone %d", t.Zone)
	}
	return s
}

// leftover returns what is not zero in e although nothing in Has accounts for it.
func leftover(e *monitor.Event) string {
	r := *e
	r.Kind, r.Has, r.PortID, r.Raw, r.Extra = 0, 0, 0, nil, nil
	var x monitor.Extra
	if e.Extra != nil {
		x = *e.Extra
	}
	f := &r.Flow
	clear := map[monitor.Attrs]func(){
		monitor.AttrOrig:          func() { f.Orig = monitor.Tuple{Zone: f.Orig.Zone} },
		monitor.AttrReply:         func() { f.Reply = monitor.Tuple{Zone: f.Reply.Zone} },
		monitor.AttrStatus:        func() { f.Status = 0 },
		monitor.AttrState:         func() { f.State = 0 },
		monitor.AttrWScaleOrig:    func() { f.TCP.WScaleOrig = 0 },
		monitor.AttrWScaleReply:   func() { f.TCP.WScaleReply = 0 },
		monitor.AttrTCPFlagsOrig:  func() { f.TCP.FlagsOrig, f.TCP.MaskOrig = 0, 0 },
		monitor.AttrTCPFlagsReply: func() { f.TCP.FlagsReply, f.TCP.MaskReply = 0, 0 },
		monitor.AttrVTagOrig:      func() { x.VTagOrig = 0 },
		monitor.AttrVTagReply:     func() { x.VTagReply = 0 },
		monitor.AttrDCCPRole:      func() { x.DCCPRole = 0 },
		monitor.AttrDCCPSeq:       func() { x.DCCPSeq = 0 },
		monitor.AttrHelper:        func() { x.Helper = nil },
		monitor.AttrHelperInfo:    func() { x.HelperInfo = nil },
		monitor.AttrTimeout:       func() { f.Timeout = 0 },
		monitor.AttrMark:          func() { f.Mark = 0 },
		monitor.AttrMarkMask:      func() { x.MarkMask = 0 },
		monitor.AttrCountersOrig:  func() { f.CountersOrig = monitor.Counters{} },
		monitor.AttrCountersReply: func() { f.CountersReply = monitor.Counters{} },
		monitor.AttrUse:           func() { f.Use = 0 },
		monitor.AttrID:            func() { f.ID = 0 },
		monitor.AttrMaster:        func() { x.Master = monitor.Tuple{} },
		monitor.AttrSeqAdjOrig:    func() { x.SeqAdjOrig = monitor.SeqAdj{} },
		monitor.AttrSeqAdjReply:   func() { x.SeqAdjReply = monitor.SeqAdj{} },
		monitor.AttrSecMark:       func() { x.SecMark = 0 },
		monitor.AttrZone:          func() { f.Zone, f.Orig.Zone, f.Reply.Zone = 0, 0, 0 },
		monitor.AttrZoneOrig:      func() { f.Orig.Zone = 0 },
		monitor.AttrZoneReply:     func() { f.Reply.Zone = 0 },
		monitor.AttrSecCtx:        func() { x.SecCtx = nil },
		monitor.AttrStart:         func() { f.Start = 0 },
		monitor.AttrStop:          func() { f.Stop = 0 },
		monitor.AttrEventTime:     func() { r.Time, r.TimeSource = 0, 0 },
		monitor.AttrLabels:        func() { x.Labels = nil },
		monitor.AttrLabelsMask:    func() { x.LabelsMask = nil },
		monitor.AttrSynproxy:      func() { x.Synproxy = monitor.Synproxy{} },
		monitor.AttrStatusMask:    func() { x.StatusMask = 0 },
	}
	for bit, fn := range clear {
		if e.Has.Any(bit) {
			fn()
		}
	}
	if e.Extra != nil && !e.Has.Any(monitor.AttrsInExtra) {
		return "an Extra that no attribute asked for"
	}
	if got, want := fmt.Sprintf("%+v %+v", r, x), fmt.Sprintf("%+v %+v", monitor.Event{}, monitor.Extra{}); got != want {
		return got
	}
	return ""
}
