package history

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"natlens/monitor"
)

// csvColumns is the header. New columns come last.
var csvColumns = []string{
	"start", "end", "proto", "protonum", "nat", "side", "inside", "inside_port", "outside", "outside_port", "peer", "peer_port",
	"orig_src", "orig_sport", "orig_dst", "orig_dport", "reply_src", "reply_sport", "reply_dst", "reply_dport",
	"icmp_type", "icmp_code", "zone", "netns", "orig_packets", "orig_bytes", "reply_packets", "reply_bytes",
	"state", "status", "reason", "doubt",
}

// CSV is the RowWriter of comma-separated values: a header and a line an answer.
type CSV struct {
	w    *csv.Writer
	line []string
	head bool
}

// NewCSV writes CSV.
func NewCSV(w io.Writer) *CSV { return &CSV{w: csv.NewWriter(w)} }

// Write implements RowWriter.
func (c *CSV) Write(a *Answer) error {
	if err := c.header(); err != nil {
		return err
	}
	l := c.line[:0]
	word := func(text string) { l = append(l, text) }
	number := func(n uint64, known bool) {
		if known {
			word(strconv.FormatUint(n, 10))
		} else {
			word("")
		}
	}
	end := func(p monitor.Endpoint) {
		word(p.Addr.String())
		number(uint64(p.Port), true)
	}
	word(timeText(a.Start))
	if a.End != 0 {
		word(timeText(a.End))
	} else {
		word("")
	}
	word(protoText(a.Proto))
	number(uint64(a.Proto), true)
	word(a.NAT.String())
	word(a.Side.String())
	inside, outside, peer := ends(a)
	for _, p := range [...]monitor.Endpoint{inside, outside, peer, a.From, a.To, a.DeliveredTo, a.SentAs} {
		end(p)
	}
	number(uint64(a.ICMP>>8), a.Proto.IsICMP())
	number(uint64(a.ICMP&0xff), a.Proto.IsICMP())
	number(uint64(a.Zone), a.Zone != 0)
	word(cell(a.Namespace))
	for _, n := range [...]uint64{a.Original.Packets, a.Original.Bytes, a.Reply.Packets, a.Reply.Bytes} {
		number(n, a.Counted)
	}
	word(stateText(&a.Translation))
	word(strings.Join(a.Status.Names(), " "))
	if a.End != 0 {
		word(a.Reason.String())
	} else {
		word("")
	}
	word(strings.Join(a.Doubt.Names(), " "))
	c.line = l
	return c.w.Write(l)
}

// cell is text that others chose, with no control characters, and of which a
// spreadsheet makes no formula.
func cell(text string) string {
	text = string(monitor.AppendEscaped(nil, []byte(text)))
	if text != "" && strings.ContainsRune("=+-@", rune(text[0])) {
		text = "'" + text
	}
	return text
}

func (c *CSV) header() error {
	if c.head {
		return nil
	}
	c.head = true
	return c.w.Write(csvColumns)
}

// Close implements RowWriter.
func (c *CSV) Close() error {
	if err := c.header(); err != nil {
		return err
	}
	c.w.Flush()
	return c.w.Error()
}
