//go:build linux

package metrics_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"natlens/export/metrics"
	"natlens/monitor"
	"natlens/monitor/capture"
	"natlens/monitor/lab"
	"natlens/monitor/lab/labtest"
	"natlens/monitor/live"
	"natlens/monitor/loop"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// serve serves the metrics of a run until the test ends. get scrapes them.
func serve(t *testing.T, cfg live.Config, sinks ...monitor.Sink) (address string, get func() string) {
	t.Helper()
	r, err := live.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := metrics.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sinks {
		r.Sink(s, s.Close)
	}
	metrics.ServeRun(l, r, "test")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, r.Close()); err != nil {
			t.Error(err)
		}
	})
	address = l.Addr().String()
	return address, func() string {
		t.Helper()
		answer, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s, %v: %s", answer.Status, err, text)
		}
		return string(text)
	}
}

// stuck is a sink whose reader does not read until the test ends.
type stuck struct{ read chan struct{} }

func (s stuck) Write(*monitor.Batch) error { <-s.read; return nil }
func (s stuck) Close() error               { return nil }

// The metrics count what the kernel drops while the run waits for its reader.
func TestLossAtScrape(t *testing.T) {
	g, err := labtest.NewGenerator(labtest.GeneratorConfig{SNAT: true})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	for i, way := range []capture.Config{{Ring: 64 << 10}, {Way: capture.Socket, Buffer: 16 << 10}} {
		way.NetNS = g.Namespace().FD()
		s := stuck{make(chan struct{})}
		_, get := serve(t, live.Config{Capture: way}, s)
		t.Cleanup(func() { close(s.read) })
		if _, err := g.Generate(t.Context(), labtest.GenConfig{Flows: 20_000, Base: i}); err != nil {
			t.Fatal(err)
		}
		labtest.WaitFor(t, "the loss", func() bool {
			line := regexp.MustCompile(`(?m)^natlens_events_lost_total (\S+)$`).FindStringSubmatch(get())
			return line != nil && line[1] != "0"
		})
	}
}

// dashboard is docs/grafana/natlens.json as far as it matters here.
type dashboard struct {
	Panels []struct {
		Title, Type string
		Targets     []struct{ Expr string }
	}
	Templating struct{ List []struct{ Name string } }
}

// TestDashboard has a real Prometheus scrape natlens in the lab's traffic, and
// runs every query of the dashboard in it.
func TestDashboard(t *testing.T) {
	prometheus := labtest.Need(t, "prometheus")
	t.Parallel()
	var d dashboard
	text, err := os.ReadFile("../../docs/grafana/natlens.json")
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	l := labtest.New(t)
	at, get := serve(t, live.Config{Capture: capture.Config{NetNS: l.Gateway.FD()}, Existing: loop.ExistingFirst})
	labtest.Busy(t, func(ctx context.Context) { l.Run(ctx, lab.Traffic{Rate: 40, Seed: 1}) })
	base := startPrometheus(t, prometheus, at)
	flushed := false
	queries := 0
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			queries++
			if strings.Contains(target.Expr, "lifetime") && !flushed { // no flow of the lab ends by itself within seconds
				flushed = true
				labtest.ForgetFlows(t, l)
			}
			labtest.WaitFor(t, p.Title+": "+target.Expr, func() bool { return query(t, base, target.Expr) > 0 })
		}
	}
	if queries < 15 {
		t.Errorf("%d queries; there were more", queries)
	}
	checkMetrics(t, get())
}

// startPrometheus starts a Prometheus that scrapes the target every second, and
// returns where it answers.
func startPrometheus(t *testing.T, program, target string) string {
	t.Helper()
	dir := t.TempDir()
	config := "global: {scrape_interval: 1s}\nscrape_configs: [{job_name: natlens, static_configs: [{targets: ['" + target + "']}]}]\n"
	if err := os.WriteFile(dir+"/prometheus.yml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	cmd := exec.Command(program, "--config.file="+dir+"/prometheus.yml", "--storage.tsdb.path="+dir+"/data", "--web.listen-address="+address, "--log.level=warn")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("prometheus: %s", log.String())
		}
	})
	labtest.WaitFor(t, "Prometheus", func() bool {
		r, err := http.Get("http://" + address + "/-/ready")
		if err == nil {
			r.Body.Close()
		}
		return err == nil && r.StatusCode == http.StatusOK
	})
	return "http://" + address
}

// query runs a query of the dashboard and returns how many series it gives that
// have a number. An error of the query fails the test.
func query(t *testing.T, base, expr string) (series int) {
	t.Helper()
	expr = strings.NewReplacer("$__rate_interval", "5s", "$instance", ".*").Replace(expr)
	r, err := http.PostForm(base+"/api/v1/query", url.Values{"query": {expr}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if answer.Status != "success" {
		t.Fatalf("%s: %s", expr, answer.Error)
	}
	for _, one := range answer.Data.Result {
		if fmt.Sprint(one.Value[1]) != "NaN" {
			series++
		}
	}
	return series
}

// checkMetrics has promtool check a scrape: names, types, units, help.
func checkMetrics(t *testing.T, scrape string) {
	t.Helper()
	promtool := labtest.Need(t, "promtool")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(scrape)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v: %s", err, out)
	}
}
