// Package csv writes events as comma-separated values. docs/csv.md says what the columns
// contain.
package csv

import (
	"io"
	"strings"

	"natlens/export/text"
	"natlens/monitor"
)

// Header is the first line. New columns come last.
const Header = "time,time_source,seq,event,inferred,flow,id,family,proto,protonum,state,timeout," +
	"orig_src,orig_sport,orig_dst,orig_dport,reply_src,reply_sport,reply_dst,reply_dport,icmp_type,icmp_code," +
	"nat,nat_src,nat_sport,nat_dst,nat_dport,status,mark,zone,zone_orig,zone_reply,path,portid," +
	"orig_packets,orig_bytes,reply_packets,reply_bytes,start,stop,born,use,helper,secctx,labels," +
	"lost,uncertain,lost_from,lost_to,added,changed,ended,remembered,netns,reason"

// Writer writes a line an event, quoted as RFC 4180 says and ended by LF. A cell whose
// value is not known is empty.
//
// Spreadsheets take a cell that begins with = + - or @ for a formula, quoted or not. Cells
// with text from outside (helper, secctx, netns) then begin with an apostrophe.
type Writer struct {
	// Namespaces has the names of network namespaces, if several are watched.
	Namespaces *monitor.Namespaces

	out             text.Lines
	ts, start, stop text.RFC3339
	header          bool
}

// NewWriter returns a sink of comma-separated values.
func NewWriter(w io.Writer) *Writer { return &Writer{out: text.Lines{W: w}} }

// Write writes the events of the batch with one Write, the first time after the header.
func (c *Writer) Write(batch *monitor.Batch) error {
	b, err := c.out.Begin()
	if err != nil {
		return err
	}
	b = c.top(b)
	for i := range batch.Events {
		b = c.event(b, &batch.Events[i])
	}
	return c.out.Flush(b)
}

// Close writes the header if there was no event. It returns the error that ended the
// sink, if any.
func (c *Writer) Close() error {
	b, err := c.out.Begin()
	if err != nil {
		return err
	}
	return c.out.Flush(c.top(b))
}

func (c *Writer) top(b []byte) []byte {
	if c.header {
		return b
	}
	c.header = true
	return append(b, Header+"\n"...)
}

// noFlow are the empty cells of an event that is not about a flow: all columns but the
// first four and the last ten. noGap are those of an event that is not about a gap.
var (
	noFlow = strings.Repeat(",", strings.Count(Header, ",")+1-4-10)
	noGap  = strings.Repeat(",", 7)
)

// event appends a line. All functions below append whole cells, each with a comma behind
// it. The last comma becomes the line end.
func (c *Writer) event(b []byte, e *monitor.Event) []byte {
	b = when(b, &c.ts, e.Time)
	b = word(b, e.TimeSource.String())
	b = number(b, true, e.Seq)
	b = word(b, e.Kind.String())
	reason := ""
	switch {
	case e.Kind.HasFlow():
		b = append(c.flow(b, e), noGap...)
		b = append(text.AppendAttrs(b, e.Remembered, " "), ',')
		if e.Reason != monitor.ReasonResync {
			reason = e.Reason.String()
		}
	case e.Kind == monitor.KindNetNSBegin || e.Kind == monitor.KindNetNSEnd:
		b = append(append(append(b, noFlow...), noGap...), ',')
	default:
		b = append(c.gap(append(b, noFlow...), e), ',')
	}
	b = foreign(b, []byte(c.Namespaces.Name(e.NetNS())))
	b = word(b, reason)
	b[len(b)-1] = '\n'
	return b
}

func (c *Writer) gap(b []byte, e *monitor.Event) []byte {
	g, resynced := e.Gap, e.Kind == monitor.KindResynced
	if g == nil {
		g = &monitor.Gap{}
	}
	b = number(b, true, g.Count)
	b = flag(b, g.Uncertain)
	b = when(b, &c.start, g.From)
	b = when(b, &c.stop, g.To)
	b = number(b, resynced, g.Added)
	b = number(b, resynced, g.Changed)
	return number(b, resynced, g.Ended)
}

func (c *Writer) flow(b []byte, e *monitor.Event) []byte {
	f, known := &e.Flow, e.Known()
	b = flag(b, e.Inferred)
	b = number(b, e.Gen != 0, e.Gen)
	b = number(b, known&monitor.AttrID != 0, uint64(f.ID))
	t := &f.Orig
	if known&monitor.AttrOrig == 0 {
		t = &f.Reply
	}
	b = word(b, t.Family.String())
	b = append(text.AppendProto(b, t.Proto), ',')
	b = number(b, true, uint64(t.Proto))
	if known&monitor.AttrState != 0 {
		b = text.AppendState(b, t.Proto, f.State)
	}
	b = append(b, ',')
	b = number(b, known&monitor.AttrTimeout != 0, uint64(f.Timeout))
	b = tuple(b, &f.Orig, known&monitor.AttrOrig != 0)
	b = tuple(b, &f.Reply, known&monitor.AttrReply != 0)
	icmp := f.Orig.Proto.IsICMP() && known&monitor.AttrOrig != 0
	b = number(b, icmp, uint64(f.Orig.ICMPType()))
	b = number(b, icmp, uint64(f.Orig.ICMPCode()))
	b = nat(b, f, known)
	if known&monitor.AttrStatus != 0 {
		b = text.AppendStatusWords(b, f.Status, " ")
	}
	b = append(b, ',')
	b = number(b, known&monitor.AttrMark != 0, uint64(f.Mark))
	b = number(b, known&monitor.AttrZone != 0, uint64(f.Zone))
	b = number(b, known&monitor.AttrZoneOrig != 0, uint64(f.Orig.Zone))
	b = number(b, known&monitor.AttrZoneReply != 0, uint64(f.Reply.Zone))
	if f.Path != monitor.PathUnknown {
		b = append(b, f.Path.String()...)
	}
	b = append(b, ',')
	b = number(b, e.PortID != 0, uint64(e.PortID))
	return c.rest(b, e, known)
}

func (c *Writer) rest(b []byte, e *monitor.Event, known monitor.Attrs) []byte {
	f, orig, reply := &e.Flow, known&monitor.AttrCountersOrig != 0, known&monitor.AttrCountersReply != 0
	b = number(b, orig, f.CountersOrig.Packets)
	b = number(b, orig, f.CountersOrig.Bytes)
	b = number(b, reply, f.CountersReply.Packets)
	b = number(b, reply, f.CountersReply.Bytes)
	var start, stop, born monitor.Time
	if known&monitor.AttrStart != 0 {
		start = f.Start
	}
	if known&monitor.AttrStop != 0 {
		stop = f.Stop
	}
	if e.Kind == monitor.KindDestroy {
		born = e.Born
	}
	b = when(b, &c.start, start)
	b = when(b, &c.stop, stop)
	b = when(b, &c.start, born)
	b = number(b, known&monitor.AttrUse != 0, uint64(f.Use))
	var helper, secctx, labels []byte
	if x := e.Extra; x != nil {
		if known&monitor.AttrHelper != 0 {
			helper = x.Helper
		}
		if known&monitor.AttrSecCtx != 0 {
			secctx = x.SecCtx
		}
		if known&monitor.AttrLabels != 0 {
			labels = x.Labels
		}
	}
	return bits(foreign(foreign(b, helper), secctx), labels)
}
