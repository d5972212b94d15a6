// Package metrics shows Prometheus what connection tracking does: events, losses,
// the table and its ports, the kernel's counters, and how long handshakes and
// flows take.
//
//	m := metrics.New(metrics.Config{Table: table, Stats: mon.Stats})
//	mon.Taps = append(mon.Taps, m)
//	l, err := metrics.Listen("127.0.0.1:9742")
//	server := metrics.Serve(l, m)
//	defer server.Close()
//
// [Metrics.Write] counts events in plain arrays and does not allocate. What the table
// and the kernel have is read at a scrape, at most once a second, and a slice of the
// table at a time. No label takes more values than docs/metrics.md says: protocols and
// states are those with names, and addresses are the busiest few.
package metrics
