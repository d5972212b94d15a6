// Package conntrack writes events, flows and expectations as conntrack(8) does: lines,
// XML, and command lines that make the flows again. docs/conntrack.md lists the
// differences.
package conntrack

import (
	"cmp"
	"io"
	"time"

	"natlens/export/text"
	"natlens/monitor"
)

// Writer writes the lines of conntrack(8) 1.4.9: of conntrack -E for events, of conntrack -L
// for flows of a dump. It writes what each message contained, and no remembered attributes.
//
// The bytes are those of conntrack(8), with three exceptions. Untrusted text (helper, security
// context, program, namespace) is escaped. Long XML lines are not cut at 1,023 bytes. Inferred
// events, which the kernel did not send, have the same form as others.
//
// The format has no line for interim counters, which are left out, and none for losses and
// resyncs. They go to [text.Options].Notes.
type Writer struct {
	out    text.Lines
	m      Modifiers
	o      text.Options
	labels text.Labels
	start  text.Second
	stop   text.Second
	document
}

// NewWriter returns a sink of conntrack(8)'s lines. If the file of labels cannot be read,
// lines have no labels and Notes gets the reason.
func NewWriter(w io.Writer, m Modifiers, o text.Options) *Writer {
	o.Location = cmp.Or(o.Location, time.Local)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Notes == nil {
		o.Notes = io.Discard
	}
	c := &Writer{out: text.Lines{W: w}, m: m, o: o}
	if m.Labels {
		labels, err := text.ReadLabels(o.LabelFile)
		if err != nil {
			text.Note(o.Notes, "labels are not shown: "+err.Error())
		}
		c.labels = labels
	}
	return c
}

// Write writes the events of the batch with one Write.
func (c *Writer) Write(batch *monitor.Batch) error {
	return c.out.Events(batch, func(b []byte, e *monitor.Event) []byte {
		switch {
		case !e.Kind.HasFlow():
			c.note(e)
			return b
		case e.Kind == monitor.KindInterim:
			return b
		case c.m.XML:
			return c.xml(b, e)
		case c.m.Save:
			return c.save(b, e)
		}
		return c.line(b, e)
	})
}

// Close ends an XML document that was begun. It returns the error that ended the sink, if
// any.
func (c *Writer) Close() error { return c.out.Append(c.document.end) }

func (c *Writer) note(e *monitor.Event) {
	name := monitor.Escape(c.o.Namespaces.Name(e.NetNS()))
	words := text.GapText(e, c.o.Location)
	switch {
	case e.Kind == monitor.KindNetNSBegin || e.Kind == monitor.KindNetNSEnd:
		words = text.NetNSWords(e.Kind) + ": " + name
	case name != "":
		words = name + ": " + words
	}
	text.Note(c.o.Notes, words)
}

func (c *Writer) time(e *monitor.Event) monitor.Time {
	if e.Time != 0 {
		return e.Time
	}
	return monitor.Time(c.o.Now().UnixNano())
}

// delta returns how many seconds the flow lived, as the difference of whole seconds.
func (c *Writer) delta(e *monitor.Event) uint64 {
	stop := e.Flow.Stop
	if e.Has&monitor.AttrStop == 0 || stop == 0 {
		stop = c.time(e)
	}
	return uint64(int64(stop)/1e9 - int64(e.Flow.Start)/1e9)
}

// ctime is the layout of ctime(3).
const ctime = "Mon Jan _2 15:04:05 2006"
