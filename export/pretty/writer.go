// Package pretty writes events as lines for people, in colour on a terminal.
package pretty

import (
	"io"
	"time"

	"natlens/export/text"
	"natlens/monitor"
)

// Writer writes a line for each event:
//
//	12:03:01.676  new      tcp  SYN_SENT     192.168.77.2:39502 ⇒ 203.0.113.1:39502 → 203.0.113.9:443
//	12:03:07.002  new      tcp  SYN_SENT     198.51.100.7:51022 → 203.0.113.1:8080 ⇒ 192.168.77.2:80
//
// → is from the sender to the destination, ⇒ from an address to its translation. Only what NAT
// rewrites has the accent colour: address, port or both. Lines are not wrapped.
type Writer struct {
	out   text.Lines
	o     text.Options
	clock text.Second
	pens  pens
	base  string // the colour of the line
	netns int    // width of the column of namespaces

	labelNames text.Labels
}

// pens are the escape sequences that start a colour, and the one that ends it. All are empty
// without colours.
type pens struct{ nat, ended, warn, bad, reset string }

// NewWriter returns a sink of lines for people. Labels without a name are numbers.
func NewWriter(w io.Writer, o text.Options) *Writer {
	if o.Location == nil {
		o.Location = time.Local
	}
	p := &Writer{out: text.Lines{W: w}, o: o}
	p.labelNames, _ = text.ReadLabels(o.LabelFile)
	switch {
	case o.Colour && o.Light:
		p.pens = pens{"\x1b[34m", "\x1b[90m", "\x1b[35m", "\x1b[31m", "\x1b[m"}
	case o.Colour:
		p.pens = pens{"\x1b[36m", "\x1b[90m", "\x1b[33m", "\x1b[31m", "\x1b[m"}
	}
	return p
}

// Write writes the events of the batch with one Write.
func (p *Writer) Write(batch *monitor.Batch) error {
	return p.out.Events(batch, func(b []byte, e *monitor.Event) []byte {
		switch {
		case e.Kind.HasFlow():
			return p.signs(b, p.flow(b, e))
		case e.Kind == monitor.KindNetNSBegin || e.Kind == monitor.KindNetNSEnd:
			return p.rule(b, e.Time, e.NetNS(), p.pens.ended, text.NetNSWords(e.Kind))
		}
		return p.rule(b, e.Time, e.NetNS(), p.pens.bad, text.GapText(e, p.o.Location))
	})
}

// Close returns the error that ended the sink, if any.
func (p *Writer) Close() error { return p.out.Err() }

// Finding writes the line of a finding that appeared or was cleared.
func (p *Writer) Finding(f *monitor.Finding) error {
	at, pen := f.Seen, p.pens.warn
	switch {
	case f.Cleared != 0:
		at, pen = f.Cleared, p.pens.ended
	case f.Severity == monitor.SeverityFail:
		pen = p.pens.bad
	}
	return p.out.Append(func(b []byte) []byte {
		return p.rule(b, at, f.NetNS, pen, monitor.Escape(text.FindingText(f)))
	})
}

// signs converts the line after before to ASCII, if required.
func (p *Writer) signs(before, b []byte) []byte {
	if !p.o.ASCII {
		return b
	}
	return append(b[:len(before)], text.ASCII(b[len(before):])...)
}

// rule appends a line that is not about one flow.
func (p *Writer) rule(before []byte, at monitor.Time, id monitor.NetNS, pen, words string) []byte {
	b := append(append(p.front(before, at, id), pen...), "── "...)
	b = append(append(b, words...), " ──"...)
	return p.signs(before, append(p.off(b, pen), '\n'))
}

// off ends a colour. There may be none.
func (p *Writer) off(b []byte, pen string) []byte {
	if pen == "" {
		return b
	}
	return append(b, p.pens.reset...)
}

func (p *Writer) narrow() bool { return p.o.Width > 0 && p.o.Width < 100 }

// The column of namespaces grows with the names up to a limit, so that lines shift only a few
// times.
const (
	netNSWidth = 8
	netNSMax   = 24
)

// front appends the time and the column of namespaces.
func (p *Writer) front(b []byte, t monitor.Time, id monitor.NetNS) []byte {
	start := len(b)
	if t == 0 {
		b = append(b, "--:--:--.---"...)
	} else {
		var nanos uint32
		b, nanos = p.clock.AppendTo(b, t, p.o.Location, "15:04:05.")
		b = text.AppendNanos(b, nanos)
		b = b[:len(b)-6]
	}
	if p.narrow() {
		b = append(b[:start+len("15:04:05")], ' ')
	} else {
		b = append(b, "  "...)
	}
	if id == 0 && p.netns == 0 {
		return b // only one namespace is watched
	}
	start = len(b)
	b = monitor.AppendEscaped(b, []byte(p.o.Namespaces.Name(id)))
	p.netns = max(p.netns, netNSWidth, min(len(b)-start, netNSMax))
	return append(pad(b, start, p.netns), ' ')
}

// pad pads the text since start to the width, with at least one space.
func pad(b []byte, start, width int) []byte {
	b = append(b, ' ')
	for len(b)-start < width {
		b = append(b, ' ')
	}
	return b
}
