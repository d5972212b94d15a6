//go:build linux

package ui

import (
	"cmp"
	"context"
	"slices"

	"natlens/monitor/doctor"
	"natlens/monitor/live"
	"natlens/tui"
)

// liveHealth is the checks of a run as the page Health shows them.
type liveHealth struct{ *live.Health }

// levels are doctor's levels on the page. It shows no check that is OK or skipped.
var levels = map[doctor.Level]tui.HealthLevel{doctor.Warn: tui.HealthWarn, doctor.Fail: tui.HealthFail}

// Look makes the checks.
func (h liveHealth) Look(ctx context.Context) (tui.HealthReading, error) {
	read, err := h.Read(ctx)
	out := tui.HealthReading{Entries: read.Entries, Max: read.Max}
	for _, c := range read.Counters {
		out.Counters = append(out.Counters, tui.HealthCounter{
			Name: c.Word, Means: c.Means, Total: c.Total, Level: levels[c.Level], Command: c.Command,
		})
	}
	for _, c := range read.Checks {
		if level, ok := levels[c.Level]; ok {
			out.Checks = append(out.Checks, tui.HealthCheck{Level: level, Name: c.ID, Text: c.Text, Command: c.Command})
		}
	}
	slices.SortStableFunc(out.Checks, func(a, b tui.HealthCheck) int { return cmp.Compare(b.Level, a.Level) })
	return out, err
}
