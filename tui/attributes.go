package tui

import (
	"encoding/hex"
	"fmt"
	"strings"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/paint"
)

// attributes lists all that is known of the flow, in the kernel's words.
func (d *detail) attributes(width int) []paint.Line {
	a := attributeList{width: width}
	r := &d.flow.row
	f := &r.Flow
	a.add("original", d.tupleText(&f.Orig))
	if r.Known&monitor.AttrReply != 0 {
		a.add("reply", d.tupleText(&f.Reply))
	}
	a.add("path", f.Path.String())
	d.common(&a, r)
	if d.flow.extra != nil {
		d.rare(&a, d.flow.extra, r.Known)
		d.shifts(&a, d.flow.extra, r.Known)
	}
	return a.lines
}

type attributeList struct {
	width int
	lines []paint.Line
}

func (a *attributeList) add(name, value string) {
	n := note{{Role: paint.Text, Text: value}}
	a.lines = append(a.lines, hang(paint.Label, name, n, a.width)...)
}

// tupleText writes a tuple as conntrack(8) does.
func (d *detail) tupleText(t *monitor.Tuple) string {
	out := []string{"src=" + t.Src.String(), "dst=" + t.Dst.String()}
	switch {
	case t.Proto.HasPorts():
		out = append(out, fmt.Sprintf("sport=%d", t.SrcPort), fmt.Sprintf("dport=%d", t.DstPort))
	case t.Proto.IsICMP():
		out = append(out, fmt.Sprintf("type=%d", t.ICMPType()), fmt.Sprintf("code=%d", t.ICMPCode()),
			fmt.Sprintf("id=%d", t.ICMPID()))
	case t.Proto == monitor.GRE:
		out = append(out, fmt.Sprintf("srckey=0x%x", t.SrcPort), fmt.Sprintf("dstkey=0x%x", t.DstPort))
	}
	if t.Zone != 0 {
		out = append(out, fmt.Sprintf("zone=%d", t.Zone))
	}
	return strings.Join(out, " ")
}

func (d *detail) common(a *attributeList, r *table.Row) {
	f := &r.Flow
	if r.Known&monitor.AttrStatus != 0 {
		text := strings.Join(f.Status.Names(), ", ")
		if u := f.Status.Unnamed(); u != 0 {
			text += " and " + hexText(uint64(u))
		}
		a.add("status", text)
	}
	if r.Known&monitor.AttrCountersOrig != 0 {
		a.add("packets →", countersText(f.CountersOrig))
	}
	if r.Known&monitor.AttrCountersReply != 0 {
		a.add("packets ←", countersText(f.CountersReply))
	}
	if r.Known&monitor.AttrStart != 0 {
		a.add("start", d.timeText(f.Start))
	}
	if r.Known&monitor.AttrStop != 0 {
		a.add("stop", d.timeText(f.Stop))
	}
	if r.Known&(monitor.AttrWScaleOrig|monitor.AttrWScaleReply) != 0 {
		a.add("window", fmt.Sprintf("scale %d → %d ←", f.TCP.WScaleOrig, f.TCP.WScaleReply))
	}
	if r.Known&(monitor.AttrTCPFlagsOrig|monitor.AttrTCPFlagsReply) != 0 {
		a.add("tcp flags", fmt.Sprintf("0x%02x/0x%02x → 0x%02x/0x%02x ←",
			f.TCP.FlagsOrig, f.TCP.MaskOrig, f.TCP.FlagsReply, f.TCP.MaskReply))
	}
	if r.Known&monitor.AttrMark != 0 {
		a.add("mark", hexText(uint64(f.Mark)))
	}
	if r.Known&monitor.AttrUse != 0 {
		a.add("use", countPlain(uint64(f.Use)))
	}
}

func countersText(c monitor.Counters) string {
	return human.Plural(c.Packets, "packet") + ", " + human.Bytes(c.Bytes)
}

func (d *detail) timeText(t monitor.Time) string {
	return t.Time().In(d.s.cfg.Location).Format("2006-01-02 15:04:05.000000")
}

// rare lists texts and blobs. They were not made here: they come escaped.
func (d *detail) rare(a *attributeList, x *monitor.Extra, known monitor.Attrs) {
	has := func(b monitor.Attrs) bool { return known&b != 0 }
	if has(monitor.AttrMaster) {
		a.add("parent", x.Master.Proto.String()+" "+d.tupleText(&x.Master)+" (its helper expected this flow)")
	}
	if has(monitor.AttrHelper) {
		a.add("helper", monitor.Escape(string(x.Helper)))
	}
	if has(monitor.AttrHelperInfo) {
		a.add("helper info", hex.EncodeToString(x.HelperInfo))
	}
	if has(monitor.AttrLabels) {
		a.add("labels", strings.Join(d.s.labelNames(x.Labels), ", "))
	}
	if has(monitor.AttrSecCtx) {
		a.add("secctx", monitor.Escape(string(x.SecCtx)))
	}
	if has(monitor.AttrSecMark) {
		a.add("secmark", countPlain(uint64(x.SecMark)))
	}
	if has(monitor.AttrVTagOrig | monitor.AttrVTagReply) {
		a.add("vtag", hexText(uint64(x.VTagOrig))+" → "+hexText(uint64(x.VTagReply))+" ←")
	}
	if has(monitor.AttrDCCPRole) {
		a.add("dccp role", [...]string{"client", "server"}[x.DCCPRole&1])
	}
	if has(monitor.AttrDCCPSeq) {
		a.add("dccp seq", countPlain(x.DCCPSeq))
	}
}

func (d *detail) shifts(a *attributeList, x *monitor.Extra, known monitor.Attrs) {
	for _, s := range []struct {
		attr monitor.Attrs
		name string
		v    monitor.SeqAdj
	}{{monitor.AttrSeqAdjOrig, "seqadj →", x.SeqAdjOrig}, {monitor.AttrSeqAdjReply, "seqadj ←", x.SeqAdjReply}} {
		if known&s.attr != 0 {
			a.add(s.name, fmt.Sprintf("from %d on: %+d, before: %+d", s.v.Correction, s.v.OffsetAfter, s.v.OffsetBefore))
		}
	}
	if known&monitor.AttrSynproxy != 0 {
		a.add("synproxy", fmt.Sprintf("isn %d its %d tsoff %d", x.Synproxy.ISN, x.Synproxy.ITS, x.Synproxy.TSOff))
	}
}
