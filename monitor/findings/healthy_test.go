//go:build linux

package findings

import (
	"context"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/kernel"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/loop"
	"natlens/monitor/table"
)

// soakEnv says how long TestHealthy watches; make soak-findings sets it.
const soakEnv = "NATLENS_SOAK"

// findingSink passes the findings to the test.
type findingSink struct {
	t      *testing.T
	events atomic.Uint64
}

func (s *findingSink) Write(b *monitor.Batch) error {
	s.events.Add(uint64(len(b.Events)))
	return nil
}

func (s *findingSink) Close() error { return nil }

func (s *findingSink) Finding(f *monitor.Finding) error {
	s.t.Errorf("a healthy gateway: %s: %s (cleared %d)", f.Rule, f.Text, f.Cleared)
	return nil
}

// TestHealthy watches a gateway that is busy and well, with everybody's limits and
// clock, and expects nothing to be found.
func TestHealthy(t *testing.T) {
	long := 3 * time.Second
	if text := os.Getenv(soakEnv); text != "" {
		var err error
		if long, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", soakEnv, err)
		}
	}
	l := labtest.New(t)
	capture, err := capture.Open(capture.Config{Dump: kernel.Dump, NetNS: l.Gateway.FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer capture.Close()
	g := &gateway{l: l, world: &world{t: t}}
	if g.service, err = kernel.OpenService(l.Gateway.FD()); err != nil {
		t.Fatal(err)
	}
	defer g.service.Close()
	table := table.New(table.Config{})
	e := New(Config{Table: table, Thresholds: DefaultThresholds(), Counters: g.counters, TCPTimeouts: g.timeouts, Packets: g.packets})
	sink := &findingSink{t: t}
	m := &loop.Loop{Source: capture, Table: table, Sinks: []monitor.Sink{sink}, Rules: e, Existing: loop.ExistingBeside, Resync: loop.Resync{AfterLoss: true}}
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); _ = l.Run(ctx, lab.Traffic{Rate: 100, Answered: true}) }()
	err = m.Run(ctx)
	<-done
	scans, events := e.scan.number, sink.events.Load()
	t.Logf("%s: %d events, %d lost, %d scans, the last of %d flows", long, events, m.Stats().Lost, scans, e.scan.rows)
	if err != nil || events < 100 || scans < uint64(long/time.Second)/3 {
		t.Errorf("%v; %d events, %d scans", err, events, scans)
	}
}
