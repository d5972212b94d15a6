package conntrack

import (
	"natlens/export/text"
	"natlens/monitor"
)

func (x *Expects) appendXML(b []byte, e *monitor.Expect) []byte {
	if e.Kind == monitor.KindExisting {
		b = append(b, "<flow>"...)
	} else {
		b = append(append(append(b, `<flow type="`...), e.Kind.String()...), `">`...)
	}
	parts := []struct {
		name string
		t    *monitor.Tuple
	}{{"expected", &e.Tuple}, {"mask", &e.Mask}, {"master", &e.Master}}
	b = text.AppendUint(append(b, `<layer3 protonum="`...), uint64(e.Tuple.Family))
	b = append(append(append(b, `" protoname="`...), e.Tuple.Family.String()...), `">`...)
	for _, p := range parts {
		b = append(append(append(b, '<'), p.name...), "><src>"...)
		b = append(appendXMLAddr(b, &p.t.Src, p.t.Family), "</src><dst>"...)
		b = append(append(append(appendXMLAddr(b, &p.t.Dst, p.t.Family), "</dst></"...), p.name...), '>')
	}
	b = text.AppendUint(append(b, `</layer3><layer4 protonum="`...), uint64(e.Tuple.Proto))
	b = append(append(append(b, `" protoname="`...), protoName(e.Tuple.Proto)...), `">`...)
	for _, p := range parts {
		b = append(append(append(b, '<'), p.name...), '>')
		b = appendXMLPorts(b, p.t)
		b = append(append(append(b, "</"...), p.name...), '>')
	}
	b = append(b, "</layer4><meta>"...)
	b = x.appendXMLMeta(b, e)
	return append(b, "</meta></flow>"...)
}

func appendXMLPorts(b []byte, t *monitor.Tuple) []byte {
	switch {
	case t.Proto.HasPorts():
		b = appendElement(b, "<sport>", uint64(t.SrcPort), "</sport>")
		b = appendElement(b, "<dport>", uint64(t.DstPort), "</dport>")
	case t.Proto == monitor.GRE:
		b = append(text.AppendHex(append(b, "<srckey>0x"...), uint64(t.SrcPort)), "</srckey>"...)
		b = append(text.AppendHex(append(b, "<dstkey>0x"...), uint64(t.DstPort)), "</dstkey>"...)
	}
	return b
}

func (x *Expects) appendXMLMeta(b []byte, e *monitor.Expect) []byte {
	if e.Has&monitor.ExpectHelper != 0 {
		b = appendXMLText(b, "<helper-name>", []byte(e.Helper), "</helper-name>")
	}
	if e.Has&monitor.ExpectTimeout != 0 {
		b = appendElement(b, "<timeout>", uint64(e.Timeout), "</timeout>")
	}
	if e.Has&monitor.ExpectClass != 0 {
		b = appendElement(b, "<class>", uint64(e.Class), "</class>")
	}
	if e.Has&monitor.ExpectZone != 0 {
		b = appendElement(b, "<zone>", uint64(e.Zone), "</zone>")
	}
	if x.m.Timestamp {
		b = appendXMLWhen(b, e.Time.Time().In(x.location))
	}
	for _, name := range e.Flags.Names() {
		b = append(append(append(b, '<'), name...), "/>"...)
	}
	return b
}
