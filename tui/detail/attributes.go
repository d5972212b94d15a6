package detail

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/tui/page"
	"natlens/tui/paint"
)

// attributes lists all that is known of the flow, in the kernel's words.
func (p *Pane) attributes(width int) []paint.Line {
	f := &p.Flow.Row.Flow
	a := list{width: width, known: p.Flow.Row.Known}
	a.add(0, "original", tupleText(&f.Orig))
	a.add(monitor.AttrReply, "reply", tupleText(&f.Reply))
	a.add(0, "path", f.Path.String())
	a.add(monitor.AttrStatus, "status", statusText(f.Status))
	a.add(monitor.AttrCountersOrig, "packets →", countersText(f.CountersOrig))
	a.add(monitor.AttrCountersReply, "packets ←", countersText(f.CountersReply))
	a.add(monitor.AttrStart, "start", p.timeText(f.Start))
	a.add(monitor.AttrStop, "stop", p.timeText(f.Stop))
	a.add(
		monitor.AttrWScaleOrig|monitor.AttrWScaleReply,
		"window",
		fmt.Sprintf("scale %d → %d ←", f.TCP.WScaleOrig, f.TCP.WScaleReply),
	)
	a.add(monitor.AttrTCPFlagsOrig|monitor.AttrTCPFlagsReply, "tcp flags",
		fmt.Sprintf("0x%02x/0x%02x → 0x%02x/0x%02x ←",
			f.TCP.FlagsOrig, f.TCP.MaskOrig, f.TCP.FlagsReply, f.TCP.MaskReply))
	a.add(monitor.AttrMark, "mark", page.Hex(uint64(f.Mark)))
	a.add(monitor.AttrUse, "use", decimal(f.Use))
	if x := p.Flow.Extra; x != nil {
		p.rare(&a, x)
	}
	return a.lines
}

// rare lists texts and blobs. Texts are foreign and are escaped.
func (p *Pane) rare(a *list, x *monitor.Extra) {
	a.add(
		monitor.AttrMaster,
		"parent",
		x.Master.Proto.String()+" "+tupleText(&x.Master)+" (its helper expected this flow)",
	)
	a.add(monitor.AttrHelper, "helper", monitor.Escape(string(x.Helper)))
	a.add(monitor.AttrHelperInfo, "helper info", hex.EncodeToString(x.HelperInfo))
	a.add(monitor.AttrLabels, "labels", strings.Join(p.s.LabelNames(x.Labels), ", "))
	a.add(monitor.AttrSecCtx, "secctx", monitor.Escape(string(x.SecCtx)))
	a.add(monitor.AttrSecMark, "secmark", decimal(x.SecMark))
	a.add(
		monitor.AttrVTagOrig|monitor.AttrVTagReply,
		"vtag",
		page.Hex(uint64(x.VTagOrig))+" → "+page.Hex(uint64(x.VTagReply))+" ←",
	)
	a.add(monitor.AttrDCCPRole, "dccp role", [...]string{"client", "server"}[x.DCCPRole&1])
	a.add(monitor.AttrDCCPSeq, "dccp seq", strconv.FormatUint(x.DCCPSeq, 10))
	a.add(monitor.AttrSeqAdjOrig, "seqadj →", seqAdjText(x.SeqAdjOrig))
	a.add(monitor.AttrSeqAdjReply, "seqadj ←", seqAdjText(x.SeqAdjReply))
	a.add(
		monitor.AttrSynproxy,
		"synproxy",
		fmt.Sprintf("isn %d its %d tsoff %d", x.Synproxy.ISN, x.Synproxy.ITS, x.Synproxy.TSOff),
	)
}

// list is attributes, one a line.
type list struct {
	width int
	known monitor.Attrs
	lines []paint.Line
}

// add adds an attribute if one of attrs is known; 0: always.
func (l *list) add(attrs monitor.Attrs, name, value string) {
	if attrs == 0 || l.known.Any(attrs) {
		l.lines = append(l.lines, paint.Hang(paint.Label, name, paint.Note{{Role: paint.Text, Text: value}},
			l.width)...)
	}
}

// tupleText writes a tuple as conntrack(8) does.
func tupleText(t *monitor.Tuple) string {
	text := "src=" + t.Src.String() + " dst=" + t.Dst.String()
	switch {
	case t.Proto.HasPorts():
		text += fmt.Sprintf(" sport=%d dport=%d", t.SrcPort, t.DstPort)
	case t.Proto.IsICMP():
		text += fmt.Sprintf(" type=%d code=%d id=%d", t.ICMPType(), t.ICMPCode(), t.ICMPID())
	case t.Proto == monitor.GRE:
		text += fmt.Sprintf(" srckey=0x%x dstkey=0x%x", t.SrcPort, t.DstPort)
	}
	if t.Zone != 0 {
		text += fmt.Sprintf(" zone=%d", t.Zone)
	}
	return text
}

func statusText(s monitor.Status) string {
	text := strings.Join(s.Names(), ", ")
	if u := s.Unnamed(); u != 0 {
		text += " and " + page.Hex(uint64(u))
	}
	return text
}

func countersText(c monitor.Counters) string {
	return human.Plural(c.Packets, "packet") + ", " + human.Bytes(c.Bytes)
}

func (p *Pane) timeText(t monitor.Time) string {
	return t.Time().In(p.s.Location).Format("2006-01-02 15:04:05.000000")
}

func seqAdjText(s monitor.SeqAdj) string {
	return fmt.Sprintf("from %d on: %+d, before: %+d", s.Correction, s.OffsetAfter, s.OffsetBefore)
}
