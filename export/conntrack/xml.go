package conntrack

import (
	"fmt"
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
	return fmt.Appendf(b, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<%s>\n", name)
}

func (d *document) end(b []byte) []byte {
	if d.name == "" {
		return b
	}
	b = fmt.Appendf(b, "</%s>\n", d.name)
	d.name = ""
	return b
}

// element appends an element, if its value is known. A string is untrusted text.
func element(b []byte, known bool, name string, value any) []byte {
	if text, ok := value.(string); ok && known {
		value = entities.Replace(monitor.Escape(text))
	}
	if known {
		b = fmt.Appendf(b, "<%s>%v</%[1]s>", name, value)
	}
	return b
}

// entities are the characters with a meaning in XML.
var entities = strings.NewReplacer("<", "&lt;", ">", "&gt;", "&", "&amp;")

// independent are the attributes that open the element for attributes of no direction. A
// security context alone does not.
const independent = monitor.AttrState | monitor.AttrTimeout | monitor.AttrMark | monitor.AttrSecMark |
	monitor.AttrZone | monitor.AttrUse | monitor.AttrStatus | monitor.AttrID | monitor.AttrLabels | monitor.AttrStart |
	monitor.AttrStop

func (c *Writer) xml(b []byte, e *monitor.Event) []byte {
	f, h := &e.Flow, e.Has
	b = flowElement(c.document.begin(b, "conntrack"), e.Kind)
	b = direction(b, e, "original", &f.Orig, f.CountersOrig, h&monitor.AttrZoneOrig != 0)
	b = direction(b, e, "reply", &f.Reply, f.CountersReply, h&monitor.AttrZoneReply != 0)
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
		b = element(b, true, "helper", string(e.Extra.Helper))
	}
	b = element(b, e.NetNS() != 0, "netns", c.o.Namespaces.Name(e.NetNS()))
	return append(b, "</flow>\n"...)
}

func flowElement(b []byte, k monitor.Kind) []byte {
	if k == monitor.KindExisting {
		return append(b, "<flow>"...)
	}
	return fmt.Appendf(b, `<flow type="%s">`, k)
}

// layers appends layer 3 and 4, with what is in them.
func layers(b []byte, t *monitor.Tuple, addresses, ports string) []byte {
	const form = `<layer3 protonum="%d" protoname="%[1]s">%s</layer3><layer4 protonum="%d" protoname="%s">%s</layer4>`
	return fmt.Appendf(b, form, t.Family, addresses, t.Proto, protoName(t.Proto), ports)
}

// direction appends one direction. Both have counters if those of the original one are
// known.
func direction(b []byte, e *monitor.Event, name string, t *monitor.Tuple, n monitor.Counters, zone bool) []byte {
	b = layers(fmt.Appendf(b, `<meta direction="%s">`, name), t, addressElements(t), portElements(t))
	b = element(b, zone, "zone", t.Zone)
	if e.Has&monitor.AttrCountersOrig != 0 {
		b = fmt.Appendf(b, "<counters><packets>%d</packets><bytes>%d</bytes></counters>", n.Packets, n.Bytes)
	}
	return append(b, "</meta>"...)
}

func addressElements(t *monitor.Tuple) string {
	var src, dst []byte
	if t.Family == monitor.IPv4 || t.Family == monitor.IPv6 {
		src, dst = text.AppendNtop(nil, &t.Src, t.Family), text.AppendNtop(nil, &t.Dst, t.Family)
	}
	return fmt.Sprintf("<src>%s</src><dst>%s</dst>", src, dst)
}

func portElements(t *monitor.Tuple) string {
	switch {
	case t.Proto.HasPorts():
		return fmt.Sprintf("<sport>%d</sport><dport>%d</dport>", t.SrcPort, t.DstPort)
	case t.Proto == monitor.GRE:
		return fmt.Sprintf("<srckey>%#x</srckey><dstkey>%#x</dstkey>", t.SrcPort, t.DstPort)
	}
	return ""
}

func (c *Writer) independent(b []byte, e *monitor.Event) []byte {
	f, x, h := &e.Flow, e.Extra, e.Has
	if x == nil {
		x = new(monitor.Extra)
	}
	// conntrack has TCP's names here for every protocol.
	b = element(b, h&monitor.AttrState != 0 && f.Orig.Proto.HasState(), "state", stateName(monitor.TCP, f.State))
	b = element(b, h&monitor.AttrTimeout != 0, "timeout", f.Timeout)
	b = element(b, h&monitor.AttrMark != 0, "mark", f.Mark)
	if c.labels != nil && h&monitor.AttrLabels != 0 {
		b = append(c.labels.AppendNames(append(b, "<labels>"...), x.Labels, "<label>", "</label>"), "</labels>"...)
	}
	b = element(b, h&monitor.AttrSecMark != 0, "secmark", x.SecMark)
	b = element(b, h&monitor.AttrSecCtx != 0, "secctx", string(x.SecCtx))
	b = element(b, h&monitor.AttrZone != 0, "zone", f.Zone)
	b = element(b, h&monitor.AttrUse != 0, "use", f.Use)
	b = element(b, h&monitor.AttrID != 0, "id", f.ID)
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
		b = element(append(b, "<timestamp>"...), h&monitor.AttrStart != 0, "start", int64(f.Start))
		b = append(element(b, h&monitor.AttrStop != 0, "stop", int64(f.Stop)), "</timestamp>"...)
	}
	// The life of an ended flow is rounded down here. In lines it is the difference of
	// whole seconds.
	delta := uint64(f.Stop-f.Start) / 1e9
	if h&monitor.AttrStop == 0 {
		delta = c.delta(e)
	}
	return element(b, h&monitor.AttrStart != 0, "deltatime", delta)
}

// when appends the local time. Weekdays count from 1, Sunday.
func when(b []byte, t time.Time) []byte {
	b = fmt.Appendf(b, "<when><hour>%d</hour>%s<wday>%d</wday>", t.Hour(), t.Format("<min>04</min><sec>05</sec>"),
		t.Weekday()+1)
	return t.AppendFormat(b, "<day>2</day><month>1</month><year>2006</year></when>")
}
