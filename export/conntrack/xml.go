package conntrack

import (
	"bytes"
	"strings"
	"time"

	"natlens/export/text"
	"natlens/monitor"
)

// document is an XML document, which begins with its first element.
type document struct{ name string }

func (d *document) begin(b []byte, name string) []byte {
	if d.name != "" {
		return b
	}
	d.name = name
	return append(opening(append(b, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"...), name), '\n')
}

func (d *document) end(b []byte) []byte {
	if d.name == "" {
		return b
	}
	b = append(closing(b, d.name), '\n')
	d.name = ""
	return b
}

func element(b []byte, name string, n uint64) []byte {
	return closing(text.AppendUint(opening(b, name), n), name)
}

func elementIf(b []byte, known bool, name string, n uint64) []byte {
	if known {
		b = element(b, name, n)
	}
	return b
}

func opening(b []byte, name string) []byte { return append(append(append(b, '<'), name...), '>') }
func closing(b []byte, name string) []byte { return append(append(append(b, "</"...), name...), '>') }

// entities are the characters that XML needs for itself.
var entities = strings.NewReplacer("<", "&lt;", ">", "&gt;", "&", "&amp;")

// textElement appends untrusted text.
func textElement(b []byte, name string, value []byte) []byte {
	b = opening(b, name)
	start := len(b)
	b = monitor.AppendEscaped(b, value)
	if bytes.ContainsAny(b[start:], "<>&") {
		b = append(b[:start], entities.Replace(string(b[start:]))...)
	}
	return closing(b, name)
}

// independent are the attributes that open the element of what belongs to no direction. A
// security context alone does not.
const independent = monitor.AttrState | monitor.AttrTimeout | monitor.AttrMark | monitor.AttrSecMark |
	monitor.AttrZone |
	monitor.AttrUse | monitor.AttrStatus | monitor.AttrID | monitor.AttrLabels | monitor.AttrStart | monitor.AttrStop

func (c *Writer) xml(b []byte, e *monitor.Event) []byte {
	f, h := &e.Flow, e.Has
	b = append(flowElement(c.document.begin(b, "conntrack"), e.Kind), `<meta direction="original">`...)
	b = direction(b, e, &f.Orig, f.CountersOrig, h&monitor.AttrZoneOrig != 0)
	b = append(b, `<meta direction="reply">`...)
	b = direction(b, e, &f.Reply, f.CountersReply, h&monitor.AttrZoneReply != 0)
	if h&independent != 0 {
		b = append(b, `<meta direction="independent">`...)
	}
	b = c.times(c.independent(b, e), e)
	if h&independent != 0 {
		b = append(b, "</meta>"...)
	}
	if c.m.Timestamp && e.Kind != monitor.KindExisting {
		b = when(b, c.time(e).Time().In(c.o.Location))
	}
	if h&monitor.AttrHelper != 0 {
		b = textElement(b, "helper", e.Extra.Helper)
	}
	if e.NetNS() != 0 {
		b = textElement(b, "netns", []byte(c.o.Namespaces.Name(e.NetNS())))
	}
	return append(b, "</flow>\n"...)
}

func flowElement(b []byte, k monitor.Kind) []byte {
	if k == monitor.KindExisting {
		return append(b, "<flow>"...)
	}
	return append(append(append(b, `<flow type="`...), k.String()...), `">`...)
}

func layer(b []byte, name string, number uint64, proto string) []byte {
	b = text.AppendUint(append(append(append(b, '<'), name...), ` protonum="`...), number)
	return append(append(append(b, `" protoname="`...), proto...), `">`...)
}

// direction appends one direction. Both have counters if those of the original one are
// known.
func direction(b []byte, e *monitor.Event, t *monitor.Tuple, n monitor.Counters, zone bool) []byte {
	b = layer(b, "layer3", uint64(t.Family), t.Family.String())
	b = append(addressElements(b, t), "</layer3>"...)
	b = layer(b, "layer4", uint64(t.Proto), protoName(t.Proto))
	b = append(portElements(b, t), "</layer4>"...)
	b = elementIf(b, zone, "zone", uint64(t.Zone))
	if e.Has&monitor.AttrCountersOrig != 0 {
		b = append(b, "<counters>"...)
		b = element(element(b, "packets", n.Packets), "bytes", n.Bytes)
		b = append(b, "</counters>"...)
	}
	return append(b, "</meta>"...)
}

func addressElements(b []byte, t *monitor.Tuple) []byte {
	known := t.Family == monitor.IPv4 || t.Family == monitor.IPv6
	b = append(b, "<src>"...)
	if known {
		b = text.AppendNtop(b, &t.Src, t.Family)
	}
	b = append(b, "</src><dst>"...)
	if known {
		b = text.AppendNtop(b, &t.Dst, t.Family)
	}
	return append(b, "</dst>"...)
}

func portElements(b []byte, t *monitor.Tuple) []byte {
	switch {
	case t.Proto.HasPorts():
		b = element(element(b, "sport", uint64(t.SrcPort)), "dport", uint64(t.DstPort))
	case t.Proto == monitor.GRE:
		b = append(text.AppendHex(append(b, "<srckey>0x"...), uint64(t.SrcPort)), "</srckey>"...)
		b = append(text.AppendHex(append(b, "<dstkey>0x"...), uint64(t.DstPort)), "</dstkey>"...)
	}
	return b
}

func (c *Writer) independent(b []byte, e *monitor.Event) []byte {
	f, x, h := &e.Flow, e.Extra, e.Has
	if h&monitor.AttrState != 0 && f.Orig.Proto.HasState() {
		// conntrack has TCP's names here for every protocol.
		b = closing(append(opening(b, "state"), stateName(monitor.TCP, f.State)...), "state")
	}
	b = elementIf(b, h&monitor.AttrTimeout != 0, "timeout", uint64(f.Timeout))
	b = elementIf(b, h&monitor.AttrMark != 0, "mark", uint64(f.Mark))
	if c.labels != nil && h&monitor.AttrLabels != 0 {
		b = closing(c.labels.AppendNames(opening(b, "labels"), x.Labels, "<label>", "</label>"), "labels")
	}
	if h&monitor.AttrSecMark != 0 {
		b = element(b, "secmark", uint64(x.SecMark))
	}
	if h&monitor.AttrSecCtx != 0 {
		b = textElement(b, "secctx", x.SecCtx)
	}
	b = elementIf(b, h&monitor.AttrZone != 0, "zone", uint64(f.Zone))
	b = elementIf(b, h&monitor.AttrUse != 0, "use", uint64(f.Use))
	b = elementIf(b, h&monitor.AttrID != 0, "id", uint64(f.ID))
	if h&monitor.AttrStatus != 0 && f.Status&monitor.Assured != 0 {
		b = append(b, "<assured/>"...)
	}
	if h&monitor.AttrStatus != 0 && f.Status&monitor.SeenReply == 0 {
		b = append(b, "<unreplied/>"...)
	}
	return b
}

func (c *Writer) times(b []byte, e *monitor.Event) []byte {
	f, h := &e.Flow, e.Has
	if c.m.KTimestamp && h&(monitor.AttrStart|monitor.AttrStop) != 0 {
		b = opening(b, "timestamp")
		b = elementIf(b, h&monitor.AttrStart != 0, "start", uint64(f.Start))
		b = elementIf(b, h&monitor.AttrStop != 0, "stop", uint64(f.Stop))
		b = closing(b, "timestamp")
	}
	if h&monitor.AttrStart == 0 {
		return b
	}
	// The life of an ended flow is rounded down here. In lines it is the difference of
	// whole seconds.
	delta := uint64(f.Stop-f.Start) / 1e9
	if h&monitor.AttrStop == 0 {
		delta = c.delta(e)
	}
	return element(b, "deltatime", delta)
}

// when appends the local time. Weekdays count from 1, Sunday.
func when(b []byte, t time.Time) []byte {
	b = element(opening(b, "when"), "hour", uint64(t.Hour()))
	b = t.AppendFormat(b, "<min>04</min><sec>05</sec>")
	b = element(b, "wday", uint64(t.Weekday())+1)
	return t.AppendFormat(b, "<day>2</day><month>1</month><year>2006</year></when>")
}
