//go:build linux

package trace

import (
	"encoding/json"
	"net/netip"
	"time"

	"natlens/monitor"
	"natlens/monitor/trace"
)

// jsonPacket is a packet as a JSON line. docs/trace.md describes it.
type jsonPacket struct {
	V       int        `json:"v"`
	Time    string     `json:"ts"`
	Proto   string     `json:"proto"`
	Packet  jsonAddrs  `json:"packet"`
	In      string     `json:"in,omitempty"`
	Out     string     `json:"out,omitempty"`
	Flow    *jsonFlow  `json:"flow,omitempty"`
	Steps   []jsonStep `json:"steps"`
	Leaves  *jsonAddrs `json:"leaves,omitempty"` // if NAT rewrites it after the last chain
	Dropped bool       `json:"dropped,omitempty"`
	// NotInTable says that the flow of a dropped packet was never confirmed.
	NotInTable bool `json:"not_in_table,omitempty"`
}

type jsonAddrs struct {
	Src   netip.Addr `json:"src"`
	Sport uint16     `json:"sport,omitempty"`
	Dst   netip.Addr `json:"dst"`
	Dport uint16     `json:"dport,omitempty"`
	Type  *uint8     `json:"type,omitempty"`
	Code  *uint8     `json:"code,omitempty"`
}

type jsonFlow struct {
	ID    uint32 `json:"id"`
	Dir   string `json:"direction"`
	State string `json:"state,omitempty"`
	// Match is "id", or "address" if the kernel did not say which flow it is.
	Match string `json:"match"`
}

type jsonStep struct {
	Hook     string     `json:"hook,omitempty"`
	Priority *int       `json:"priority,omitempty"`
	Family   string     `json:"family"`
	Table    string     `json:"table"`
	Chain    string     `json:"chain"`
	Kind     string     `json:"kind"`
	Handle   uint64     `json:"handle,omitempty"`
	Rule     string     `json:"rule,omitempty"`
	Comment  string     `json:"comment,omitempty"`
	Verdict  string     `json:"verdict"`
	Target   string     `json:"target,omitempty"`
	Packet   *jsonAddrs `json:"packet,omitempty"`
}

// jsonLine returns a packet as a JSON line.
func jsonLine(p *packet) string {
	out := jsonPacket{
		V: 1, Time: p.Time.UTC().Format(time.RFC3339Nano), Proto: p.First.Proto.String(), Packet: addrsOf(&p.First),
		In: p.In, Out: p.Out, Steps: []jsonStep{}, Dropped: p.Dropped() != nil, NotInTable: p.NeverConfirmed(),
	}
	if p.Flow.ID != 0 {
		out.Flow = &jsonFlow{p.Flow.ID, directions[p.Flow.Reply], p.Flow.State.String(), matches[p.byAddress]}
	}
	if p.leaves() {
		sent := addrsOf(&p.sent)
		out.Leaves = &sent
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		step := jsonStep{
			Family: s.Chain.Family, Table: s.Chain.Table, Chain: s.Chain.Name, Kind: kinds[s.Kind],
			Handle: s.Handle, Rule: s.Text, Comment: s.Comment, Verdict: s.Verdict, Target: s.Target,
		}
		if s.Chain.Hook != "" {
			step.Hook, step.Priority = s.Chain.Hook, &s.Chain.Prio
		}
		if s.Rewrote {
			now := addrsOf(&s.Headers)
			step.Packet = &now
		}
		out.Steps = append(out.Steps, step)
	}
	line, err := json.Marshal(out)
	if err != nil {
		panic(err) // it has text and numbers only
	}
	return string(monitor.EscapeJSON(line)) + "\n"
}

var (
	directions = map[bool]string{false: "original", true: "reply"}
	matches    = map[bool]string{false: "id", true: "address"}
)

var kinds = map[trace.Kind]string{trace.Policy: "policy", trace.Return: "return", trace.Rule: "rule"}

func addrsOf(h *trace.Headers) jsonAddrs {
	a := jsonAddrs{Src: h.Src.Addr(), Sport: h.Src.Port(), Dst: h.Dst.Addr(), Dport: h.Dst.Port()}
	if h.Proto.IsICMP() {
		kind, code := uint8(h.ICMP>>8), uint8(h.ICMP)
		a.Type, a.Code = &kind, &code
	}
	return a
}
