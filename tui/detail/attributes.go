package detail

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"natlens/monitor"
	"natlens/monitor/human"
	"natlens/monitor/table"
	"natlens/tui/paint"
)

// attributes lists all known attributes of the flow by the kernel's names, one per line. Texts
// are untrusted and are escaped.
func (p *Pane) attributes(width int) (out []paint.Line) {
	f, x, known := &p.Flow.Row.Flow, p.Flow.Extra, p.Flow.Row.Known
	if x == nil {
		x, known = new(monitor.Extra), known&^monitor.AttrsInExtra
	}
	local, places := "", p.s.Env.Places
	if l := p.s.Local(f); l != nil {
		local = l.String()
	} else if p.s.Env.Local == nil && !p.s.Replay && f.Path > monitor.PathForward {
		local = "natlens --process looks it up"
	}
	for _, a := range []struct {
		attrs       monitor.Attrs // one of these is known; 0: always
		name, value string
	}{
		{0, "original", tupleText(&f.Orig)},
		{monitor.AttrReply, "reply", tupleText(&f.Reply)},
		{monitor.AttrCountersOrig, "packets →", countersText(f.CountersOrig)},
		{monitor.AttrCountersReply, "packets ←", countersText(f.CountersReply)},
		{0, "process", monitor.Escape(local)},
		{0, "from", monitor.Escape(places.Of(f.Orig.Src).String())},
		{0, "to", monitor.Escape(places.Of(f.Orig.Dst).String())},
		{0, "path", f.Path.String()},
		{monitor.AttrStatus, "status", statusText(f.Status)},
		{monitor.AttrStart, "start", p.timeText(f.Start)},
		{monitor.AttrStop, "stop", p.timeText(f.Stop)},
		{monitor.AttrWScaleOrig | monitor.AttrWScaleReply, "window",
			fmt.Sprintf("scale %d → %d ←", f.TCP.WScaleOrig, f.TCP.WScaleReply)},
		{monitor.AttrTCPFlagsOrig | monitor.AttrTCPFlagsReply, "tcp flags",
			fmt.Sprintf("0x%02x/0x%02x → 0x%02x/0x%02x ←", f.TCP.FlagsOrig, f.TCP.MaskOrig,
				f.TCP.FlagsReply, f.TCP.MaskReply)},
		{monitor.AttrMark, "mark", paint.Hex(uint64(f.Mark))},
		{monitor.AttrUse, "use", decimal(f.Use)},
		{monitor.AttrMaster, "master", x.Master.Proto.String() + " " + tupleText(&x.Master) +
			" (its helper expected this flow)"},
		{monitor.AttrHelper, "helper", monitor.Escape(string(x.Helper))},
		{monitor.AttrHelperInfo, "helper info", hex.EncodeToString(x.HelperInfo)},
		{monitor.AttrLabels, "labels", strings.Join(p.s.LabelNames(x.Labels), ", ")},
		{monitor.AttrSecCtx, "secctx", monitor.Escape(string(x.SecCtx))},
		{monitor.AttrSecMark, "secmark", decimal(x.SecMark)},
		{monitor.AttrVTagOrig | monitor.AttrVTagReply, "vtag", fmt.Sprintf("0x%x → 0x%x ←", x.VTagOrig, x.VTagReply)},
		{monitor.AttrDCCPRole, "dccp role", [...]string{"client", "server"}[x.DCCPRole&1]},
		{monitor.AttrDCCPSeq, "dccp seq", strconv.FormatUint(x.DCCPSeq, 10)},
		{monitor.AttrSeqAdjOrig, "seqadj →", seqAdjText(x.SeqAdjOrig)},
		{monitor.AttrSeqAdjReply, "seqadj ←", seqAdjText(x.SeqAdjReply)},
		{monitor.AttrSynproxy, "synproxy",
			fmt.Sprintf("isn %d its %d tsoff %d", x.Synproxy.ISN, x.Synproxy.ITS, x.Synproxy.TSOff)},
	} {
		if a.value != "" && (a.attrs == 0 || known.Any(a.attrs)) {
			out = append(out, paint.Hang(paint.Label, a.name, paint.Note{{Role: paint.Text, Text: a.value}}, width)...)
		}
	}
	return out
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
		text += " and " + paint.Hex(uint64(u))
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

// lifeLines draws the states that the flow went through with the time in each:
//
//	life         SYN_SENT ─18 ms─ SYN_RECV ─0 ms─ ESTABLISHED ─12s─ now
func (p *Pane) lifeLines(width int) []paint.Line {
	if !p.lived || p.life.N == 0 {
		return paint.Hang(paint.Label, "life", paint.Words("not known"), width)
	}
	r := &p.Flow.Row
	var n paint.Note
	add := func(role paint.Role, text string) { n = append(n, paint.Span{Role: role, Text: text}) }
	if r.State&table.RowNew == 0 {
		add(paint.Muted, paint.Whole("began before natlens: "))
	}
	l := &p.life
	for i := range int(l.N) {
		if i > 0 {
			span := spanText(l.At[i] - l.At[i-1])
			if l.Cut && i == int(l.N)-1 {
				span = "… " + span
			}
			add(paint.Muted, paint.Whole(" ─"+span)+"─ ")
		}
		role := paint.Text
		if l.States[i] == table.LifeEnded {
			role = paint.Ended
		}
		add(role, paint.Whole(lifeText(l.States[i], r.Flow.Orig.Proto)))
	}
	if last := int(l.N) - 1; !r.Ended() && !p.gone && l.States[last] != table.LifeEnded {
		ms := max(0, p.s.Frame-r.First)/1e6 - monitor.Time(l.At[last])
		add(paint.Muted, paint.Whole(" ─"+spanText(uint32(max(0, ms)))+"─ now"))
	}
	return paint.Hang(paint.Label, "life", n, width)
}

var lifeNames = map[table.LifeState]string{table.LifeReplied: "replied", table.LifeAssured: "assured",
	table.LifeStarted: "first packet", table.LifeEnded: "ended"}

func lifeText(s table.LifeState, p monitor.Proto) string {
	return cmp.Or(lifeNames[s], monitor.State(s).Name(p), "state "+decimal(uint32(s)))
}

// spanText writes the time between two states: 18 ms, 1.5 s, 4m02.
func spanText(ms uint32) string {
	switch {
	case ms < 1000:
		return fmt.Sprintf("%d ms", ms)
	case ms < 60_000:
		return fmt.Sprintf("%.1f s", float64(ms)/1000)
	}
	return human.Age(time.Duration(ms) * time.Millisecond)
}
