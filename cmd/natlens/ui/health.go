//go:build linux && !noui

package ui

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"natlens/monitor"
	"natlens/monitor/doctor"
	"natlens/monitor/live"
	"natlens/tui/health"
)

// liveHealth has the checks of a run for the page Health.
type liveHealth struct {
	*live.Run // Quiet
	health    *live.Health
}

// levels are doctor's levels on the page. It shows no check that is OK or skipped.
var levels = map[doctor.Level]monitor.Severity{doctor.Warn: monitor.SeverityWarn, doctor.Fail: monitor.SeverityFail}

// Read returns the kernel's numbers and the checks for the page.
func (h liveHealth) Read(ctx context.Context) (health.Reading, error) {
	read, err := h.health.Read(ctx)
	out := health.Reading{CPUs: read.CPUs}
	for _, t := range read.Tables {
		out.Tables = append(out.Tables, health.Table(t))
	}
	for _, c := range read.Checks {
		level, bad := levels[c.Level]
		word, counter := strings.CutPrefix(c.ID, "counter.")
		switch {
		case counter && c.Level != doctor.Skip:
			if c.Level != doctor.OK {
				c.Means = doctor.InNamespaces(c.In, c.Means)
			}
			out.Counters = append(out.Counters, health.Counter{
				Name: word, Means: c.Means, Total: read.Counted[word], Level: level, Command: c.Command,
			})
		case !counter && bad:
			out.Checks = append(out.Checks, monitor.Finding{Severity: level, Rule: c.ID, Subject: "check",
				Text: c.Text, Command: c.Command})
		}
	}
	slices.SortStableFunc(out.Checks, func(a, b monitor.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return out, err
}
