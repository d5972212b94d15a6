package csv

import (
	"math/bits"

	"natlens/export/text"
	"natlens/monitor"
)

func appendCSVWord(b []byte, word string) []byte { return append(append(b, word...), ',') }

func appendCSVNumber(b []byte, known bool, n uint64) []byte {
	if known {
		b = text.AppendUint(b, n)
	}
	return append(b, ',')
}

func appendCSVBool(b []byte, set bool) []byte {
	if set {
		b = append(b, "true"...)
	}
	return append(b, ',')
}

func appendCSVTime(b []byte, c *text.RFC3339, t monitor.Time) []byte {
	if t != 0 {
		b = c.AppendTo(b, t)
	}
	return append(b, ',')
}

// appendCSVText appends untrusted text as one cell, without a comma.
func appendCSVText(b, text []byte) []byte {
	start := len(b)
	b = append(b, '"')
	if formula(text) {
		b = append(b, '\'')
	}
	first, quote := len(b), false
	b = monitor.AppendEscaped(b, text)
	for i := first; i < len(b); i++ {
		switch b[i] {
		case ',', ' ':
			quote = true
		case '"':
			quote = true
			b = append(b, 0)
			copy(b[i+1:], b[i:])
			i++
		}
	}
	if quote {
		return append(b, '"')
	}
	copy(b[start:], b[start+1:])
	return b[:len(b)-1]
}

// formula reports whether a spreadsheet would compute the cell.
func formula(text []byte) bool {
	for _, c := range text {
		switch c {
		case ' ':
			continue
		case '=', '+', '-', '@':
			return true
		}
		return false
	}
	return false
}

// appendCSVTuples appends both tuples and type and code of ICMP. In the columns
// of the ports stands what the protocol has for one: a GRE key, and the ICMP id
// with the sender.
func appendCSVTuples(b []byte, f *monitor.Flow, known monitor.Attrs) []byte {
	icmp := f.Orig.Proto.IsICMP()
	b = appendCSVTuple(b, &f.Orig, known&monitor.AttrOrig != 0)
	b = appendCSVTuple(b, &f.Reply, known&monitor.AttrReply != 0)
	b = appendCSVNumber(b, icmp && known&monitor.AttrOrig != 0, uint64(f.Orig.ICMPType()))
	return appendCSVNumber(b, icmp && known&monitor.AttrOrig != 0, uint64(f.Orig.ICMPCode()))
}

func appendCSVTuple(b []byte, t *monitor.Tuple, known bool) []byte {
	if !known {
		return append(b, ",,,,"...)
	}
	ports := t.Proto.HasPorts() || t.Proto == monitor.GRE
	b = append(text.AppendAddr(b, &t.Src, t.Family), ',')
	b = appendCSVNumber(b, ports || t.Proto.IsICMP(), uint64(t.SrcPort))
	b = append(text.AppendAddr(b, &t.Dst, t.Family), ',')
	return appendCSVNumber(b, ports, uint64(t.DstPort))
}

func appendCSVNAT(b []byte, f *monitor.Flow, known monitor.Attrs) []byte {
	if !known.All(monitor.AttrOrig | monitor.AttrReply) {
		return append(b, ",,,,,"...)
	}
	n := f.NAT()
	b = appendCSVWord(b, n.Kind.String())
	ports := f.Orig.Proto.HasPorts() || f.Orig.Proto == monitor.GRE
	b = appendCSVEnd(b, n.Kind&monitor.NATSource != 0, f.SentAs(), f.Orig.Family, ports || f.Orig.Proto.IsICMP())
	return appendCSVEnd(b, n.Kind&monitor.NATDestination != 0, f.DeliveredTo(), f.Orig.Family, ports)
}

func appendCSVEnd(b []byte, rewritten bool, at monitor.Endpoint, family monitor.Family, port bool) []byte {
	if rewritten {
		b = text.AppendAddr(b, &at.Addr, family)
	}
	return appendCSVNumber(append(b, ','), rewritten && port, uint64(at.Port))
}

// appendCSVLabels appends the numbers of the bits that are set.
func appendCSVLabels(b, set []byte) []byte {
	first := len(b)
	for bit := range text.Bits(set) {
		b = text.AppendUint(text.AppendSeparated(b, first, " ", ""), uint64(bit))
	}
	return b
}

// appendCSVRemembered appends the JSON members that are remembered.
func appendCSVRemembered(b []byte, a monitor.Attrs) []byte {
	first := len(b)
	for rest := uint64(a); rest != 0; rest &= rest - 1 {
		if i := bits.TrailingZeros64(rest); i < len(text.AttrFields) {
			b = text.AppendSeparated(b, first, " ", text.AttrFields[i])
		}
	}
	return append(b, ',')
}
