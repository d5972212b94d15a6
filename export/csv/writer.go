// Package csv writes events as comma-separated values. docs/csv.md says what the columns
// contain.
package csv

import (
	"io"
	"strings"

	"natlens/export/text"
	"natlens/monitor"
)

// Header is the first line of csv; docs/csv.md says what the columns hold. New
// columns come last.
const Header = "time,time_source,seq,event,inferred,flow,id,family,proto,protonum,state,timeout," +
	"orig_src,orig_sport,orig_dst,orig_dport,reply_src,reply_sport,reply_dst,reply_dport,icmp_type,icmp_code," +
	"nat,nat_src,nat_sport,nat_dst,nat_dport,status,mark,zone,zone_orig,zone_reply,path,portid," +
	"orig_packets,orig_bytes,reply_packets,reply_bytes,start,stop,born,use,helper,secctx,labels," +
	"lost,uncertain,lost_from,lost_to,added,changed,ended,remembered,netns,reason"

// Writer writes a line an event with the columns of [CSVHeader], quoted as RFC 4180
// says. Lines end with LF. What is not known is an empty cell.
//
// Spreadsheets take a cell that begins with = + - or @ for a formula, quoted or
// not. The cells with text of others (helper, secctx) get an apostrophe in front
// then; all other cells are words and numbers that were made here.
type Writer struct {
	// Namespaces has the names of network namespaces, where several are watched.
	Namespaces *monitor.Namespaces

	out             text.Lines
	ts, start, stop text.RFC3339
	header          bool
}

// NewWriter returns a sink of comma-separated values.
func NewWriter(w io.Writer) *Writer { return &Writer{out: text.Lines{W: w}} }

// Write writes the batch's events with one Write, the first time behind the
// header.
func (c *Writer) Write(batch *monitor.Batch) error {
	b, err := c.out.Begin()
	if err != nil {
		return err
	}
	b = c.appendHeader(b)
	for i := range batch.Events {
		b = c.AppendEvent(b, &batch.Events[i])
	}
	return c.out.Flush(b)
}

// Close writes the header if there was no event. It returns the error that ended
// the sink, if any.
func (c *Writer) Close() error {
	b, err := c.out.Begin()
	if err != nil {
		return err
	}
	return c.out.Flush(c.appendHeader(b))
}

func (c *Writer) appendHeader(b []byte) []byte {
	if c.header {
		return b
	}
	c.header = true
	return append(b, Header+"\n"...)
}

// Every appendX below appends whole cells, each with its comma behind it; the
// last comma of a line becomes its end.
func (c *Writer) AppendEvent(b []byte, e *monitor.Event) []byte {
	b = appendCSVTime(b, &c.ts, e.Time)
	b = appendCSVWord(b, e.TimeSource.String())
	b = appendCSVNumber(b, true, e.Seq)
	b = appendCSVWord(b, e.Kind.String())
	if e.Kind.HasFlow() {
		b = c.appendFlow(b, e)
		b = append(b, ",,,,,,,"...)
		b = appendCSVRemembered(b, e.Remembered)
		b = c.appendNetNS(b, e)
		if e.Reason != monitor.ReasonResync {
			b = append(b, e.Reason.String()...)
		}
		b = append(b, ',')
	} else {
		b = append(b, blankFlow...)
		b = append(c.appendGap(b, e), ',')
		b = append(c.appendNetNS(b, e), ',')
	}
	b[len(b)-1] = '\n'
	return b
}

// blankFlow are the empty cells of an event that tells of no flow: all columns
// but the first four and the last ten.
var blankFlow = strings.Repeat(",", strings.Count(Header, ",")+1-4-10)

func (c *Writer) appendNetNS(b []byte, e *monitor.Event) []byte {
	if name := c.Namespaces.Name(e.NetNS()); name != "" {
		b = appendCSVText(b, []byte(name))
	}
	return append(b, ',')
}

func (c *Writer) appendGap(b []byte, e *monitor.Event) []byte {
	if e.Kind == monitor.KindNetNSBegin || e.Kind == monitor.KindNetNSEnd {
		return append(b, ",,,,,,,"...)
	}
	g, resynced := e.Gap, e.Kind == monitor.KindResynced
	if g == nil {
		g = &monitor.Gap{}
	}
	b = appendCSVNumber(b, true, g.Count)
	b = appendCSVBool(b, g.Uncertain)
	b = appendCSVTime(b, &c.start, g.From)
	b = appendCSVTime(b, &c.stop, g.To)
	b = appendCSVNumber(b, resynced, g.Added)
	b = appendCSVNumber(b, resynced, g.Changed)
	return appendCSVNumber(b, resynced, g.Ended)
}

func (c *Writer) appendFlow(b []byte, e *monitor.Event) []byte {
	f, known := &e.Flow, e.Known()
	b = appendCSVBool(b, e.Inferred)
	b = appendCSVNumber(b, e.Gen != 0, e.Gen)
	b = appendCSVNumber(b, known&monitor.AttrID != 0, uint64(f.ID))
	t := &f.Orig
	if known&monitor.AttrOrig == 0 {
		t = &f.Reply
	}
	b = appendCSVWord(b, t.Family.String())
	b = append(text.AppendProto(b, t.Proto), ',')
	b = appendCSVNumber(b, true, uint64(t.Proto))
	if known&monitor.AttrState != 0 {
		b = text.AppendState(b, t.Proto, f.State)
	}
	b = append(b, ',')
	b = appendCSVNumber(b, known&monitor.AttrTimeout != 0, uint64(f.Timeout))
	b = appendCSVTuples(b, f, known)
	b = appendCSVNAT(b, f, known)
	if known&monitor.AttrStatus != 0 {
		b = text.AppendStatusWords(b, f.Status, " ")
	}
	b = append(b, ',')
	b = appendCSVNumber(b, known&monitor.AttrMark != 0, uint64(f.Mark))
	b = appendCSVNumber(b, known&monitor.AttrZone != 0, uint64(f.Zone))
	b = appendCSVNumber(b, known&monitor.AttrZoneOrig != 0, uint64(f.Orig.Zone))
	b = appendCSVNumber(b, known&monitor.AttrZoneReply != 0, uint64(f.Reply.Zone))
	if f.Path != monitor.PathUnknown {
		b = append(b, f.Path.String()...)
	}
	b = append(b, ',')
	b = appendCSVNumber(b, e.PortID != 0, uint64(e.PortID))
	return c.appendRest(b, e, known)
}

func (c *Writer) appendRest(b []byte, e *monitor.Event, known monitor.Attrs) []byte {
	f, orig, reply := &e.Flow, known&monitor.AttrCountersOrig != 0, known&monitor.AttrCountersReply != 0
	b = appendCSVNumber(b, orig, f.CountersOrig.Packets)
	b = appendCSVNumber(b, orig, f.CountersOrig.Bytes)
	b = appendCSVNumber(b, reply, f.CountersReply.Packets)
	b = appendCSVNumber(b, reply, f.CountersReply.Bytes)
	var start, stop monitor.Time
	if known&monitor.AttrStart != 0 {
		start = f.Start
	}
	if known&monitor.AttrStop != 0 {
		stop = f.Stop
	}
	b = appendCSVTime(b, &c.start, start)
	b = appendCSVTime(b, &c.stop, stop)
	var born monitor.Time
	if e.Kind == monitor.KindDestroy {
		born = e.Born
	}
	b = appendCSVTime(b, &c.start, born)
	b = appendCSVNumber(b, known&monitor.AttrUse != 0, uint64(f.Use))
	x := e.Extra
	if x == nil {
		return append(b, ",,,"...)
	}
	if known&monitor.AttrHelper != 0 {
		b = appendCSVText(b, x.Helper)
	}
	b = append(b, ',')
	if known&monitor.AttrSecCtx != 0 {
		b = appendCSVText(b, x.SecCtx)
	}
	b = append(b, ',')
	if known&monitor.AttrLabels != 0 {
		b = appendCSVLabels(b, x.Labels)
	}
	return append(b, ',')
}
