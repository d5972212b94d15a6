//go:build linux

package main

import (
	"context"
	"net"

	"natlens/cmd/natlens/cli"
	"natlens/export/metrics"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/findings"
	"natlens/monitor/loop"
	"natlens/monitor/table"
)

// serveMetrics counts what m carries and serves the metrics on a listener until
// stop is called. It is for before m runs. Without a listener it does nothing.
func serveMetrics(l net.Listener, m *loop.Loop, capture capture.Capture, netns int, table *table.Table) (stop func(), err error) {
	if l == nil {
		return func() {}, nil
	}
	moving, err := watchStats(netns)
	if err != nil {
		return nil, err
	}
	engine, stopFindings, err := findingsOf(m, netns, table)
	if err != nil {
		moving.close()
		return nil, err
	}
	counted := metrics.New(metrics.Config{
		Version:  cli.VersionText(),
		Table:    table,
		Stats:    m.Stats,
		Capture:  func() metrics.Capture { return captureMetrics(capture) },
		Findings: findingMetrics(engine),
		Kernel: func() ([]metrics.Kernel, error) {
			st, total, err := moving.read(context.Background())
			if err != nil {
				return nil, err
			}
			return []metrics.Kernel{{Entries: uint64(st.fill.Entries), Max: st.max(), Counters: total}}, nil
		},
	})
	m.Taps = append(m.Taps, counted)
	server := metrics.Serve(l, counted)
	return func() {
		// A scrape that was cut off is the scraper's business.
		_ = server.Close()
		moving.close()
		stopFindings()
	}, nil
}

func captureMetrics(c capture.Capture) metrics.Capture {
	st := c.Stats()
	return metrics.Capture{
		Way: c.Way().String(), Capacity: st.Capacity,
		Wakeups: st.Wakeups, Malformed: st.Malformed, Forged: st.Forged, Unknown: st.Unknown, LeftOut: st.LeftOut,
	}
}

// findingsOf returns the engine of the run, and makes one where nobody else wants
// findings: that one tells no sink. Nil without a table.
func findingsOf(m *loop.Loop, netns int, table *table.Table) (engine *findings.Engine, stop func(), err error) {
	nothing := func() {}
	if engine, ok := m.Rules.(*findings.Engine); ok {
		return engine, nothing, nil
	}
	if table == nil {
		return nil, nothing, nil
	}
	engine, stop, err = lookForFindings(m, findings.DefaultThresholds(), netns, placeOfFD(netns))
	if err != nil {
		return nil, nil, err
	}
	m.Rules = untold{engine}
	return engine, stop, nil
}

// untold is an engine whose findings come to no sink.
type untold struct{ *findings.Engine }

// Tick lets the engine work, and tells nothing.
func (u untold) Tick(now monitor.Time) []monitor.Finding {
	u.Engine.Tick(now)
	return nil
}

// findingMetrics counts the findings that stand, of every rule.
func findingMetrics(e *findings.Engine) func() []metrics.Finding {
	if e == nil {
		return nil
	}
	return func() (all []metrics.Finding) {
		standing := make(map[string]int)
		for _, f := range e.Snapshot() {
			standing[f.Rule]++
		}
		for _, r := range findings.Rules() {
			all = append(all, metrics.Finding{Rule: r.ID, Active: standing[r.ID]})
		}
		return all
	}
}
