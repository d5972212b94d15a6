//go:build linux

package main

import (
	"context"
	"net"

	"natlens/export/metrics"
	"natlens/monitor"
	"natlens/monitor/kernel"
)

// serveMetrics counts what m carries and serves the metrics on a listener until
// stop is called. It is for before m runs. Without a listener it does nothing.
func serveMetrics(l net.Listener, m *monitor.Monitor, capture kernel.Capture, netns int, table *monitor.Table) (stop func(), err error) {
	if l == nil {
		return func() {}, nil
	}
	moving, err := watchStats(netns)
	if err != nil {
		return nil, err
	}
	counted := metrics.New(metrics.Config{
		Version: versionText(),
		Table:   table,
		Stats:   m.Stats,
		Capture: func() metrics.Capture { return captureMetrics(capture) },
		Kernel: func() (metrics.Kernel, error) {
			st, total, err := moving.read(context.Background())
			return metrics.Kernel{Entries: uint64(st.fill.Entries), Max: st.max(), Counters: total}, err
		},
	})
	m.Taps = append(m.Taps, counted)
	server := metrics.Serve(l, counted)
	return func() {
		// A scrape that was cut off is the scraper's business.
		_ = server.Close()
		moving.close()
	}, nil
}

func captureMetrics(c kernel.Capture) metrics.Capture {
	st := c.Stats()
	return metrics.Capture{
		Way: c.Way().String(), Capacity: st.Capacity,
		Wakeups: st.Wakeups, Malformed: st.Malformed, Forged: st.Forged, Unknown: st.Unknown, LeftOut: st.LeftOut,
	}
}
