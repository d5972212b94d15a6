package metrics_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"natlens/export"
	"natlens/export/metrics"
	"natlens/monitor"
	"natlens/monitor/golden"
	"natlens/monitor/loop"
	"natlens/monitor/replay"
	"natlens/monitor/table"
)

// TestDemoRecording scrapes the metrics of the demo recording after one minute and at
// its end. What is scraped does not change, but for the help texts.
func TestDemoRecording(t *testing.T) {
	rec := replay.Demo(export.Reading(replay.Config{}))
	begin, _, err := rec.Span()
	if err != nil {
		t.Fatal(err)
	}
	src, err := rec.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	now := begin.Time()
	flows := table.New(table.Config{})
	run := &loop.Loop{Source: src, Table: flows}
	m := metrics.New(metrics.Config{
		Version: "1.0", Table: flows, Stats: run.Stats, Clock: func() time.Time { return now },
		Findings: func() []metrics.Finding { return []metrics.Finding{{Rule: "syn-unanswered", Active: 2}} },
	})
	scraped := false
	run.Taps = []monitor.Sink{m, tap(func(b *monitor.Batch) {
		if len(b.Events) > 0 {
			now = b.Events[len(b.Events)-1].Time.Time()
		}
		if !scraped && now.Sub(begin.Time()) > time.Minute {
			scraped = true
			golden.Fixed(t, "demo.1m.prom", scrape(t, m))
		}
	})}
	if err := run.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	golden.Fixed(t, "demo.prom", scrape(t, m))
}

// tap is a sink that is a function.
type tap func(*monitor.Batch)

func (f tap) Write(b *monitor.Batch) error { f(b); return nil }
func (tap) Close() error                   { return nil }

// scrape returns natlens's own metrics without their help texts, and without what
// depends on the machine.
func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	var b strings.Builder
	for line := range strings.Lines(w.Body.String()) {
		name := strings.TrimPrefix(line, "# TYPE ")
		switch {
		case !strings.HasPrefix(name, "natlens_"),
			strings.HasPrefix(line, "natlens_build_info"),
			strings.HasPrefix(line, "natlens_table_scan_seconds"):
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}
