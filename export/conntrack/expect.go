package conntrack

import (
	"fmt"
	"io"
	"strings"
	"time"

	"natlens/export/text"
	"natlens/monitor"
)

// Expects writes expectations, one a call, as the lines or the XML of conntrack(8).
type Expects struct {
	out      text.Lines
	m        Modifiers
	location *time.Location
	header   bool
}

// NewExpects returns a sink of expectations. It takes the modifiers xml and timestamp. A nil
// location is the local one.
func NewExpects(w io.Writer, m Modifiers, location *time.Location) *Expects {
	if location == nil {
		location = time.Local
	}
	return &Expects{out: text.Lines{W: w}, m: m, location: location}
}

// Write writes one expectation.
func (x *Expects) Write(e *monitor.Expect) error {
	b, err := x.out.Begin()
	switch {
	case err != nil:
		return err
	case x.m.XML:
		if !x.header {
			x.header = true
			b = append(b, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<expect>\n"...)
		}
		b = x.appendXML(b, e)
	default:
		b = x.appendLine(b, e)
	}
	return x.out.Flush(append(b, '\n'))
}

// Close ends the XML document, if one was begun.
func (x *Expects) Close() error {
	if x.out.Err == nil && x.header {
		x.header = false
		return x.out.Flush(append(x.out.Buf[:0], "</expect>\n"...))
	}
	return x.out.Err
}

func (x *Expects) appendLine(b []byte, e *monitor.Expect) []byte {
	if x.m.Timestamp {
		// Without leading zeros, as conntrack has it.
		second, nanos := text.SplitTime(e.Time)
		b = fmt.Appendf(b, "[%-8d.%-6d]\t", second, nanos/1000)
	}
	switch e.Kind {
	case monitor.KindNew:
		b = append(b, "    [NEW] "...)
	case monitor.KindUpdate:
		b = append(b, " [UPDATE] "...)
	case monitor.KindDestroy:
		b = append(b, "[DESTROY] "...)
	}
	if e.Has&monitor.ExpectTimeout != 0 {
		b = append(text.AppendUint(b, uint64(e.Timeout)), ' ')
	}
	b = appendWord(b, "proto=", uint64(e.Tuple.Proto))
	b = appendExpectTuple(b, "", &e.Tuple)
	b = appendExpectTuple(b, "mask-", &e.Mask)
	b = appendExpectTuple(b, "master-", &e.Master)
	if e.Has&monitor.ExpectZone != 0 {
		b = appendWord(b, "zone=", uint64(e.Zone))
	}
	if e.Flags != 0 {
		b = append(append(b, strings.ToUpper(strings.Join(e.Flags.Names(), ","))...), ' ')
	}
	if e.Has&monitor.ExpectClass != 0 {
		b = appendWord(b, "class=", uint64(e.Class))
	}
	if e.Has&monitor.ExpectHelper != 0 {
		b = append(append(b, "helper="...), monitor.Escape(e.Helper)...)
	}
	if b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// appendExpectTuple appends the addresses, whose names have the prefix, and the
// ports.
func appendExpectTuple(b []byte, prefix string, t *monitor.Tuple) []byte {
	b = text.AppendNtop(append(append(b, prefix...), "src="...), &t.Src, t.Family)
	b = append(append(append(b, ' '), prefix...), "dst="...)
	b = append(text.AppendNtop(b, &t.Dst, t.Family), ' ')
	ports := *t
	ports.Family = 0
	return appendTextTuple(b, &ports)
}
