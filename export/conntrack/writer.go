// Package conntrack writes events, flows and expectations as conntrack(8) does: lines,
// XML, and command lines that make the flows again. docs/conntrack.md lists the
// differences.
package conntrack

import (
	"io"
	"time"

	"natlens/export/text"
	"natlens/monitor"
)

// Writer writes the lines of conntrack(8) 1.4.7 (libnetfilter_conntrack
// 1.0.9): of conntrack -E for events, of conntrack -L for flows that a dump
// found. It prints what each message bore and nothing that is remembered from
// earlier ones.
//
// The bytes are the same but for four things. Hostile text (a helper's name, a
// security context, a program's name) passes the escaper, in XML the entities
// too. The time of -o timestamp is the event's own where it is known, as
// conntrack prints it from 1.4.9 on. Nothing is cut at conntrack's buffer of 1,023
// bytes, which long XML events reach there. And inferred events, which the kernel
// never sent, look like those it did.
//
// Losses and resyncs are no lines of the format: they go to
// [ConntrackOptions.Notes].
type Writer struct {
	out    text.Lines
	o      Options
	labels *text.Labels
	start  ctime
	stop   ctime
	header bool // XML: the header has been written
}

// Modifiers are the words of conntrack's -o. See [ParseModifiers].
type Modifiers struct {
	ID         bool // id=
	Timestamp  bool // [1234567890.123456] in front of events
	KTimestamp bool // [start=…] [stop=…]
	Extended   bool // the family in front of the protocol
	Labels     bool // labels=, by the names of LabelFile
	XML        bool
	Save       bool // command lines of conntrack(8) in the place of lines; alone
}

// Options are the modifiers and what the sink needs from its
// surroundings.
type Options struct {
	Modifiers
	LabelFile string                     // connlabel.conf; "" means [LabelFile]
	Location  *time.Location             // for ktimestamp, XML and Notes; nil means the local one
	Now       func() time.Time           // for events whose time is not known; nil means time.Now
	ProgName  func(portid uint32) string // who holds a netlink port, "" for unknown; nil names nobody. See [ProgName]
	Notes     io.Writer                  // a line for each loss and resync, and for labels that have no names; nil drops them

	// Namespaces has the names of network namespaces, where several are watched:
	// a word that conntrack(8) does not have; nil: one is.
	Namespaces *monitor.Namespaces
}

// NewWriter returns a sink of conntrack(8)'s lines. Like conntrack it goes on
// without labels when their file can't be read, and says so in Notes.
func NewWriter(w io.Writer, o Options) *Writer {
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Notes == nil {
		o.Notes = io.Discard
	}
	c := &Writer{out: text.Lines{W: w}, o: o}
	c.start.location, c.stop.location = o.Location, o.Location
	if o.Labels {
		labels, err := text.ReadLabels(o.LabelFile)
		if err != nil {
			text.Note(o.Notes, "labels are not shown: "+err.Error())
		}
		c.labels = labels
	}
	return c
}

// Write writes the batch's events with one Write.
func (c *Writer) Write(batch *monitor.Batch) error {
	b, err := c.out.Begin()
	if err != nil {
		return err
	}
	for i := range batch.Events {
		e := &batch.Events[i]
		switch {
		case !e.Kind.HasFlow():
			c.note(e)
		case c.o.XML:
			b = c.appendXML(b, e)
		case c.o.Save:
			b = c.appendSave(b, e)
		default:
			b = c.appendText(b, e)
		}
	}
	return c.out.Flush(b)
}

// Close ends the XML document, if one was begun, and returns the error that
// ended the sink, if any.
func (c *Writer) Close() error {
	if c.out.Err == nil && c.header {
		c.header = false
		return c.out.Flush(append(c.out.Buf[:0], "</conntrack>\n"...))
	}
	return c.out.Err
}

// note tells what no line of the format does.
func (c *Writer) note(e *monitor.Event) {
	name := monitor.Escape(c.o.Namespaces.Name(e.NetNS()))
	switch {
	case e.Kind == monitor.KindNetNSBegin || e.Kind == monitor.KindNetNSEnd:
		text.Note(c.o.Notes, text.NetNSWords(e.Kind)+": "+name)
	case name != "":
		text.Note(c.o.Notes, name+": "+string(text.AppendGap(nil, e, c.o.Location)))
	default:
		text.Note(c.o.Notes, string(text.AppendGap(nil, e, c.o.Location)))
	}
}

func (c *Writer) appendText(b []byte, e *monitor.Event) []byte {
	f := &e.Flow
	b = c.appendFront(b, e)
	if e.Has&monitor.AttrTimeout != 0 {
		b = append(text.AppendUint(b, uint64(f.Timeout)), ' ')
	}
	if e.Has&monitor.AttrState != 0 && f.Orig.Proto.HasState() {
		b = append(append(b, stateText(f.Orig.Proto, f.State)...), ' ')
	}
	b = appendTextTuple(b, &f.Orig)
	if e.Has&monitor.AttrZoneOrig != 0 {
		b = appendWord(b, "zone-orig=", uint64(f.Orig.Zone))
	}
	if e.Has&monitor.AttrCountersOrig != 0 {
		b = appendTextCounters(b, f.CountersOrig)
	}
	if e.Has&monitor.AttrStatus != 0 && f.Status&monitor.SeenReply == 0 {
		b = append(b, "[UNREPLIED] "...)
	}
	b = appendTextTuple(b, &f.Reply)
	if e.Has&monitor.AttrZoneReply != 0 {
		b = appendWord(b, "zone-reply=", uint64(f.Reply.Zone))
	}
	if e.Has&monitor.AttrCountersReply != 0 {
		b = appendTextCounters(b, f.CountersReply)
	}
	if e.Has&monitor.AttrStatus != 0 {
		switch {
		case f.Status&monitor.HWOffload != 0:
			b = append(b, "[HW_OFFLOAD] "...)
		case f.Status&monitor.Offload != 0:
			b = append(b, "[OFFLOAD] "...)
		case f.Status&monitor.Assured != 0:
			b = append(b, "[ASSURED] "...)
		}
	}
	b = c.appendWords(b, e)
	return append(c.appendUserspace(b[:len(b)-1], e), '\n') // without the last blank
}

// appendFront appends what stands in front of the tuples' line: time, kind,
// family and protocol.
func (c *Writer) appendFront(b []byte, e *monitor.Event) []byte {
	if c.o.Timestamp && e.Kind != monitor.KindExisting {
		b = c.appendStamp(b, e)
	}
	switch e.Kind {
	case monitor.KindNew:
		b = append(b, "    [NEW] "...)
	case monitor.KindUpdate:
		b = append(b, " [UPDATE] "...)
	case monitor.KindDestroy:
		b = append(b, "[DESTROY] "...)
	}
	t := &e.Flow.Orig
	if c.o.Extended {
		b = appendNamed(b, t.Family.String(), uint64(t.Family))
	}
	return appendNamed(b, protoName(t.Proto), uint64(t.Proto))
}

// appendNamed appends a name, filled up to 8 characters, and a number.
func appendNamed(b []byte, name string, n uint64) []byte {
	const blanks = "        "
	b = append(b, name...)
	if len(name) < len(blanks) {
		b = append(b, blanks[len(name):]...)
	}
	return append(text.AppendUint(append(b, ' '), n), ' ')
}

// stateText returns the name that conntrack prints for a state: it has SCTP's
// names for DCCP too, and NONE for a number without a name.
func stateText(p monitor.Proto, s monitor.State) string {
	if p == monitor.DCCP {
		p = monitor.SCTP
	}
	if name := s.Name(p); name != "" {
		return name
	}
	return "NONE"
}

func appendTextTuple(b []byte, t *monitor.Tuple) []byte {
	if t.Family == monitor.IPv4 || t.Family == monitor.IPv6 {
		b = append(b, "src="...)
		b = text.AppendNtop(b, &t.Src, t.Family)
		b = append(b, " dst="...)
		b = append(text.AppendNtop(b, &t.Dst, t.Family), ' ')
	}
	switch {
	case t.Proto.HasPorts():
		b = appendWord(b, "sport=", uint64(t.SrcPort))
		b = appendWord(b, "dport=", uint64(t.DstPort))
	case t.Proto.IsICMP():
		b = appendWord(b, "type=", uint64(t.ICMPType()))
		b = appendWord(b, "code=", uint64(t.ICMPCode()))
		b = appendWord(b, "id=", uint64(t.ICMPID()))
	case t.Proto == monitor.GRE:
		b = append(text.AppendHex(append(b, "srckey=0x"...), uint64(t.SrcPort)), ' ')
		b = append(text.AppendHex(append(b, "dstkey=0x"...), uint64(t.DstPort)), ' ')
	}
	return b
}

func appendTextCounters(b []byte, n monitor.Counters) []byte {
	return appendWord(appendWord(b, "packets=", n.Packets), "bytes=", n.Bytes)
}

// appendWords appends what stands behind the tuples.
func (c *Writer) appendWords(b []byte, e *monitor.Event) []byte {
	f := &e.Flow
	if e.Has&monitor.AttrMark != 0 {
		b = appendWord(b, "mark=", uint64(f.Mark))
	}
	if e.Has&monitor.AttrSecMark != 0 {
		b = appendWord(b, "secmark=", uint64(e.Extra.SecMark))
	}
	if e.Has&monitor.AttrSecCtx != 0 {
		b = append(monitor.AppendEscaped(append(b, "secctx="...), e.Extra.SecCtx), ' ')
	}
	if e.Has&monitor.AttrZone != 0 {
		b = appendWord(b, "zone=", uint64(f.Zone))
	}
	if e.Has&monitor.AttrStart != 0 {
		b = appendWord(b, "delta-time=", c.delta(e))
	}
	if c.o.KTimestamp && e.Has&monitor.AttrStart != 0 {
		b = append(c.start.append(append(b, "[start="...), f.Start), "] "...)
	}
	if c.o.KTimestamp && e.Has&monitor.AttrStop != 0 {
		b = append(c.stop.append(append(b, "[stop="...), f.Stop), "] "...)
	}
	if e.Has&monitor.AttrHelper != 0 {
		b = append(monitor.AppendEscaped(append(b, "helper="...), e.Extra.Helper), ' ')
	}
	if e.Has&monitor.AttrUse != 0 {
		b = appendWord(b, "use=", uint64(f.Use))
	}
	if c.o.ID && e.Has&monitor.AttrID != 0 {
		b = appendWord(b, "id=", uint64(f.ID))
	}
	if c.labels != nil && e.Has&monitor.AttrLabels != 0 {
		b = append(b, "labels="...)
		b = c.labels.AppendNames(b, e.Extra.Labels, "", ",")
		b[len(b)-1] = ' ' // instead of the last comma; of the equals sign where no label has a name
	}
	if e.NetNS() != 0 {
		b = append(append(append(b, "netns="...), netNSWord(c.o.Namespaces.Name(e.NetNS()))...), ' ')
	}
	return b
}

// appendUserspace says which process caused an event.
func (c *Writer) appendUserspace(b []byte, e *monitor.Event) []byte {
	if e.PortID == 0 || e.Kind == monitor.KindExisting {
		return b
	}
	b = text.AppendUint(append(b, " [USERSPACE] portid="...), uint64(e.PortID))
	if c.o.ProgName != nil {
		if name := c.o.ProgName(e.PortID); name != "" {
			b = append(append(b, " progname="...), monitor.Escape(name)...)
		}
	}
	return b
}

// appendStamp appends seconds and microseconds as printf's "[%-.8ld.%-.6ld]\t".
func (c *Writer) appendStamp(b []byte, e *monitor.Event) []byte {
	second, nanos := text.SplitTime(c.time(e))
	b = append(b, '[')
	for limit := int64(1e7); limit > second && limit > 1; limit /= 10 {
		b = append(b, '0')
	}
	b = append(text.AppendInt(b, second), '.')
	b = text.AppendNanos(b, nanos)
	return append(b[:len(b)-3], "]\t"...)
}

// time is when the event happened, now where that is not known.
func (c *Writer) time(e *monitor.Event) monitor.Time {
	if e.Time != 0 {
		return e.Time
	}
	return monitor.Time(c.o.Now().UnixNano())
}

// delta is how many seconds the flow lived, by the clock's seconds.
func (c *Writer) delta(e *monitor.Event) uint64 {
	stop := e.Flow.Stop
	if e.Has&monitor.AttrStop == 0 || stop == 0 {
		stop = c.time(e)
	}
	return uint64(int64(stop)/1e9 - int64(e.Flow.Start)/1e9)
}

// appendWord appends a name, a number and a blank.
func appendWord(b []byte, name string, n uint64) []byte {
	return append(text.AppendUint(append(b, name...), n), ' ')
}

// ctime formats times like ctime(3), and keeps the text of the last second.
type ctime struct {
	location *time.Location
	second   int64
	text     []byte
}

func (c *ctime) append(b []byte, t monitor.Time) []byte {
	second, _ := text.SplitTime(t)
	if second != c.second || len(c.text) == 0 {
		c.second, c.text = second, time.Unix(second, 0).In(c.location).AppendFormat(c.text[:0], "Mon Jan _2 15:04:05 2006")
	}
	return append(b, c.text...)
}
