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
	document
}

// NewExpects returns a sink of expectations. It takes the modifiers xml and timestamp. A
// nil location is the local one.
func NewExpects(w io.Writer, m Modifiers, location *time.Location) *Expects {
	if location == nil {
		location = time.Local
	}
	return &Expects{out: text.Lines{W: w}, m: m, location: location}
}

// Write writes one expectation.
func (x *Expects) Write(e *monitor.Expect) error {
	return x.out.Append(func(b []byte) []byte {
		if x.m.XML {
			b = x.xml(x.document.begin(b, "expect"), e)
		} else {
			b = x.line(b, e)
		}
		return append(b, '\n')
	})
}

// Close ends an XML document that was begun.
func (x *Expects) Close() error {
	return x.out.Append(func(b []byte) []byte { return x.document.end(b, "expect") })
}

func (x *Expects) line(b []byte, e *monitor.Expect) []byte {
	if x.m.Timestamp {
		// Without leading zeros, as conntrack has it.
		second, nanos := text.SplitTime(e.Time)
		b = fmt.Appendf(b, "[%-8d.%-6d]\t", second, nanos/1000)
	}
	b = kind(b, e.Kind)
	b = wordIf(b, e.Has&monitor.ExpectTimeout != 0, "", uint64(e.Timeout))
	b = word(b, "proto=", uint64(e.Tuple.Proto))
	b = expectTuple(b, "", &e.Tuple)
	b = expectTuple(b, "mask-", &e.Mask)
	b = expectTuple(b, "master-", &e.Master)
	b = wordIf(b, e.Has&monitor.ExpectZone != 0, "zone=", uint64(e.Zone))
	if e.Flags != 0 {
		b = append(append(b, strings.ToUpper(strings.Join(e.Flags.Names(), ","))...), ' ')
	}
	b = wordIf(b, e.Has&monitor.ExpectClass != 0, "class=", uint64(e.Class))
	if e.Has&monitor.ExpectHelper != 0 {
		return append(append(b, "helper="...), monitor.Escape(e.Helper)...)
	}
	return b[:len(b)-1] // without the last blank
}

func expectTuple(b []byte, prefix string, t *monitor.Tuple) []byte {
	b = address(append(b, prefix...), "src=", &t.Src, t.Family)
	b = address(append(b, prefix...), "dst=", &t.Dst, t.Family)
	return ports(b, t)
}

func (x *Expects) xml(b []byte, e *monitor.Expect) []byte {
	parts := []struct {
		name string
		t    *monitor.Tuple
	}{{"expected", &e.Tuple}, {"mask", &e.Mask}, {"master", &e.Master}}
	b = layer(flowElement(b, e.Kind), "layer3", uint64(e.Tuple.Family), e.Tuple.Family.String())
	for _, p := range parts {
		b = closing(addressElements(opening(b, p.name), p.t), p.name)
	}
	b = layer(closing(b, "layer3"), "layer4", uint64(e.Tuple.Proto), protoName(e.Tuple.Proto))
	for _, p := range parts {
		b = closing(portElements(opening(b, p.name), p.t), p.name)
	}
	b = opening(closing(b, "layer4"), "meta")
	if e.Has&monitor.ExpectHelper != 0 {
		b = textElement(b, "helper-name", []byte(e.Helper))
	}
	b = elementIf(b, e.Has&monitor.ExpectTimeout != 0, "timeout", uint64(e.Timeout))
	b = elementIf(b, e.Has&monitor.ExpectClass != 0, "class", uint64(e.Class))
	b = elementIf(b, e.Has&monitor.ExpectZone != 0, "zone", uint64(e.Zone))
	if x.m.Timestamp {
		b = when(b, e.Time.Time().In(x.location))
	}
	for _, name := range e.Flags.Names() {
		b = append(append(append(b, '<'), name...), "/>"...)
	}
	return closing(closing(b, "meta"), "flow")
}
