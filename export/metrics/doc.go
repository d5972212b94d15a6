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
// What is counted by the event is counted by [Metrics.Write], in plain arrays and
// without allocating. What needs a look at the table is worked out when somebody
// scrapes, at most once a second and a slice of the table at a time. No label
// takes more values than docs/metrics.md says: protocols and states are those that
// have names, and addresses are the busiest few.
package metrics
