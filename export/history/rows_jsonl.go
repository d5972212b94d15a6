package history

import (
	"bufio"
	"encoding/json"
	"io"

	"natlens/monitor"
)

// NewJSONL writes a JSON object a line.
func NewJSONL(w io.Writer) *JSONL {
	j := &JSONL{w: bufio.NewWriterSize(w, 1<<16)}
	j.enc = json.NewEncoder(j.w)
	j.enc.SetEscapeHTML(false)
	return j
}

// JSONL is the RowWriter of JSON lines.
type JSONL struct {
	w   *bufio.Writer
	enc *json.Encoder
}

// jsonRow is a line, in the order of its members. What is not known is absent.
type jsonRow struct {
	V        int           `json:"v"`
	Start    string        `json:"start"`
	End      string        `json:"end,omitempty"`
	Proto    string        `json:"proto"`
	ProtoNum uint8         `json:"protonum"`
	NAT      string        `json:"nat"`
	Side     string        `json:"side"`
	Inside   jsonEnd       `json:"inside"`
	Outside  jsonEnd       `json:"outside"`
	Peer     jsonEnd       `json:"peer"`
	Orig     jsonTuple     `json:"orig"`
	Reply    jsonTuple     `json:"reply"`
	ICMP     *jsonICMP     `json:"icmp,omitempty"`
	Zone     uint16        `json:"zone,omitempty"`
	NetNS    string        `json:"netns,omitempty"`
	Counters *jsonCounters `json:"counters,omitempty"`
	State    string        `json:"state,omitempty"`
	Status   []string      `json:"status,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	Doubt    []string      `json:"doubt,omitempty"`
	Live     bool          `json:"live,omitempty"`
}

type jsonEnd struct {
	Addr string `json:"addr"`
	Port uint16 `json:"port"`
}

type jsonTuple struct {
	Src   string `json:"src"`
	SPort uint16 `json:"sport"`
	Dst   string `json:"dst"`
	DPort uint16 `json:"dport"`
}

type jsonICMP struct {
	Type uint8 `json:"type"`
	Code uint8 `json:"code"`
}

type jsonCounters struct {
	Orig  jsonCount `json:"orig"`
	Reply jsonCount `json:"reply"`
}

type jsonCount struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

type jsonGap struct {
	V       int    `json:"v"`
	Gap     string `json:"gap"`
	From    string `json:"from"`
	To      string `json:"to"`
	Count   uint64 `json:"count"`
	AtLeast bool   `json:"at_least,omitempty"`
	NetNS   string `json:"netns,omitempty"`
}

func toJSON(p monitor.Endpoint) jsonEnd { return jsonEnd{p.Addr.String(), p.Port} }

// Write implements RowWriter.
func (j *JSONL) Write(a *Answer) error {
	inside, outside, peer := ends(a)
	r := jsonRow{
		V: 1, Start: timeText(a.Start), Proto: protoText(a.Proto), ProtoNum: uint8(a.Proto), NAT: a.NAT.String(), Side: a.Side.String(),
		Inside: toJSON(inside), Outside: toJSON(outside), Peer: toJSON(peer),
		Orig:  jsonTuple{a.From.Addr.String(), a.From.Port, a.To.Addr.String(), a.To.Port},
		Reply: jsonTuple{a.DeliveredTo.Addr.String(), a.DeliveredTo.Port, a.SentAs.Addr.String(), a.SentAs.Port},
		Zone:  a.Zone, NetNS: a.Namespace, State: stateText(&a.Translation), Status: a.Status.Names(), Doubt: a.Doubt.Names(), Live: a.Live,
	}
	if a.End != 0 {
		r.End, r.Reason = timeText(a.End), a.Reason.String()
	}
	if a.Proto.IsICMP() {
		r.ICMP = &jsonICMP{uint8(a.ICMP >> 8), uint8(a.ICMP)}
	}
	if a.Counted {
		r.Counters = &jsonCounters{jsonCount(a.Original), jsonCount(a.Reply)}
	}
	return j.enc.Encode(&r)
}

// Gap writes a line of a gap.
func (j *JSONL) Gap(g *Gap) error {
	return j.enc.Encode(&jsonGap{1, g.Cause.String(), timeText(g.From), timeText(g.To), g.Count, g.AtLeast, g.Namespace})
}

// Close implements RowWriter.
func (j *JSONL) Close() error { return j.w.Flush() }
