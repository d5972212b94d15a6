package export

import (
	"fmt"
	"io"
	"strings"
	"time"

	"natlens/monitor"
)

// Expects writes expectations, one a call: as the lines of conntrack(8) 1.4.7, as
// its XML, or as JSON lines.
type Expects struct {
	lines
	json     *rfc3339 // nil: conntrack(8)'s lines
	m        Modifiers
	location *time.Location
	header   bool
}

// NewExpects returns a sink of expectations in the format conntrack, which may
// have the modifiers xml and timestamp behind it, or jsonl.
func NewExpects(format string, w io.Writer) (*Expects, error) {
	x := &Expects{lines: lines{w: w}, location: time.Local}
	name, list, _ := strings.Cut(format, ",")
	switch {
	case name == "conntrack":
		var err error
		x.m, err = ParseModifiers(list)
		return x, err
	case format == "jsonl":
		x.json = &rfc3339{}
		return x, nil
	}
	return nil, fmt.Errorf("output format %s: expectations are written as conntrack or jsonl", monitor.Escape(format))
}

// Write writes one expectation.
func (x *Expects) Write(e *monitor.Expect) error {
	b, err := x.begin()
	switch {
	case err != nil:
		return err
	case x.json != nil:
		b = appendExpectJSON(b, e, x.json)
	case x.m.XML:
		if !x.header {
			x.header = true
			b = append(b, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<expect>\n"...)
		}
		b = x.appendXML(b, e)
	default:
		b = x.appendLine(b, e)
	}
	return x.flush(append(b, '\n'))
}

// Close ends the XML document, if one was begun.
func (x *Expects) Close() error {
	if x.err == nil && x.header {
		x.header = false
		return x.flush(append(x.buf[:0], "</expect>\n"...))
	}
	return x.err
}

func (x *Expects) appendLine(b []byte, e *monitor.Expect) []byte {
	if x.m.Timestamp {
		// Without leading zeros, as conntrack has it.
		second, nanos := splitTime(e.Time)
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
		b = append(appendUint(b, uint64(e.Timeout)), ' ')
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
	b = appendNtop(append(append(b, prefix...), "src="...), &t.Src, t.Family)
	b = append(append(append(b, ' '), prefix...), "dst="...)
	b = append(appendNtop(b, &t.Dst, t.Family), ' ')
	ports := *t
	ports.Family = 0
	return appendTextTuple(b, &ports)
}
