package conntrack

import (
	"time"

	"natlens/export/text"
	"natlens/monitor"
)

// attrsIndependent are the attributes that open the XML element of what belongs
// to no direction. A security context alone does not.
const attrsIndependent = monitor.AttrState | monitor.AttrTimeout | monitor.AttrMark | monitor.AttrSecMark |
	monitor.AttrZone | monitor.AttrUse | monitor.AttrStatus | monitor.AttrID | monitor.AttrLabels |
	monitor.AttrStart | monitor.AttrStop

func (c *Writer) appendXML(b []byte, e *monitor.Event) []byte {
	if !c.header {
		c.header = true
		b = append(b, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<conntrack>\n"...)
	}
	if e.Kind == monitor.KindExisting {
		b = append(b, "<flow>"...)
	} else {
		b = append(append(append(b, `<flow type="`...), e.Kind.String()...), `">`...)
	}
	b = append(b, `<meta direction="original">`...)
	b = appendXMLTuple(b, e, &e.Flow.Orig, e.Flow.CountersOrig, e.Has&monitor.AttrZoneOrig != 0)
	b = append(b, `<meta direction="reply">`...)
	b = appendXMLTuple(b, e, &e.Flow.Reply, e.Flow.CountersReply, e.Has&monitor.AttrZoneReply != 0)
	if e.Has&attrsIndependent != 0 {
		b = append(b, `<meta direction="independent">`...)
	}
	b = c.appendXMLState(b, e)
	b = c.appendXMLTimes(b, e)
	if e.Has&attrsIndependent != 0 {
		b = append(b, "</meta>"...)
	}
	if c.o.Timestamp && e.Kind != monitor.KindExisting {
		b = appendXMLWhen(b, c.time(e).Time().In(c.o.Location))
	}
	if e.Has&monitor.AttrHelper != 0 {
		b = appendXMLText(b, "<helper>", e.Extra.Helper, "</helper>")
	}
	if e.NetNS() != 0 {
		b = appendXMLText(b, "<netns>", []byte(c.o.Namespaces.Name(e.NetNS())), "</netns>")
	}
	return append(b, "</flow>\n"...)
}

// appendXMLTuple appends one direction. The counters of both directions are
// there iff those of the original one are known, as conntrack has it.
func appendXMLTuple(b []byte, e *monitor.Event, t *monitor.Tuple, n monitor.Counters, zone bool) []byte {
	b = text.AppendUint(append(b, `<layer3 protonum="`...), uint64(t.Family))
	b = append(append(append(b, `" protoname="`...), t.Family.String()...), `"><src>`...)
	b = appendXMLAddr(b, &t.Src, t.Family)
	b = append(b, "</src><dst>"...)
	b = appendXMLAddr(b, &t.Dst, t.Family)
	b = text.AppendUint(append(b, `</dst></layer3><layer4 protonum="`...), uint64(t.Proto))
	b = append(append(append(b, `" protoname="`...), protoName(t.Proto)...), `">`...)
	switch {
	case t.Proto.HasPorts():
		b = appendElement(b, "<sport>", uint64(t.SrcPort), "</sport>")
		b = appendElement(b, "<dport>", uint64(t.DstPort), "</dport>")
	case t.Proto == monitor.GRE:
		b = append(text.AppendHex(append(b, "<srckey>0x"...), uint64(t.SrcPort)), "</srckey>"...)
		b = append(text.AppendHex(append(b, "<dstkey>0x"...), uint64(t.DstPort)), "</dstkey>"...)
	}
	b = append(b, "</layer4>"...)
	if zone {
		b = appendElement(b, "<zone>", uint64(t.Zone), "</zone>")
	}
	if e.Has&monitor.AttrCountersOrig != 0 {
		b = appendElement(b, "<counters><packets>", n.Packets, "</packets>")
		b = appendElement(b, "<bytes>", n.Bytes, "</bytes></counters>")
	}
	return append(b, "</meta>"...)
}

func appendXMLAddr(b []byte, a *monitor.Addr, family monitor.Family) []byte {
	if family != monitor.IPv4 && family != monitor.IPv6 {
		return b
	}
	return text.AppendNtop(b, a, family)
}

func (c *Writer) appendXMLState(b []byte, e *monitor.Event) []byte {
	f := &e.Flow
	if e.Has&monitor.AttrState != 0 && f.Orig.Proto.HasState() {
		// conntrack has TCP's names here for every protocol.
		b = append(append(append(b, "<state>"...), stateText(monitor.TCP, f.State)...), "</state>"...)
	}
	if e.Has&monitor.AttrTimeout != 0 {
		b = appendElement(b, "<timeout>", uint64(f.Timeout), "</timeout>")
	}
	if e.Has&monitor.AttrMark != 0 {
		b = appendElement(b, "<mark>", uint64(f.Mark), "</mark>")
	}
	if c.labels != nil && e.Has&monitor.AttrLabels != 0 {
		b = append(b, "<labels>"...)
		b = append(c.labels.AppendNames(b, e.Extra.Labels, "<label>", "</label>"), "</labels>"...)
	}
	if e.Has&monitor.AttrSecMark != 0 {
		b = appendElement(b, "<secmark>", uint64(e.Extra.SecMark), "</secmark>")
	}
	if e.Has&monitor.AttrSecCtx != 0 {
		b = appendXMLText(b, "<secctx>", e.Extra.SecCtx, "</secctx>")
	}
	if e.Has&monitor.AttrZone != 0 {
		b = appendElement(b, "<zone>", uint64(f.Zone), "</zone>")
	}
	if e.Has&monitor.AttrUse != 0 {
		b = appendElement(b, "<use>", uint64(f.Use), "</use>")
	}
	if e.Has&monitor.AttrID != 0 {
		b = appendElement(b, "<id>", uint64(f.ID), "</id>")
	}
	if e.Has&monitor.AttrStatus != 0 && f.Status&monitor.Assured != 0 {
		b = append(b, "<assured/>"...)
	}
	if e.Has&monitor.AttrStatus != 0 && f.Status&monitor.SeenReply == 0 {
		b = append(b, "<unreplied/>"...)
	}
	return b
}

func (c *Writer) appendXMLTimes(b []byte, e *monitor.Event) []byte {
	f, stamps := &e.Flow, e.Has&(monitor.AttrStart|monitor.AttrStop) != 0
	if c.o.KTimestamp && stamps {
		b = append(b, "<timestamp>"...)
		if e.Has&monitor.AttrStart != 0 {
			b = appendElement(b, "<start>", uint64(f.Start), "</start>")
		}
		if e.Has&monitor.AttrStop != 0 {
			b = appendElement(b, "<stop>", uint64(f.Stop), "</stop>")
		}
		b = append(b, "</timestamp>"...)
	}
	if e.Has&monitor.AttrStart == 0 {
		return b
	}
	// The life of an ended flow is rounded down here, in the text it is the
	// difference of the clock's seconds.
	delta := uint64(f.Stop-f.Start) / 1e9
	if e.Has&monitor.AttrStop == 0 {
		delta = c.delta(e)
	}
	return appendElement(b, "<deltatime>", delta, "</deltatime>")
}

// appendXMLWhen appends the local time. Weekdays count from 1, Sunday.
func appendXMLWhen(b []byte, t time.Time) []byte {
	b = appendElement(b, "<when><hour>", uint64(t.Hour()), "</hour><min>")
	b = append(text.AppendTwo(b, t.Minute()), "</min><sec>"...)
	b = append(text.AppendTwo(b, t.Second()), "</sec>"...)
	b = appendElement(b, "<wday>", uint64(t.Weekday())+1, "</wday>")
	b = appendElement(b, "<day>", uint64(t.Day()), "</day>")
	b = appendElement(b, "<month>", uint64(t.Month()), "</month>")
	return appendElement(b, "<year>", uint64(t.Year()), "</year></when>")
}

func appendElement(b []byte, open string, n uint64, end string) []byte {
	return append(text.AppendUint(append(b, open...), n), end...)
}

// appendXMLText appends untrusted text: escaped, and with entities for the
// characters that XML keeps for itself.
func appendXMLText(b []byte, open string, text []byte, end string) []byte {
	b = append(b, open...)
	for len(text) > 0 {
		n := 0
		for n < len(text) && text[n] != '<' && text[n] != '>' && text[n] != '&' {
			n++
		}
		b = monitor.AppendEscaped(b, text[:n])
		if text = text[n:]; len(text) == 0 {
			break
		}
		switch text[0] {
		case '<':
			b = append(b, "&lt;"...)
		case '>':
			b = append(b, "&gt;"...)
		default:
			b = append(b, "&amp;"...)
		}
		text = text[1:]
	}
	return append(b, end...)
}
