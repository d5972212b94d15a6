package main

import (
	"encoding/json"
	"fmt"
	"io"

	"natlens/cmd/natlens/cli"
	"natlens/export/history"
	"natlens/monitor"
)

// whoPrinter takes answers, and at the end the verdict.
type whoPrinter interface {
	add(*history.Answer) error
	end(*verdict) error
}

// printer makes the printer of -o.
func (c *whoConfig) printer(con cli.Console, name string) (whoPrinter, error) {
	switch c.format {
	case "", "pretty":
		return newWhoText(con, name), nil
	case "jsonl":
		return &whoJSON{w: con.Stdout}, nil
	}
	return nil, cli.Usagef("-o %s: must be pretty or jsonl", monitor.Escape(c.format))
}

// whoJSON prints JSON lines: one an answer, and the verdict as the last one.
// docs/who.md has their members.
type whoJSON struct {
	w        io.Writer
	doubtful int
}

// answerJSON is the line of an answer.
type answerJSON struct {
	V         int           `json:"v"`
	Inside    endJSON       `json:"inside"`
	Outside   endJSON       `json:"outside"`
	Peer      endJSON       `json:"peer"`
	Side      string        `json:"side"`
	Proto     string        `json:"proto"`
	ProtoNum  uint8         `json:"protonum"`
	Kind      string        `json:"kind"`
	Start     string        `json:"start,omitempty"`
	Before    bool          `json:"before,omitempty"`
	End       string        `json:"end,omitempty"`
	Reason    string        `json:"reason"`
	Live      bool          `json:"live,omitempty"`
	Uncertain []string      `json:"uncertain,omitempty"`
	Zone      uint16        `json:"zone,omitempty"`
	Namespace string        `json:"namespace,omitempty"`
	Sent      *countersJSON `json:"sent,omitempty"`
	Received  *countersJSON `json:"received,omitempty"`
}

// endJSON is an address with what the protocol has for a port.
type endJSON struct {
	Addr string  `json:"addr"`
	Port *uint16 `json:"port,omitempty"`
	ID   *uint16 `json:"id,omitempty"`
	Key  *uint16 `json:"key,omitempty"`
}

type countersJSON struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

func newEndJSON(p monitor.Proto, e monitor.Endpoint) endJSON {
	out := endJSON{Addr: e.Addr.String()}
	switch {
	case p.HasPorts():
		out.Port = &e.Port
	case p.IsICMP():
		out.ID = &e.Port
	case p == monitor.GRE:
		out.Key = &e.Port
	}
	return out
}

func (p *whoJSON) add(a *history.Answer) error {
	row := answerJSON{
		V: 1, Inside: newEndJSON(a.Proto, a.Inside(a.Side)), Outside: newEndJSON(a.Proto, a.Outside(a.Side)), Peer: newEndJSON(a.Proto, a.Peer(a.Side)),
		Side: a.Side.String(), Proto: a.Proto.String(), ProtoNum: uint8(a.Proto), Kind: a.NAT.String(),
		Start: timeJSON(a.Start), Before: a.Doubt&history.BeganBefore != 0, End: timeJSON(a.End), Reason: a.Reason.String(), Live: a.Live,
		Zone: a.Zone, Namespace: monitor.Escape(a.Namespace),
	}
	if uncertain(a) {
		p.doubtful++
		row.Uncertain = (a.Doubt &^ history.BeganBefore).Names()
	}
	if a.Counted {
		row.Sent = &countersJSON{a.Original.Packets, a.Original.Bytes}
		row.Received = &countersJSON{a.Reply.Packets, a.Reply.Bytes}
	}
	return p.line(row)
}

func (p *whoJSON) line(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write a JSON line: %w", err)
	}
	_, err = p.w.Write(append(line, '\n'))
	return err
}

// verdictJSON is the last line of who -o jsonl: docs/who.md.
type verdictJSON struct {
	V         int       `json:"v"`
	Answer    string    `json:"answer"`
	Count     int       `json:"count"`
	Uncertain int       `json:"uncertain"`
	Covered   string    `json:"covered"`
	From      string    `json:"from,omitempty"`
	To        string    `json:"to,omitempty"`
	Live      bool      `json:"live,omitempty"`
	Gaps      []gapJSON `json:"gaps,omitempty"`
	Faults    []string  `json:"faults,omitempty"`

	Namespaces []string `json:"namespaces,omitempty"`
}

type gapJSON struct {
	From      string `json:"from"`
	To        string `json:"to"`
	Cause     string `json:"cause"`
	Count     uint64 `json:"count"`
	AtLeast   bool   `json:"at_least,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}

func (p *whoJSON) end(v *verdict) error {
	out := verdictJSON{
		V: 1, Answer: v.word(), Count: v.answers, Uncertain: p.doubtful, Covered: coverNames[v.covered],
		From: timeJSON(v.res.Began), To: timeJSON(v.res.Ended), Live: v.res.Live,
	}
	if v.foreign {
		out.Namespaces = escaped(v.res.Namespaces)
	}
	for _, g := range v.res.Gaps {
		out.Gaps = append(out.Gaps, newGapJSON(g))
	}
	for _, fault := range v.res.Faults {
		out.Faults = append(out.Faults, cli.OneLine(fault))
	}
	return p.line(out)
}

func newGapJSON(g history.Gap) gapJSON {
	return gapJSON{timeJSON(g.From), timeJSON(g.To), g.Cause.String(), g.Count, g.AtLeast, g.Namespace}
}

// timeJSON is a time as all JSON lines have it, "" for none.
func timeJSON(t monitor.Time) string {
	if t == 0 {
		return ""
	}
	return t.Time().Format("2006-01-02T15:04:05.000000000Z")
}
