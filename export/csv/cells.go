package csv

import (
	"natlens/export/text"
	"natlens/monitor"
)

func word(b []byte, word string) []byte { return append(append(b, word...), ',') }

func number(b []byte, known bool, n uint64) []byte {
	if known {
		b = text.AppendUint(b, n)
	}
	return append(b, ',')
}

func flag(b []byte, set bool) []byte {
	if set {
		b = append(b, "true"...)
	}
	return append(b, ',')
}

func when(b []byte, c *text.RFC3339, t monitor.Time) []byte {
	if t != 0 {
		b = c.AppendTo(b, t)
	}
	return append(b, ',')
}

// foreign appends untrusted text.
func foreign(b, value []byte) []byte {
	start := len(b)
	b = append(b, '"')
	if formula(value) {
		b = append(b, '\'')
	}
	first, quote := len(b), false
	b = monitor.AppendEscaped(b, value)
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
		return append(b, '"', ',')
	}
	copy(b[start:], b[start+1:])
	b[len(b)-1] = ','
	return b
}

// formula reports whether a spreadsheet would compute the cell.
func formula(value []byte) bool {
	for _, c := range value {
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

// tuple appends one direction. The columns of ports contain what the protocol has
// instead: GRE keys, and the ICMP id with the sender.
func tuple(b []byte, t *monitor.Tuple, known bool) []byte {
	if !known {
		return append(b, ",,,,"...)
	}
	ports := t.Proto.HasPorts() || t.Proto == monitor.GRE
	b = append(text.AppendAddr(b, &t.Src, t.Family), ',')
	b = number(b, ports || t.Proto.IsICMP(), uint64(t.SrcPort))
	b = append(text.AppendAddr(b, &t.Dst, t.Family), ',')
	return number(b, ports, uint64(t.DstPort))
}

func nat(b []byte, f *monitor.Flow, known monitor.Attrs) []byte {
	if !known.All(monitor.AttrOrig | monitor.AttrReply) {
		return append(b, ",,,,,"...)
	}
	n := f.NAT()
	b = word(b, n.Kind.String())
	ports := f.Orig.Proto.HasPorts() || f.Orig.Proto == monitor.GRE
	b = end(b, n.Kind&monitor.NATSource != 0, f.SentAs(), f.Orig.Family, ports || f.Orig.Proto.IsICMP())
	return end(b, n.Kind&monitor.NATDestination != 0, f.DeliveredTo(), f.Orig.Family, ports)
}

func end(b []byte, rewritten bool, at monitor.Endpoint, family monitor.Family, port bool) []byte {
	if rewritten {
		b = text.AppendAddr(b, &at.Addr, family)
	}
	return number(append(b, ','), rewritten && port, uint64(at.Port))
}

// bits appends the numbers of the bits that are set.
func bits(b, set []byte) []byte {
	first := len(b)
	for bit := range text.Bits(set) {
		b = text.AppendUint(text.AppendSeparated(b, first, " ", ""), uint64(bit))
	}
	return append(b, ',')
}
