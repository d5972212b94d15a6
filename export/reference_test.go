package export

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"natlens/monitor"
)

// reference is a JSON line for encoding/json. It shares no
// code with the encoder.
type reference struct {
	V          int            `json:"v"`
	TS         *string        `json:"ts,omitempty"`
	TSSource   string         `json:"ts_source,omitempty"`
	Seq        uint64         `json:"seq"`
	Event      string         `json:"event"`
	Count      *uint64        `json:"count,omitempty"`
	From       *string        `json:"from,omitempty"`
	To         *string        `json:"to,omitempty"`
	Uncertain  bool           `json:"uncertain,omitempty"`
	Added      *uint64        `json:"added,omitempty"`
	Changed    *uint64        `json:"changed,omitempty"`
	Ended      *uint64        `json:"ended,omitempty"`
	Inferred   bool           `json:"inferred,omitempty"`
	ID         *uint32        `json:"id,omitempty"`
	Family     string         `json:"family,omitempty"`
	Proto      string         `json:"proto,omitempty"`
	ProtoNum   *uint8         `json:"protonum,omitempty"`
	State      string         `json:"state,omitempty"`
	Timeout    *uint32        `json:"timeout,omitempty"`
	Orig       map[string]any `json:"orig,omitempty"`
	Reply      map[string]any `json:"reply,omitempty"`
	NAT        map[string]any `json:"nat,omitempty"`
	Status     *[]string      `json:"status,omitempty"`
	Mark       *uint32        `json:"mark,omitempty"`
	Path       string         `json:"path,omitempty"`
	Flow       uint64         `json:"flow,omitempty"`
	Born       *string        `json:"born,omitempty"`
	PortID     uint32         `json:"portid,omitempty"`
	Zone       *uint16        `json:"zone,omitempty"`
	ZoneOrig   *uint16        `json:"zone_orig,omitempty"`
	ZoneReply  *uint16        `json:"zone_reply,omitempty"`
	Counters   map[string]any `json:"counters,omitempty"`
	Start      *string        `json:"start,omitempty"`
	Stop       *string        `json:"stop,omitempty"`
	Use        *uint32        `json:"use,omitempty"`
	TCP        map[string]any `json:"tcp,omitempty"`
	Helper     *string        `json:"helper,omitempty"`
	HelperInfo *string        `json:"helper_info,omitempty"`
	SecCtx     *string        `json:"secctx,omitempty"`
	Labels     *[]int         `json:"labels,omitempty"`
	LabelsMask *[]int         `json:"labels_mask,omitempty"`
	Master     map[string]any `json:"master,omitempty"`
	SCTP       map[string]any `json:"sctp,omitempty"`
	DCCP       map[string]any `json:"dccp,omitempty"`
	SeqAdj     map[string]any `json:"seqadj,omitempty"`
	Synproxy   map[string]any `json:"synproxy,omitempty"`
	SecMark    *uint32        `json:"secmark,omitempty"`
	MarkMask   *uint32        `json:"mark_mask,omitempty"`
	StatusMask *uint32        `json:"status_mask,omitempty"`
	Remembered []string       `json:"remembered,omitempty"`
}

func referenceOf(e *monitor.Event) *reference {
	r := &reference{V: 1, Seq: e.Seq, Event: e.Kind.String(), TS: refTime(e.Time)}
	if e.Gap != nil && !e.Kind.HasFlow() {
		g := e.Gap
		r.Count, r.From, r.To, r.Uncertain = &g.Count, refTime(g.From), refTime(g.To), g.Uncertain
		if e.Kind == monitor.KindResynced {
			r.Added, r.Changed, r.Ended = &g.Added, &g.Changed, &g.Ended
		}
		return r
	}
	r.TSSource = e.TimeSource.String()
	if e.Kind.HasFlow() {
		r.flow(e)
		r.extra(e)
	}
	return r
}

func (r *reference) flow(e *monitor.Event) {
	f, known := &e.Flow, e.Known()
	has := known.Any
	t := &f.Orig
	if !has(monitor.AttrOrig) {
		t = &f.Reply
	}
	r.Inferred, r.Flow, r.PortID = e.Inferred, e.Gen, e.PortID
	if has(monitor.AttrOrig | monitor.AttrReply) {
		r.Family, r.Proto, r.ProtoNum = t.Family.String(), t.Proto.String(), ptr(uint8(t.Proto))
	}
	if has(monitor.AttrState) {
		if r.State = strings.ToLower(f.State.Name(t.Proto)); r.State == "" {
			r.State = strconv.Itoa(int(f.State))
		}
	}
	if e.Kind == monitor.KindDestroy || e.Kind == monitor.KindInterim {
		r.Born = refTime(e.Born)
	}
	r.ID = when(has(monitor.AttrID), f.ID)
	r.Timeout = when(has(monitor.AttrTimeout), f.Timeout)
	r.Mark = when(has(monitor.AttrMark), f.Mark)
	r.Zone = when(has(monitor.AttrZone), f.Zone)
	r.ZoneOrig = when(has(monitor.AttrZoneOrig), f.Orig.Zone)
	r.ZoneReply = when(has(monitor.AttrZoneReply), f.Reply.Zone)
	r.Use = when(has(monitor.AttrUse), f.Use)
	if has(monitor.AttrOrig) {
		r.Orig = refTuple(&f.Orig)
	}
	if has(monitor.AttrReply) {
		r.Reply = refTuple(&f.Reply)
	}
	if known.All(monitor.AttrOrig | monitor.AttrReply) {
		r.NAT = refNAT(f)
	}
	if has(monitor.AttrStatus) {
		words := append([]string{}, f.Status.Names()...)
		if u := f.Status.Unnamed(); u != 0 {
			words = append(words, "0x"+strconv.FormatUint(uint64(u), 16))
		}
		r.Status = &words
	}
	if f.Path != monitor.PathUnknown {
		r.Path = f.Path.String()
	}
	if has(monitor.AttrStart) {
		r.Start = refTime(f.Start)
	}
	if has(monitor.AttrStop) {
		r.Stop = refTime(f.Stop)
	}
	counter := func(c monitor.Counters) any { return map[string]any{"packets": c.Packets, "bytes": c.Bytes} }
	r.Counters = members(has(monitor.AttrCountersOrig), "orig", counter(f.CountersOrig),
		has(monitor.AttrCountersReply), "reply", counter(f.CountersReply))
	side := func(scale, flags, mask uint8, hasScale, hasFlags bool) map[string]any {
		return members(hasScale, "wscale", scale, hasFlags, "flags", flags, hasFlags, "flags_mask", mask)
	}
	orig := side(f.TCP.WScaleOrig, f.TCP.FlagsOrig, f.TCP.MaskOrig, has(monitor.AttrWScaleOrig), has(monitor.AttrTCPFlagsOrig))
	reply := side(f.TCP.WScaleReply, f.TCP.FlagsReply, f.TCP.MaskReply, has(monitor.AttrWScaleReply), has(monitor.AttrTCPFlagsReply))
	r.TCP = members(orig != nil, "orig", orig, reply != nil, "reply", reply)
}

func (r *reference) extra(e *monitor.Event) {
	has, x := e.Known().Any, e.Extra
	if x == nil {
		x = &monitor.Extra{}
	}
	r.Helper = when(has(monitor.AttrHelper), string(x.Helper))
	r.HelperInfo = when(has(monitor.AttrHelperInfo), hex.EncodeToString(x.HelperInfo))
	r.SecCtx = when(has(monitor.AttrSecCtx), string(x.SecCtx))
	r.Labels = when(has(monitor.AttrLabels), refBits(x.Labels))
	r.LabelsMask = when(has(monitor.AttrLabelsMask), refBits(x.LabelsMask))
	if has(monitor.AttrMaster) {
		r.Master = refTuple(&x.Master)
		r.Master["family"], r.Master["proto"], r.Master["protonum"] = x.Master.Family.String(), x.Master.Proto.String(), uint8(x.Master.Proto)
	}
	r.SCTP = members(has(monitor.AttrVTagOrig), "vtag_orig", x.VTagOrig, has(monitor.AttrVTagReply), "vtag_reply", x.VTagReply)
	role := map[uint8]string{0: "client", 1: "server"}[x.DCCPRole]
	if role == "" {
		role = "unknown"
	}
	r.DCCP = members(has(monitor.AttrDCCPRole), "role", role, has(monitor.AttrDCCPSeq), "seq", x.DCCPSeq)
	adjust := func(s monitor.SeqAdj) any {
		return map[string]any{"correction": s.Correction, "offset_before": s.OffsetBefore, "offset_after": s.OffsetAfter}
	}
	r.SeqAdj = members(has(monitor.AttrSeqAdjOrig), "orig", adjust(x.SeqAdjOrig), has(monitor.AttrSeqAdjReply), "reply", adjust(x.SeqAdjReply))
	if has(monitor.AttrSynproxy) {
		r.Synproxy = map[string]any{"isn": x.Synproxy.ISN, "its": x.Synproxy.ITS, "tsoff": x.Synproxy.TSOff}
	}
	r.SecMark = when(has(monitor.AttrSecMark), x.SecMark)
	r.MarkMask = when(has(monitor.AttrMarkMask), x.MarkMask)
	r.StatusMask = when(has(monitor.AttrStatusMask), x.StatusMask)
	for i, name := range strings.Fields(`orig reply status state tcp.orig.wscale tcp.reply.wscale tcp.orig.flags
		tcp.reply.flags sctp.vtag_orig sctp.vtag_reply dccp.role dccp.seq helper helper_info timeout mark mark_mask
		counters.orig counters.reply use id master seqadj.orig seqadj.reply secmark zone zone_orig zone_reply secctx
		start stop ts labels labels_mask synproxy status_mask`) {
		if e.Remembered&(1<<i) != 0 {
			r.Remembered = append(r.Remembered, name)
		}
	}
}

func refTuple(t *monitor.Tuple) map[string]any {
	m := map[string]any{"src": refAddr(t.Src, t.Family), "dst": refAddr(t.Dst, t.Family)}
	switch {
	case t.Proto.HasPorts():
		m["sport"], m["dport"] = t.SrcPort, t.DstPort
	case t.Proto.IsICMP():
		m["type"], m["code"], m["id"] = t.ICMPType(), t.ICMPCode(), t.ICMPID()
	case t.Proto == monitor.GRE:
		m["srckey"], m["dstkey"] = t.SrcPort, t.DstPort
	}
	return m
}

func refNAT(f *monitor.Flow) map[string]any {
	n, p := f.NAT(), f.Orig.Proto
	m := map[string]any{"kind": n.Kind.String()}
	src, dst := "", ""
	switch {
	case p.HasPorts():
		src, dst = "sport", "dport"
	case p.IsICMP():
		src = "id"
	case p == monitor.GRE:
		src, dst = "srckey", "dstkey"
	}
	if n.Kind&monitor.NATSource != 0 {
		m["src"] = refAddr(f.SentAs().Addr, f.Orig.Family)
		if src != "" {
			m[src] = f.SentAs().Port
		}
	}
	if n.Kind&monitor.NATDestination != 0 {
		m["dst"] = refAddr(f.DeliveredTo().Addr, f.Orig.Family)
		if dst != "" {
			m[dst] = f.DeliveredTo().Port
		}
	}
	for name, set := range map[string]bool{"port_only": n.PortOnly(), "redirect": n.Redirect, "no_bits": n.NoBits, "stray_bits": n.StrayBits} {
		if set {
			m[name] = true
		}
	}
	return m
}

func refAddr(a monitor.Addr, family monitor.Family) string {
	if family == monitor.IPv6 {
		return netip.AddrFrom16(a).String()
	}
	return netip.AddrFrom4([4]byte(a[12:])).String()
}

func refTime(t monitor.Time) *string {
	if t == 0 {
		return nil
	}
	return ptr(time.Unix(0, int64(t)).UTC().Format("2006-01-02T15:04:05.000000000Z"))
}

func refBits(set []byte) []int {
	out := []int{}
	for i := range 8 * len(set) {
		if set[i/8]>>(i%8)&1 != 0 {
			out = append(out, i)
		}
	}
	return out
}

func ptr[T any](v T) *T { return &v }

func when[T any](known bool, v T) *T {
	if known {
		return &v
	}
	return nil
}

// members builds an object from triples of known, name and value, nil for an
// empty one.
func members(triples ...any) map[string]any {
	var m map[string]any
	for i := 0; i < len(triples); i += 3 {
		if triples[i].(bool) {
			if m == nil {
				m = map[string]any{}
			}
			m[triples[i+1].(string)] = triples[i+2]
		}
	}
	return m
}

// eventFrom makes an event of any bytes: each field takes the next ones.
func eventFrom(data []byte) monitor.Event {
	next := func(n int) []byte {
		out := make([]byte, n)
		data = data[copy(out, data):]
		return out
	}
	u8 := func() uint8 { return next(1)[0] }
	u16 := func() uint16 { return binary.BigEndian.Uint16(next(2)) }
	u32 := func() uint32 { return binary.BigEndian.Uint32(next(4)) }
	u64 := func() uint64 { return binary.BigEndian.Uint64(next(8)) }
	protos := []monitor.Proto{monitor.TCP, monitor.UDP, monitor.ICMP, monitor.ICMPv6, monitor.GRE, monitor.SCTP, monitor.DCCP, 253}
	proto, family := protos[u8()%8], []monitor.Family{monitor.IPv4, monitor.IPv6}[u8()%2]
	tuple := func() monitor.Tuple {
		t := monitor.Tuple{SrcPort: u16(), DstPort: u16(), Zone: u16(), Proto: proto, Family: family}
		if family == monitor.IPv4 {
			t.Src, t.Dst = monitor.AddrFrom4([4]byte(next(4))), monitor.AddrFrom4([4]byte(next(4)))
		} else {
			t.Src, t.Dst = monitor.Addr(next(16)), monitor.Addr(next(16))
		}
		return t
	}
	const all = monitor.AttrStatusMask<<1 - 1
	e := monitor.Event{
		Kind: monitor.Kind(1 + u8()%6), Has: monitor.Attrs(u64()) & all, Remembered: monitor.Attrs(u64()) & all,
		Seq: u64(), Time: monitor.Time(u64()), TimeSource: monitor.TimeSource(u8() % 4), Inferred: u8()%2 == 1, Gen: u64(), PortID: u32(), Born: monitor.Time(u64()),
		Flow: monitor.Flow{Orig: tuple(), Reply: tuple(), ID: u32(), Status: monitor.Status(u32()), Timeout: u32(), Mark: u32(), Use: u32(),
			Zone: u16(), State: monitor.State(u8()), Path: monitor.Path(u8() % 5), Start: monitor.Time(u64()), Stop: monitor.Time(u64()),
			CountersOrig: monitor.Counters{Packets: u64(), Bytes: u64()}, CountersReply: monitor.Counters{Packets: u64(), Bytes: u64()},
			TCP: monitor.TCPInfo{WScaleOrig: u8(), WScaleReply: u8(), FlagsOrig: u8(), MaskOrig: u8(), FlagsReply: u8(), MaskReply: u8()}},
		Extra: &monitor.Extra{HelperInfo: next(int(u8() % 8)), Labels: next(16), LabelsMask: next(16), Master: tuple(),
			SeqAdjOrig: monitor.SeqAdj{Correction: u32(), OffsetBefore: int32(u32()), OffsetAfter: int32(u32())},
			Synproxy:   monitor.Synproxy{ISN: u32(), ITS: u32(), TSOff: u32()}, DCCPSeq: u64(), VTagOrig: u32(), VTagReply: u32(),
			MarkMask: u32(), SecMark: u32(), StatusMask: u32(), DCCPRole: u8() % 3},
	}
	if !e.Kind.HasFlow() {
		e.Gap = &monitor.Gap{Count: u64(), From: monitor.Time(u64()), To: monitor.Time(u64()), Uncertain: u8()%2 == 1, Added: u64(), Changed: u64(), Ended: u64()}
	}
	return e
}
