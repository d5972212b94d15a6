package text

import (
	"math/bits"

	"natlens/monitor"
)

// AppendProto appends the name of a protocol, its number if it has none.
func AppendProto(b []byte, p monitor.Proto) []byte {
	if name := p.Name(); name != "" {
		return append(b, name...)
	}
	return AppendUint(b, uint64(p))
}

// AppendState appends the name of a state in lower case, its number if it has none.
func AppendState(b []byte, p monitor.Proto, s monitor.State) []byte {
	name := s.Name(p)
	if name == "" {
		return AppendUint(b, uint64(s))
	}
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// AppendStatusWords appends the names of the bits that are set. Bits without a name
// follow as one hex number.
func AppendStatusWords(b []byte, s monitor.Status, separator string) []byte {
	first := len(b)
	names := monitor.StatusNames()
	for rest := uint(s &^ s.Unnamed()); rest != 0; rest &= rest - 1 {
		b = AppendSeparated(b, first, separator, names[bits.TrailingZeros(rest)])
	}
	if rest := s.Unnamed(); rest != 0 {
		b = AppendHex(AppendSeparated(b, first, separator, "0x"), uint64(rest))
	}
	return b
}

// AppendSeparated appends a word to a list that began at b[first].
func AppendSeparated(b []byte, first int, separator, word string) []byte {
	if len(b) > first {
		b = append(b, separator...)
	}
	return append(b, word...)
}

// attrNames are the JSON members that the attributes fill, by bit number.
var attrNames = [...]string{
	"orig", "reply", "status", "state", "tcp.orig.wscale", "tcp.reply.wscale", "tcp.orig.flags", "tcp.reply.flags",
	"sctp.vtag_orig", "sctp.vtag_reply", "dccp.role", "dccp.seq", "helper", "helper_info", "timeout", "mark",
	"mark_mask", "counters.orig", "counters.reply", "use", "id", "master", "seqadj.orig", "seqadj.reply", "secmark",
	"zone", "zone_orig", "zone_reply", "secctx", "start", "stop", "ts", "labels", "labels_mask", "synproxy",
	"status_mask",
}

// AppendAttrs appends the names of the JSON members that attributes fill.
func AppendAttrs(b []byte, a monitor.Attrs, separator string) []byte {
	first := len(b)
	for i, name := range attrNames {
		if a&(1<<i) != 0 {
			b = AppendSeparated(b, first, separator, name)
		}
	}
	return b
}

// AttrNamed returns the attribute that fills a JSON member, 0 for other names.
func AttrNamed(name string) monitor.Attrs {
	for i, known := range attrNames {
		if known == name {
			return 1 << i
		}
	}
	return 0
}

// NetNSWords says that a network namespace was found or is gone.
func NetNSWords(k monitor.Kind) string {
	if k == monitor.KindNetNSBegin {
		return "network namespace found"
	}
	return "network namespace gone"
}
