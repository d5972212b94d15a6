package translation

import (
	"strconv"
	"strings"

	"natlens/monitor"
)

// CSVColumns is the header of translations as CSV. New columns come last.
var CSVColumns = []string{
	"start", "end", "proto", "protonum", "nat", "side",
	"inside", "inside_port", "outside", "outside_port", "peer", "peer_port",
	"orig_src", "orig_sport", "orig_dst", "orig_dport", "reply_src", "reply_sport", "reply_dst", "reply_dport",
	"icmp_type", "icmp_code", "zone", "netns", "orig_packets", "orig_bytes", "reply_packets", "reply_bytes",
	"state", "status", "reason", "doubt",
}

// AppendCSV appends the cells of an answer to a line. What is not known or does
// not exist is an empty cell.
func AppendCSV(line []string, a *Answer) []string {
	words := func(words ...string) { line = append(line, words...) }
	number := func(n uint64, exists bool) {
		if exists {
			words(strconv.FormatUint(n, 10))
		} else {
			words("")
		}
	}
	words(TimeText(a.Start), TimeText(a.End), a.Proto.String(), strconv.Itoa(int(a.Proto)))
	words(a.NAT.String(), a.Side.String())
	from, to, sentAs, deliveredTo := a.Ends()
	for _, e := range [...]End{a.Inside(a.Side), a.Outside(a.Side), a.Peer(a.Side), from, to, deliveredTo, sentAs} {
		words(e.Addr.String())
		number(uint64(e.Port), e.HasPort)
	}
	number(uint64(a.ICMP>>8), a.Proto.IsICMP())
	number(uint64(a.ICMP&0xff), a.Proto.IsICMP())
	number(uint64(a.Zone), a.Zone != 0)
	words(cell(a.Namespace))
	for _, n := range [...]uint64{a.Original.Packets, a.Original.Bytes, a.Reply.Packets, a.Reply.Bytes} {
		number(n, a.Counted)
	}
	reason := ""
	if a.End != 0 {
		reason = a.Reason.String()
	}
	words(a.StateText(), strings.Join(a.Status.Names(), " "), reason, strings.Join(a.Doubt.Names(), " "))
	return line
}

// cell escapes text that was not made here, and keeps spreadsheets from taking it
// for a formula.
func cell(text string) string {
	text = monitor.Escape(text)
	if text != "" && strings.ContainsRune("=+-@", rune(text[0])) {
		text = "'" + text
	}
	return text
}
