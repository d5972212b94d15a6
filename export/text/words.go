package text

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"natlens/monitor"
	"natlens/monitor/human"
)

// StateName returns the name of a state in lower case, its number if it has none.
func StateName(p monitor.Proto, s monitor.State) string {
	return cmp.Or(strings.ToLower(s.Name(p)), strconv.Itoa(int(s)))
}

// StatusWords returns the names of the bits that are set. Bits without a name follow as one
// hex number.
func StatusWords(s monitor.Status, separator string) string {
	words := s.Names()
	if rest := s.Unnamed(); rest != 0 {
		words = append(words, fmt.Sprintf("%#x", uint32(rest)))
	}
	return strings.Join(words, separator)
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

// NetNSWords reports the begin or end of a network namespace in words.
func NetNSWords(k monitor.Kind) string {
	if k == monitor.KindNetNSBegin {
		return "network namespace found"
	}
	return "network namespace gone"
}

// FindingText returns a finding in one line for people, with its command.
func FindingText(f *monitor.Finding) string {
	if f.Cleared != 0 {
		return "gone: " + f.Rule + ": " + f.Text
	}
	return f.Rule + ": " + f.Text + " → " + f.Command
}

// Note writes one line for people, with any text escaped. It ignores errors: notes do not end a
// sink.
func Note(w io.Writer, text string) {
	_, _ = w.Write(append(monitor.AppendMessage(nil, []byte(text)), '\n'))
}

// GapText returns a lost or resynced event in words:
//
//	2,844 events lost between 12:03:08.112 and 12:03:09.480
//	table reconciled after the loss of 2,844 events: +37 ~4 −12
func GapText(e *monitor.Event, location *time.Location) string {
	g := cmp.Or(e.Gap, &monitor.Gap{})
	lost := human.Plural(g.Count, "event")
	if g.Uncertain {
		lost = "at least " + lost
	}
	clock := func(t monitor.Time) string { return time.Unix(0, int64(t)).In(location).Format("15:04:05.000") }
	switch {
	case e.Kind == monitor.KindResynced:
		return fmt.Sprintf("table reconciled after the loss of %s: +%s ~%s −%s", lost, human.Count(g.Added),
			human.Count(g.Changed), human.Count(g.Ended))
	case g.From != 0 && g.To != 0:
		return lost + " lost between " + clock(g.From) + " and " + clock(g.To)
	case g.To != 0:
		return lost + " lost before " + clock(g.To)
	}
	return lost + " lost"
}

// Bits returns the numbers of the bits that are set: bit n is bit n%8 of byte n/8.
func Bits(set []byte) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, c := range set {
			for bit := 8 * i; c != 0; bit, c = bit+1, c>>1 {
				if c&1 != 0 && !yield(bit) {
					return
				}
			}
		}
	}
}

// AppendBits appends the numbers of the bits that are set.
func AppendBits(b, set []byte, separator string) []byte {
	first := len(b)
	for bit := range Bits(set) {
		b = AppendUint(AppendSeparated(b, first, separator, ""), uint64(bit))
	}
	return b
}
