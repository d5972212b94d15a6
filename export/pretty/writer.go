// Package pretty writes events as lines for people, in colour on a terminal.
package pretty

import (
	"io"
	"time"

	"natlens/export/text"
	"natlens/monitor"
)

// Writer writes a line an event for people:
//
//	12:03:01.676  new      tcp  SYN_SENT     192.168.77.2:39502 ⇒ 203.0.113.1:39502 → 203.0.113.9:443
//	12:03:07.002  new      tcp  SYN_SENT     198.51.100.7:51022 → 203.0.113.1:8080 ⇒ 192.168.77.2:80
//
// → leads from the sender to whom it sends, ⇒ to what NAT makes of an end. Only
// what is rewritten is in the accent colour: the address, the port, or both.
// Lines are not cut and not wrapped.
type Writer struct {
	out   text.Lines
	o     Options
	clock dayTime
	pens  pens
	base  string // what the line's plain text is written in
	netns int    // width of the column of namespaces
}

// Options say how the lines look.
type Options struct {
	Colour   bool           // the terminal's own sixteen colours; false for NO_COLOR, pipes and files
	Light    bool           // the colours that can be read on a light background
	Width    int            // of the terminal; below 100 the lines are tighter. 0 means wide
	Location *time.Location // nil means the local one
	Labels   *text.Labels   // names of label bits; nil shows numbers

	// Namespaces has the names of network namespaces, which stand in a column in
	// front from the first event that has one; nil: none has.
	Namespaces *monitor.Namespaces
}

// NewWriter returns a sink of lines for people.
func NewWriter(w io.Writer, o Options) *Writer {
	if o.Location == nil {
		o.Location = time.Local
	}
	p := &Writer{out: text.Lines{W: w}, o: o, clock: dayTime{location: o.Location}}
	if o.Colour {
		p.pens = newPens(o.Light)
	}
	return p
}

// Write writes the batch's events with one Write.
func (p *Writer) Write(batch *monitor.Batch) error {
	b, err := p.out.Begin()
	if err != nil {
		return err
	}
	for i := range batch.Events {
		if e := &batch.Events[i]; e.Kind.HasFlow() {
			b = p.appendFlow(b, e)
		} else {
			b = p.appendGap(b, e)
		}
	}
	return p.out.Flush(b)
}

// Close has nothing to add. It returns the error that ended the sink, if any.
func (p *Writer) Close() error { return p.out.Err }

// appendGap appends the row of a loss or a resync.
func (p *Writer) appendGap(b []byte, e *monitor.Event) []byte {
	b = p.appendNetNS(p.appendTime(b, e.Time), e)
	if e.Kind == monitor.KindNetNSBegin || e.Kind == monitor.KindNetNSEnd {
		b = append(append(b, p.pens.ended...), "── "...)
		b = append(append(b, text.NetNSWords(e.Kind)...), " ──"...)
		return append(append(b, p.pens.off(p.pens.ended)...), '\n')
	}
	b = append(b, p.pens.bad...)
	b = append(b, "── "...)
	b = append(text.AppendGap(b, e, p.o.Location), " ──"...)
	return append(append(b, p.pens.off(p.pens.bad)...), '\n')
}

func (p *Writer) appendFlow(b []byte, e *monitor.Event) []byte {
	p.base = ""
	if e.Kind == monitor.KindDestroy {
		p.base = p.pens.ended
	}
	b = append(b, p.base...)
	b = p.appendNetNS(p.appendTime(b, e.Time), e)
	b = p.appendColumns(b, e)
	b = p.appendPath(b, e)
	b = p.appendNotes(b, e)
	return append(append(b, p.pens.off(p.base)...), '\n')
}

func (p *Writer) narrow() bool { return p.o.Width > 0 && p.o.Width < 100 }

func (p *Writer) appendTime(b []byte, t monitor.Time) []byte {
	start := len(b)
	if t == 0 {
		b = append(b, "--:--:--.---"...)
	} else {
		b = p.clock.append(b, t)
	}
	if p.narrow() {
		return append(b[:start+len("15:04:05")], ' ')
	}
	return append(b, "  "...)
}

// The columns' widths, blanks behind them included. Protocol and state share
// theirs: long names of protocols have short states, and the addresses behind
// them do not jump.
const (
	eventWidth, narrowEventWidth = 9, 8
	protoWidth                   = 5
	stateWidth, narrowStateWidth = 13, 12
)

func (p *Writer) appendColumns(b []byte, e *monitor.Event) []byte {
	event, state := eventWidth, stateWidth
	if p.narrow() {
		event, state = narrowEventWidth, narrowStateWidth
	}
	f, t, start := &e.Flow, &e.Flow.Orig, len(b)
	if e.Known()&monitor.AttrOrig == 0 {
		t = &f.Reply
	}
	b = appendPadding(append(b, e.Kind.String()...), start, event)
	start = len(b)
	b = appendPadding(text.AppendProto(b, t.Proto), start, protoWidth)
	if e.Known()&monitor.AttrState != 0 {
		if name := f.State.Name(t.Proto); name != "" {
			b = append(b, name...)
		} else {
			b = text.AppendUint(append(b, "state "...), uint64(f.State))
		}
	} else if t.Proto.IsICMP() {
		b = appendICMPType(b, t)
	}
	return appendPadding(b, start, protoWidth+state)
}

// appendPadding fills what was appended since start up to width, with at least
// one blank.
func appendPadding(b []byte, start, width int) []byte {
	b = append(b, ' ')
	for len(b)-start < width {
		b = append(b, ' ')
	}
	return b
}

func appendICMPType(b []byte, t *monitor.Tuple) []byte {
	const echo, echoV6 = 8, 128
	if n := t.ICMPType(); n == echo && t.Proto == monitor.ICMP || n == echoV6 && t.Proto == monitor.ICMPv6 {
		return append(b, "echo"...)
	}
	b = text.AppendUint(append(b, "type "...), uint64(t.ICMPType()))
	if t.ICMPCode() != 0 {
		b = text.AppendUint(append(b, '/'), uint64(t.ICMPCode()))
	}
	return b
}

// dayTime formats the time of day with milliseconds and keeps the text of the
// last second.
type dayTime struct {
	location *time.Location
	second   int64
	text     []byte
}

func (d *dayTime) append(b []byte, t monitor.Time) []byte {
	second, nanos := text.SplitTime(t)
	if second != d.second || len(d.text) == 0 {
		d.second, d.text = second, time.Unix(second, 0).In(d.location).AppendFormat(d.text[:0], "15:04:05.")
	}
	b = text.AppendNanos(append(b, d.text...), nanos)
	return b[:len(b)-6]
}
