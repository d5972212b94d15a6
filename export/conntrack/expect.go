package conntrack

import (
	"fmt"
	"strings"

	"natlens/export/text"
	"natlens/monitor"
)

// Expect writes an expectation. It takes the modifiers xml and timestamp. A document has
// either expectations or events.
func (c *Writer) Expect(e *monitor.Expect) error {
	return c.out.Append(func(b []byte) []byte {
		if c.m.XML {
			return append(c.expectXML(c.document.begin(b, "expect"), e), '\n')
		}
		return append(c.expectLine(b, e), '\n')
	})
}

func (c *Writer) expectLine(b []byte, e *monitor.Expect) []byte {
	if c.m.Timestamp {
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
	return b[:len(b)-1] // without the last space
}

func expectTuple(b []byte, prefix string, t *monitor.Tuple) []byte {
	b = address(append(b, prefix...), "src=", &t.Src, t.Family)
	b = address(append(b, prefix...), "dst=", &t.Dst, t.Family)
	return ports(b, t)
}

func (c *Writer) expectXML(b []byte, e *monitor.Expect) []byte {
	each := func(of func(*monitor.Tuple) string) string {
		return fmt.Sprintf("<expected>%s</expected><mask>%s</mask><master>%s</master>",
			of(&e.Tuple), of(&e.Mask), of(&e.Master))
	}
	b = append(layers(flowElement(b, e.Kind), &e.Tuple, each(addressElements), each(portElements)), "<meta>"...)
	b = element(b, e.Has&monitor.ExpectHelper != 0, "helper-name", e.Helper)
	b = element(b, e.Has&monitor.ExpectTimeout != 0, "timeout", e.Timeout)
	b = element(b, e.Has&monitor.ExpectClass != 0, "class", e.Class)
	b = element(b, e.Has&monitor.ExpectZone != 0, "zone", e.Zone)
	if c.m.Timestamp {
		b = when(b, e.Time.Time().In(c.o.Location))
	}
	for _, name := range e.Flags.Names() {
		b = fmt.Appendf(b, "<%s/>", name)
	}
	return append(b, "</meta></flow>"...)
}
