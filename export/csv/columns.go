package csv

import (
	"natlens/export/text"
	"natlens/monitor"
)

// columns are the cells of a line. A cell that appends nothing is empty. New columns come last.
var columns = []struct {
	name string
	cell func(*line)
}{
	{"time", func(l *line) { l.time(true, &l.ts, l.e.Time) }},
	{"time_source", func(l *line) { l.word(true, l.e.TimeSource.String()) }},
	{"seq", func(l *line) { l.number(true, l.e.Seq) }},
	{"event", func(l *line) { l.word(true, l.e.Kind.String()) }},
	{"inferred", func(l *line) { l.word(l.e.Inferred, "true") }},
	{"flow", func(l *line) { l.number(l.e.Gen != 0, l.e.Gen) }},
	{"id", func(l *line) { l.number(l.knows(monitor.AttrID), uint64(l.f.ID)) }},
	{"family", func(l *line) { l.word(l.e.Kind.HasFlow(), l.t.Family.String()) }},
	{"proto", func(l *line) {
		if l.e.Kind.HasFlow() {
			l.b = text.AppendProto(l.b, l.t.Proto)
		}
	}},
	{"protonum", func(l *line) { l.number(l.e.Kind.HasFlow(), uint64(l.t.Proto)) }},
	{"state", func(l *line) {
		if l.knows(monitor.AttrState) {
			l.b = text.AppendState(l.b, l.t.Proto, l.f.State)
		}
	}},
	{"timeout", func(l *line) { l.number(l.knows(monitor.AttrTimeout), uint64(l.f.Timeout)) }},
	{"orig_src", func(l *line) { l.addr(l.knows(monitor.AttrOrig), l.f.Orig.Src) }},
	{"orig_sport", func(l *line) { l.senderPort(l.knows(monitor.AttrOrig), l.f.Orig.SrcPort) }},
	{"orig_dst", func(l *line) { l.addr(l.knows(monitor.AttrOrig), l.f.Orig.Dst) }},
	{"orig_dport", func(l *line) { l.port(l.knows(monitor.AttrOrig), l.f.Orig.DstPort) }},
	{"reply_src", func(l *line) { l.addr(l.knows(monitor.AttrReply), l.f.Reply.Src) }},
	{"reply_sport", func(l *line) { l.senderPort(l.knows(monitor.AttrReply), l.f.Reply.SrcPort) }},
	{"reply_dst", func(l *line) { l.addr(l.knows(monitor.AttrReply), l.f.Reply.Dst) }},
	{"reply_dport", func(l *line) { l.port(l.knows(monitor.AttrReply), l.f.Reply.DstPort) }},
	{"icmp_type", func(l *line) { l.icmp(l.f.Orig.ICMPType()) }},
	{"icmp_code", func(l *line) { l.icmp(l.f.Orig.ICMPCode()) }},
	{"nat", func(l *line) { l.word(l.has.All(monitor.AttrOrig|monitor.AttrReply), l.nat.String()) }},
	{"nat_src", func(l *line) { l.addr(l.nat&monitor.NATSource != 0, l.f.SentAs().Addr) }},
	{"nat_sport", func(l *line) { l.senderPort(l.nat&monitor.NATSource != 0, l.f.SentAs().Port) }},
	{"nat_dst", func(l *line) { l.addr(l.nat&monitor.NATDestination != 0, l.f.DeliveredTo().Addr) }},
	{"nat_dport", func(l *line) { l.port(l.nat&monitor.NATDestination != 0, l.f.DeliveredTo().Port) }},
	{"status", func(l *line) {
		if l.knows(monitor.AttrStatus) {
			l.b = text.AppendStatusWords(l.b, l.f.Status, " ")
		}
	}},
	{"mark", func(l *line) { l.number(l.knows(monitor.AttrMark), uint64(l.f.Mark)) }},
	{"zone", func(l *line) { l.number(l.knows(monitor.AttrZone), uint64(l.f.Zone)) }},
	{"zone_orig", func(l *line) { l.number(l.knows(monitor.AttrZoneOrig), uint64(l.f.Orig.Zone)) }},
	{"zone_reply", func(l *line) { l.number(l.knows(monitor.AttrZoneReply), uint64(l.f.Reply.Zone)) }},
	{"path", func(l *line) { l.word(l.f.Path != monitor.PathUnknown, l.f.Path.String()) }},
	{"portid", func(l *line) { l.number(l.e.PortID != 0, uint64(l.e.PortID)) }},
	{"orig_packets", func(l *line) { l.number(l.knows(monitor.AttrCountersOrig), l.f.CountersOrig.Packets) }},
	{"orig_bytes", func(l *line) { l.number(l.knows(monitor.AttrCountersOrig), l.f.CountersOrig.Bytes) }},
	{"reply_packets", func(l *line) { l.number(l.knows(monitor.AttrCountersReply), l.f.CountersReply.Packets) }},
	{"reply_bytes", func(l *line) { l.number(l.knows(monitor.AttrCountersReply), l.f.CountersReply.Bytes) }},
	{"start", func(l *line) { l.time(l.knows(monitor.AttrStart), &l.start, l.f.Start) }},
	{"stop", func(l *line) { l.time(l.knows(monitor.AttrStop), &l.stop, l.f.Stop) }},
	{"born", func(l *line) { l.time(l.e.Kind == monitor.KindDestroy, &l.start, l.e.Born) }},
	{"use", func(l *line) { l.number(l.knows(monitor.AttrUse), uint64(l.f.Use)) }},
	{"helper", func(l *line) { l.foreign(l.knows(monitor.AttrHelper), l.x.Helper) }},
	{"secctx", func(l *line) { l.foreign(l.knows(monitor.AttrSecCtx), l.x.SecCtx) }},
	{"labels", func(l *line) {
		if l.knows(monitor.AttrLabels) {
			l.b = text.AppendBits(l.b, l.x.Labels, " ")
		}
	}},
	{"lost", func(l *line) { l.number(l.hasGap, l.gap.Count) }},
	{"uncertain", func(l *line) { l.word(l.gap.Uncertain, "true") }},
	{"lost_from", func(l *line) { l.time(true, &l.start, l.gap.From) }},
	{"lost_to", func(l *line) { l.time(true, &l.stop, l.gap.To) }},
	{"added", func(l *line) { l.number(l.e.Kind == monitor.KindResynced, l.gap.Added) }},
	{"changed", func(l *line) { l.number(l.e.Kind == monitor.KindResynced, l.gap.Changed) }},
	{"ended", func(l *line) { l.number(l.e.Kind == monitor.KindResynced, l.gap.Ended) }},
	{"remembered", func(l *line) { l.b = text.AppendAttrs(l.b, l.e.Remembered, " ") }},
	{"netns", func(l *line) { l.foreign(true, l.netns) }},
	{"reason", func(l *line) { l.word(l.e.Reason != monitor.ReasonResync, l.e.Reason.String()) }},
}
