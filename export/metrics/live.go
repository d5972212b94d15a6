//go:build linux && !nometrics

package metrics

import (
	"context"
	"net"

	rules "natlens/monitor/findings"
	"natlens/monitor/live"
	"natlens/monitor/loop"
)

// ServeRun counts every event of a run and serves the metrics on a listener until the run is
// closed. Call it before Run. A nil listener serves none.
func ServeRun(l net.Listener, run *live.Run, version string) {
	if l == nil {
		return
	}
	cfg := Config{
		Version:    version,
		Namespaces: run.Names(),
		Stats: func() loop.Stats { // the loop counts a loss only when it reads on
			st := run.Loop.Stats()
			st.Lost = max(st.Lost, run.Capture.Stats().Lost)
			return st
		},
		Capture: func() Capture {
			st := run.Capture.Stats()
			return Capture{Way: run.Capture.Way().String(), Capacity: st.Capacity, Wakeups: st.Wakeups,
				Malformed: st.Malformed, Forged: st.Forged, Unknown: st.Unknown}
		},
		Kernel: func() (all []Kernel, err error) {
			read, err := run.Read(context.Background())
			for _, r := range read {
				all = append(all, Kernel{NetNS: r.ID, Entries: r.Entries, Max: r.Max, Counters: r.Counters})
			}
			return all, err
		},
	}
	if run.Remembers() {
		cfg.Table = run.Loop.Table
		if run.Findings == nil {
			run.AddRules(rules.DefaultThresholds(), false)
		}
		cfg.Findings = func() []Finding { return findingMetrics(run) }
	}
	m := New(cfg)
	run.Tap(m)
	stop := Serve(l, m)
	run.OnClose(func() error { stop(); return nil })
}

// findingMetrics counts the active findings of every rule in every namespace.
func findingMetrics(run *live.Run) (all []Finding) {
	holding := make(map[Finding]int)
	for _, f := range run.Findings.Snapshot() {
		holding[Finding{NetNS: f.NetNS, Rule: f.Rule}]++
	}
	for _, id := range run.IDs() {
		for _, r := range rules.Rules() {
			f := Finding{NetNS: id, Rule: r.ID}
			f.Active = holding[f]
			all = append(all, f)
		}
	}
	return all
}
