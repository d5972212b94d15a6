// Package pretty writes events as lines for people, in colour on a terminal.
package pretty

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"natlens/export/text"
	"natlens/monitor"
)

// Writer writes a line for each event:
//
//	12:03:01.676  new      tcp  SYN_SENT     192.168.77.2:39502 ⇒ 203.0.113.1:39502 → 203.0.113.9:443
//	12:03:07.002  new      tcp  SYN_SENT     198.51.100.7:51022 → 203.0.113.1:8080 ⇒ 192.168.77.2:80
//
// → is from the sender to the destination, ⇒ from an address to its translation. Only what NAT
// rewrites has the accent colour: address, port or both. On a terminal, lines are wrapped
// between words.
type Writer struct {
	out   text.Lines
	o     text.Options
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
	o.Location = cmp.Or(o.Location, time.Local)
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
			return p.append(b, p.flow(e))
		case e.Kind == monitor.KindNetNSBegin || e.Kind == monitor.KindNetNSEnd:
			return p.append(b, p.rule(e.Time, e.NetNS(), p.pens.ended, text.NetNSWords(e.Kind)))
		}
		return p.append(b, p.rule(e.Time, e.NetNS(), p.pens.bad, text.GapText(e, p.o.Location)))
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
		return p.append(b, p.rule(at, f.NetNS, pen, monitor.Escape(text.FindingText(f))))
	})
}

// append appends a line, wrapped between words on a terminal and converted to ASCII if required.
func (p *Writer) append(b []byte, line string) []byte {
	if p.o.ASCII {
		line = string(text.ASCII([]byte(line)))
	}
	if p.o.Width == 0 || ansi.StringWidth(line) <= p.o.Width {
		return append(b, line...)
	}
	at, begins := 0, true // begins: the line has no word yet
	for word := range strings.SplitSeq(bound.Replace(line), " ") {
		word = strings.ReplaceAll(word, noBreak, " ")
		n := ansi.StringWidth(word)
		if at > hang && at+1+n > p.o.Width {
			b = append(bytes.TrimRight(b, " "), "\n"+strings.Repeat(" ", hang)...)
			at, begins = hang, true
		}
		if word == "" && begins {
			continue
		}
		if !begins {
			b = append(b, ' ')
			at++
		}
		b = append(b, word...)
		at, begins = at+n, false
	}
	return b
}

// hang is the indent of a line that continues another one.
const hang = len("15:04:05 ")

// An arrow and the text after it stay together.
const noBreak = "\u00a0"

var bound = strings.NewReplacer("→ ", "→"+noBreak, "-> ", "->"+noBreak)

// rule returns a line that is not about one flow.
func (p *Writer) rule(at monitor.Time, id monitor.NetNS, pen, words string) string {
	return p.front(at, id) + pen + "── " + words + " ──" + p.off(pen) + "\n"
}

// off ends a colour. There may be none.
func (p *Writer) off(pen string) string {
	if pen == "" {
		return ""
	}
	return p.pens.reset
}

func (p *Writer) narrow() bool { return p.o.Width > 0 && p.o.Width < 100 }

// The column of namespaces grows with the names up to a limit, so that lines shift only a few
// times.
const (
	netNSWidth = 8
	netNSMax   = 24
)

// front returns the time and the column of namespaces.
func (p *Writer) front(t monitor.Time, id monitor.NetNS) string {
	clock := "--:--:--.---"
	if t != 0 {
		clock = time.Unix(0, int64(t)).In(p.o.Location).Format("15:04:05.000")
	}
	if p.narrow() {
		clock = clock[:len("15:04:05")] + " "
	} else {
		clock += "  "
	}
	if id == 0 && p.netns == 0 {
		return clock // only one namespace is watched
	}
	name := monitor.Escape(p.o.Namespaces.Name(id))
	p.netns = max(p.netns, netNSWidth, min(len(name), netNSMax))
	return fmt.Sprintf("%s%-*s  ", clock, p.netns-1, name)
}
