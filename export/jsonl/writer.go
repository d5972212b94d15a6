// Package jsonl writes and reads JSON lines, one object an event. docs/json.md specifies
// the fields and docs/event.schema.json is their schema.
package jsonl

import (
	"io"

	"natlens/export/text"
	"natlens/monitor"
)

// Writer writes an event as one JSON object a line, as docs/json.md and
// docs/event.schema.json specify: the order of the fields is fixed, new ones come
// last, and what is not known is absent.
type Writer struct {
	// Namespaces has the names of network namespaces, where several are watched.
	Namespaces *monitor.Namespaces

	out             text.Lines
	ts, start, stop text.RFC3339
	heads           headCache
	addrs           addrCache
	status          statusCache
	remembered      rememberedMemo
}

// NewWriter returns a sink of JSON lines.
func NewWriter(w io.Writer) *Writer { return &Writer{out: text.Lines{W: w}} }

// Write writes the batch's events with one Write.
func (j *Writer) Write(batch *monitor.Batch) error {
	b, err := j.out.Begin()
	if err != nil {
		return err
	}
	for i := range batch.Events {
		b = j.AppendEvent(b, &batch.Events[i])
	}
	return j.out.Flush(b)
}

// Close has nothing to add. It returns the error that ended the sink, if any.
func (j *Writer) Close() error { return j.out.Err }

func (j *Writer) AppendEvent(b []byte, e *monitor.Event) []byte {
	b = append(b, `{"v":1`...)
	if e.Time != 0 {
		b = append(b, `,"ts":"`...)
		b = j.ts.AppendTo(b, e.Time)
		b = append(b, '"')
	}
	if !e.Kind.HasFlow() {
		b = appendSeqEvent(b, e)
		if e.Kind == monitor.KindNetNSBegin || e.Kind == monitor.KindNetNSEnd {
			b = j.appendNetNS(b, e.NetNS())
			return append(appendField(b, `,"inode":`, j.Namespaces.Get(e.NetNS()).Inode), "}\n"...)
		}
		return append(j.appendNetNS(j.appendGap(b, e), e.NetNS()), "}\n"...)
	}
	b = append(b, `,"ts_source":"`...)
	b = append(b, e.TimeSource.String()...)
	b = append(b, '"')
	b = appendSeqEvent(b, e)
	return append(j.appendFlow(b, e), "}\n"...)
}

func appendSeqEvent(b []byte, e *monitor.Event) []byte {
	b = append(b, `,"seq":`...)
	b = text.AppendUint(b, e.Seq)
	b = append(b, `,"event":"`...)
	b = append(b, e.Kind.String()...)
	return append(b, '"')
}

// appendGap appends what lost and resynced events tell.
func (j *Writer) appendGap(b []byte, e *monitor.Event) []byte {
	g := e.Gap
	if g == nil {
		g = &monitor.Gap{}
	}
	b = appendField(b, `,"count":`, g.Count)
	b = j.appendTime(b, `,"from":"`, &j.start, g.From)
	b = j.appendTime(b, `,"to":"`, &j.stop, g.To)
	if g.Uncertain {
		b = append(b, `,"uncertain":true`...)
	}
	if e.Kind == monitor.KindResynced {
		b = appendField(b, `,"added":`, g.Added)
		b = appendField(b, `,"changed":`, g.Changed)
		b = appendField(b, `,"ended":`, g.Ended)
	}
	return b
}

// appendFlow appends what an event tells of its flow.
func (j *Writer) appendFlow(b []byte, e *monitor.Event) []byte {
	f, known := &e.Flow, e.Known()
	if e.Inferred {
		b = append(b, `,"inferred":true`...)
	}
	if known&monitor.AttrID != 0 {
		b = appendField(b, `,"id":`, uint64(f.ID))
	}
	t := &f.Orig
	if known&monitor.AttrOrig == 0 {
		t = &f.Reply
	}
	b = append(b, j.heads.get(t, f.State, known)...)
	if known&monitor.AttrTimeout != 0 {
		b = appendField(b, `,"timeout":`, uint64(f.Timeout))
	}
	if known&monitor.AttrOrig != 0 {
		b = append(b, `,"orig":{`...)
		b = appendTuple(b, &f.Orig, &j.addrs)
		b = append(b, '}')
	}
	if known&monitor.AttrReply != 0 {
		b = append(b, `,"reply":{`...)
		b = appendTuple(b, &f.Reply, &j.addrs)
		b = append(b, '}')
	}
	if known.All(monitor.AttrOrig | monitor.AttrReply) {
		b = j.appendNAT(b, f)
	}
	if known&monitor.AttrStatus != 0 {
		b = append(b, j.status.get(f.Status)...)
	}
	if known&monitor.AttrMark != 0 {
		b = appendField(b, `,"mark":`, uint64(f.Mark))
	}
	if f.Path != monitor.PathUnknown {
		b = append(b, `,"path":"`...)
		b = append(b, f.Path.String()...)
		b = append(b, '"')
	}
	if e.Gen != 0 {
		b = appendField(b, `,"flow":`, e.Gen)
	}
	if e.Kind == monitor.KindDestroy {
		b = j.appendTime(b, `,"born":"`, &j.start, e.Born)
	}
	if e.PortID != 0 {
		b = appendField(b, `,"portid":`, uint64(e.PortID))
	}
	if known&attrsCommon != known {
		b = j.appendRare(b, e, known)
	}
	if e.Remembered != 0 {
		b = append(b, j.remembered.get(e.Remembered)...)
	}
	if e.NetNS() != 0 {
		b = j.appendNetNS(b, e.NetNS())
	}
	if e.Reason != monitor.ReasonResync {
		b = append(append(append(b, `,"reason":"`...), e.Reason.String()...), '"')
	}
	return b
}

// appendNetNS appends the name of a namespace, if it has one.
func (j *Writer) appendNetNS(b []byte, id monitor.NetNS) []byte {
	name := j.Namespaces.Name(id)
	if name == "" {
		return b
	}
	return appendString(append(b, `,"netns":`...), name)
}

// attrsCommon are the attributes that appendFlow writes itself.
const attrsCommon = monitor.AttrOrig | monitor.AttrReply | monitor.AttrStatus | monitor.AttrState |
	monitor.AttrTimeout | monitor.AttrMark | monitor.AttrID | monitor.AttrEventTime

// appendTuple appends the members of one direction: what the kernel looks a
// packet up by, in the words of conntrack(8). addrs may be nil.
func appendTuple(b []byte, t *monitor.Tuple, addrs *addrCache) []byte {
	b = append(b, `"src":"`...)
	b = addrs.append(b, &t.Src, t.Family)
	switch t.Proto {
	case monitor.TCP, monitor.UDP, monitor.DCCP, monitor.SCTP, monitor.UDPLite:
		b = append(b, `","sport":`...)
		b = text.AppendUint(b, uint64(t.SrcPort))
		b = append(b, `,"dst":"`...)
		b = addrs.append(b, &t.Dst, t.Family)
		b = append(b, `","dport":`...)
		return text.AppendUint(b, uint64(t.DstPort))
	case monitor.GRE:
		b = append(b, `","srckey":`...)
		b = text.AppendUint(b, uint64(t.SrcPort))
		b = append(b, `,"dst":"`...)
		b = addrs.append(b, &t.Dst, t.Family)
		b = append(b, `","dstkey":`...)
		return text.AppendUint(b, uint64(t.DstPort))
	}
	b = append(b, `","dst":"`...)
	b = addrs.append(b, &t.Dst, t.Family)
	b = append(b, '"')
	if t.Proto.IsICMP() {
		b = appendField(b, `,"type":`, uint64(t.ICMPType()))
		b = appendField(b, `,"code":`, uint64(t.ICMPCode()))
		b = appendField(b, `,"id":`, uint64(t.ICMPID()))
	}
	return b
}

// appendNAT appends what is rewritten, and to what: a rewritten side is given
// whole, also where only its port moves.
func (j *Writer) appendNAT(b []byte, f *monitor.Flow) []byte {
	n := f.NAT()
	if n.Kind == monitor.NATNone {
		b = append(b, `,"nat":{"kind":"none"`...)
	} else {
		b = append(b, `,"nat":{"kind":"`...)
		b = append(b, n.Kind.String()...)
		b = append(b, '"')
	}
	names := &natNames[0]
	switch {
	case f.Orig.Proto == monitor.GRE:
		names = &natNames[1]
	case f.Orig.Proto.IsICMP():
		names = &natNames[2]
	case !f.Orig.Proto.HasPorts():
		names = &natNames[3]
	}
	if n.Kind&monitor.NATSource != 0 {
		b = append(b, `,"src":"`...)
		b = j.appendEnd(b, f.SentAs(), f.Orig.Family, names.src)
	}
	if n.Kind&monitor.NATDestination != 0 {
		b = append(b, `,"dst":"`...)
		b = j.appendEnd(b, f.DeliveredTo(), f.Orig.Family, names.dst)
	}
	if n.PortOnly() {
		b = append(b, `,"port_only":true`...)
	}
	if n.Redirect {
		b = append(b, `,"redirect":true`...)
	}
	if n.NoBits {
		b = append(b, `,"no_bits":true`...)
	}
	if n.StrayBits {
		b = append(b, `,"stray_bits":true`...)
	}
	return append(b, '}')
}

// natNames are what stands between an address of nat and its port: the name of
// what the protocol has for one, "" for nothing.
var natNames = [...]struct{ src, dst string }{
	{`","sport":`, `","dport":`},
	{`","srckey":`, `","dstkey":`},
	{`","id":`, ""}, // an ICMP id belongs to the sender
	{"", ""},
}

func (j *Writer) appendEnd(b []byte, p monitor.Endpoint, family monitor.Family, port string) []byte {
	b = j.addrs.append(b, &p.Addr, family)
	if port == "" {
		return append(b, '"')
	}
	return appendField(b, port, uint64(p.Port))
}

func (j *Writer) appendTime(b []byte, name string, c *text.RFC3339, t monitor.Time) []byte {
	if t == 0 {
		return b
	}
	return append(c.AppendTo(append(b, name...), t), '"')
}

func appendField(b []byte, name string, v uint64) []byte {
	return text.AppendUint(append(b, name...), v)
}
