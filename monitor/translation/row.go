package translation

import (
	"cmp"
	"strconv"
	"strings"

	"natlens/monitor"
)

// Row is a translation in JSON, in every output of natlens: monitor.JSONLine
// writes it. docs/history.md describes the fields. What is not known or does not exist is absent.
type Row struct {
	V        int          `json:"v"`
	Start    string       `json:"start,omitempty"`
	End      string       `json:"end,omitempty"`
	Proto    string       `json:"proto"`
	ProtoNum uint8        `json:"protonum"`
	NAT      string       `json:"nat"`
	Side     string       `json:"side"`
	Inside   RowEnd       `json:"inside"`
	Outside  RowEnd       `json:"outside"`
	Peer     RowEnd       `json:"peer"`
	Orig     RowTuple     `json:"orig"`
	Reply    RowTuple     `json:"reply"`
	ICMP     *RowICMP     `json:"icmp,omitempty"`
	Zone     uint16       `json:"zone,omitempty"`
	NetNS    string       `json:"netns,omitempty"`
	Counters *RowCounters `json:"counters,omitempty"`
	State    string       `json:"state,omitempty"`
	Status   []string     `json:"status,omitempty"`
	Reason   string       `json:"reason,omitempty"`
	Doubt    []string     `json:"doubt,omitempty"`
	Live     bool         `json:"live,omitempty"`

	Local   *monitor.Local  `json:"local,omitempty"`
	Gateway monitor.Gateway `json:"gateway,omitempty"`
}

// RowEnd is an end: an address with its port, ICMP id or GRE key.
type RowEnd struct {
	Addr string  `json:"addr"`
	Port *uint16 `json:"port,omitempty"`
}

// RowTuple is one direction of the flow.
type RowTuple struct {
	Src   string  `json:"src"`
	SPort *uint16 `json:"sport,omitempty"`
	Dst   string  `json:"dst"`
	DPort *uint16 `json:"dport,omitempty"`
}

// RowICMP is the ICMP type and code of the original direction.
type RowICMP struct {
	Type uint8 `json:"type"`
	Code uint8 `json:"code"`
}

// RowCounters are the kernel's counters of both directions.
type RowCounters struct {
	Orig  monitor.Counters `json:"orig"`
	Reply monitor.Counters `json:"reply"`
}

// NewRow returns the JSON form of an answer.
func NewRow(a *Answer) Row {
	from, to, sentAs, deliveredTo := a.Ends()
	r := Row{
		V: 1, Start: TimeText(a.Start), Proto: a.Proto.String(), ProtoNum: uint8(a.Proto),
		NAT: a.NAT.String(), Side: a.Side.String(),
		Inside: newRowEnd(a.Inside(a.Side)), Outside: newRowEnd(a.Outside(a.Side)), Peer: newRowEnd(a.Peer(a.Side)),
		Orig: newRowTuple(from, to), Reply: newRowTuple(deliveredTo, sentAs),
		Zone: a.Zone, NetNS: a.Namespace,
		State: a.StateText(), Status: a.Status.Names(), Doubt: a.Doubt.Names(), Live: a.Live, Local: a.Local,
	}
	if a.End != 0 {
		r.End, r.Reason = TimeText(a.End), a.Reason.String()
	}
	if a.Proto.IsICMP() {
		r.ICMP = &RowICMP{uint8(a.ICMP >> 8), uint8(a.ICMP)}
	}
	if a.Counted {
		r.Counters = &RowCounters{a.Original, a.Reply}
	}
	return r
}

func newRowEnd(e End) RowEnd { return RowEnd{e.Addr.String(), e.port()} }

func newRowTuple(src, dst End) RowTuple {
	return RowTuple{src.Addr.String(), src.port(), dst.Addr.String(), dst.port()}
}

func (e End) port() *uint16 {
	if !e.HasPort {
		return nil
	}
	return &e.Port
}

// Ends returns the four ends of the flow, with ports only where the protocol has
// them.
func (t *Translation) Ends() (from, to, sentAs, deliveredTo End) {
	return t.source(t.From), t.destination(t.To), t.source(t.SentAs), t.destination(t.DeliveredTo)
}

// StateText returns the last state in lower case, "" if none is known.
func (t *Translation) StateText() string {
	if !t.HasState {
		return ""
	}
	return strings.ToLower(t.State.Name(t.Proto))
}

// GapRow is a gap in JSON.
type GapRow struct {
	V       int    `json:"v"`
	Gap     string `json:"gap"`
	From    string `json:"from"`
	To      string `json:"to"`
	Count   uint64 `json:"count"`
	AtLeast bool   `json:"at_least,omitempty"`
	NetNS   string `json:"netns,omitempty"`

	Gateway monitor.Gateway `json:"gateway,omitempty"`
}

// NewGapRow returns the JSON form of a gap.
func NewGapRow(g *Gap) GapRow {
	return GapRow{V: 1, Gap: g.Cause.String(), From: TimeText(g.From), To: TimeText(g.To), Count: g.Count,
		AtLeast: g.AtLeast, NetNS: g.Namespace}
}

// VerdictRow is a verdict in JSON. docs/who.md describes the fields.
type VerdictRow struct {
	V          int      `json:"v"`
	Answer     Word     `json:"answer"`
	Count      int      `json:"count"`
	Uncertain  int      `json:"uncertain"`
	More       bool     `json:"more,omitempty"`
	Covered    Coverage `json:"covered"`
	From       string   `json:"from,omitempty"`
	To         string   `json:"to,omitempty"`
	Live       bool     `json:"live,omitempty"`
	Gaps       []GapRow `json:"gaps,omitempty"`
	Faults     []string `json:"faults,omitempty"`
	Namespaces []string `json:"namespaces,omitempty"`

	Translations []Row `json:"translations,omitempty"` // the answers, where they are no rows of their own

	Gateway monitor.Gateway `json:"gateway,omitempty"`
}

// NewVerdictRow returns the JSON form of a verdict. uncertain is the number of
// its answers that are uncertain.
func NewVerdictRow(v *Verdict, uncertain int) VerdictRow {
	r := &v.Result
	row := VerdictRow{
		V: 1, Answer: v.Word, Count: r.Answers, Uncertain: uncertain, More: r.More, Covered: v.Covered,
		From: TimeText(r.Began), To: TimeText(r.Ended), Live: r.Live,
	}
	if v.Foreign {
		row.Namespaces = r.Namespaces
	}
	for i := range r.Gaps {
		row.Gaps = append(row.Gaps, NewGapRow(&r.Gaps[i]))
	}
	for _, fault := range r.Faults {
		row.Faults = append(row.Faults, fault.Error())
	}
	return row
}

// TimeText returns a time as JSON and CSV have it: UTC with nine decimals. It
// returns "" for 0.
func TimeText(t monitor.Time) string {
	if t == 0 {
		return ""
	}
	return t.Time().Format("2006-01-02T15:04:05.000000000Z")
}

// CSVColumns is the header of translations as CSV. New columns come last.
var CSVColumns = []string{
	"start", "end", "proto", "protonum", "nat", "side",
	"inside", "inside_port", "outside", "outside_port", "peer", "peer_port",
	"orig_src", "orig_sport", "orig_dst", "orig_dport", "reply_src", "reply_sport", "reply_dst", "reply_dport",
	"icmp_type", "icmp_code", "zone", "netns", "orig_packets", "orig_bytes", "reply_packets", "reply_bytes",
	"state", "status", "reason", "doubt", "process", "pid", "uid", "user", "container", "pod", "match",
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
	l, match := cmp.Or(a.Local, &monitor.Local{}), ""
	if a.Local != nil {
		match = l.Match.String()
	}
	words(cell(l.Process))
	number(uint64(l.PID), l.PID != 0)
	number(uint64(l.UID), l.User != "")
	words(cell(l.User), cell(l.Container), cell(l.Pod), match)
	return line
}

// cell escapes untrusted text, and prevents spreadsheets from reading it as a formula.
func cell(text string) string {
	text = monitor.Escape(text)
	if text != "" && strings.ContainsRune("=+-@", rune(text[0])) {
		text = "'" + text
	}
	return text
}
