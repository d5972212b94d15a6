// Package jsonl writes and reads JSON lines, one object for each event. docs/json.md specifies
// the members and docs/event.schema.json is their schema.
package jsonl

import (
	"cmp"
	"io"

	"natlens/export/text"
	"natlens/monitor"
)

// Writer writes each event as one JSON object on a line. The order of the members is fixed, new
// ones come last, and unknown ones are absent.
type Writer struct {
	// Namespaces has the names of network namespaces, if several are watched.
	Namespaces *monitor.Namespaces

	Places  monitor.Places  // nil: no address has a place
	Gateway monitor.Gateway // of lines whose namespace has none; "": they have no gateway

	out             text.Lines
	ts, start, stop text.RFC3339
	heads           text.Cache[head]
	statuses        text.Cache[monitor.Status]
	addrs           text.Cache[monitor.Addr] // of IPv6
}

// NewWriter returns a sink of JSON lines.
func NewWriter(w io.Writer) *Writer { return &Writer{out: text.Lines{W: w}} }

// Write writes the events of the batch with one Write.
func (j *Writer) Write(batch *monitor.Batch) error { return j.out.Events(batch, j.AppendEvent) }

// Close returns the error that ended the sink, if any.
func (j *Writer) Close() error { return j.out.Err() }

// AppendEvent appends the line of an event.
func (j *Writer) AppendEvent(b []byte, e *monitor.Event) []byte {
	b = j.time(append(b, `{"v":1`...), `,"ts":"`, &j.ts, e.Time)
	if e.Kind.HasFlow() {
		b = word(b, `,"ts_source":"`, e.TimeSource.String())
	}
	b = num(b, `,"seq":`, e.Seq)
	b = word(b, `,"event":"`, e.Kind.String())
	switch {
	case e.Kind.HasFlow():
		b = j.flow(b, e)
	case e.Kind == monitor.KindNetNSBegin || e.Kind == monitor.KindNetNSEnd:
		b = num(j.netns(b, e.NetNS()), `,"inode":`, j.Namespaces.Get(e.NetNS()).Inode)
	default:
		b = j.netns(j.gap(b, e), e.NetNS())
	}
	return append(j.gateway(b, e.NetNS()), "}\n"...)
}

func (j *Writer) gap(b []byte, e *monitor.Event) []byte {
	g := e.Gap
	if g == nil {
		g = &monitor.Gap{}
	}
	b = num(b, `,"count":`, g.Count)
	b = j.time(b, `,"from":"`, &j.start, g.From)
	b = j.time(b, `,"to":"`, &j.stop, g.To)
	b = flag(b, `,"uncertain":true`, g.Uncertain)
	if e.Kind == monitor.KindResynced {
		b = num(b, `,"added":`, g.Added)
		b = num(b, `,"changed":`, g.Changed)
		b = num(b, `,"ended":`, g.Ended)
	}
	return b
}

// netns appends the name of a namespace, if it has one.
func (j *Writer) netns(b []byte, id monitor.NetNS) []byte {
	return textIf(b, `,"netns":`, j.Namespaces.Get(id).Name)
}

// gateway appends the gateway of a namespace, if it is known.
func (j *Writer) gateway(b []byte, id monitor.NetNS) []byte {
	if g := cmp.Or(j.Namespaces.Get(id).Gateway, j.Gateway); g != "" {
		b = g.AppendJSON(append(b, `,"gateway":`...))
	}
	return b
}

// time appends a time that is not 0.
func (j *Writer) time(b []byte, name string, c *text.RFC3339, t monitor.Time) []byte {
	if t == 0 {
		return b
	}
	return append(c.AppendTo(append(b, name...), t), '"')
}
