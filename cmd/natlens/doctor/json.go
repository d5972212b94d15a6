//go:build linux

package doctor

import (
	"encoding/json"
	"strings"

	"natlens/monitor"
	"natlens/monitor/doctor"
)

// check is a check in JSON, as docs/doctor.md describes it.
type check struct {
	doctor.Check
	NetNS []string `json:"netns,omitempty"` // those with this level, of several
}

type finding struct {
	Rule     string           `json:"rule"`
	Severity monitor.Severity `json:"severity"`
	Subject  string           `json:"subject"`
	NetNS    string           `json:"netns,omitempty"`
	Text     string           `json:"text"`
	Why      string           `json:"why"`
	Filter   string           `json:"filter"`
	Command  string           `json:"command"`
	Flows    uint64           `json:"flows,omitempty"`
	Figures  json.RawMessage  `json:"figures"`
}

func (e *examined) json() []byte {
	out := struct {
		V        int          `json:"v"`
		Verdict  doctor.Level `json:"verdict"`
		Seconds  float64      `json:"seconds"`
		Checks   []check      `json:"checks"`
		Findings []finding    `json:"findings"`
	}{V: 1, Verdict: worst(e.checks, e.found), Seconds: e.span().Seconds(), Findings: []finding{}}
	for _, c := range e.checks {
		out.Checks = append(out.Checks, check{c.Check, c.In})
	}
	for i := range e.found {
		f := &e.found[i]
		out.Findings = append(out.Findings, finding{
			f.Rule, f.Severity, f.Subject, e.name(f.NetNS), f.Text, f.Why, f.Filter, f.Command, f.Flows,
			monitor.MarshalFigures(f.Figures),
		})
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // commands are for people
	if err := enc.Encode(out); err != nil {
		panic(err) // numbers and text only
	}
	return monitor.EscapeJSON([]byte(b.String()))
}
