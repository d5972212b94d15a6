//go:build linux

package main

import (
	"context"
	"encoding/json"
	"time"

	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/doctor"
	"natlens/monitor/findings"
	"natlens/monitor/loop"
	"natlens/monitor/table"
)

// lookFor takes events through a table, with the flows that are there already,
// until ctx ends, and returns what the rules found. The taps get all events.
func lookFor(ctx context.Context, capture capture.Capture, limits findings.Limits, netns int, at doctor.Place, taps ...monitor.Sink) ([]monitor.Finding, error) {
	m := &loop.Loop{
		Source:   capture,
		Table:    table.New(table.Config{}),
		Taps:     taps,
		Existing: loop.ExistingBeside,
		Resync:   loop.Resync{AfterLoss: true},
	}
	stop, err := followLocals(ctx, netns, m.Table.SetLocals)
	if err != nil {
		return nil, err
	}
	defer stop()
	engine, stop, err := lookForFindings(m, limits, netns, at)
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := m.Run(ctx); err != nil {
		return nil, err
	}
	engine.Finish(monitor.Now())
	return engine.Snapshot(), nil
}

// eventCount counts the kernel's events and what was lost of them.
type eventCount doctor.Capture

// Write counts.
func (c *eventCount) Write(b *monitor.Batch) error {
	for i := range b.Events {
		switch e := &b.Events[i]; {
		case e.Kind == monitor.KindLost:
			c.Lost += e.Gap.Count
		case e.Kind.HasFlow() && e.Kind != monitor.KindExisting && !e.Inferred:
			c.Events++
		}
	}
	return nil
}

// Close does nothing.
func (c *eventCount) Close() error { return nil }

// findingLevel is what a finding is among the checks.
func findingLevel(f *monitor.Finding) doctor.Level {
	return [...]doctor.Level{doctor.OK, doctor.Warn, doctor.Fail}[f.Severity]
}

// worst is the gravest of the checks and the findings.
func worst(all []doctor.Check, found []monitor.Finding) doctor.Level {
	level := doctor.Worst(all)
	for i := range found {
		level = max(level, findingLevel(&found[i]))
	}
	return level
}

// findingLines are findings as lines of doctor's, and one that says so where
// there are none.
func findingLines(s *doctor.Snapshot, found []monitor.Finding) (lines []doctor.Check) {
	if s.Denied != "" {
		return nil
	}
	if len(found) == 0 {
		return []doctor.Check{{ID: "findings", Text: "nothing is wrong with the traffic of " + s.Look.Round(100*time.Millisecond).String()}}
	}
	for i := range found {
		f := &found[i]
		level := findingLevel(f)
		if level == doctor.OK {
			level = doctor.Warn
		}
		lines = append(lines, doctor.Check{ID: f.Rule, Level: level, Text: monitor.Escape(f.Text), Command: f.Command})
	}
	return lines
}

// jsonFinding is a finding in doctor's JSON.
type jsonFinding struct {
	Rule     string           `json:"rule"`
	Severity monitor.Severity `json:"severity"`
	Subject  string           `json:"subject"`
	Text     string           `json:"text"`
	Why      string           `json:"why"`
	Filter   string           `json:"filter"`
	Command  string           `json:"command"`
	Flows    uint64           `json:"flows,omitempty"`
	Figures  json.RawMessage  `json:"figures"`
}

func jsonFindings(found []monitor.Finding) []jsonFinding {
	all := make([]jsonFinding, 0, len(found)) // [], not null
	for i := range found {
		f := &found[i]
		all = append(all, jsonFinding{f.Rule, f.Severity, f.Subject, f.Text, f.Why, f.Filter, f.Command, f.Flows, monitor.MarshalFigures(f.Figures)})
	}
	return all
}
