// Package metrics exports connection tracking to Prometheus: events, losses, the table and its
// ports, the kernel's counters, and the durations of handshakes and flows.
//
//	m := metrics.New(metrics.Config{Table: table, Stats: run.Stats})
//	run.Tap(m)
//	l, err := metrics.Listen("127.0.0.1:9742")
//	defer metrics.Serve(l, m)()
//
// [Metrics.Write] counts events in plain arrays and does not allocate. Values that need a scan
// of the table are computed at a scrape, at most once a second, and lock a part of the table at
// a time. docs/metrics.md lists the limits of every label: protocols and states have names, and
// only the busiest addresses have series.
package metrics
