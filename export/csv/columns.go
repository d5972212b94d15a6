package csv

import (
	"natlens/export/text"
	"natlens/monitor"
)

// columns are the cells of a line. A cell that is nil is empty. New columns come last.
var columns = []struct {
	name string
	cell func(*line) any
}{
	{"time", func(l *line) any { return l.e.Time }},
	{"time_source", func(l *line) any { return l.e.TimeSource }},
	{"seq", func(l *line) any { return l.e.Seq }},
	{"event", func(l *line) any { return l.e.Kind }},
	{"inferred", func(l *line) any { return when(l.e.Inferred, true) }},
	{"flow", func(l *line) any { return when(l.e.Gen != 0, l.e.Gen) }},
	{"id", func(l *line) any { return l.known(monitor.AttrID, l.f.ID) }},
	{"family", func(l *line) any { return when(l.e.Kind.HasFlow(), l.t.Family) }},
	{"proto", func(l *line) any { return when(l.e.Kind.HasFlow(), l.t.Proto) }},
	{"protonum", func(l *line) any { return when(l.e.Kind.HasFlow(), uint8(l.t.Proto)) }},
	{"state", func(l *line) any { return l.known(monitor.AttrState, text.StateName(l.t.Proto, l.f.State)) }},
	{"timeout", func(l *line) any { return l.known(monitor.AttrTimeout, l.f.Timeout) }},
	{"orig_src", func(l *line) any { return l.known(monitor.AttrOrig, l.f.Orig.Src) }},
	{"orig_sport", func(l *line) any { return l.known(monitor.AttrOrig, l.senderPort(l.f.Orig.SrcPort)) }},
	{"orig_dst", func(l *line) any { return l.known(monitor.AttrOrig, l.f.Orig.Dst) }},
	{"orig_dport", func(l *line) any { return l.known(monitor.AttrOrig, l.port(l.f.Orig.DstPort)) }},
	{"reply_src", func(l *line) any { return l.known(monitor.AttrReply, l.f.Reply.Src) }},
	{"reply_sport", func(l *line) any { return l.known(monitor.AttrReply, l.senderPort(l.f.Reply.SrcPort)) }},
	{"reply_dst", func(l *line) any { return l.known(monitor.AttrReply, l.f.Reply.Dst) }},
	{"reply_dport", func(l *line) any { return l.known(monitor.AttrReply, l.port(l.f.Reply.DstPort)) }},
	{"icmp_type", func(l *line) any { return l.icmp(l.f.Orig.ICMPType()) }},
	{"icmp_code", func(l *line) any { return l.icmp(l.f.Orig.ICMPCode()) }},
	{"nat", func(l *line) any { return when(l.has.All(monitor.AttrOrig|monitor.AttrReply), l.nat) }},
	{"nat_src", func(l *line) any { return when(l.nat&monitor.NATSource != 0, l.f.SentAs().Addr) }},
	{"nat_sport", func(l *line) any { return when(l.nat&monitor.NATSource != 0, l.senderPort(l.f.SentAs().Port)) }},
	{"nat_dst", func(l *line) any { return when(l.nat&monitor.NATDestination != 0, l.f.DeliveredTo().Addr) }},
	{"nat_dport", func(l *line) any { return when(l.nat&monitor.NATDestination != 0, l.port(l.f.DeliveredTo().Port)) }},
	{"status", func(l *line) any { return l.known(monitor.AttrStatus, text.StatusWords(l.f.Status, " ")) }},
	{"mark", func(l *line) any { return l.known(monitor.AttrMark, l.f.Mark) }},
	{"zone", func(l *line) any { return l.known(monitor.AttrZone, l.f.Zone) }},
	{"zone_orig", func(l *line) any { return l.known(monitor.AttrZoneOrig, l.f.Orig.Zone) }},
	{"zone_reply", func(l *line) any { return l.known(monitor.AttrZoneReply, l.f.Reply.Zone) }},
	{"path", func(l *line) any { return when(l.f.Path != monitor.PathUnknown, l.f.Path) }},
	{"portid", func(l *line) any { return when(l.e.PortID != 0, l.e.PortID) }},
	{"orig_packets", func(l *line) any { return l.known(monitor.AttrCountersOrig, l.f.CountersOrig.Packets) }},
	{"orig_bytes", func(l *line) any { return l.known(monitor.AttrCountersOrig, l.f.CountersOrig.Bytes) }},
	{"reply_packets", func(l *line) any { return l.known(monitor.AttrCountersReply, l.f.CountersReply.Packets) }},
	{"reply_bytes", func(l *line) any { return l.known(monitor.AttrCountersReply, l.f.CountersReply.Bytes) }},
	{"start", func(l *line) any { return l.known(monitor.AttrStart, l.f.Start) }},
	{"stop", func(l *line) any { return l.known(monitor.AttrStop, l.f.Stop) }},
	{"born", func(l *line) any { return when(l.e.Kind == monitor.KindDestroy, l.e.Born) }},
	{"use", func(l *line) any { return l.known(monitor.AttrUse, l.f.Use) }},
	{"helper", func(l *line) any { return l.known(monitor.AttrHelper, foreign(string(l.x.Helper))) }},
	{"secctx", func(l *line) any { return l.known(monitor.AttrSecCtx, foreign(string(l.x.SecCtx))) }},
	{"labels", func(l *line) any { return l.known(monitor.AttrLabels, text.AppendBits(nil, l.x.Labels, " ")) }},
	{"lost", func(l *line) any { return when(l.hasGap, l.gap.Count) }},
	{"uncertain", func(l *line) any { return when(l.gap.Uncertain, true) }},
	{"lost_from", func(l *line) any { return l.gap.From }},
	{"lost_to", func(l *line) any { return l.gap.To }},
	{"added", func(l *line) any { return when(l.e.Kind == monitor.KindResynced, l.gap.Added) }},
	{"changed", func(l *line) any { return when(l.e.Kind == monitor.KindResynced, l.gap.Changed) }},
	{"ended", func(l *line) any { return when(l.e.Kind == monitor.KindResynced, l.gap.Ended) }},
	{"remembered", func(l *line) any { return text.AppendAttrs(nil, l.e.Remembered, " ") }},
	{"netns", func(l *line) any { return foreign(l.netns) }},
	{"reason", func(l *line) any { return when(l.e.Reason != monitor.ReasonResync, l.e.Reason) }},
}
